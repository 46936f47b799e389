"""Figure of missing scores: answers that name no option, and items without a score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.core import Estimate
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import MOST, PanelData, interval_methods
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import INK, SERIES, short_name

if TYPE_CHECKING:
    import altair as alt

_INVALID, _UNSCORED = "invalid answers", "unscored items"


@figure_of_panel(90)
def coverage(about: PanelData) -> Iterator[Figure]:
    """Shares of invalid answers (tasks with options) and of unscored items; nothing where there are none."""
    shares = {entry.run.id: _invalid(entry) for entry in about.entries}
    missing = any(entry.coverage.graded < entry.coverage.asked for entry in about.entries)
    if not missing and not any(found and found.value for found in shares.values()):
        return
    kept, left = about.pick(about.entries, MOST)
    order = [about.labels[entry.label] for entry in kept]
    plots = []
    if any(shares.values()):
        rows = [
            {**charts.ends(about.labels[e.label], found, 100.0), "said": f"{100 * found.value:.1f}% of {found.n:,}"}
            for e in kept
            if (found := shares[e.run.id]) and found.value is not None
        ]
        plots.append(_bars(rows, order, _INVALID, SERIES[1], first=True))
    rows = [_unscored_row(about, entry) for entry in kept]
    plots.append(_bars(rows, order, _UNSCORED, SERIES[0], first=not plots))
    import altair as alt

    yield charts.panel_figure(about, _coverage_text(kept, shares, left), alt.hconcat(*plots, spacing=60))


def _invalid(entry: Entry) -> Estimate | None:
    """One minus the validity of the panel, with its interval turned round."""
    found = entry.measure("final_validity") or entry.measure("validity")
    if found is None or found.estimate.value is None:
        return None
    low, high = found.estimate.low, found.estimate.high
    return replace(
        found.estimate,
        value=1 - found.estimate.value,
        low=None if high is None else 1 - high,
        high=None if low is None else 1 - low,
    )


def _unscored_row(about: PanelData, entry: Entry) -> ChartRow:
    asked = entry.coverage.asked
    missing = asked - entry.coverage.graded
    share = 100 * missing / asked if asked else 0.0
    said = f"{missing:,} of {asked:,}"
    return {"model": about.labels[entry.label], "value": share, "low": share, "high": share, "said": said}


def _bars(rows: Sequence[ChartRow], order: Sequence[str], title: str, colour: str, *, first: bool) -> alt.LayerChart:
    import altair as alt

    most = max((float(row["high"]) for row in rows if isinstance(row["high"], int | float)), default=0.0)
    top = max(5.0, 1.02 * most)
    x = alt.X("value:Q", title=f"{title}, %", scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(tickCount=4))
    base = charts.chart(rows).encode(y=charts.names_axis(order, hidden=not first))
    bars = base.mark_bar(size=12, color=colour).encode(x=x)
    rules = base.mark_rule(strokeWidth=1.6).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    ends = base.mark_tick(thickness=1.6, size=8, color=INK)
    said = charts.side_text(base, "said", 178)
    lines = (
        []
        if all(row["low"] == row["high"] for row in rows)
        else [rules, ends.encode(x=alt.X("low:Q")), ends.encode(x=alt.X("high:Q"))]
    )
    return charts.layered(bars, *lines, said, width=170, height=charts.height(len(order)))


def _coverage_text(kept: Sequence[Entry], shares: dict[str, Estimate | None], left: str) -> FigureText:
    invalid = [found for entry in kept if (found := shares[entry.run.id])]
    parts = []
    if invalid:
        parts.append(
            "Left: graded answers that name no option, which count as wrong; lines are intervals. "
            + interval_methods(invalid)
        )
    parts.append(
        f"{'Right: items' if invalid else 'Items'} without a score, which count as nothing: counts of all that was "
        "asked, so without intervals. The more are missing, the more the score depends on which."
    )
    heads = (
        Head("model", "model"),
        Head("invalid", "invalid", "percent"),
        Head("n", "graded", "count"),
        Head("unscored", "unscored", "count"),
        Head("asked", "of", "count"),
        Head("reason", "most frequent reason"),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry in kept:
        found, asked = shares[entry.run.id], entry.coverage
        reason = asked.reasons[0][0] if asked.reasons else ""
        span = Span.of(found) if found else None
        rows.append((entry.label, span, asked.graded, asked.asked - asked.graded, asked.asked, reason))
    worst = max(kept, key=lambda entry: entry.coverage.asked - entry.coverage.graded)
    said = f"Bars for {len(kept)} models; most is missing from {short_name(worst.label, 40)}. Numbers below."
    return FigureText("missing", "What is missing", " ".join(parts) + left, said, heads, rows)
