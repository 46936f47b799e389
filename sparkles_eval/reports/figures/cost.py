"""Figure of cost: every model's spending against its headline score, and the models that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from sparkles_eval.analysis.run_scores import NOT_ANSWERED
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import MOST, PanelData, graded_text, interval_methods
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import INK, PAPER, QUIET, SERIES, SMALL, listed, short_name
from sparkles_eval.reports.toolkit import numbers

if TYPE_CHECKING:
    import altair as alt

_TALL = 300
_WIDE = 430


@figure_of_panel(80)
def cost(about: PanelData) -> Iterator[Figure]:
    """Dollars of a run's answers against its headline, where two models have a known bill and one is not free."""
    fit = [entry for entry in about.entries if not entry.reference and _dollars(entry) is not None]
    if len(fit) < 2 or not any(_dollars(entry) for entry in fit):
        return
    kept, left = about.pick(fit, MOST)
    out = [entry.label for entry in about.models if entry not in fit]
    front = _front(kept)
    yield charts.panel_figure(about, _cost_text(about, kept, front, out, left), _plot(about, kept, front))


def _dollars(entry: Entry) -> float | None:
    """Known spending of a run that asked everything; None for a bill that is unknown or not whole."""
    spent = entry.spending.cost_usd
    whole = not any(reason == NOT_ANSWERED for reason, _ in entry.coverage.reasons)
    value = entry.headline.estimate.value if entry.headline else None
    return spent.known if spent.unknown == 0 and spent.count and whole and value is not None else None


def _score(entry: Entry) -> float:
    assert entry.headline is not None and entry.headline.estimate.value is not None
    return entry.headline.estimate.value


def _front(kept: Sequence[Entry]) -> list[Entry]:
    """Those that no other model beats in cost without losing in score, cheapest first (Pareto)."""
    front: list[Entry] = []
    for entry in sorted(kept, key=lambda e: (_dollars(e) or 0.0, -_score(e))):
        if not front or _score(entry) > _score(front[-1]):
            front.append(entry)
    return front


def _plot(about: PanelData, kept: Sequence[Entry], front: Sequence[Entry]) -> alt.HConcatChart:
    """A plot of those that cost something, on a scale by powers of ten; beside it a strip for what is free."""
    import altair as alt

    rows: list[ChartRow] = []
    for entry in kept:
        assert entry.headline is not None
        name = about.labels[entry.label]
        row = charts.ends(name, entry.headline.estimate, about.factor)
        best = entry in front
        look: ChartRow = {
            "stroke": SERIES[0] if best else QUIET,
            "fill": SERIES[0] if best else PAPER,
            "shape": "circle",
        }
        rows.append({**row, **look, "cost": _dollars(entry) or 0.0, "name": name})
    first = kept[0].headline
    assert first is not None
    limits = about.factor * first.column.low, about.factor * first.column.high
    domain = charts.span(rows, limits)
    gap = 14 * (domain[1] - domain[0]) / _TALL
    free, paid = [row for row in rows if not row["cost"]], [row for row in rows if row["cost"]]
    title = f"{first.column.title}, {about.unit}"
    plots = []
    if free:
        plots.append(_scatter([{**row, "cost": 1.0} for row in free], domain, title, gap, strip=True))
    line = [row for row in rows if row["fill"] == SERIES[0] and row["cost"]]
    plots.append(_scatter(paid, domain, "" if free else title, gap, strip=False, front=line))
    return alt.hconcat(*plots, spacing=8 if free else 0)


def _scatter(
    rows: Sequence[ChartRow],
    domain: tuple[float, float],
    title: str,
    gap: float,
    *,
    strip: bool,
    front: Sequence[ChartRow] = (),
) -> alt.LayerChart:
    import altair as alt

    costs = [float(row["cost"]) for row in rows if isinstance(row["cost"], float)]
    ends = [0.5, 200.0] if strip else [min(costs) / 1.7, 1.7 * max(costs)]
    axis = alt.Axis(values=[], grid=False) if strip else alt.Axis(values=_ticks(ends[0], ends[1]), format="$~r")
    title_x = "free" if strip else "US dollars for all answers (log scale)"
    x = alt.X("cost:Q", title=title_x, axis=axis, scale=alt.Scale(type="log", domain=ends, nice=False))
    y = alt.Y(
        "low:Q",
        title=title or None,
        scale=alt.Scale(domain=list(domain), nice=False, zero=False),
        axis=alt.Axis(grid=True, labels=bool(title), tickCount=6),
    )
    stroke = alt.Stroke("stroke:N", scale=None, legend=None)
    base = charts.chart(rows).encode(x=x)
    rules = base.mark_rule(strokeWidth=1.6).encode(y=y, y2=alt.Y2("high:Q"), stroke=stroke)
    marks = base.mark_point(size=64, opacity=1, strokeWidth=1.6, shape="circle").encode(
        y=alt.Y("value:Q"), stroke=stroke, fill=alt.Fill("fill:N", scale=None, legend=None)
    )
    places = charts.spread_texts([float(row["value"]) for row in rows if isinstance(row["value"], float)], gap)
    names = [{**row, "at": at} for row, at in zip(rows, places, strict=True)]
    middle = math.sqrt(ends[0] * ends[1])  # names on the right half stand to the left of their dots
    left = [row for row in names if float(str(row["cost"])) <= middle]
    right = [row for row in names if row not in left]
    layers = [rules, marks, *_named(left, x, "left"), *_named(right, x, "right")]
    if len(front) > 1:
        line = charts.chart(front).mark_line(interpolate="step-after", stroke=SERIES[0], strokeDash=[5, 3])
        layers.insert(0, line.encode(x=x, y=alt.Y("value:Q")))
    wide = 40 + 6 * max(len(str(row["name"])) for row in rows) if strip else _WIDE
    return charts.layered(*layers, width=wide, height=_TALL)


def _named(rows: Sequence[ChartRow], x: alt.X, align: Literal["left", "right"]) -> list[alt.Chart]:
    """Names beside dots, on a seam of paper that keeps them readable over lines."""
    if not rows:
        return []
    import altair as alt

    base = charts.chart(rows).encode(x=x, y=alt.Y("at:Q"), text=alt.Text("name:N"))
    gap = 9 if align == "left" else -9
    seam = base.mark_text(align=align, dx=gap, fontSize=SMALL, color=PAPER, stroke=PAPER, strokeWidth=3)
    return [seam, base.mark_text(align=align, dx=gap, fontSize=SMALL, color=INK)]


def _ticks(low: float, high: float) -> list[float]:
    """Round amounts (1, 2, 5 and their tens) between two amounts; of very many the powers of ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    inside = [round(value, 12) for value in found if low <= value <= high]
    return inside if len(inside) <= 7 else [value for value in inside if f"{value:e}"[0] == "1"]


def _cost_text(
    about: PanelData, kept: Sequence[Entry], front: Sequence[Entry], out: Sequence[str], left: str
) -> FigureText:
    estimates = [entry.headline.estimate for entry in kept if entry.headline]
    caption = (
        "Filled, joined by a dashed line: models than which none scores as high for less (Pareto front, by the values "
        "alone: where intervals overlap, so may the front). The bill is for all answers of the run, failed draws "
        f"included, without the judge. {graded_text(estimates)}. {interval_methods(estimates)}"
    )
    if out:
        caption += f" Left out, as their bill is unknown or not whole: {listed([short_name(name) for name in out])}."
    heads = (
        Head("model", "model"),
        Head("cost_usd", "US dollars", "number"),
        Head("value", about.title_of_metric, "points" if about.points else "percent"),
        Head("n", "graded", "count"),
        Head("total", "of", "count"),
        Head("front", "on the front"),
    )
    rows: list[tuple[Cell, ...]] = [
        (e.label, _dollars(e), Span.of(found), found.n, found.total, "yes" if e in front else "no")
        for e, found in zip(kept, estimates, strict=True)
    ]
    least = f"{short_name(front[0].label, 40)}, {numbers.format_dollars(front[0].spending.cost_usd)}"
    said = f"Scatter plot of {len(kept)} models; the cheapest: {least}. Numbers below."
    return FigureText("cost", "Cost against quality", caption + left, said, heads, rows)
