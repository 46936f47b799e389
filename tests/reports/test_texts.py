"""Numbers, hidden characters and cards as text."""

from __future__ import annotations

import pytest

from sparkles_eval.analysis.leaderboard import bar
from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.core import Estimate
from sparkles_eval.core.text import NO_VALUE, format_duration, format_number, format_time, one_line, visible
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.reports.toolkit.markdown import parse_markdown
from sparkles_eval.store.spending import Sum
from sparkles_eval.tasks.metrics import METRICS

_FOUND = METRICS.get("accuracy")
assert _FOUND is not None
ACCURACY = _FOUND


def test_numbers_are_written_one_way() -> None:
    assert numbers.format_measure(Measure(ACCURACY, Estimate(0.5667, 0.4867, 0.6433, 150, 150))) == "56.7 [48.7, 64.3]"
    assert numbers.format_measure(Measure(ACCURACY, Estimate(1.0, None, None, 3, 3))) == "100.0"
    assert numbers.format_measure(None) == NO_VALUE == format_number(None, "points")
    assert format_number(8.5566, "points") == "8.56"


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (Sum(0, 0, 0), "$0"),
        (Sum(1.234, 5, 0), "$1.23"),
        (Sum(0.0123, 5, 0), "$0.0123"),
        (Sum(0.00001, 5, 0), "under $0.0001"),
        (Sum(0, 5, 5), "unknown"),
        (Sum(2, 5, 1), "at least $2.00"),
        (Sum(12345.6, 5, 0), "$12,345.60"),
    ],
)
def test_an_unknown_cost_is_never_nought(cost: Sum, text: str) -> None:
    assert numbers.format_dollars(cost) == text


def test_tokens_and_times() -> None:
    assert (
        numbers.format_tokens(Sum(0, 4, 4)) == "unknown"
        and numbers.format_tokens(Sum(12345, 4, 1)) == "at least 12,345"
    )
    assert [format_duration(s) for s in (0.84, 200, 7500)] == ["0.8 s", "3 min 20 s", "2 h 05 min"]
    assert format_time("2025-03-01T14:05:59.123456Z") == "2025-03-01 14:05 UTC"


def test_hidden_characters_are_written_out_and_words_stay() -> None:
    assert visible("a\x00b\u202ec\u200bd\U000e0041\ud800") == "a⟦U+0000⟧b⟦U+202E⟧c⟦U+200B⟧d⟦U+E0041⟧⟦U+D800⟧"
    for words in ("naïve\tcafé\n", "שלום עולם", "مرحبا", "日本語", "👩‍👧 क्ष"):
        assert visible(words) == words
    assert one_line("a\n\n b\x1b[31m" + "c" * 400).startswith("a b⟦U+001B⟧[31mccc") and len(one_line("c" * 400)) == 300


def test_cards_become_blocks_and_nothing_else() -> None:
    card = (
        "# Title\n\nSome **strong** and `code` with [a link](javascript:alert(1)) <b>.\nmore\n\n"
        "- one\n  two\n- three\n\n"
        "| a | b |\n|---|---|\n| 1 | *2* |\n\n```\n# no heading\n```\n"
    )
    found = parse_markdown(card)
    assert [block.kind for block in found] == ["heading", "paragraph", "list", "table", "code"]
    words = found[1].rows[0][0]
    assert [span.style for span in words] == ["plain", "strong", "plain", "code", "plain"]
    assert "".join(span.text for span in words).endswith("more") and "<b>" in words[-1].text
    assert [row[0][0].text for row in found[2].rows] == ["one two", "three"]
    assert [[cell[0].text for cell in row] for row in found[3].rows] == [["a", "b"], ["1", "2"]]
    assert found[4].rows[0][0][0].text == "# no heading"
    assert "".join(span.text for span in words) == "Some strong and code with [a link](javascript:alert(1)) <b>. more"
    assert parse_markdown("") == () and [block.kind for block in parse_markdown("```\nopen")] == ["code"]


def test_bars_lie_on_their_scale() -> None:
    drawn = bar(Measure(ACCURACY, Estimate(0.5, 0.25, 0.75, 9, 9), 0.5))
    assert drawn is not None and (drawn.low, drawn.width, drawn.value, drawn.chance) == (
        "25.00",
        "50.00",
        "50.00",
        "50.00",
    )
    assert bar(Measure(ACCURACY, Estimate(None, None, None, 0, 9))) is None
