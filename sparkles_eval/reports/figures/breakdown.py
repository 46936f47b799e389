"""Figures of a score by kind of item: by the data's tags (such as NLVR2's categories) and by number of images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.core import Estimate
from sparkles_eval.reports.figures import charts
from sparkles_eval.reports.figures.charts import ChartRow, FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.panel_data import PanelData, graded_text, interval_methods
from sparkles_eval.reports.figures.registry import figure_of_panel
from sparkles_eval.reports.figures.style import short_name, short_names
from sparkles_eval.store.stored_json import read_json

if TYPE_CHECKING:
    import altair as alt

MODELS = 6
"""Marks in a row that a reader can distinguish."""
PARTS = 24
LEAST = 5
"""Independent units (items, or their clusters) below which a part is not drawn: its interval would span the plot."""

_TAGS = "SELECT s.name, s.cluster, s.tags FROM run_samples p JOIN samples s ON s.id = p.sample_id WHERE p.run_id = ?"
_IMAGES = (
    "SELECT s.name, s.cluster, (SELECT count(*) FROM json_each(s.body, '$.turns') t, json_each(t.value, '$.content') c"
    " WHERE c.type = 'object') FROM run_samples p JOIN samples s ON s.id = p.sample_id WHERE p.run_id = ?"
)


@dataclass(frozen=True, slots=True)
class TaggedItems:
    """The names of a part's items, and the clusters that they belong to."""

    items: set[str] = field(default_factory=set)
    clusters: set[str] = field(default_factory=set)

    def add(self, name: str, cluster: str) -> None:
        """One item more."""
        self.items.add(name)
        self.clusters.add(cluster)


@figure_of_panel(60)
def by_tag(about: PanelData) -> Iterator[Figure]:
    """By tag; an item with several counts in each."""
    found: dict[str, TaggedItems] = {}
    for name, cluster, listed in about.store.connection.execute(_TAGS, (about.entries[0].run.id,)):
        for tag in read_json(listed, list):
            found.setdefault(str(tag), TaggedItems()).add(name, cluster)
    ordered = sorted(found, key=lambda tag: (-len(found[tag].items), tag))
    title, one = ("By linguistic category", "category") if about.task.name.startswith("nlvr2") else ("By tag", "tag")
    yield from _figure(about, "tags", title, one, {tag: found[tag] for tag in ordered})


@figure_of_panel(70)
def by_image_count(about: PanelData) -> Iterator[Figure]:
    """By the number of images in a sample."""
    found: dict[int, TaggedItems] = {}
    for name, cluster, count in about.store.connection.execute(_IMAGES, (about.entries[0].run.id,)):
        found.setdefault(int(count), TaggedItems()).add(name, cluster)
    named = {f"{count} image{'s' if count != 1 else ''}": found[count] for count in sorted(found)}
    yield from _figure(about, "images", "By number of images", "images", named)


Piece = tuple[str, Entry, Estimate]
"""A part's name, who, and the estimate on its items."""


def _figure(about: PanelData, kind: str, title: str, one: str, parts: Mapping[str, TaggedItems]) -> Iterator[Figure]:
    large = {name: part for name, part in parts.items() if len(part.clusters) >= LEAST}
    drawn = dict(list(large.items())[:PARTS])
    if len(drawn) < 2:
        return
    kept, left = about.pick(about.entries, MODELS)
    pieces = _estimates(about.matrix(kept, about.item_metric), kept, drawn)
    if not pieces:
        return
    if len(large) > len(drawn):
        left += f" The {len(drawn)} largest of {len(large)} parts are drawn."
    if len(parts) > len(large):
        left += f" Parts of fewer than {LEAST} independent items are left out ({len(parts) - len(large)})."
    named = short_names(drawn, 28)
    sizes = {name: f"{named[name]} ({len(part.items):,})" for name, part in drawn.items()}
    yield charts.panel_figure(
        about, _breakdown_text(about, kind, title, one, pieces, left), _plot(about, kept, pieces, sizes)
    )


def _estimates(matrix: ScoreMatrix, kept: Sequence[Entry], parts: Mapping[str, TaggedItems]) -> list[Piece]:
    made: list[Piece] = []
    for name, part in parts.items():
        inside = [place for place, item in enumerate(matrix.items) if item in part.items]
        for side, entry in enumerate(kept):
            found = matrix.estimate_of(side, inside)
            if found.value is not None:
                made.append((name, entry, found))
    return made


def _plot(about: PanelData, kept: Sequence[Entry], pieces: Sequence[Piece], sizes: Mapping[str, str]) -> alt.LayerChart:
    import altair as alt

    limits = about.factor * about.item_metric.low, about.factor * about.item_metric.high
    rows: list[ChartRow] = []
    for name, entry, found in pieces:
        row = charts.ends(about.labels[entry.label], found, about.factor)
        low, high = (min(max(float(row[end]), limits[0]), limits[1]) for end in ("low", "high"))  # type: ignore[arg-type]
        rows.append({**row, "low": low, "high": high, "part": sizes[name]})
    order = [about.labels[entry.label] for entry in kept]
    looks = [charts.series_style(about.place(entry)) for entry in kept]
    shape = alt.Scale(domain=order, range=[str(look["shape"]) for look in looks])
    colour = alt.Scale(domain=order, range=[str(look["fill"]) for look in looks])
    base = charts.chart(rows).encode(
        y=charts.names_axis(list(sizes.values()), "part"),
        yOffset=alt.YOffset("model:N", sort=order, scale=alt.Scale(domain=order, paddingOuter=0.8)),
        color=alt.Color("model:N", scale=colour, title=None),
    )
    chance = kept[0].headline.chance if kept[0].headline and about.item_metric == about.metric else None
    edges: list[ChartRow] = list(rows)
    if chance is not None:
        edges.append({"low": about.factor * chance, "high": about.factor * chance})
    x = charts.value_axis("low", f"{about.item_metric.title}, {about.unit}", charts.span(edges, limits))
    rules = base.mark_rule(strokeWidth=1.4).encode(x=x, x2=alt.X2("high:Q"))
    marks = base.mark_point(filled=True, size=44, opacity=1).encode(
        x=alt.X("value:Q"), shape=alt.Shape("model:N", scale=shape, title=None)
    )
    tall = len(sizes) * max(24, 10 * len(kept) + 6)
    line = [] if chance is None else [charts.line_at(about.factor * chance)]
    return charts.layered(*line, rules, marks, width=380, height=tall)


def _breakdown_text(
    about: PanelData, kind: str, title: str, one: str, pieces: Sequence[Piece], left: str
) -> FigureText:
    estimates = [found for *_, found in pieces]
    metric = about.item_metric.title
    caption = (
        f"{metric} on the items of each part; the number of items stands in brackets. {graded_text(estimates)} items a "
        f"mark. {interval_methods(estimates)} Parts were not tested against each other, and an item may be in "
        "several: a "
        f"difference between rows is a hint, not a finding.{left}"
    )
    if any(e.headline and e.headline.chance is not None for e in about.entries):
        caption += " Dashed: what guessing gets."
    heads = (
        Head("part", one),
        Head("model", "model"),
        Head("value", metric.lower(), "points" if about.points else "percent"),
        Head("n", "graded", "count"),
        Head("total", "of", "count"),
        Head("method", "interval by"),
    )
    rows: list[tuple[Cell, ...]] = [
        (name, entry.label, Span.of(found), found.n, found.total, found.method or found.note)
        for name, entry, found in pieces
    ]
    count = len({name for name, *_ in pieces})
    said = f"Dot plot of {count} parts, best model {short_name(pieces[0][1].label, 40)}. Numbers below."
    return FigureText(kind, title, caption, said, heads, rows)
