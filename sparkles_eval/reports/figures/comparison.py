"""Figures that compare models: scores with intervals and ranks, and paired differences with Holm's adjustment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.ranking import RankedRun
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import (
    MOST,
    REFERENCES,
    PanelData,
    graded_text,
    interval_methods,
    range_text,
)
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import QUIET, SERIES, pairs, short_name, short_names

if TYPE_CHECKING:
    import altair as alt


@figure_of_panel(10)
def ranks(about: PanelData) -> Iterator[Figure]:
    """The headline of every model with its interval, beside the ranks that it may claim."""
    scored = [e for e in about.entries if e.headline and e.headline.estimate.value is not None]
    if len(scored) < 2:
        return
    models, left = about.pick([e for e in scored if not e.reference], MOST)
    references = [e for e in scored if e.reference]
    kept = (*models, *references[:REFERENCES])
    if len(references) > REFERENCES:
        left += f" {REFERENCES} of {len(references)} baselines and controls are drawn; the tables have all."
    ranked_runs = _ranked_by_run(about)
    order = [about.labels[entry.label] for entry in kept]
    plots = [_scores(about, kept, order)]
    ranked = [(about.labels[e.label], ranked_runs[e.run.id]) for e in kept if e.run.id in ranked_runs]
    ranked = [(label, stands) for label, stands in ranked if stands.rank_low is not None]
    if ranked:
        plots.append(_ranges(ranked, order, len(about.models)))
    import altair as alt

    yield charts.panel_figure(about, _ranks_text(about, kept, ranked_runs, left), alt.hconcat(*plots, spacing=14))


def _ranked_by_run(about: PanelData) -> dict[str, RankedRun]:
    """The ranked runs of the models by run id; baselines alone are not ranked."""
    made = about.comparison
    if made is None or len(about.models) < 2:
        return {}
    runs = {one.label: one.run.id for one in made.matrix.runs}
    return {runs[ranked_run.label]: ranked_run for ranked_run in made.ranked_runs}


def _scores(about: PanelData, kept: Sequence[Entry], order: Sequence[str]) -> alt.LayerChart:
    rows: list[ChartRow] = []
    for entry in kept:
        measure = entry.headline
        assert measure is not None
        look = charts.plain_style(hollow=entry.reference)
        rows.append({**charts.ends(about.labels[entry.label], measure.estimate, about.factor), **look})
    first = kept[0].headline
    assert first is not None
    column, chance = first.column, first.chance
    limits = about.factor * column.low, about.factor * column.high
    inside: list[ChartRow] = list(rows)
    if chance is not None:
        inside.append({"low": about.factor * chance, "high": about.factor * chance})
    base = charts.chart(rows).encode(y=charts.names_axis(order))
    x = charts.value_axis("low", f"{column.title}, {about.unit}", charts.span(inside, limits))
    line = [] if chance is None else [charts.line_at(about.factor * chance)]
    return charts.layered(*line, charts.dots(base, x), width=260, height=charts.height(len(order)))


def _ranges(ranked: Sequence[tuple[str, RankedRun]], order: Sequence[str], models: int) -> alt.LayerChart:
    import altair as alt

    rows: list[ChartRow] = [
        {"model": label, "low": s.rank_low, "high": s.rank_high, "letters": short_name(s.letters, 12)}
        for label, s in ranked
    ]
    worst = max(models, 2)
    axis = alt.Axis(tickMinStep=1, format="d", tickCount=min(worst, 8))
    x = alt.X("low:Q", title="rank", scale=alt.Scale(domain=[0.5, worst + 0.5], nice=False, zero=False), axis=axis)
    base = charts.chart(rows).encode(y=charts.names_axis(order, hidden=True))
    bars = base.mark_rule(strokeWidth=5, strokeCap="round", stroke=SERIES[0]).encode(x=x, x2=alt.X2("high:Q"))
    caps = base.mark_point(filled=True, size=40, opacity=1, color=SERIES[0])
    letters = charts.side_text(base, "letters", 128)
    ends = caps.encode(x=alt.X("low:Q")), caps.encode(x=alt.X("high:Q"))
    return charts.layered(bars, *ends, letters, width=120, height=charts.height(len(order)))


def _ranks_text(about: PanelData, kept: Sequence[Entry], ranked_runs: Mapping[str, RankedRun], left: str) -> FigureText:
    estimates = [entry.headline.estimate for entry in kept if entry.headline]
    chance = kept[0].headline.chance if kept[0].headline else None
    parts = ["Left: each model's mean with its 95% interval."]
    if chance is not None:
        parts.append("Dashed: what guessing gets.")
    if any(entry.reference for entry in kept):
        parts.append("Hollow: baselines and controls, which are not ranked.")
    tested = about.comparison.pairs if about.comparison else ()
    if any(s.rank_low is not None for s in ranked_runs.values()):
        parts.append(
            "Right: the ranks that the data allow; all of them hold together with 95% (Mogstad et al. 2024, Holm over "
            f"{pairs(len(tested))}). Models that share a letter are not distinguished."
        )
    elif ranked_runs:
        parts.append("No ranks are drawn: so few independent samples allow none.")
    parts.append(f"{graded_text(estimates)}. {interval_methods(estimates)}{left}")
    heads = (
        Head("model", "model"),
        Head("value", about.title_of_metric, "points" if about.points else "percent"),
        Head("n", "graded", "count"),
        Head("total", "of", "count"),
        Head("rank_low", "rank from", "count"),
        Head("rank_high", "to", "count"),
        Head("letters", "letters"),
        Head("method", "interval by"),
    )
    rows: list[tuple[Cell, ...]] = []
    for entry in kept:
        assert entry.headline is not None
        e, s = entry.headline.estimate, ranked_runs.get(entry.run.id)
        place: tuple[Cell, ...] = (s.rank_low, s.rank_high, s.letters) if s else (None, None, "")
        rows.append((entry.label, Span.of(e), e.n, e.total, *place, e.method or e.note))
    best = kept[0]
    said = (
        f"Dot plot of {len(kept)} rows with intervals, best first: {short_name(best.label, 40)} leads. Numbers below."
    )
    return FigureText("ranks", "Scores and ranks", " ".join(parts), said, heads, rows)


ALL_PAIRS = 10
"""Pairs up to which each is drawn; of more, those with the best model."""


@figure_of_panel(20)
def differences(about: PanelData) -> Iterator[Figure]:
    """Paired differences of the headline with their intervals, marked by Holm's adjustment."""
    made = about.comparison
    if made is None:
        return
    pairs = [pair for pair in made.pairs if pair.difference is not None]
    drawn, left = _chosen_pairs(about, pairs)
    if not drawn:
        return
    unit = "percentage points" if not about.points else "points"
    rows = [_pair_row(about, pair) for pair in drawn]
    plot = charts.forest(rows, f"difference in {_title(about)}, {unit}", size=72)
    yield charts.panel_figure(about, _differences_text(about, drawn, unit, left), plot)


def _chosen_pairs(about: PanelData, pairs: Sequence[Tested]) -> tuple[list[Tested], str]:
    """Every pair where they are few, else those with the best run; each as the better model minus the other."""
    if len(pairs) <= ALL_PAIRS:
        return list(pairs), ""
    assert about.comparison is not None
    label = about.comparison.ranked_runs[0].label
    best = next(i for i, other in enumerate(about.comparison.matrix.labels) if other == label)
    mine = [pair for pair in pairs if best in (pair.first, pair.second)]
    drawn = sorted(mine, key=lambda pair: abs(pair.difference or 0.0))[:MOST]
    count = f"Of {len(pairs)} pairs the {len(drawn)}"
    said = f" {count} of the best model, {short_name(label)}, are drawn; sparkles-eval compare has all."
    return drawn, said


def _pair_row(about: PanelData, pair: Tested) -> ChartRow:
    assert about.comparison is not None and pair.difference is not None
    names = list(short_names(about.comparison.matrix.labels, 20).values())
    factor = about.factor
    low = pair.difference if pair.low is None else pair.low
    high = pair.difference if pair.high is None else pair.high
    digits = 2 if about.points else 1
    said = f"{factor * pair.difference:+.{digits}f}"
    if pair.low is not None and pair.high is not None:
        said += f" [{factor * pair.low:.{digits}f}, {factor * pair.high:.{digits}f}]"
    said = said.replace("-", "\N{MINUS SIGN}")
    star = pair.significant
    return {
        "model": f"{names[pair.first]} \N{MINUS SIGN} {names[pair.second]}",
        "value": factor * pair.difference,
        "low": factor * low,
        "high": factor * high,
        "said": said + (" *" if star else ""),
        **charts.plain_style(hollow=not star),
        "shape": "diamond" if star else "circle",
        **({} if star else {"stroke": QUIET}),
    }


def _differences_text(about: PanelData, drawn: Sequence[Tested], unit: str, left: str) -> FigureText:
    made = about.comparison
    assert made is not None
    tests, intervals = ("; ".join(dict.fromkeys(filter(None, each))) for each in _methods(drawn))
    caption = (
        f"First minus second model on the items that both have (n = "
        f"{range_text([pair.n for pair in drawn])}), in {unit}, "
        f"with 95% intervals ({intervals or 'none'}). Filled diamond and *: still different at 5% after Holm's "
        f"adjustment over {pairs(len(made.pairs))} ({tests or 'no test'}); hollow circle: not shown to differ, which "
        f"is not shown to be equal.{left}"
    )
    heads = (
        Head("first", "model"),
        Head("second", "minus"),
        Head("difference", "difference", "points" if about.points else "percent"),
        Head("n", "items", "count"),
        Head("p", "p", "p"),
        Head("p_holm", "p (Holm)", "p"),
        Head("p_bh", "p (BH)", "p"),
        Head("test", "test"),
        Head("note", "note"),
    )
    models = made.matrix.labels
    rows: list[tuple[Cell, ...]] = [
        (
            models[p.first],
            models[p.second],
            Span(p.difference, p.low, p.high),
            p.n,
            p.p,
            p.p_holm,
            p.p_bh,
            p.test,
            p.note,
        )
        for p in drawn
    ]
    significant_pairs = sum(pair.significant for pair in drawn)
    said = (
        f"Forest plot of {len(drawn)} paired differences; {significant_pairs} differ after adjustment. Numbers below."
    )
    return FigureText("differences", "Paired differences", caption, said, heads, rows)


def _methods(drawn: Sequence[Tested]) -> tuple[list[str], list[str]]:
    return [pair.test for pair in drawn], [pair.interval for pair in drawn]


def _title(about: PanelData) -> str:
    """Of the headline; in a sentence."""
    found = about.title_of_metric
    return found[:1].lower() + found[1:] if found.istitle() else found
