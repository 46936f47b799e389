"""Cells as other tools write them: lists in every spelling, letters, options in texts, records of lists."""

from __future__ import annotations

import pytest

from sparkles_eval.tasks.columns.cell_values import (
    as_list,
    cell,
    entries,
    listed_options,
    place_of_answer,
    text_of,
    without_letters,
)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['it''s', \"b\"]", ["its", "b"]),
        ("[1, 2", None),
        ("(A) [x]", None),
        (("a",), ["a"]),
        ("[__import__('os')]", None),
    ],
)
def test_lists_in_every_spelling(value: object, found: object) -> None:
    assert as_list(value) == found


def test_columns_inside_columns_and_in_place_of_empty_ones() -> None:
    row = {"a": None, "b": float("nan"), "c": 0, "d.e": 1, "d": {"e": 2, "f": [{"g": 3}, {"g": 4}]}, "j": '{"k": "v"}'}
    assert [cell(row, name) for name in ("a|b|c", "d.e", "d.f.g", "j.k", "x.y")] == [0, 1, [3, 4], "v", None]
    assert [text_of(value) for value in (3.0, 2.5, True, None, "")] == ["3", "2.5", "True", "", ""]


def test_records_of_lists_are_lists_of_records() -> None:
    assert entries({"q": ["a", "b"], "n": [1, 2]}) == [{"q": "a", "n": 1}, {"q": "b", "n": 2}]
    assert entries('[{"q": "a"}]') == [{"q": "a"}]
    assert entries({"q": ["a", "b"], "n": [1]}) is None and entries(["a"]) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A: first\nB: second\nC: third", ["first", "second", "third"]),
        ("Which? (A) a cat (B) a dog", ["a cat", "a dog"]),
        ("Which?\nA. 1.5 kg\nB) 2 kg", ["1.5 kg", "2 kg"]),
        ("Vitamin A. is good", []),
        ("(B) second (A) first", []),
    ],
)
def test_options_in_a_text(text: str, found: list[str]) -> None:
    assert listed_options(text) == found


def test_letters_are_taken_off_only_where_each_option_has_its_own() -> None:
    assert without_letters(["(A) red", "(B) blue"]) == ["red", "blue"]
    assert without_letters(["A. red", "C. blue"]) == ["A. red", "C. blue"]
    assert without_letters(["A", "B"]) == ["A", "B"]


@pytest.mark.parametrize(
    ("value", "kind", "first", "place"),
    [
        ("B", "auto", 0, 1),
        ("(b)", "auto", 0, 1),
        ("blue.", "auto", 0, 1),
        ("B. blue", "auto", 0, 1),
        (1, "index", 0, 1),
        ("2", "index", 1, 1),
        ([False, True], "flags", 0, 1),
    ],
)
def test_the_right_option_in_every_spelling(value: object, kind: str, first: int, place: int) -> None:
    assert place_of_answer(value, ["red", "blue"], kind, first) == place  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "texts", "kind", "says"),
    [
        ("1", ["red", "blue"], "auto", "kind: index"),
        ("D", ["red", "blue"], "letter", "none of the 2 options"),
        ("B", ["B", "A"], "auto", "another option's text"),
        ("same", ["same", "Same"], "text", "text of 2 options"),
        ([True, True], ["red", "blue"], "flags", "2 of 2 options are marked"),
        (5, ["red", "blue"], "index", "no index of 2 options"),
    ],
)
def test_an_answer_that_is_not_plain_is_refused(value: object, texts: list[str], kind: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        place_of_answer(value, texts, kind, 0)  # type: ignore[arg-type]
