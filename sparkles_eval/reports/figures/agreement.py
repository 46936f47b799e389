"""Do judges agree: every answer by two judges' marks, and all pairs of judges at a glance.

All numbers are those of `judges compare` (evidence.judges_agreement). Knows nothing of how they were got.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sparkles_eval.analysis.judges.agreement import PairAgreement
from sparkles_eval.analysis.judges.judge_scores import WHOLE, Marks
from sparkles_eval.analysis.tables import Cell, Head
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.bench import Bench, finished, number, span_text
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import Stems
from sparkles_eval.reports.figures.subject import ranged
from sparkles_eval.reports.figures.theme import INK, LINE, QUIET, SERIES, SMALL

if TYPE_CHECKING:
    import altair as alt

PAIRS = 6
"""Scatter plots in one figure."""
_SIDE = 180
_RHO, _ALPHA = "\N{GREEK SMALL LETTER RHO}", "\N{GREEK SMALL LETTER ALPHA}"


def agreement(about: Bench, stems: Stems) -> Iterator[Figure]:
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
    said = Told("agreement", "Judges answer by answer", caption, alt_text, heads, rows)
    yield finished(about, stems, said, alt.concat(*plots, columns=2 if len(plots) in (2, 4) else 3, spacing=26))


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
    about: Bench, who: tuple[int, int], pair: PairAgreement, found: Counter[tuple[float, float]], size: alt.Size
) -> alt.LayerChart:
    import altair as alt

    i, j = who
    edge = 0.05 * (about.marks.high - about.marks.low)
    low, high = about.marks.low - edge, about.marks.high + edge
    scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    x = alt.X("a:Q", title=about.labels[i], scale=scale, axis=alt.Axis(tickCount=5, titleLimit=_SIDE))
    y = alt.Y("b:Q", title=about.labels[j], scale=scale, axis=alt.Axis(tickCount=5, grid=True, titleLimit=_SIDE))
    rows: list[Row] = [{"a": a, "b": b, "n": count} for (a, b), count in sorted(found.items())]
    discs = draw.chart(rows).mark_circle(color=SERIES[0], opacity=1, fillOpacity=0.5, stroke=SERIES[0], strokeWidth=1)
    ends: list[Row] = [{"a": about.marks.low, "b": about.marks.low}, {"a": about.marks.high, "b": about.marks.high}]
    line = draw.chart(ends).mark_line(stroke=QUIET, strokeDash=[4, 3], strokeWidth=1.2)
    told = f"n {pair.n:,} · {_RHO} {span_text(pair.within)}"
    title = draw.heading(told, f"{_ALPHA} {span_text(pair.alpha_span)}")
    discs = discs.encode(x=x, y=y, size=size)
    return draw.layered(line.encode(x=x, y=y), discs, width=_SIDE, height=_SIDE, title=title)


def heat(about: Bench, stems: Stems) -> Iterator[Figure]:
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
    n = ranged([pair.n for pair in about.pairs])
    caption = (
        f"Every pair of judges on the answers that both marked (n = {n}; intervals in the table), by the mean over "
        "criteria. The stronger the blue, the nearer to 1; below 0 is orange. A judge that ranks alike (left) may "
        "still be kinder throughout (right); marks pressed against the end of the scale make the right one low."
    )
    alt_text = f"Two heat maps of {len(about.marks.markers)} judges. Numbers below."
    said = Told("judges", "Judges by pairs", caption, alt_text, heads, rows)
    yield finished(about, stems, said, alt.hconcat(order, same, spacing=24))


def _heat(about: Bench, title: str, values: Sequence[float | None], *, first: bool) -> alt.LayerChart:
    import altair as alt

    rows: list[Row] = []
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
    base = draw.chart(rows).encode(x=x, y=y)
    tiles = base.mark_rect(stroke=LINE, strokeWidth=1).encode(
        fill=alt.Fill("fill:N", scale=None, legend=None),
        fillOpacity=alt.FillOpacity("strength:Q", scale=None, legend=None),
    )
    text = base.mark_text(fontSize=SMALL, color=INK).encode(text=alt.Text("said:N"))
    side = step * (len(names) - 1)
    return draw.layered(tiles, text, width=side, height=min(side, 34 * (len(names) - 1)), title=draw.heading(title))
