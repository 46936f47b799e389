"""Figure of a judge's calibration: people's mean score at each score of the judge, with the fit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.judges.judge_biases import people_of
from sparkles_eval.analysis.judges.judge_scores import WHOLE
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.core import Estimate
from sparkles_eval.core.samples import Cluster
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.judge_data import JudgeData, judge_figure
from sparkles_eval.reports.figures.panel_data import interval_methods
from sparkles_eval.reports.figures.registry import figure_of_judges
from sparkles_eval.reports.figures.style import QUIET, SERIES, FileNames
from sparkles_eval.stats.calibration import isotonic, linear
from sparkles_eval.stats.estimates import mean_estimate

if TYPE_CHECKING:
    import altair as alt

ISOTONIC = 50
"""Labels from which a rising step is fitted; a line below (as in stats.calibration.cross_fit)."""
LEAST = 10
"""Answers marked by both below which nothing is drawn."""
JUDGES = 6
_SIDE = 200


@dataclass(frozen=True, slots=True)
class CalibrationCurve:
    """One judge against people: `bins` are (judge's mark, people's mean there)."""

    place: int
    n: int
    bins: tuple[tuple[float, Estimate], ...]
    fit: tuple[tuple[float, float], ...]
    method: str


@figure_of_judges(40)
def reliability(about: JudgeData, stems: FileNames) -> Iterator[Figure]:
    """For every judge the mean of people's marks at each of its own."""
    people = people_of(about.marks)
    if people is None:
        return
    places = [place for place in range(len(about.marks.markers)) if place != people]
    curves = [curve for place in places if (curve := _curve(about, place, people))]
    drawn = curves[:JUDGES]
    if not drawn:
        return
    import altair as alt

    most = max(estimate.n for curve in drawn for _, estimate in curve.bins)
    plots = [_plot(about, curve, most) for curve in drawn]
    estimates = [estimate for curve in drawn for _, estimate in curve.bins]
    caption = (
        "Mean of people's marks (mean over criteria and raters) of the answers to which a judge gave a mark, by the "
        "judge's mark rounded to a whole point; the area of a dot is the number of answers, which stands at the foot. "
        "Dashed: where both agree. Orange: the fit that calibration uses "
        f"({'; '.join(dict.fromkeys(c.method for c in drawn))}). Above the dashed line the judge is stricter than "
        f"people. {interval_methods(estimates)} Intervals count an answer's dialogue once."
    )
    if len(drawn) < len(curves):
        caption += f" {len(drawn)} of {len(curves)} judges are drawn."
    heads = (
        Head("judge", "judge"),
        Head("mark", "judge's mark", "points"),
        Head("people", "people's mean", "points"),
        Head("n", "answers", "count"),
        Head("method", "interval by"),
    )
    rows: list[tuple[Cell, ...]] = [
        (about.marks.markers[curve.place].name, mark, Span.of(found), found.n, found.method or found.note)
        for curve in drawn
        for mark, found in curve.bins
    ]
    alt_text = f"Calibration plots of {len(drawn)} judges against people. Numbers below."
    chart = alt.concat(*plots, columns=2 if len(plots) in (2, 4) else 3, spacing=26)
    said = charts.FigureText("reliability", "Judges against people", caption, alt_text, heads, rows)
    yield judge_figure(about, stems, said, chart)


def _curve(about: JudgeData, place: int, people: int) -> CalibrationCurve | None:
    judge, human = about.marks.of(place, WHOLE), about.marks.of(people, WHOLE)
    both = np.flatnonzero(~np.isnan(judge) & ~np.isnan(human))
    if both.size < LEAST:
        return None
    x, y = judge[both], human[both]
    clusters = [about.marks.clusters[at] for at in both.tolist()]
    bins = tuple(_bin(mark, x, y, clusters) for mark in sorted({math.floor(value + 0.5) for value in x.tolist()}))
    rising = both.size >= ISOTONIC
    fitted = (isotonic if rising else linear)(x, y)
    ends = np.unique(x)
    fit = tuple(zip(ends.tolist(), fitted(ends).tolist(), strict=True))
    return CalibrationCurve(
        place, int(both.size), bins, fit, "isotonic" if rising else "a line, for fewer than 50 answers"
    )


def _bin(
    mark: int, x: NDArray[np.float64], y: NDArray[np.float64], clusters: Sequence[Cluster]
) -> tuple[float, Estimate]:  # fmt: skip
    inside = np.flatnonzero(np.floor(x + 0.5) == mark).tolist()
    return float(mark), mean_estimate(y[inside], [clusters[at] for at in inside])


def _plot(about: JudgeData, curve: CalibrationCurve, most: int) -> alt.LayerChart:
    import altair as alt

    low, high = about.marks.low, about.marks.high
    edge = 0.06 * (high - low)
    scale = alt.Scale(domain=[low - edge, high + edge], nice=False, zero=False)
    x = alt.X("mark:Q", title=about.labels[curve.place], scale=scale, axis=alt.Axis(tickCount=5, titleLimit=_SIDE))
    y = alt.Y("value:Q", title="people", scale=scale, axis=alt.Axis(tickCount=5, grid=True))
    rows: list[ChartRow] = []
    for mark, found in curve.bins:
        ends = charts.ends("", found, 1.0)
        inside = {end: min(max(float(ends[end]), low), high) for end in ("low", "high")}  # type: ignore[arg-type]
        rows.append({**ends, **inside, "mark": mark, "n": found.n, "said": f"{found.n}"})
    size = alt.Size("n:Q", scale=alt.Scale(domain=[0, most], range=[12, 260]), legend=None)
    base = charts.chart(rows).encode(x=x)
    rules = base.mark_rule(stroke=SERIES[0], strokeWidth=1.6).encode(
        y=alt.Y("low:Q", title="people", scale=scale), y2=alt.Y2("high:Q")
    )
    marks = base.mark_circle(color=SERIES[0], opacity=1).encode(y=y, size=size)
    counts = base.mark_text(fontSize=9, color=QUIET).encode(y=alt.value(_SIDE - 7), text=alt.Text("said:N"))
    same: list[ChartRow] = [{"mark": low, "value": low}, {"mark": high, "value": high}]
    equal = charts.chart(same).mark_line(stroke=QUIET, strokeDash=[4, 3], strokeWidth=1.2).encode(x=x, y=y)
    fit: list[ChartRow] = [{"mark": at, "value": value} for at, value in curve.fit]
    line = charts.chart(fit).mark_line(stroke=SERIES[1], strokeWidth=1.8).encode(x=x, y=y)
    title = charts.heading(f"n {curve.n:,}")
    return charts.layered(equal, line, rules, marks, counts, width=_SIDE, height=_SIDE, title=title)
