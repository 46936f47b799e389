"""How a judge's marks are spread, for every model and criterion: counts of what it gave, nothing computed.

Knows nothing of means.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head
from sparkles_eval.records import Criterion
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.criteria import CRITERIA, MODELS, called, header, headings, undrawn
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import shown
from sparkles_eval.reports.figures.subject import Subject, ranged
from sparkles_eval.reports.figures.theme import LABEL, QUIET, SERIES, SMALL, WIDTH
from sparkles_eval.store import queries

if TYPE_CHECKING:
    import altair as alt

Counted: TypeAlias = tuple[Entry, Criterion, list[int]]
_BINS = 11


def distributions(about: Subject) -> Iterator[Figure]:
    """For every model and criterion, how often each mark was given."""
    if not about.rated:
        return
    kept, left = about.pick(about.entries, MODELS)
    criteria = about.judge.criteria[:CRITERIA]
    levels = _levels(about.judge.low, about.judge.high)
    counted: list[Counted] = []
    for entry in kept:
        found = _counts(about, entry, levels)
        counted += [(entry, criterion, found[criterion.id]) for criterion in criteria if sum(found[criterion.id])]
    if not counted:
        return
    named = headings(about)
    rows: list[Row] = [
        {
            "model": about.labels[entry.label],
            "criterion": named[criterion.id],
            "level": level,
            "share": 100 * count / sum(own),
        }
        for entry, criterion, own in counted
        for level, count in zip(levels, own, strict=True)
    ]
    order = [about.labels[entry.label] for entry in kept]
    yield draw.figure(about, _said(about, counted, levels, left), _histograms(rows, order, list(named.values())))


def _levels(low: float, high: float) -> list[float]:
    """The marks of the scale where it has few whole ones, else the middles of ten equal bins."""
    if float(low).is_integer() and float(high).is_integer() and high - low < _BINS:
        return [float(mark) for mark in range(int(low), int(high) + 1)]
    step = (high - low) / 10
    return [low + (place + 0.5) * step for place in range(10)]


def _counts(about: Subject, entry: Entry, levels: Sequence[float]) -> dict[str, list[int]]:
    """Criterion id -> marks at each level; one between two levels counts at the nearest, halves at the higher."""
    step = levels[1] - levels[0] if len(levels) > 1 else 1.0
    given: Counter[tuple[str, int]] = Counter()
    for line in queries.scores(about.store, entry.run.id, about.judge.id):
        if line.value is not None:
            place = math.floor((line.value - levels[0]) / step + 0.5)
            given[line.criterion, min(max(place, 0), len(levels) - 1)] += 1
    return {c.id: [given[c.id, place] for place in range(len(levels))] for c in about.judge.criteria}


def _histograms(rows: Sequence[Row], order: Sequence[str], criteria: Sequence[str]) -> alt.FacetChart:
    import altair as alt

    width = max(90, (WIDTH - LABEL) // len(criteria) - 16)
    level = alt.X("level:O", title="mark", axis=alt.Axis(labelAngle=0, labelOverlap=True, format="~g"))
    axis = alt.Axis(tickCount=2, grid=True, labelColor=QUIET, labelExpr="datum.label + '%'")
    share = alt.Y("share:Q", title=None, axis=axis)
    bars = draw.chart(rows).mark_bar(color=SERIES[0], stroke=None).encode(x=level, y=share)
    names = alt.Header(
        labelAngle=0, labelAlign="left", labelOrient="left", labelFontWeight="normal", labelFontSize=SMALL
    )
    made: alt.FacetChart = bars.properties(width=width, height=34).facet(
        row=alt.Row("model:N", sort=list(order), title=None, header=names),
        column=alt.Column("criterion:N", sort=list(criteria), title=None, header=header()),
        spacing={"row": 6, "column": 16},
    )
    return made


def _said(about: Subject, counted: Sequence[Counted], levels: Sequence[float], left: str) -> Told:
    totals = [sum(found) for _, _, found in counted]
    caption = (
        f"Per cent of the marks at each level that {shown(about.judge.name)} gave, all turns and repeats together; "
        f"every plot has the same height for the same share (n = {ranged(totals)} marks a plot). Counts, so without "
        "intervals. Marks between two levels count at the nearest. A pile at the end of the scale cannot be told "
        f"apart any more.{undrawn(about)}{left}"
    )
    heads = (
        Head("model", "model"),
        Head("criterion", "criterion"),
        Head("n", "marks", "count"),
        *(Head(f"level_{level:g}", f"{level:g}", "count") for level in levels),
    )
    rows: list[tuple[Cell, ...]] = [
        (entry.label, called(criterion), sum(found), *found) for entry, criterion, found in counted
    ]
    models = len({entry.label for entry, *_ in counted})
    said = f"Histograms of marks for {models} models, a column for each criterion. Numbers below."
    return Told("marks", "How marks are spread", caption, said, heads, rows)
