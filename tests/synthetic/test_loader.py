"""The loader: any number of items from a seed, the same ones always, and clear words for what it cannot take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core import Sample, fingerprint
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.json import sample_json
from sparkles_eval.synthetic.bison_items import choice
from sparkles_eval.synthetic.dialogue_items import dialogue
from sparkles_eval.synthetic.loader import load
from sparkles_eval.synthetic.nlvr2_items import judged
from sparkles_eval.tasks.base import Source
from sparkles_eval.tasks.load import load_task

BENCHMARKS = ("sparkleseval", "bison", "nlvr2")


def _source(cache: Path, benchmark: str, **args: str) -> Source:
    return Source(f"{benchmark}-mini", {"benchmark": benchmark, **args}, cache, None, cache)


def _without_paths(samples: tuple[Sample, ...]) -> list[object]:
    return [(sample_json(s), [replace(i, path=None) for i in s.images]) for s in samples]


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_two_fresh_caches_hold_the_same_bytes(benchmark: str, tmp_path: Path) -> None:
    one, two = (load(_source(tmp_path / name, benchmark, n="9")) for name in ("one", "two"))
    assert _without_paths(one.samples) == _without_paths(two.samples)
    for first, second in zip(one.samples, two.samples, strict=True):
        for image, again in zip(first.images, second.images, strict=True):
            assert image.path and again.path and image.path != again.path
            assert image.path.read_bytes() == again.path.read_bytes()
            assert one.root is not None and one.root / image.relpath == image.path


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_item_i_does_not_depend_on_n(benchmark: str, tmp_path: Path) -> None:
    few, many = (load(_source(tmp_path, benchmark, n=n)).samples for n in ("7", "20"))
    assert few == many[:7]
    other = load(_source(tmp_path, benchmark, n="7", seed="1")).samples
    assert not {image.sha256 for s in few for image in s.images} & {image.sha256 for s in other for image in s.images}


@pytest.mark.parametrize("name", [f"{benchmark}-mini" for benchmark in BENCHMARKS])
@pytest.mark.parametrize("protocol", ["strict", "paper"])
def test_the_shipped_tasks_load_and_render(name: str, protocol: str) -> None:
    task = load_task(name, protocol=protocol)
    assert len(task.samples) == 60 and len({sample.id for sample in task.samples}) == 60 and not task.skipped
    for sample in task.samples:
        history = [""] * (len(sample.turns) - 1)
        shown = task.prompt.conversation(sample, history).images
        assert shown == sample.images
        assert [image.id for image in shown] == [str(number) for number in range(1, len(shown) + 1)]
        assert all(image.caption for image in shown)
    if task.judges:
        assert task.judges == ("facts",) and all(
            turn.facts and turn.reference for s in task.samples for turn in s.turns
        )
    else:
        targets = [sample.target for sample in task.samples]
        assert {targets.count(option) for option in task.samples[0].options} == {30}


def test_groups_are_clusters(tmp_path: Path) -> None:
    samples = load(_source(tmp_path, "nlvr2", n="8")).samples
    assert [sample.group for sample in samples] == [sample.cluster for sample in samples]
    assert [samples[0].group == sample.group for sample in samples] == [True] * 4 + [False] * 4
    assert all(sample.tags for sample in samples)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"n": "0"}, "n='0' is no whole number from 1 to 100000"),
        ({"n": "100001"}, "n='100001'"),
        ({"n": "many"}, "n='many'"),
        ({"n": "-3"}, "n='-3'"),
        ({"n": "٣"}, "n='٣'"),
        ({"n": "9" * 5000}, "is no whole number"),
        ({"seed": "1.5"}, "seed='1.5' is no whole number from 0"),
        ({"sed": "1"}, "unknown argument 'sed'; it takes seed and n"),
        ({"benchmark": "coco"}, "unknown benchmark 'coco'; choose one of sparkleseval, bison, nlvr2"),
    ],
)
def test_bad_arguments_are_named(args: dict[str, str], words: str, tmp_path: Path) -> None:
    source = _source(tmp_path, "bison")
    with pytest.raises(ContentError) as caught:
        load(replace(source, args={**source.args, **args}))
    assert words in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_items_are_those_of_this_generator_version() -> None:
    """Whoever changes words or choices raises scene.GENERATOR: stored numbers must not silently mean other items."""
    told = [
        *(choice(0, index).caption for index in range(40)),
        *(judged(0, index).sentence for index in range(0, 72, 4)),
        *(words for i in range(14) for q in dialogue(0, i).questions for words in (str(q.pieces), q.reference)),
    ]
    assert fingerprint(told, 16) == "2806585c8c199fb8"
