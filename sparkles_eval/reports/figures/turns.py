"""The mean of the first answer of a dialogue beside that of the later ones, a line for each model.

Means and intervals are the panel's own measures. Knows nothing of stores.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.criteria import turns_of
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import shown
from sparkles_eval.reports.figures.subject import Subject, counts, methods
from sparkles_eval.reports.figures.theme import INK, SMALL

if TYPE_CHECKING:
    import altair as alt

SLOPES = 8
"""Lines that can be told apart in one plot."""
_ROOM = 0.15
"""Of the distance between two turns, left free beside the first and the last."""


def turns(about: Subject) -> Iterator[Figure]:
    """The mean of the first answer beside that of the later ones, a line for each model."""
    numbers = turns_of(about)
    if not about.rated or len(numbers) < 2:
        return
    whole = [e for e in about.entries if all(_value(e, turn) is not None for turn in numbers)]
    kept, left = about.pick(whole, SLOPES)
    if not kept:
        return
    yield draw.figure(about, _said(about, kept, numbers, left), _slopes(about, kept, numbers))


def _measure(entry: Entry, turn: int) -> Measure:
    found = entry.measure(f"A{turn}")
    assert found is not None
    return found


def _value(entry: Entry, turn: int) -> float | None:
    found = entry.measure(f"A{turn}")
    return found.estimate.value if found else None


def _slopes(about: Subject, kept: Sequence[Entry], numbers: Sequence[int]) -> alt.LayerChart:
    import altair as alt

    tall = max(240, 22 * len(kept))
    rows: list[Row] = []
    for place, entry in enumerate(kept):
        shift = (place - (len(kept) - 1) / 2) * 0.03  # so that intervals stand beside each other
        for turn in numbers:
            row = draw.ends(about.labels[entry.label], _measure(entry, turn).estimate, 1.0)
            rows.append({**row, **draw.look(about.place(entry)), "turn": turn + shift})
    domain = draw.span(rows, (about.judge.low, about.judge.high))
    last = [_value(entry, numbers[-1]) or 0.0 for entry in kept]
    places = draw.apart(last, 15 * (domain[1] - domain[0]) / tall)
    names: list[Row] = [
        {
            "model": about.labels[entry.label],
            "at": at,
            "turn": numbers[-1] + _ROOM + 0.05,
            **draw.look(about.place(entry)),
        }
        for entry, at in zip(kept, places, strict=True)
    ]
    axis = alt.Axis(values=list(numbers), labelExpr="'answer ' + format(datum.value, 'd')", grid=False, domain=False)
    turns = alt.Scale(domain=[numbers[0] - _ROOM, numbers[-1] + _ROOM], nice=False)
    x = alt.X("turn:Q", title=None, axis=axis, scale=turns)
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    y = alt.Y("value:Q", title="points", scale=scale, axis=alt.Axis(grid=True, tickCount=6))
    stroke = alt.Stroke("stroke:N", scale=None, legend=None)
    base = draw.chart(rows).encode(x=x, stroke=stroke)
    lines = base.mark_line(strokeWidth=1.8).encode(y=y, detail=alt.Detail("model:N"))
    rules = base.mark_rule(strokeWidth=1.4).encode(y=alt.Y("low:Q", title="points"), y2=alt.Y2("high:Q"))
    look = {
        "fill": alt.Fill("fill:N", scale=None, legend=None),
        "shape": alt.Shape("shape:N", scale=None, legend=None),
    }
    marks = base.mark_point(size=60, opacity=1).encode(y=y, **look)
    beside = draw.chart(names).encode(x=x, y=alt.Y("at:Q", title="points"))
    keys = beside.mark_point(size=46, opacity=1).encode(stroke=stroke, **look)
    text = beside.mark_text(align="left", dx=9, fontSize=SMALL, color=INK).encode(text=alt.Text("model:N"))
    return draw.layered(rules, lines, marks, keys, text, width=130 * len(numbers), height=tall)


def _said(about: Subject, kept: Sequence[Entry], numbers: Sequence[int], left: str) -> Told:
    estimates = [_measure(entry, turn).estimate for entry in kept for turn in numbers]
    caption = (
        f"Mean over criteria of each answer of a dialogue, by {shown(about.judge.name)}; models stand side by side "
        "only to keep their intervals apart. A line that falls belongs to a model that is worse in a later turn. The "
        f"intervals are of each mean, not of the change. {counts(estimates)} dialogues. {methods(estimates)}{left}"
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
    return Told("turns", "From answer to answer", caption, said, heads, rows)
