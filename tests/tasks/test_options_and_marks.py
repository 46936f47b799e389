"""What would spoil a run is told when a task is loaded: marks sent as words, options no reader tells apart, repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sparkles_eval.core import Image, Sample, Text, Turn
from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.tasks.load import load_task, repeated
from sparkles_eval.tasks.scorers.rules import extract

AB = {"options": ["A", "B"], "target": "B"}


@pytest.mark.parametrize(
    "options",
    [["C", "C++", "C#"], ["5%", "5"], ["A.", "A"], ["1", "1.0", "1,0"]],
    ids=" ".join,
)
def test_options_that_the_reader_cannot_tell_apart_are_refused(
    lines: Callable[..., Path], options: Sequence[str]
) -> None:
    folder = lines({"id": "alike", "text": "Which?", "options": options, "target": options[0]})
    refusal = ""
    try:
        load_task(str(folder))
    except DataError as error:
        refusal = str(error)
    told_apart = all(extract("strict", option, options).option == option for option in options)
    assert told_apart != bool(refusal), "either each option is read as itself, or the item is refused"
    if refusal:
        assert "alike" in refusal and options[0] in refusal and options[1] in refusal
        assert "letters" in refusal or "read the same" in refusal


def test_letters_words_and_numbers_are_fine(lines: Callable[..., Path]) -> None:
    made = [["A", "B", "C", "D"], ["TRUE", "FALSE"], ["IMAGE#1", "IMAGE#2"], ["a red cup", "a blue cup"], ["3", "13"]]
    folder = lines(*({"id": n, "text": f"{n}?", "options": o, "target": o[1]} for n, o in enumerate(made)))
    assert len(load_task(str(folder)).samples) == len(made)


def test_a_mark_in_a_field_or_an_option_that_is_shown_is_refused(
    lines: Callable[..., Path], draw: Callable[..., None]
) -> None:
    folder = lines(
        {"id": "field", "text": "?", "images": ["a.png"], "fields": {"hint": "see <image 1>"}, **AB},
        {"id": "fine", "text": "?", "images": ["a.png"], "fields": {"hint": "see IMAGE#1"}, **AB},
        {"id": "no pictures", "text": "?", "fields": {"hint": "the tag <image>"}, **AB},
    )
    draw(folder / "images", "a.png")
    (folder / "prompt.md.j2").write_text("{{ content }} {{ hint }}")
    with pytest.raises(DataError, match="field: <image 1> would be sent as words") as caught:
        load_task(str(folder))
    assert len(caught.value.problems) == 1
    (folder / "prompt.md.j2").write_text("{{ content }}")
    assert len(load_task(str(folder)).samples) == 3, "what is not shown spoils nothing"
    folder = lines({"id": "fine", "text": "?", "images": ["a.png"], **AB})
    draw(folder / "images", "a.png")
    (folder / "prompt.md.j2").write_text("<image> {{ content }}")
    with pytest.raises(ContentError, match="the prompt writes <image> as words"):
        load_task(str(folder))


def _sample(name: str, words: str, target: str = "A", sha: str = "1") -> Sample:
    image = Image(sha, "image/png", 1, 1, 1, "a.png", id=name)
    return Sample(name, (Turn((image, Text(words))),), options=("A", "B"), target=target)


def test_the_same_question_under_several_ids_is_told() -> None:
    told = list(repeated([_sample("a", "x"), _sample("b", "x", "B"), _sample("c", "x", sha="2"), _sample("d", "y")]))
    assert told == [
        (
            "2 items hold only 1 question: the same question under several ids, such as a, b; in intervals and tests "
            "each question counts once"
        ),
        "1 of these questions have different right answers, such as a (A), b (B)",
    ]
    assert list(repeated([_sample("a", "x"), _sample("c", "y")])) == []
