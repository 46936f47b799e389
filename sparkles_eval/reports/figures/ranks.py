"""Who is ahead: every model's headline with its interval, beside the ranks that it may claim.

Scores are the panel's own, ranks those of `evidence.compare`. Knows nothing of how they were got.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.ranking import Standing
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import pairs, shown
from sparkles_eval.reports.figures.subject import MOST, REFERENCES, Subject, counts, methods
from sparkles_eval.reports.figures.theme import SERIES

if TYPE_CHECKING:
    import altair as alt


def ranks(about: Subject) -> Iterator[Figure]:
    """The headline of every model with its interval, beside the ranks that it may claim."""
    scored = [e for e in about.entries if e.headline and e.headline.estimate.value is not None]
    if len(scored) < 2:
        return
    models, left = about.pick([e for e in scored if not e.reference], MOST)
    references = [e for e in scored if e.reference]
    kept = (*models, *references[:REFERENCES])
    if len(references) > REFERENCES:
        left += f" {REFERENCES} of {len(references)} baselines and controls are drawn; the tables have all."
    standings = _standings(about)
    order = [about.labels[entry.label] for entry in kept]
    plots = [_scores(about, kept, order)]
    ranked = [(about.labels[e.label], standings[e.run.id]) for e in kept if e.run.id in standings]
    ranked = [(label, stands) for label, stands in ranked if stands.rank_low is not None]
    if ranked:
        plots.append(_ranges(ranked, order, len(about.models)))
    import altair as alt

    yield draw.figure(about, _said_of_ranks(about, kept, standings, left), alt.hconcat(*plots, spacing=14))


def _standings(about: Subject) -> dict[str, Standing]:
    """Run id -> its standing among the models; baselines alone are not ranked."""
    made = about.comparison
    if made is None or len(about.models) < 2:
        return {}
    runs = {one.label: one.run.id for one in made.matrix.runs}
    return {runs[standing.label]: standing for standing in made.standings}


def _scores(about: Subject, kept: Sequence[Entry], order: Sequence[str]) -> alt.LayerChart:
    rows: list[Row] = []
    for entry in kept:
        measure = entry.headline
        assert measure is not None
        look = draw.plain(hollow=entry.reference)
        rows.append({**draw.ends(about.labels[entry.label], measure.estimate, about.factor), **look})
    first = kept[0].headline
    assert first is not None
    column, chance = first.column, first.chance
    limits = about.factor * column.low, about.factor * column.high
    inside: list[Row] = list(rows)
    if chance is not None:
        inside.append({"low": about.factor * chance, "high": about.factor * chance})
    base = draw.chart(rows).encode(y=draw.names_axis(order))
    x = draw.value_axis("low", f"{column.title}, {about.unit}", draw.span(inside, limits))
    line = [] if chance is None else [draw.line_at(about.factor * chance)]
    return draw.layered(*line, draw.dots(base, x), width=260, height=draw.height(len(order)))


def _ranges(ranked: Sequence[tuple[str, Standing]], order: Sequence[str], models: int) -> alt.LayerChart:
    import altair as alt

    rows: list[Row] = [
        {"model": label, "low": s.rank_low, "high": s.rank_high, "letters": shown(s.letters, 12)} for label, s in ranked
    ]
    worst = max(models, 2)
    axis = alt.Axis(tickMinStep=1, format="d", tickCount=min(worst, 8))
    x = alt.X("low:Q", title="rank", scale=alt.Scale(domain=[0.5, worst + 0.5], nice=False, zero=False), axis=axis)
    base = draw.chart(rows).encode(y=draw.names_axis(order, hidden=True))
    bars = base.mark_rule(strokeWidth=5, strokeCap="round", stroke=SERIES[0]).encode(x=x, x2=alt.X2("high:Q"))
    caps = base.mark_point(filled=True, size=40, opacity=1, color=SERIES[0])
    letters = draw.beside(base, "letters", 128)
    ends = caps.encode(x=alt.X("low:Q")), caps.encode(x=alt.X("high:Q"))
    return draw.layered(bars, *ends, letters, width=120, height=draw.height(len(order)))


def _said_of_ranks(about: Subject, kept: Sequence[Entry], standings: Mapping[str, Standing], left: str) -> Told:
    estimates = [entry.headline.estimate for entry in kept if entry.headline]
    chance = kept[0].headline.chance if kept[0].headline else None
    parts = ["Left: each model's mean with its 95% interval."]
    if chance is not None:
        parts.append("Dashed: what guessing gets.")
    if any(entry.reference for entry in kept):
        parts.append("Hollow: baselines and controls, which are not ranked.")
    tested = about.comparison.pairs if about.comparison else ()
    if any(s.rank_low is not None for s in standings.values()):
        parts.append(
            "Right: the ranks that the data allow; all of them hold together with 95% (Mogstad et al. 2024, Holm over "
            f"{pairs(len(tested))}). Models that share a letter are not told apart."
        )
    elif standings:
        parts.append("No ranks are drawn: so few independent samples allow none.")
    parts.append(f"{counts(estimates)}. {methods(estimates)}{left}")
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
        e, s = entry.headline.estimate, standings.get(entry.run.id)
        place: tuple[Cell, ...] = (s.rank_low, s.rank_high, s.letters) if s else (None, None, "")
        rows.append((entry.label, Span.of(e), e.n, e.total, *place, e.method or e.note))
    best = kept[0]
    said = f"Dot plot of {len(kept)} rows with intervals, best first: {shown(best.label, 40)} leads. Numbers below."
    return Told("ranks", "Scores and ranks", " ".join(parts), said, heads, rows)
