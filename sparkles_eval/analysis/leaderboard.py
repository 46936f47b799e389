"""The leaderboard: models as rows, panels as columns, one table for each view, and the geometry of its bars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from sparkles_eval.analysis.comparability import Comparability, Conditions, view_titles
from sparkles_eval.analysis.conclusions import Conclusion, conclusion
from sparkles_eval.analysis.metrics import Measure, extracts
from sparkles_eval.analysis.published import Published
from sparkles_eval.analysis.ranking import PanelRanks, RankedRun, panel_ranks
from sparkles_eval.analysis.reference_rows import guessing, invalid_rate, published_for, published_measure
from sparkles_eval.analysis.summary import Entry, Panel, Summary, TaskSummary
from sparkles_eval.core import Estimate
from sparkles_eval.store.spending import Sum
from sparkles_eval.tasks.metrics import Metric

RowKind: TypeAlias = Literal["model", "baseline", "control", "guessing", "published"]
"""Who a row is. Only models are contestants; the others stand apart."""

USUAL = "strict"
"""The protocol that is shown first."""


@dataclass(frozen=True, slots=True)
class PanelColumn:
    """A panel as columns of the leaderboard: its headline, its rank, its parts on demand."""

    task: TaskSummary
    panel: Panel
    column: Metric
    """The headline metric."""
    parts: tuple[Metric, ...]
    """All other metrics, criterion by criterion and turn by turn; shown on demand."""
    ranks: PanelRanks
    published: Published | None

    @property
    def checked(self) -> bool:
        """True where a rule reads options, so that an answer can be invalid."""
        return self.panel.judge is not None and extracts(self.panel.judge)

    @property
    def some_invalid(self) -> bool:
        """True where some answer is invalid, so that a column of it says anything."""
        rates = [invalid_rate(entry) for entry in self.panel.entries] if self.checked else []
        return any(rate.estimate.value for rate in rates if rate is not None)

    @property
    def any_rank(self) -> bool:
        """True where some model has a rank, or a reason of its own for having none."""
        return bool(self.ranks.by_run) and not (
            self.ranks.note and not any(r.unranked for r in self.ranks.by_run.values())
        )

    @property
    def same_count(self) -> tuple[int, int] | None:
        """Graded items and all items where they are equal for every row; None where each row has its own."""
        counts = {(entry.coverage.graded, entry.coverage.asked) for entry in self.panel.entries}
        return counts.pop() if len(counts) == 1 else None

    @property
    def conclusion(self) -> Conclusion:
        """Who leads, in one sentence."""
        return conclusion(self.panel, self.ranks)


@dataclass(frozen=True, slots=True)
class PanelCell:
    """What one row has in one panel. `entry` is None in rows that were not run here."""

    entry: Entry | None
    measure: Measure | None
    """The headline."""
    ranked_run: RankedRun | None = None
    invalid: Measure | None = None

    def part(self, name: str) -> Measure | None:
        """Another metric of the panel."""
        return self.entry.measure(name) if self.entry else None


@dataclass(frozen=True, slots=True)
class Line:
    """A row: `cells[i]` belongs to `heads[i]`, None where the row has nothing there."""

    label: str
    name: str
    """The model's name in the store; "" for what was not run."""
    kind: RowKind
    cells: tuple[PanelCell | None, ...]
    cost: Sum
    """Of every run of the row in this view and of its judging, each once."""
    seconds: float
    """Sum over replies of every run of the row, each once; requests run side by side, so it is no wall time."""
    graded: int
    asked: int


@dataclass(frozen=True, slots=True)
class View:
    """One table: everything in it was got under the same conditions. `lines` are models, best first."""

    conditions: Conditions
    heads: tuple[PanelColumn, ...]
    lines: tuple[Line, ...]
    references: tuple[Line, ...]
    """What guessing gets, baselines, controls."""
    published: tuple[Line, ...]
    title: str = ""
    """The protocol and the judge by name, with a hash only where names are not enough."""

    @property
    def id(self) -> str:
        return self.conditions.id


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Every view of a store, the usual first."""

    views: tuple[View, ...]

    def names(self, *, reference: bool) -> list[str]:
        """Names of the models (of baselines and controls), each once, in the order of the first view."""
        lines = (line for view in self.views for line in (view.references if reference else view.lines))
        return list(dict.fromkeys(line.name for line in lines if line.name))


def leaderboard(summary: Summary, content: Sequence[Path] = ()) -> Leaderboard:
    """The leaderboard of a summary; panels that nobody has scored are left out.

    `content` are folders that may hold `published.yaml`.
    """
    groups = _view_groups(summary)
    panels = {panel.id: (task, panel) for made in groups for task, panel in made.panels}
    heads = {key: _head(task, panel, content) for key, (task, panel) in panels.items()}
    made = []
    for one in groups:
        own = tuple(head for _, panel in one.panels if (head := heads[panel.id]) is not None)
        if own:
            made.append(_view(one.conditions, own))
    titles = view_titles([view.conditions for view in made])
    return Leaderboard(tuple(replace(view, title=title) for view, title in zip(made, titles, strict=True)))


def _head(task: TaskSummary, panel: Panel, content: Sequence[Path]) -> PanelColumn | None:
    headline = next((column for column in panel.columns if column.level == "headline"), None)
    if headline is None:
        return None
    parts = tuple(column for column in panel.columns if column.level in ("main", "detail"))
    return PanelColumn(task, panel, headline, parts, panel_ranks(panel), published_for(panel, headline, content))


def _view(conditions: Conditions, heads: tuple[PanelColumn, ...]) -> View:
    rows: dict[str, list[Entry | None]] = {}
    for place, head in enumerate(heads):
        for entry in head.panel.entries:
            rows.setdefault(entry.label, [None] * len(heads))[place] = entry
    lines = sorted((_line(label, heads, entries) for label, entries in rows.items()), key=_order)
    return View(
        conditions,
        heads,
        tuple(line for line in lines if line.kind == "model"),
        (*_guessing(heads), *(line for line in lines if line.kind != "model")),
        tuple(_published(heads)),
    )


def _line(label: str, heads: Sequence[PanelColumn], entries: Sequence[Entry | None]) -> Line:
    there = [entry for entry in entries if entry is not None]
    runs = {entry.run.id: entry.spending for entry in there}
    costs = [spent.cost_usd for spent in runs.values()]
    costs += [entry.judging.cost_usd for entry in there if entry.judging is not None]
    kind = there[0].run.model.kind
    return Line(
        label,
        there[0].run.model.name,
        "baseline" if kind == "baseline" else "control" if kind == "control" else "model",
        tuple(_cell(head, entry) if entry else None for head, entry in zip(heads, entries, strict=True)),
        Sum(sum(c.known for c in costs), sum(c.count for c in costs), sum(c.unknown for c in costs)),
        sum(spent.latency_s for spent in runs.values()),
        sum(entry.coverage.graded for entry in there),
        sum(entry.coverage.asked for entry in there),
    )


def _cell(head: PanelColumn, entry: Entry) -> PanelCell:
    return PanelCell(entry, entry.headline, head.ranks.by_run.get(entry.run.id), invalid_rate(entry))


def _apart(label: str, kind: RowKind, cells: Iterable[Measure | None]) -> Line:
    """A row of numbers that were not run here."""
    return Line(label, "", kind, tuple(PanelCell(None, m) if m else None for m in cells), Sum(0.0, 0, 0), 0.0, 0, 0)


def _guessing(heads: Sequence[PanelColumn]) -> Iterator[Line]:
    found = [guessing(head.panel, head.column) for head in heads]
    if any(found):
        yield _apart("guessing", "guessing", found)


def _published(heads: Sequence[PanelColumn]) -> Iterator[Line]:
    rows: dict[str, list[Measure | None]] = {}
    for place, head in enumerate(heads):
        for row in head.published.rows if head.published else ():
            measures = rows.setdefault(row.model, [None] * len(heads))
            assert head.published is not None
            measures[place] = published_measure(row, head.published, head.column)
    for label, cells in rows.items():
        yield _apart(label, "published", cells)


def _order(line: Line) -> tuple[tuple[tuple[bool, float], ...], str]:
    """By the first column's headline, best first; then what has too few graded items, then what has no number."""
    return tuple(_place(cell) for cell in line.cells), line.label


def _place(cell: PanelCell | None) -> tuple[bool, float]:
    value = cell.measure.estimate.value if cell and cell.measure else None
    apart = bool(cell and cell.entry and not cell.entry.coverage.enough)
    return apart or value is None, float("inf") if value is None else -value


@dataclass(frozen=True, slots=True)
class Bar:
    """Where an interval lies on its scale, in per cent of the scale's width, as text for SVG."""

    low: str
    width: str
    value: str
    chance: str | None


def bar(measure: Measure) -> Bar | None:
    """The bar of a measure; None where it has no value. Without an interval the bar has no width."""
    estimate: Estimate = measure.estimate
    if estimate.value is None:
        return None
    column = measure.column
    whole = column.high - column.low

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - column.low) / whole)) if whole > 0 else 0.0

    low = at(estimate.value if estimate.low is None else estimate.low)
    high = at(estimate.value if estimate.high is None else estimate.high)
    chance = None if measure.chance is None else f"{at(measure.chance):.2f}"
    return Bar(f"{low:.2f}", f"{high - low:.2f}", f"{at(estimate.value):.2f}", chance)


def by_panel(board: Leaderboard) -> Mapping[str, PanelColumn]:
    """The head of each scored panel, by `Panel.id`."""
    return {head.panel.id: head for view in board.views for head in view.heads}


@dataclass(frozen=True, slots=True)
class _ViewGroup:
    """A view's panels with their tasks, in the order of the summary."""

    conditions: Conditions
    panels: tuple[tuple[TaskSummary, Panel], ...]


def _view_groups(summary: Summary) -> list[_ViewGroup]:
    """The views of a summary, the usual first; panels that nobody has scored are in none.

    Panels whose answers a rule reads stand in every view of their protocol, as no judge could change them.
    """
    found: dict[Conditions, list[tuple[TaskSummary, Panel]]] = {}
    for task in summary.tasks:
        for panel in task.panels:
            if panel.judge is not None:
                conditions = Conditions.of(Comparability.of(panel.run, panel.judge))
                found.setdefault(conditions, []).append((task, panel))
    groups = [
        _ViewGroup(conditions, panels) for shared, own in found.items() for conditions, panels in _by_judge(shared, own)
    ]
    return sorted(groups, key=_view_order)


def _by_judge(
    shared: Conditions, own: Sequence[tuple[TaskSummary, Panel]]
) -> list[tuple[Conditions, tuple[tuple[TaskSummary, Panel], ...]]]:
    judges = {panel.judge.id: panel.judge for _, panel in own if panel.judge and not extracts(panel.judge)}
    if not judges:
        return [(shared, tuple(own))]
    return [
        (
            replace(shared, judge=judge),
            tuple((t, p) for t, p in own if p.judge and (extracts(p.judge) or p.judge.id == judge.id)),
        )
        for judge in judges.values()
    ]


def _view_order(made: _ViewGroup) -> tuple[bool, bool, int]:
    rows = sum(len(panel.entries) for _, panel in made.panels)
    return bool(made.conditions.variant), made.conditions.protocol != USUAL, -rows
