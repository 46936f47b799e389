"""How kind each judge is, and each pair's difference with its interval.

All numbers are those of `judges compare` (evidence.judges_agreement). Knows nothing of how they were got.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.judges.agreement import Lenient, PairAgreement, lenient
from sparkles_eval.analysis.tables import Cell, Head
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.bench import Bench, finished, span_text
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import Stems, labels, listed, shown
from sparkles_eval.reports.figures.subject import MOST, ranged

if TYPE_CHECKING:
    import altair as alt


def severity(about: Bench, stems: Stems) -> Iterator[Figure]:
    """How many points kinder each judge is than the average one, and each pair's difference with its interval."""
    kind = lenient(about.marks)
    pairs = [pair for pair in about.pairs if pair.n and pair.bias.value is not None]
    if not pairs:
        return
    import altair as alt

    drawn = sorted(pairs, key=lambda pair: -pair.n)[:MOST]
    plots = [*([_kindness(about, kind)] if kind.points else []), _biases(about, drawn)]
    yield finished(about, stems, _said(about, kind, drawn, len(pairs)), alt.vconcat(*plots, spacing=22))


def _said(about: Bench, kind: Lenient, drawn: Sequence[PairAgreement], pairs: int) -> Told:
    n = ranged([pair.n for pair in drawn])
    parts = [f"By the mean over criteria, on the answers that both judges of a pair marked (n = {n})."]
    if kind.points:
        parts.append("Top: points above the average judge, by least squares over all answers, without an interval.")
    parts.append(
        f"{'Bottom: first' if kind.points else 'First'} minus second judge with its 95% interval over dialogues; right "
        "of 0 the first is kinder; hollow: not shown to differ."
    )
    if kind.refused:
        parts.append(f"Kindness cannot be told from quality: {shown(kind.refused, 160)}.")
    if len(drawn) < pairs:
        parts.append(f"{len(drawn)} of {pairs} pairs are drawn.")
    heads = (
        Head("first", "judge"),
        Head("second", "minus"),
        Head("points", "points", "points"),
        Head("n", "answers", "count"),
    )
    rows: list[tuple[Cell, ...]] = [(name, "the average judge", value, None) for name, value in kind.points.items()]
    rows += [(pair.first, pair.second, pair.bias, pair.n) for pair in drawn]
    who = listed([shown(marker.name, 30) for marker in about.marks.markers])
    alt_text = f"How kind {len(about.marks.markers)} judges are: {who}. Numbers below."
    return Told("severity", "How kind each judge is", " ".join(parts), alt_text, heads, rows)


def _kindness(about: Bench, kind: Lenient) -> alt.LayerChart:
    named = dict(zip((marker.name for marker in about.marks.markers), about.labels, strict=True))
    points = sorted(kind.points.items(), key=lambda each: -each[1])
    rows: list[Row] = [
        {
            "model": named[name],
            "value": value,
            "low": min(value, 0.0),
            "high": max(value, 0.0),
            "said": f"{value:+.2f}".replace("-", "\N{MINUS SIGN}"),
            **draw.plain(),
        }
        for name, value in points
    ]
    return draw.forest(rows, "points above the average judge")


def _biases(about: Bench, pairs: Sequence[PairAgreement]) -> alt.LayerChart:
    short = labels((marker.name for marker in about.marks.markers), 20)
    named = {
        (a.name, b.name): f"{first} \N{MINUS SIGN} {second}"
        for (a, first), (b, second) in itertools.combinations(zip(about.marks.markers, short.values(), strict=True), 2)
    }
    rows: list[Row] = []
    for pair in pairs:
        bias = pair.bias
        assert bias.value is not None
        low, high = (bias.value if end is None else end for end in (bias.low, bias.high))
        apart = low > 0 or high < 0
        rows.append(
            {
                "model": named[pair.first, pair.second],
                "value": bias.value,
                "low": low,
                "high": high,
                "said": span_text(bias),
                **draw.plain(hollow=not apart),
            }
        )
    return draw.forest(rows, "difference, points")
