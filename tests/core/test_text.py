"""Hidden characters are written out wherever text goes, and numbers are written in one style."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from sparkles_eval.core.text import (
    escape_cell,
    escape_latex,
    escape_markdown,
    format_ends,
    format_number,
    format_with_ends,
    one_line,
    quantity,
    shorten,
    visible,
    visible_json,
)

HOSTILE = "a\x1b]0;owned\x07\u202eb\u2028c\u200bd\U000e0041\ud800\r\nnext\ttab"


def test_no_control_or_direction_mark_survives_anywhere() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        hidden = unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs", "Co") or unicodedata.bidirectional(char) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
        if hidden and char not in "\n\t":
            assert visible(char) == f"⟦U+{code:04X}⟧", hex(code)


def test_words_of_every_script_stay() -> None:
    for words in ("ขอบคุณ", "नमस्ते", "می‌خواهم", "مرحبا", "👩‍👩‍👧 ok ❤️", "e\u0301", "日本語", "50\u00a0%"):
        assert visible(words) == words


def test_making_visible_twice_changes_nothing_more() -> None:
    assert visible(visible(HOSTILE)) == visible(HOSTILE)
    assert "\n" in visible(HOSTILE) and "\n" not in one_line(HOSTILE)


def test_json_with_escapes_reads_back_as_the_same_value() -> None:
    said = {"a": HOSTILE, "b": ["\U000e0041", "plain"]}
    shown = visible_json(json.dumps(said, ensure_ascii=False, indent=1))
    assert json.loads(shown) == said
    assert not any(char in shown for char in "\x1b\u202e\u2028\u200b\U000e0041\ud800")


def test_nothing_is_a_command_in_latex_or_markup_in_markdown() -> None:
    assert escape_latex("\\input{x}_%⟦\x1b") == r"\textbackslash{}input\{x\}\_\%[[U+001B]"
    assert escape_markdown("[x](http://y)|<b>\u202e\n# a") == r"\[x\](http://y)\|\<b\>⟦U+202E⟧ \# a"
    assert [escape_cell(text) for text in ("=1+1", "@x", "-2", "plain", "")] == ["'=1+1", "'@x", "'-2", "plain", ""]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5667, "percent", "56.7"),
        (-0.0001, "percent", "0.0"),
        (8.5566, "points", "8.56"),
        (0.0004, "p", "<.001"),
        (0.04, "p", ".040"),
        (1225, "count", "1,225"),
        (0.00012345, "number", "0.000123"),
        (None, "points", "\N{EN DASH}"),
    ],
)
def test_a_number_is_written_as_its_unit_reads(value: float | None, unit: str, text: str) -> None:
    assert format_number(value, unit) == text  # type: ignore[arg-type]


def test_an_interval_stands_only_where_both_ends_are_known() -> None:
    assert format_ends(0.487, 0.643, "percent") == "[48.7, 64.3]" and not format_ends(None, 0.6, "percent")
    assert format_with_ends(0.5, 0.4, None, "percent") == "50.0"


def test_quantities_agree_with_their_number() -> None:
    assert [quantity(n, "reply", "replies") for n in (0, 1, 2_000)] == ["0 replies", "1 reply", "2,000 replies"]
    assert quantity(1, "item") == "1 item" and quantity(3, "item") == "3 items"


def test_a_name_is_shortened_in_its_middle() -> None:
    assert shorten("abcdefghij", 10) == "abcdefghij" and shorten("abcdefghij", 7) == "ab…ghij"
    assert [len(shorten("abcdefghij", most)) for most in range(2, 12)] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 10]
