"""Figures of a judge's criteria: one small plot per criterion on a common scale, and first against later turns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.core import Criterion
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import PanelData, graded_text, interval_methods
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import (
    INK,
    LABEL,
    SERIES,
    SHAPES,
    SMALL,
    WIDTH,
    short_name,
    short_names,
    two_lines,
)

if TYPE_CHECKING:
    import altair as alt
if TYPE_CHECKING:
    import altair as alt


MODELS = 12
"""Rows of small multiples at the most."""
CRITERIA = 6
_ACROSS = 3
_TURN = re.compile(r"A([1-9]\d*)")


def turns_of(about: PanelData) -> list[int]:
    """The turns that have a measure of their own."""
    found = (_TURN.fullmatch(column.name) for column in about.panel.columns)
    return sorted(int(name[1]) for name in found if name)


def criterion_name(criterion: Criterion) -> str:
    """A criterion's name, else its id."""
    return criterion.name or criterion.id


def headings(about: PanelData) -> dict[str, str]:
    """Criterion id -> what stands above its plot, on two lines where it is long; `header` splits them."""
    drawn = about.judge.criteria[:CRITERIA]
    names = Counter(criterion_name(criterion) for criterion in drawn)
    whole = {c.id: criterion_name(c) if names[criterion_name(c)] == 1 else f"{criterion_name(c)} {c.id}" for c in drawn}
    short = short_names(whole.values(), 36)
    return {ident: two_lines(short[name]) for ident, name in whole.items()}


def header() -> alt.Header:
    """The heading of a small plot."""
    import altair as alt

    return alt.Header(labelExpr="split(datum.label, '\\n')", labelFontSize=SMALL, labelPadding=6)


def left_out_text(about: PanelData) -> str:
    """How many criteria are left out, in a sentence."""
    more = len(about.judge.criteria) - CRITERIA
    return f" {more} more criteria are not drawn." if more > 0 else ""


@figure_of_panel(30)
def criteria(about: PanelData) -> Iterator[Figure]:
    """Every criterion as a small plot of its own on one common scale, turns apart."""
    turns = turns_of(about)[: len(SHAPES)]
    kept, left = about.pick(about.entries, MODELS)
    cells = [
        (entry, criterion, turn, measure)
        for criterion in about.judge.criteria[:CRITERIA]
        for entry in kept
        for turn in turns
        if (measure := entry.measure(f"A{turn}.{criterion.id}")) and measure.estimate.value is not None
    ]
    if not about.rated or not cells:
        return
    named = headings(about)
    rows: list[ChartRow] = [
        {
            **charts.ends(about.labels[entry.label], measure.estimate, 1.0),
            "criterion": named[criterion.id],
            "turn": f"answer {turn}",
        }
        for entry, criterion, turn, measure in cells
    ]
    order = [about.labels[entry.label] for entry in kept]
    limits = about.judge.low, about.judge.high
    said = [f"answer {turn}" for turn in turns]
    plot = _multiples(rows, order, list(named.values()), said, charts.span(rows, limits))
    yield charts.panel_figure(about, _criteria_text(about, cells, left), plot)


def _multiples(
    rows: Sequence[ChartRow],
    order: Sequence[str],
    criteria: Sequence[str],
    turns: Sequence[str],
    domain: tuple[float, float],
) -> alt.FacetChart:
    import altair as alt

    across = min(_ACROSS, len(criteria))
    shape = alt.Shape("turn:N", scale=alt.Scale(domain=list(turns), range=list(SHAPES[: len(turns)])), title=None)
    colour = alt.Color("turn:N", scale=alt.Scale(domain=list(turns), range=list(SERIES[: len(turns)])), title=None)
    offset = alt.YOffset("turn:N", sort=list(turns), scale=alt.Scale(paddingOuter=0.4))
    base = charts.chart(rows).encode(y=charts.names_axis(order), yOffset=offset, color=colour)
    x = charts.value_axis("low", "points", domain, ticks=4)
    rules = base.mark_rule(strokeWidth=1.8).encode(x=x, x2=alt.X2("high:Q"))
    marks = base.mark_point(filled=True, size=52, opacity=1).encode(x=alt.X("value:Q"), shape=shape)
    width = max(110, (WIDTH - LABEL) // across - 14)
    height = len(order) * max(22, 13 * len(turns) + 6)
    facet = alt.Facet("criterion:N", sort=list(criteria), title=None, header=header())
    plot = charts.layered(rules, marks, width=width, height=height)
    made: alt.FacetChart = plot.facet(facet=facet, columns=across, spacing=18)
    return made


def _criteria_text(about: PanelData, cells: Sequence[tuple[Entry, Criterion, int, Measure]], left: str) -> FigureText:
    estimates = [measure.estimate for *_, measure in cells]
    caption = (
        f"Mean of each criterion by {short_name(about.judge.name)}, on one scale throughout; shapes tell the "
        "answers of a "
        f"dialogue apart. {graded_text(estimates)} dialogues. {interval_methods(estimates)}{left_out_text(about)}{left}"
    )
    heads = (
        Head("model", "model"),
        Head("criterion", "criterion"),
        Head("turn", "answer", "count"),
        Head("value", "mean", "points"),
        Head("n", "graded", "count"),
        Head("total", "of", "count"),
        Head("method", "interval by"),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry, criterion, turn, measure in cells:
        e = measure.estimate
        rows.append((entry.label, criterion_name(criterion), turn, Span.of(e), e.n, e.total, e.method or e.note))
    said = f"Dot plots of criterion means with intervals for {len({e.label for e, *_ in cells})} models. Numbers below."
    return FigureText("criteria", "Criterion by criterion", caption, said, heads, rows)


SLOPES = 8
"""Lines that a reader can distinguish in one plot."""
_ROOM = 0.15
"""Of the distance between two turns, left free beside the first and the last."""


@figure_of_panel(40)
def turns(about: PanelData) -> Iterator[Figure]:
    """The mean of the first answer beside that of the later ones, a line for each model."""
    numbers = turns_of(about)
    if not about.rated or len(numbers) < 2:
        return
    whole = [e for e in about.entries if all(_value(e, turn) is not None for turn in numbers)]
    kept, left = about.pick(whole, SLOPES)
    if not kept:
        return
    yield charts.panel_figure(about, _turns_text(about, kept, numbers, left), _slopes(about, kept, numbers))


def _measure(entry: Entry, turn: int) -> Measure:
    found = entry.measure(f"A{turn}")
    assert found is not None
    return found


def _value(entry: Entry, turn: int) -> float | None:
    found = entry.measure(f"A{turn}")
    return found.estimate.value if found else None


def _slopes(about: PanelData, kept: Sequence[Entry], numbers: Sequence[int]) -> alt.LayerChart:
    import altair as alt

    tall = max(240, 22 * len(kept))
    rows: list[ChartRow] = []
    for place, entry in enumerate(kept):
        shift = (place - (len(kept) - 1) / 2) * 0.03  # so that intervals stand beside each other
        for turn in numbers:
            row = charts.ends(about.labels[entry.label], _measure(entry, turn).estimate, 1.0)
            rows.append({**row, **charts.series_style(about.place(entry)), "turn": turn + shift})
    domain = charts.span(rows, (about.judge.low, about.judge.high))
    last = [_value(entry, numbers[-1]) or 0.0 for entry in kept]
    places = charts.spread_texts(last, 15 * (domain[1] - domain[0]) / tall)
    names: list[ChartRow] = [
        {
            "model": about.labels[entry.label],
            "at": at,
            "turn": numbers[-1] + _ROOM + 0.05,
            **charts.series_style(about.place(entry)),
        }
        for entry, at in zip(kept, places, strict=True)
    ]
    axis = alt.Axis(values=list(numbers), labelExpr="'answer ' + format(datum.value, 'd')", grid=False, domain=False)
    turns = alt.Scale(domain=[numbers[0] - _ROOM, numbers[-1] + _ROOM], nice=False)
    x = alt.X("turn:Q", title=None, axis=axis, scale=turns)
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    y = alt.Y("value:Q", title="points", scale=scale, axis=alt.Axis(grid=True, tickCount=6))
    stroke = alt.Stroke("stroke:N", scale=None, legend=None)
    base = charts.chart(rows).encode(x=x, stroke=stroke)
    lines = base.mark_line(strokeWidth=1.8).encode(y=y, detail=alt.Detail("model:N"))
    rules = base.mark_rule(strokeWidth=1.4).encode(y=alt.Y("low:Q", title="points"), y2=alt.Y2("high:Q"))
    look = {
        "fill": alt.Fill("fill:N", scale=None, legend=None),
        "shape": alt.Shape("shape:N", scale=None, legend=None),
    }
    marks = base.mark_point(size=60, opacity=1).encode(y=y, **look)
    beside = charts.chart(names).encode(x=x, y=alt.Y("at:Q", title="points"))
    keys = beside.mark_point(size=46, opacity=1).encode(stroke=stroke, **look)
    text = beside.mark_text(align="left", dx=9, fontSize=SMALL, color=INK).encode(text=alt.Text("model:N"))
    return charts.layered(rules, lines, marks, keys, text, width=130 * len(numbers), height=tall)


def _turns_text(about: PanelData, kept: Sequence[Entry], numbers: Sequence[int], left: str) -> FigureText:
    estimates = [_measure(entry, turn).estimate for entry in kept for turn in numbers]
    caption = (
        f"Mean over criteria of each answer of a dialogue, by {short_name(about.judge.name)}; models stand "
        "side by side "
        "only to keep their intervals apart. A line that falls belongs to a model that is worse in a later turn. The "
        f"intervals are of each mean, not of the change. {graded_text(estimates)} dialogues. "
        f"{interval_methods(estimates)}{left}"
    )
    heads = (
        Head("model", "model"),
        *(Head(f"answer_{turn}", f"answer {turn}", "points") for turn in numbers),
        *(Head(f"n_{turn}", f"n {turn}", "count") for turn in numbers),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry in kept:
        each = [_measure(entry, turn).estimate for turn in numbers]
        rows.append((entry.label, *(Span.of(e) for e in each), *(e.n for e in each)))
    said = f"Slope chart of {len(kept)} models from answer {numbers[0]} to answer {numbers[-1]}. Numbers below."
    return FigureText("turns", "From answer to answer", caption, said, heads, rows)
