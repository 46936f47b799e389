"""A researcher's own folder: every form of a line, and every problem with its line and id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core import Image, Sample, Text
from sparkles_eval.core.errors import DataError
from sparkles_eval.tasks.load import load_task

YES_NO = {"options": ["Yes", "No"], "target": "Yes"}


def shown(sample: Sample) -> list[list[str]]:
    return [[part.text if isinstance(part, Text) else part.relpath for part in turn.content] for turn in sample.turns]


def test_every_form_of_a_line(lines: Callable[..., Path], draw: Callable[..., None]) -> None:
    folder = lines(
        {"id": 7, "text": "What is <image>?", "images": ["a.png"], **YES_NO},
        {"id": "first", "text": "What is this?", "images": ["a.png", "sub/b.png"], **YES_NO},
        {
            "id": "long",
            "turns": [
                {"text": "<image><image>", "images": ["a.png", {"path": "sub/b.png", "id": 9, "caption": "Blue."}]},
                {"text": "And now?", "reference": "Nothing."},
            ],
            "fields": {"hint": "look", "count": 3},
            "options": [1, 2, 3],
            "target": 2,
            "group": 4,
            "cluster": "k",
            "tags": ["easy"],
        },
        {"id": "words", "text": "No image here?", **YES_NO},
        "",
    )
    draw(folder / "images", "a.png", "sub/b.png")
    task = load_task(str(folder))
    one, first, long, words = task.samples
    assert shown(one) == [["What is ", "images/a.png", "?"]]
    assert shown(first) == [["images/a.png", "images/sub/b.png", "What is this?"]]
    assert shown(long) == [["images/a.png", "images/sub/b.png"], ["And now?"]]
    assert shown(words) == [["No image here?"]]
    assert one.id == "7"
    assert (long.options, long.target, long.group, long.cluster, long.tags) == (
        ("1", "2", "3"),
        "2",
        "4",
        "k",
        ("easy",),
    )
    assert (dict(long.fields), long.turns[1].reference) == ({"hint": "look", "count": "3"}, "Nothing.")
    assert (long.images[1].id, long.images[1].caption) == ("9", "Blue.")
    assert task.total == 4


def test_a_whole_dialogue_in_its_published_form(lines: Callable[..., Path], draw: Callable[..., None]) -> None:
    image = "<Img><ImageHere></Img>"
    asked = {"role": "user", "content": f"Is {image} or {image}?", "images": [{"image_id": i} for i in "ab"]}
    answered = {"role": "assistant", "content": "The first.", "model": "told beside it, and not read"}
    more = {"role": "user", "content": f"And {image}?", "images": [{"image_id": "c", "caption": "A cup."}]}
    backwards = {"role": "assistant", "content": "?"}
    free = {"metrics": "[judge_score]", "answer": "null", "judges": "[sparkles]"}
    folder = lines({"id": "d", "dialogue": [asked, answered, more]}, **free)
    draw(folder / "images", "a.png", "b.png", "c.png")
    (folder / "images" / "b.png").rename(folder / "images" / "b.webp")
    (sample,) = load_task(str(folder)).samples
    assert shown(sample) == [
        ["Is ", "images/a.png", " or ", "images/b.webp", "?"],
        ["And ", "images/c.png", "?"],
    ]
    assert [turn.reference for turn in sample.turns] == ["The first.", None]
    assert (sample.images[2].id, sample.images[2].caption) == ("c", "A cup.")
    wrong = lines(
        {"id": "roles", "dialogue": [backwards, asked]},
        {"id": "places", "dialogue": [{**asked, "images": []}]},
        {"id": "gone", "dialogue": [{**more, "images": [{"image_id": "d"}]}]},
        {"id": "words", "dialogue": [{**more, "content": f"{more['content']} Or <image>?"}]},
        {"id": "twice", "text": "?", "dialogue": [asked]},
        **free,
    )
    with pytest.raises(DataError) as caught:
        load_task(str(wrong))
    told = {problem.item.split()[0]: problem.what for problem in caught.value.problems if problem.item}
    assert "roles must be user, assistant" in told["roles"]
    assert told["places"] == "dialogue.0: 2 placeholders for 0 images"
    assert told["gone"] == "missing file d.jpg"
    assert "exclude each other" in told["twice"]
    assert told["words"].startswith("<image> would be sent as words")


def test_images_may_lie_in_the_data_root(lines: Callable[..., Path], draw: Callable[..., None], tmp_path: Path) -> None:
    folder = lines({"id": 1, "images": ["a.png"], "text": "?", **YES_NO})
    draw(tmp_path / "elsewhere" / "images", "a.png")
    task = load_task(str(folder), data_root=tmp_path / "elsewhere")
    assert isinstance(task.samples[0].turns[0].content[0], Image)
    assert task.root == tmp_path / "elsewhere"
    with pytest.raises(DataError, match=r"no images at .*pictures"):
        load_task(str(folder), args={"images": "pictures"})


def test_every_problem_is_told_with_line_and_id(lines: Callable[..., Path], draw: Callable[..., None]) -> None:
    folder = lines(
        {"id": "ok", "text": "<image>", "images": ["a.png"], **YES_NO},
        '{"id": "broken", "text"',
        {"id": "count", "text": "<image> <image>", "images": ["a.png"], **YES_NO},
        {"id": "option", "text": "?", "options": ["Yes", "No"], "target": "Maybe"},
        {"id": "notarget", "text": "?", "options": ["Yes", "No"]},
        {"id": "nooptions", "text": "?", "target": "Yes"},
        {"id": "neither", "text": "?"},
        {"id": "same", "text": "?", "options": ["Yes", "yes"], "target": "Yes"},
        {"id": "one", "text": "?", "options": ["Yes"], "target": "Yes"},
        {"id": "both", "text": "?", "turns": [{"text": "?"}], **YES_NO},
        {"id": "empty", **YES_NO},
        {"id": "typo", "txt": "?", **YES_NO},
        {"id": "truth", "text": "?", "options": ["True", "False"], "target": True},
        {"id": "gone", "text": "<image>", "images": ["gone.png"], **YES_NO},
        {"id": "out", "text": "<image>", "images": ["../task.yaml"], **YES_NO},
        {"id": "root", "text": "<image>", "images": ["/etc/hostname"], **YES_NO},
        {"id": "bad", "text": "<image> <image>", "images": ["bad.png", "cut.png"], **YES_NO},
        {"id": "ok", "text": "again", **YES_NO},
        {"text": "no id", **YES_NO},
        [1, 2],
    )
    draw(folder / "images", "a.png")
    (folder / "images" / "bad.png").write_text("words", encoding="utf-8")
    (folder / "images" / "cut.png").write_bytes((folder / "images" / "a.png").read_bytes()[:50])
    with pytest.raises(DataError) as caught:
        load_task(str(folder))
    told = {(problem.item, problem.what) for problem in caught.value.problems}
    assert told == {
        ("line 2", "not JSON: Expecting ':' delimiter (column 24)"),
        ("count (line 3)", "2 <image> in the text for 1 image"),
        ("option", "label not an option: 'Maybe' is none of Yes, No"),
        ("notarget", "options but no target (the right one)"),
        ("nooptions", "target 'Yes' but no options"),
        ("neither", "no options, which the answer rule 'strict' needs"),
        ("same", "two options read the same: Yes, yes"),
        ("one", "at least two options with words are needed, there are ['Yes']"),
        ("both (line 10)", "`turns`, `dialogue` and a single turn's `text`, `images`, `reference` exclude each other"),
        ("empty (line 11)", "nothing to ask: give `text` and `images`, or `turns`, or a `dialogue`"),
        ("typo (line 12)", next(what for item, what in told if item == "typo (line 12)")),
        ("truth (line 13)", "target.0: True is not text"),
        ("gone", "missing file gone.png"),
        ("out", "the path ../task.yaml leaves the data folder"),
        ("root", "the path /etc/hostname leaves the data folder"),
        ("bad", "bad.png is not an image: it starts with b'words'"),
        ("bad", "cut.png is truncated: the file ends before the picture does"),
        ("ok", "duplicate id: an earlier item has it already"),
        ("line 19", "id: missing"),
        ("line 20", next(what for item, what in told if item == "line 20")),
    }
    assert "unknown key 'txt' (did you mean 'text'?)" in dict(told)["typo (line 12)"]
    assert "named values" in dict(told)["line 20"]
    skipped = load_task(str(folder), skip_bad=True)
    assert [sample.id for sample in skipped.samples] == ["ok"]
    assert len(skipped.skipped) == len(told)


@pytest.mark.parametrize("content", [(), ("",), ("\n\n",)])
def test_zero_items_never_start_a_run(lines: Callable[..., Path], content: tuple[str, ...]) -> None:
    folder = lines(*content)
    for skip_bad in (False, True):
        with pytest.raises(DataError, match="zero items"):
            load_task(str(folder), skip_bad=skip_bad)


def test_free_answers_need_no_options(lines: Callable[..., Path]) -> None:
    folder = lines({"id": 1, "text": "Why?"}, metrics="[judge_score]", answer="null", judges="[sparkles]")
    assert load_task(str(folder)).samples[0].options == ()


def test_consistency_needs_groups(lines: Callable[..., Path]) -> None:
    folder = lines({"id": 1, "text": "Is it?", **YES_NO}, metrics="[consistency]")
    with pytest.raises(DataError, match="1: no group, which the metrics consistency and group_score need"):
        load_task(str(folder))
