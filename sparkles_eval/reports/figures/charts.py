"""Building blocks of charts: rows of dots with intervals, axes, labels, and the finished figure of a panel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sparkles_eval.analysis.tables import Cell, Head, Table
from sparkles_eval.core import JSON, Estimate
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import PanelData
from sparkles_eval.reports.figures.style import FONT, INK, LABEL, LINE, PAPER, QUIET, ROW, SERIES, SHAPES, SMALL, config

if TYPE_CHECKING:
    import altair as alt

ChartRow: TypeAlias = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class FigureText:
    """The texts of a figure, and its numbers."""

    kind: str
    title: str
    caption: str
    alt: str
    heads: tuple[Head, ...]
    rows: Sequence[tuple[Cell, ...]]


def panel_figure(about: PanelData, described: FigureText, chart: alt.TopLevelMixin) -> Figure:
    """The finished figure of a panel."""
    name = about.stems.take(described.kind, about.task.name, about.panel.label)
    title = f"{described.title}: {about.title}"
    table = Table(name, title, described.heads, tuple(described.rows))
    spec = config(chart)
    where = about.task.name, about.task.version, about.panel.id
    return Figure(name, described.kind, title, described.caption, described.alt, table, spec, *where)


def chart(rows: Sequence[Mapping[str, JSON]]) -> alt.Chart:
    """An empty chart of these rows, which travel within it: as text, of which altair makes no copy at every step."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=json.dumps([dict(row) for row in rows], ensure_ascii=False)))


def names_axis(order: Sequence[str], field: str = "model", *, hidden: bool = False, wide: bool = False) -> alt.Y:
    """A row for each name, in this order."""
    import altair as alt

    axis = alt.Axis(labels=not hidden, labelLimit=1.6 * LABEL if wide else LABEL, labelFontSize=SMALL)
    return alt.Y(f"{field}:N", sort=list(order), title=None, axis=axis, scale=alt.Scale(domain=list(order)))


def value_axis(field: str, title: str, domain: tuple[float, float], ticks: int = 6) -> alt.X:
    """A plain axis of numbers, which need not begin at 0: dots have no length."""
    import altair as alt

    return alt.X(
        f"{field}:Q",
        title=title,
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(tickCount=ticks, gridColor=LINE),
    )


def span(rows: Sequence[Mapping[str, JSON]], limits: tuple[float, float] | None = None) -> tuple[float, float]:
    """From the lowest `low` to the highest `high` with a little room, within the limits."""
    lows = [float(row["low"]) for row in rows if isinstance(row["low"], int | float)]
    highs = [float(row["high"]) for row in rows if isinstance(row["high"], int | float)]
    low, high = min(lows), max(highs)
    room = 0.06 * (high - low) or 0.05 * (abs(high) or 1.0)
    low, high = low - room, high + room
    if limits is not None:
        edge = 0.04 * (limits[1] - limits[0])  # a mark at the end of the scale is not cut
        low, high = max(low, limits[0] - edge), min(high, limits[1] + edge)
    return low, high


def ends(label: str, estimate: Estimate, factor: float) -> ChartRow:
    """A row with its value and the ends of its interval; without an interval the ends are the value."""
    assert estimate.value is not None
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return {"model": label, "value": factor * estimate.value, "low": factor * low, "high": factor * high}


def series_style(place: int) -> ChartRow:
    """Colour and shape of the series at a place; from the ninth on both come again, in another pairing."""
    turn, at = divmod(place, len(SERIES))
    return {"fill": SERIES[at], "stroke": SERIES[at], "shape": SHAPES[(at + 3 * turn) % len(SHAPES)]}


def plain_style(*, hollow: bool = False) -> ChartRow:
    """A dot of no series; hollow for what stands beside (baselines) or is not shown to differ."""
    return {"fill": PAPER if hollow else SERIES[0], "stroke": QUIET if hollow else SERIES[0], "shape": "circle"}


def dots(base: alt.Chart, x: alt.X, *, size: int = 64) -> alt.LayerChart:
    """Intervals as lines and values as marks; `x` is the axis of `low`. Rows need `ends` and a look."""
    import altair as alt

    stroke = alt.Stroke("stroke:N", scale=None, legend=None)
    rules = base.mark_rule(strokeWidth=1.8).encode(x=x, x2=alt.X2("high:Q"), stroke=stroke)
    marks = base.mark_point(size=size, opacity=1, strokeWidth=1.6).encode(
        x=alt.X("value:Q"),
        stroke=stroke,
        fill=alt.Fill("fill:N", scale=None, legend=None),
        shape=alt.Shape("shape:N", scale=None, legend=None),
    )
    return alt.LayerChart(layer=[rules, marks])


def side_text(base: alt.Chart, field: str, at: float, colour: str = INK) -> alt.Chart:
    """Text beside a plot, `at` pixels from its left edge."""
    import altair as alt

    text = base.mark_text(align="left", baseline="middle", fontSize=SMALL, color=colour)
    made: alt.Chart = text.encode(x=alt.value(at), text=alt.Text(f"{field}:N"))
    return made


def heading(text: str, below: str = "") -> alt.TitleParams:
    """Above one of several plots, in one line or two."""
    import altair as alt

    return alt.Title(
        text,
        subtitle=below,
        fontSize=SMALL,
        fontWeight="normal",
        color=INK,
        subtitleColor=INK,
        subtitleFontSize=SMALL,
        subtitleFont=FONT,
    )


def layered(
    *parts: alt.Chart | alt.LayerChart, width: float, height: float, title: alt.TitleParams | None = None
) -> alt.LayerChart:
    """Drawings on top of one another, the first at the bottom, in a plot of that size."""
    import altair as alt

    made = alt.LayerChart(layer=list(parts), width=width, height=height)
    if title is not None:
        made.title = title
    return made


def line_at(value: float, *, dash: Sequence[float] = (4, 3), colour: str = QUIET) -> alt.Chart:
    """An upright line at a value, such as chance or no difference."""
    import altair as alt

    made: alt.Chart = (
        chart([{"at": value}]).mark_rule(strokeDash=list(dash), stroke=colour, strokeWidth=1.2).encode(x=alt.X("at:Q"))
    )
    return made


def forest(rows: Sequence[ChartRow], title: str, *, size: int = 64) -> alt.LayerChart:
    """Differences with their intervals about an upright line at 0, their numbers (`said`) to the right."""
    order = [str(row["model"]) for row in rows]
    base = chart(rows).encode(y=names_axis(order, wide=True))
    x = value_axis("low", title, span([*rows, {"low": 0.0, "high": 0.0}]), ticks=5)
    upright = line_at(0.0, dash=(1, 0), colour=INK)
    return layered(
        upright, dots(base, x, size=size), side_text(base, "said", 262), width=250, height=height(len(order))
    )


def height(rows: int) -> int:
    """Pixels of so many rows of names."""
    return max(1, rows) * ROW


def spread_texts(values: Sequence[float], gap: float) -> list[float]:
    """Places for texts beside these values: at them where there is room, else `gap` apart, in the same order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    blocks: list[tuple[float, list[int]]] = []
    for place in order:
        middle, own = values[place], [place]
        while blocks and middle - blocks[-1][0] < gap * (len(own) + len(blocks[-1][1])) / 2:
            other, members = blocks.pop()
            middle = (middle * len(own) + other * len(members)) / (len(own) + len(members))
            own = members + own
        blocks.append((middle, own))
    made = [0.0] * len(values)
    for middle, own in blocks:
        for number, place in enumerate(own):
            made[place] = middle + (number - (len(own) - 1) / 2) * gap
    return made
