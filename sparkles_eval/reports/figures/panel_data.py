"""The data of one panel's figures: its runs in order, their labels, and their comparison, computed once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sparkles_eval.analysis.metrics import extracts, headline, rating_metric
from sparkles_eval.analysis.ranking import Ranking, ranked_entries, ranking
from sparkles_eval.analysis.run_scores import ScoredRun
from sparkles_eval.analysis.score_matrix import ScoreMatrix, score_matrix
from sparkles_eval.analysis.summary import Entry, Panel, TaskSummary
from sparkles_eval.core import Estimate
from sparkles_eval.reports.figures.style import FileNames, short_name, short_names
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric

MOST = 20
"""Rows of a figure at the most; the tables of the page have every model."""
REFERENCES = 4
"""Of them for baselines and controls."""


@dataclass(frozen=True)
class PanelData:
    """A scored panel. `entries` are those with a judge, in the panel's order: best first, references last."""

    store: Store
    task: TaskSummary
    panel: Panel
    judge: JudgeRow
    entries: tuple[Entry, ...]
    labels: Mapping[str, str]
    """Entry label -> what a drawing shows."""
    stems: FileNames = field(compare=False)
    chosen: frozenset[str] = frozenset()
    """Names of models that a figure shows however many are before them."""

    @property
    def title(self) -> str:
        """The task, and what distinguishes the panel from the others of it."""
        return ", ".join(short_name(part, 80) for part in (self.task.title, self.panel.label) if part)

    @property
    def rated(self) -> bool:
        """True where a judge rates, False where a rule reads options."""
        return not extracts(self.judge)

    @property
    def points(self) -> bool:
        """True where the headline is in points, False where it is a share."""
        return self.metric.unit == "points"

    @property
    def unit(self) -> str:
        """Of the headline, for an axis."""
        metric = self.metric
        return f"points ({metric.low:g} to {metric.high:g})" if self.points else "%"

    @property
    def factor(self) -> float:
        """From stored to drawn numbers."""
        return 1.0 if self.points else 100.0

    @property
    def models(self) -> tuple[Entry, ...]:
        """Everyone but baselines and controls."""
        return tuple(entry for entry in self.entries if not entry.reference)

    def pick(self, entries: Sequence[Entry], most: int = MOST) -> tuple[tuple[Entry, ...], str]:
        """At most so many of the entries, the chosen and the best first, in their order; and what was left out."""
        if len(entries) <= most:
            return tuple(entries), ""
        order = sorted(entries, key=lambda entry: entry.run.model.name not in self.chosen)
        kept = {entry.run.id for entry in order[:most]}
        said = f" Shown are {most} of {len(entries)}, the best by the headline; the task's table has all."
        return tuple(entry for entry in entries if entry.run.id in kept), said

    @cached_property
    def comparison(self) -> Ranking | None:
        """The models on the headline, as the leaderboard ranks them; baselines too where there is no second model."""
        scored = [entry for entry in self.entries if _known(entry)]
        models = ranked_entries(self.panel)
        # Where all are baselines they are what is compared; models with too few graded items are in no ranking.
        chosen = models if self.models else scored
        return ranking([entry.values for entry in chosen if entry.values]) if len(chosen) > 1 else None

    def matrix(self, entries: Sequence[Entry], metric: Metric) -> ScoreMatrix:
        """The matrix of a metric, one column an entry."""
        return score_matrix(self.store, [ScoredRun(entry.run, self.judge, entry.label) for entry in entries], metric)

    @property
    def metric(self) -> Metric:
        """The metric that runs are compared by: the headline."""
        return headline(self.entries[0].run, self.judge)

    @property
    def item_metric(self) -> Metric:
        """The headline, or the mean over samples that is nearest to it: what parts of the samples can be shown by."""
        return rating_metric(self.entries[0].run, self.judge)

    @property
    def title_of_metric(self) -> str:
        """The headline as people read it."""
        return next((entry.headline.column.title for entry in self.entries if entry.headline), "")

    def entry(self, run_id: str) -> Entry:
        """The row of a run."""
        return next(entry for entry in self.entries if entry.run.id == run_id)

    def place(self, entry: Entry) -> int:
        """Its place in the panel: the same model has the same colour and shape in every figure of the panel."""
        return self.entries.index(entry)


def panel_data(
    store: Store, task: TaskSummary, panel: Panel, stems: FileNames, chosen: Collection[str]
) -> PanelData | None:
    """The subject of a panel, None where nobody has scored it."""
    scored = tuple(entry for entry in panel.entries if entry.judge is not None and entry.headline is not None)
    if panel.judge is None or not any(_known(entry) for entry in scored):
        return None
    named = short_names(entry.label for entry in scored)
    return PanelData(store, task, panel, panel.judge, scored, named, stems, frozenset(chosen))


def _known(entry: Entry) -> bool:
    return entry.headline is not None and entry.headline.estimate.value is not None


def interval_methods(estimates: Sequence[Estimate]) -> str:
    """The methods of their intervals in words, such as "95% intervals: Wilson; t, clustered."."""
    named = list(dict.fromkeys(e.method for e in estimates if e.method and e.low is not None))
    return f"95% intervals: {'; '.join(named)}." if named else "No interval is honest here; the table says why."


def graded_text(estimates: Sequence[Estimate]) -> str:
    """How many were graded of how many, such as "n = 36 of 36" or "n = 30 to 36 of 36"."""
    n, total = [e.n for e in estimates], [e.total for e in estimates]
    return f"n = {range_text(n)} of {range_text(total)}"


def range_text(values: Sequence[int]) -> str:
    """ "36" or "30 to 36"."""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
