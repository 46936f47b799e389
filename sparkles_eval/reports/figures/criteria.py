"""Every criterion of a judge as a small plot of its own on one common scale, the turns apart.

Means and intervals are the panel's own measures. Knows nothing of stores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.records import Criterion
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import folded, labels, shown
from sparkles_eval.reports.figures.subject import Subject, counts, methods
from sparkles_eval.reports.figures.theme import LABEL, SERIES, SHAPES, SMALL, WIDTH

if TYPE_CHECKING:
    import altair as alt

MODELS = 12
"""Rows of small multiples at the most."""
CRITERIA = 6
_ACROSS = 3
_TURN = re.compile(r"A([1-9]\d*)")


def turns_of(about: Subject) -> list[int]:
    """The turns that have a measure of their own."""
    found = (_TURN.fullmatch(column.name) for column in about.panel.columns)
    return sorted(int(name[1]) for name in found if name)


def called(criterion: Criterion) -> str:
    """A criterion's name, else its id."""
    return criterion.name or criterion.id


def headings(about: Subject) -> dict[str, str]:
    """Criterion id -> what stands above its plot, on two lines where it is long; `header` splits them."""
    drawn = about.judge.criteria[:CRITERIA]
    names = Counter(called(criterion) for criterion in drawn)
    whole = {c.id: called(c) if names[called(c)] == 1 else f"{called(c)} {c.id}" for c in drawn}
    short = labels(whole.values(), 36)
    return {ident: folded(short[name]) for ident, name in whole.items()}


def header() -> alt.Header:
    """The heading of a small plot."""
    import altair as alt

    return alt.Header(labelExpr="split(datum.label, '\\n')", labelFontSize=SMALL, labelPadding=6)


def undrawn(about: Subject) -> str:
    """How many criteria are left out, in a sentence."""
    more = len(about.judge.criteria) - CRITERIA
    return f" {more} more criteria are not drawn." if more > 0 else ""


def criteria(about: Subject) -> Iterator[Figure]:
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
    rows: list[Row] = [
        {
            **draw.ends(about.labels[entry.label], measure.estimate, 1.0),
            "criterion": named[criterion.id],
            "turn": f"answer {turn}",
        }
        for entry, criterion, turn, measure in cells
    ]
    order = [about.labels[entry.label] for entry in kept]
    limits = about.judge.low, about.judge.high
    said = [f"answer {turn}" for turn in turns]
    plot = _multiples(rows, order, list(named.values()), said, draw.span(rows, limits))
    yield draw.figure(about, _said(about, cells, left), plot)


def _multiples(
    rows: Sequence[Row],
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
    base = draw.chart(rows).encode(y=draw.names_axis(order), yOffset=offset, color=colour)
    x = draw.value_axis("low", "points", domain, ticks=4)
    rules = base.mark_rule(strokeWidth=1.8).encode(x=x, x2=alt.X2("high:Q"))
    marks = base.mark_point(filled=True, size=52, opacity=1).encode(x=alt.X("value:Q"), shape=shape)
    width = max(110, (WIDTH - LABEL) // across - 14)
    height = len(order) * max(22, 13 * len(turns) + 6)
    facet = alt.Facet("criterion:N", sort=list(criteria), title=None, header=header())
    plot = draw.layered(rules, marks, width=width, height=height)
    made: alt.FacetChart = plot.facet(facet=facet, columns=across, spacing=18)
    return made


def _said(about: Subject, cells: Sequence[tuple[Entry, Criterion, int, Measure]], left: str) -> Told:
    estimates = [measure.estimate for *_, measure in cells]
    caption = (
        f"Mean of each criterion by {shown(about.judge.name)}, on one scale throughout; shapes tell the answers of a "
        f"dialogue apart. {counts(estimates)} dialogues. {methods(estimates)}{undrawn(about)}{left}"
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
        rows.append((entry.label, called(criterion), turn, Span.of(e), e.n, e.total, e.method or e.note))
    said = f"Dot plots of criterion means with intervals for {len({e.label for e, *_ in cells})} models. Numbers below."
    return Told("criteria", "Criterion by criterion", caption, said, heads, rows)
