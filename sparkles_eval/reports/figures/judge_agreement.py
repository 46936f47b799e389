"""Figures of judges' agreement: scores of each pair, all pairs in one picture, and each judge's leniency."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sparkles_eval.analysis.judges.agreement import Lenient, PairAgreement, lenient
from sparkles_eval.analysis.judges.judge_scores import WHOLE, Marks
from sparkles_eval.analysis.tables import Cell, Head
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.judge_data import JudgeData, judge_figure, number, span_text
from sparkles_eval.reports.figures.panel_data import MOST, range_text
from sparkles_eval.reports.figures.registry import figure_of_judges
from sparkles_eval.reports.figures.style import (
    INK,
    LINE,
    QUIET,
    SERIES,
    SMALL,
    FileNames,
    listed,
    short_name,
    short_names,
)

if TYPE_CHECKING:
    import altair as alt
if TYPE_CHECKING:
    import altair as alt


PAIRS = 6
"""Scatter plots in one figure."""
_SIDE = 180
_RHO, _ALPHA = "\N{GREEK SMALL LETTER RHO}", "\N{GREEK SMALL LETTER ALPHA}"


@figure_of_judges(10)
def agreement(about: JudgeData, stems: FileNames) -> Iterator[Figure]:
    """Two judges' marks of the same answers: a disc where they meet, as large as answers are there."""
    places = itertools.combinations(range(len(about.marks.markers)), 2)
    shared = [(i, j, pair) for (i, j), pair in zip(places, about.pairs, strict=True) if pair.n]
    drawn = sorted(shared, key=lambda each: -each[2].n)[:PAIRS]
    if not drawn:
        return
    import altair as alt

    cells = [(i, j, pair, _meeting(about.marks, i, j)) for i, j, pair in drawn]
    most = max(count for *_, found in cells for count in found.values())
    size = alt.Size("n:Q", scale=alt.Scale(domain=[0, most], range=[0, _largest(about.marks, cells)]), legend=None)
    plots = [_scatter(about, (i, j), pair, found, size) for i, j, pair, found in cells]
    rows: list[tuple[Cell, ...]] = []
    for _, _, pair, found in cells:
        largest_first = sorted(found.items(), key=lambda each: (-each[1], each[0]))
        rows += [(pair.first, pair.second, *spot, count) for spot, count in largest_first]
    heads = (
        Head("first", "across"),
        Head("second", "up"),
        Head("mark_first", "mark across", "points"),
        Head("mark_second", "mark up", "points"),
        Head("answers", "answers", "count"),
    )
    caption = (
        "Every answer by the marks (mean over criteria) of two judges; answers with the same marks make one disc, "
        f"whose area is their number (the largest: {most:,}). On the dashed line both gave the same. n: answers that "
        f"both marked; {_RHO}: Spearman's within models; {_ALPHA}: Krippendorff's, ordinal; brackets: 95% by drawing "
        "dialogues anew."
    )
    if len(drawn) < len(shared):
        caption += f" {len(drawn)} of {len(shared)} pairs are drawn, those with the most answers."
    alt_text = f"Scatter plots of {len(drawn)} pairs of judges with a line of equal marks. Numbers below."
    said = FigureText("agreement", "Judges answer by answer", caption, alt_text, heads, rows)
    yield judge_figure(about, stems, said, alt.concat(*plots, columns=2 if len(plots) in (2, 4) else 3, spacing=26))


def _largest(marks: Marks, cells: Sequence[tuple[int, int, PairAgreement, Counter[tuple[float, float]]]]) -> float:
    """Area of the largest disc: little wider than the step between two marks, so that neighbours stay apart."""
    step = min(
        (
            b - a
            for *_, found in cells
            for axis in (0, 1)
            for a, b in itertools.pairwise(sorted({s[axis] for s in found}))
        ),
        default=1.0,
    )
    return min(max((1.4 * step * _SIDE / (marks.high - marks.low)) ** 2, 36.0), 260.0)


def _meeting(marks: Marks, i: int, j: int) -> Counter[tuple[float, float]]:
    """How many answers have the marks (a, b), rounded to hundredths of a point."""
    a, b = marks.of(i, WHOLE), marks.of(j, WHOLE)
    both = ~np.isnan(a) & ~np.isnan(b)
    return Counter(zip(np.round(a[both], 2).tolist(), np.round(b[both], 2).tolist(), strict=True))


def _scatter(
    about: JudgeData, who: tuple[int, int], pair: PairAgreement, found: Counter[tuple[float, float]], size: alt.Size
) -> alt.LayerChart:
    import altair as alt

    i, j = who
    edge = 0.05 * (about.marks.high - about.marks.low)
    low, high = about.marks.low - edge, about.marks.high + edge
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    x = alt.X("a:Q", title=about.labels[i], scale=scale, axis=alt.Axis(tickCount=5, titleLimit=_SIDE))
    y = alt.Y("b:Q", title=about.labels[j], scale=scale, axis=alt.Axis(tickCount=5, grid=True, titleLimit=_SIDE))
    rows: list[ChartRow] = [{"a": a, "b": b, "n": count} for (a, b), count in sorted(found.items())]
    discs = charts.chart(rows).mark_circle(color=SERIES[0], opacity=1, fillOpacity=0.5, stroke=SERIES[0], strokeWidth=1)
    ends: list[ChartRow] = [
        {"a": about.marks.low, "b": about.marks.low},
        {"a": about.marks.high, "b": about.marks.high},
    ]
    line = charts.chart(ends).mark_line(stroke=QUIET, strokeDash=[4, 3], strokeWidth=1.2)
    summary_line = f"n {pair.n:,} · {_RHO} {span_text(pair.within)}"
    title = charts.heading(summary_line, f"{_ALPHA} {span_text(pair.alpha_span)}")
    discs = discs.encode(x=x, y=y, size=size)
    return charts.layered(line.encode(x=x, y=y), discs, width=_SIDE, height=_SIDE, title=title)


@figure_of_judges(20)
def heat(about: JudgeData, stems: FileNames) -> Iterator[Figure]:
    """Every pair of three judges or more: the same order, the same marks."""
    if len(about.marks.markers) < 3 or not any(pair.n for pair in about.pairs):
        return
    import altair as alt

    within, alpha = [pair.within.value for pair in about.pairs], [pair.alpha_span.value for pair in about.pairs]
    order = _heat(about, f"same order? {_RHO} within models", within, first=True)
    same = _heat(about, f"same marks? Krippendorff's {_ALPHA}", alpha, first=False)
    heads = (
        Head("first", "judge"),
        Head("second", "and"),
        Head("n", "answers", "count"),
        Head("within", f"{_RHO} within models", "number"),
        Head("alpha", f"Krippendorff's {_ALPHA}", "number"),
    )
    rows: list[tuple[Cell, ...]] = [(p.first, p.second, p.n, p.within, p.alpha_span) for p in about.pairs]
    n = range_text([pair.n for pair in about.pairs])
    caption = (
        f"Every pair of judges on the answers that both marked (n = {n}; intervals in the table), by the mean over "
        "criteria. The stronger the blue, the nearer to 1; below 0 is orange. A judge that ranks alike (left) may "
        "still be kinder throughout (right); marks pressed against the end of the scale make the right one low."
    )
    alt_text = f"Two heat maps of {len(about.marks.markers)} judges. Numbers below."
    said = FigureText("judges", "Judges by pairs", caption, alt_text, heads, rows)
    yield judge_figure(about, stems, said, alt.hconcat(order, same, spacing=24))


def _heat(about: JudgeData, title: str, values: Sequence[float | None], *, first: bool) -> alt.LayerChart:
    import altair as alt

    rows: list[ChartRow] = []
    for (i, j), value in zip(itertools.combinations(range(len(about.labels)), 2), values, strict=True):
        strength = 0.0 if value is None else 0.55 * min(abs(value), 1.0)
        colour = SERIES[1] if (value or 0) < 0 else SERIES[0]
        rows.append(
            {"a": about.labels[i], "b": about.labels[j], "said": number(value), "strength": strength, "fill": colour}
        )
    names = list(about.labels)
    step = 46
    x = alt.X(
        "a:N",
        sort=names,
        title=None,
        scale=alt.Scale(domain=names[:-1]),
        axis=alt.Axis(labelAngle=-40, labelLimit=150, domain=False, ticks=False),
    )
    y = alt.Y(
        "b:N", sort=names, title=None, scale=alt.Scale(domain=names[1:]), axis=alt.Axis(labels=first, labelLimit=150)
    )
    base = charts.chart(rows).encode(x=x, y=y)
    tiles = base.mark_rect(stroke=LINE, strokeWidth=1).encode(
        fill=alt.Fill("fill:N", scale=None, legend=None),
        fillOpacity=alt.FillOpacity("strength:Q", scale=None, legend=None),
    )
    text = base.mark_text(fontSize=SMALL, color=INK).encode(text=alt.Text("said:N"))
    side = step * (len(names) - 1)
    return charts.layered(tiles, text, width=side, height=min(side, 34 * (len(names) - 1)), title=charts.heading(title))


@figure_of_judges(30)
def severity(about: JudgeData, stems: FileNames) -> Iterator[Figure]:
    """How many points kinder each judge is than the average one, and each pair's difference with its interval."""
    kind = lenient(about.marks)
    pairs = [pair for pair in about.pairs if pair.n and pair.bias.value is not None]
    if not pairs:
        return
    import altair as alt

    drawn = sorted(pairs, key=lambda pair: -pair.n)[:MOST]
    plots = [*([_kindness(about, kind)] if kind.points else []), _biases(about, drawn)]
    yield judge_figure(about, stems, _severity_text(about, kind, drawn, len(pairs)), alt.vconcat(*plots, spacing=22))


def _severity_text(about: JudgeData, kind: Lenient, drawn: Sequence[PairAgreement], pairs: int) -> FigureText:
    n = range_text([pair.n for pair in drawn])
    parts = [f"By the mean over criteria, on the answers that both judges of a pair marked (n = {n})."]
    if kind.points:
        parts.append("Top: points above the average judge, by least squares over all answers, without an interval.")
    parts.append(
        f"{'Bottom: first' if kind.points else 'First'} minus second judge with its 95% interval over dialogues; right "
        "of 0 the first is kinder; hollow: not shown to differ."
    )
    if kind.refused:
        parts.append(f"Leniency cannot be separated from quality: {short_name(kind.refused, 160)}.")
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
    who = listed([short_name(marker.name, 30) for marker in about.marks.markers])
    alt_text = f"How kind {len(about.marks.markers)} judges are: {who}. Numbers below."
    return FigureText("severity", "How kind each judge is", " ".join(parts), alt_text, heads, rows)


def _kindness(about: JudgeData, kind: Lenient) -> alt.LayerChart:
    named = dict(zip((marker.name for marker in about.marks.markers), about.labels, strict=True))
    points = sorted(kind.points.items(), key=lambda each: -each[1])
    rows: list[ChartRow] = [
        {
            "model": named[name],
            "value": value,
            "low": min(value, 0.0),
            "high": max(value, 0.0),
            "said": f"{value:+.2f}".replace("-", "\N{MINUS SIGN}"),
            **charts.plain_style(),
        }
        for name, value in points
    ]
    return charts.forest(rows, "points above the average judge")


def _biases(about: JudgeData, pairs: Sequence[PairAgreement]) -> alt.LayerChart:
    short = short_names((marker.name for marker in about.marks.markers), 20)
    named = {
        (a.name, b.name): f"{first} \N{MINUS SIGN} {second}"
        for (a, first), (b, second) in itertools.combinations(zip(about.marks.markers, short.values(), strict=True), 2)
    }
    rows: list[ChartRow] = []
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
                **charts.plain_style(hollow=not apart),
            }
        )
    return charts.forest(rows, "difference, points")
