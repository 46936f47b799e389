"""What a comparison of judges comes to, in a few sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparkles_eval.analysis.judges.agreement import PairAgreement
from sparkles_eval.analysis.judges.judge_biases import Habits
from sparkles_eval.analysis.judges.judge_scores import WHOLE
from sparkles_eval.analysis.tables import Head, Table
from sparkles_eval.core.text import format_ends, format_number

_STRONG, _FAIR = 0.7, 0.4
"""Rank correlations from which on two judges are said to agree well, or in part."""


def conclusion_table(found: Sequence[PairAgreement], own: Sequence[Habits]) -> Table | None:
    """A row for each sentence: who agrees with whom, and who is lenient; None where nothing can be said."""
    rows = tuple((sentence,) for sentence in (*_agreement(found), *_leniency(own)))
    return Table("judges-conclusion", "In short", (Head("conclusion", "conclusion"),), rows) if rows else None


def _agreement(found: Sequence[PairAgreement]) -> Iterator[str]:
    pairs = [pair for pair in found if pair.measure == WHOLE and pair.within.value is not None]
    pairs.sort(key=lambda pair: pair.within.value or 0.0, reverse=True)
    shown = pairs if len(pairs) < 3 else [pairs[0], pairs[-1]]
    for pair in shown:
        value = pair.within.value or 0.0
        how = "agree well" if value >= _STRONG else "agree in part" if value >= _FAIR else "hardly agree"
        ends = format_ends(pair.within.low, pair.within.high, "number")
        interval = f", 95% CI {ends}" if ends else ""
        yield (
            f"{pair.first} and {pair.second} {how} on which answers of a model are better: Spearman "
            f"{format_number(value, 'number')}{interval}, {pair.n:,} answers."
        )


def _leniency(own: Sequence[Habits]) -> Iterator[str]:
    means = [one for one in own if one.mean.value is not None]
    if len(means) < 2:
        return
    means.sort(key=lambda one: one.mean.value or 0.0)
    low, high = means[0], means[-1]
    gap = (high.mean.value or 0.0) - (low.mean.value or 0.0)
    yield (
        f"{high.name} gives the highest scores (mean {format_number(high.mean.value, 'points')}), {low.name} the "
        f"lowest ({format_number(low.mean.value, 'points')}): {format_number(gap, 'points')} points apart; compare "
        "models only by one judge."
    )
