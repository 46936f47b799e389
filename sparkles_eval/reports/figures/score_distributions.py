"""Figure of score distributions: how often each score was given, for every model and criterion."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head
from sparkles_eval.core import Criterion
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.criteria import CRITERIA, MODELS, criterion_name, header, headings, left_out_text
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import PanelData, range_text
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import LABEL, QUIET, SERIES, SMALL, WIDTH, short_name
from sparkles_eval.store import read_runs

if TYPE_CHECKING:
    import altair as alt

MarkCount: TypeAlias = tuple[Entry, Criterion, list[int]]
_BINS = 11


@figure_of_panel(50)
def distributions(about: PanelData) -> Iterator[Figure]:
    """For every model and criterion, how often each mark was given."""
    if not about.rated:
        return
    kept, left = about.pick(about.entries, MODELS)
    criteria = about.judge.criteria[:CRITERIA]
    levels = _levels(about.judge.low, about.judge.high)
    counted: list[MarkCount] = []
    for entry in kept:
        found = _counts(about, entry, levels)
        counted += [(entry, criterion, found[criterion.id]) for criterion in criteria if sum(found[criterion.id])]
    if not counted:
        return
    named = headings(about)
    rows: list[ChartRow] = [
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
    yield charts.panel_figure(
        about, _distribution_text(about, counted, levels, left), _histograms(rows, order, list(named.values()))
    )


def _levels(low: float, high: float) -> list[float]:
    """The marks of the scale where it has few whole ones, else the middles of ten equal bins."""
    if float(low).is_integer() and float(high).is_integer() and high - low < _BINS:
        return [float(mark) for mark in range(int(low), int(high) + 1)]
    step = (high - low) / 10
    return [low + (place + 0.5) * step for place in range(10)]


def _counts(about: PanelData, entry: Entry, levels: Sequence[float]) -> dict[str, list[int]]:
    """Criterion id -> marks at each level; one between two levels counts at the nearest, halves at the higher."""
    step = levels[1] - levels[0] if len(levels) > 1 else 1.0
    given: Counter[tuple[str, int]] = Counter()
    for line in read_runs.scores(about.store, entry.run.id, about.judge.id):
        if line.value is not None:
            place = math.floor((line.value - levels[0]) / step + 0.5)
            given[line.criterion, min(max(place, 0), len(levels) - 1)] += 1
    return {c.id: [given[c.id, place] for place in range(len(levels))] for c in about.judge.criteria}


def _histograms(rows: Sequence[ChartRow], order: Sequence[str], criteria: Sequence[str]) -> alt.FacetChart:
    import altair as alt

    width = max(90, (WIDTH - LABEL) // len(criteria) - 16)
    level = alt.X("level:O", title="mark", axis=alt.Axis(labelAngle=0, labelOverlap=True, format="~g"))
    axis = alt.Axis(tickCount=2, grid=True, labelColor=QUIET, labelExpr="datum.label + '%'")
    share = alt.Y("share:Q", title=None, axis=axis)
    bars = charts.chart(rows).mark_bar(color=SERIES[0], stroke=None).encode(x=level, y=share)
    names = alt.Header(
        labelAngle=0, labelAlign="left", labelOrient="left", labelFontWeight="normal", labelFontSize=SMALL
    )
    made: alt.FacetChart = bars.properties(width=width, height=34).facet(
        row=alt.Row("model:N", sort=list(order), title=None, header=names),
        column=alt.Column("criterion:N", sort=list(criteria), title=None, header=header()),
        spacing={"row": 6, "column": 16},
    )
    return made


def _distribution_text(
    about: PanelData, counted: Sequence[MarkCount], levels: Sequence[float], left: str
) -> FigureText:
    totals = [sum(found) for _, _, found in counted]
    caption = (
        f"Per cent of the marks at each level that {short_name(about.judge.name)} gave, all turns and repeats "
        "together; "
        f"every plot has the same height for the same share (n = {range_text(totals)} marks a plot). Counts, "
        "so without "
        "intervals. Marks between two levels count at the nearest. A pile at the end of the scale cannot be separated "
        f"apart any more.{left_out_text(about)}{left}"
    )
    heads = (
        Head("model", "model"),
        Head("criterion", "criterion"),
        Head("n", "marks", "count"),
        *(Head(f"level_{level:g}", f"{level:g}", "count") for level in levels),
    )
    rows: list[tuple[Cell, ...]] = [
        (entry.label, criterion_name(criterion), sum(found), *found) for entry, criterion, found in counted
    ]
    models = len({entry.label for entry, *_ in counted})
    said = f"Histograms of marks for {models} models, a column for each criterion. Numbers below."
    return FigureText("marks", "How marks are spread", caption, said, heads, rows)
