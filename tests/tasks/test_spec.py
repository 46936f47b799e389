"""task.yaml: every mistake is named with file, key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core import Generation
from sparkles_eval.core.content import content_dir
from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.metrics import nameable
from sparkles_eval.tasks.spec import read_spec

SOUND = """\
name: tea
version: 1
title: Tea
description: Which cup?
loader: jsonl
args: {samples: samples.jsonl, n: 7, part: {choices: [a, b], help: which}}
protocols:
  strict: {prompt: prompt.md.j2, answer: strict, generation: {temperature: 0, max_tokens: 10, stop: [END]}}
metrics: [accuracy]
"""


def spec_of(folder: Path, text: str) -> Path:
    path = folder / "task.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_sound_file_reads(tmp_path: Path) -> None:
    spec = read_spec(spec_of(tmp_path, SOUND))
    assert {name: arg.default for name, arg in spec.args.items()} == {
        "samples": "samples.jsonl",
        "n": "7",
        "part": None,
    }
    assert spec.protocols["strict"].generation.record() == Generation(temperature=0, max_tokens=10, stop=("END",))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("metrics:", "metrcis:", "unknown key 'metrcis' (did you mean 'metrics'?); allowed: name, version"),
        ("metrics: [accuracy]", "", "metrics: missing"),
        ("[accuracy]", "[accuracyx]", "metrics: unknown metric 'accuracyx'; known: " + ", ".join(nameable())),
        ("[accuracy]", "[]", "metrics: at least one is needed"),
        ("answer: strict, ", "", "metric 'accuracy' needs an `answer` rule in protocols.strict"),
        (
            "answer: strict",
            "answer: loose",
            "protocols.strict.answer: unknown answer rule 'loose'; known: strict, paper",
        ),
        ("answer: strict", "answr: strict", "protocols.strict: unknown key 'answr' (did you mean 'answer'?)"),
        (
            "temperature: 0",
            "temperaturex: 0",
            "protocols.strict.generation: unknown key 'temperaturex' (did you mean 'temp",
        ),
        ("temperature: 0", "temperature: hot", "protocols.strict.generation.temperature: 'hot' is not a number"),
        (
            "temperature: 0",
            "temperature: -1",
            "protocols.strict.generation.temperature: input should be greater than or",
        ),
        ("prompt.md.j2", "../prompt.md.j2", "protocols.strict.prompt: '../prompt.md.j2' is no plain file name"),
        ("name: tea", "name: ../tea", "name: '../tea' is no name"),
        ("name: tea", "name: [tea]", "name: ['tea'] is not text"),
        ("version: 1", "version: 0", "version: input should be greater than or equal to 1"),
        ("version: 1", "version: 1\nversion: 2", "line 3: not readable as YAML: the key 'version' stands twice"),
        ("strict: {", "Strict Mode: {", "'Strict Mode' is no protocol name"),
        ("choices: [a, b]", "choices: [a, b], default: c", "args.part: the default 'c' is none of the choices a, b"),
        ("help: which", "helpx: which", "args.part: unknown key 'helpx' (did you mean 'help'?); allowed: default"),
        ("answer: strict,", "draws: 3,", "draws above 1 ask again"),
        ("title: Tea", "title: {", "not readable as YAML"),
        ("title: Tea", "title: !!python/object/apply:os.system [echo]", "not readable as YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = spec_of(tmp_path, SOUND.replace(old, new))
    with pytest.raises(ContentError) as caught:
        read_spec(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = spec_of(tmp_path, SOUND.replace("title: Tea\n", "").replace("version: 1", "version: one"))
    with pytest.raises(ContentError) as caught:
        read_spec(path)
    assert str(caught.value).count(str(path)) == 2


@pytest.mark.parametrize("data", [b"", b"just words", b"\xff\xfe\x00", b"- a\n- b\n"])
def test_what_is_no_task_file_says_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "task.yaml").write_bytes(data)
    with pytest.raises(ContentError, match=r"task\.yaml"):
        read_spec(tmp_path / "task.yaml")


def test_a_missing_file_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="sparkles-eval task new NAME"):
        read_spec(tmp_path / "task.yaml")


@pytest.mark.parametrize("name", ["sparkleseval", "bison", "nlvr2"])
def test_shipped_tasks_have_both_protocols_a_card_and_a_citation(name: str) -> None:
    folder = content_dir("tasks") / name
    spec = read_spec(folder / "task.yaml")
    assert list(spec.protocols) == ["strict", "paper"]
    assert spec.protocols["strict"].generation.record() == Generation(temperature=0, max_tokens=1000)
    paper = Generation(temperature=1.0, top_p=0.9, max_tokens=1000, seed=2023)
    assert spec.protocols["paper"].generation.record() == paper
    assert all((folder / protocol.prompt).is_file() for protocol in spec.protocols.values())
    assert (folder / "README.md").is_file() and spec.citation and spec.licence and spec.get_data and spec.homepage
