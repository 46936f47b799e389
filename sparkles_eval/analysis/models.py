"""Everything about one model, across tasks, protocols and judges: the data of a model's page."""

from __future__ import annotations

from dataclasses import dataclass

from sparkles_eval.analysis.leaderboard import Leaderboard, PanelColumn, by_panel
from sparkles_eval.analysis.ranking import RankedRun
from sparkles_eval.analysis.summary import Entry, Panel, Summary, TaskSummary
from sparkles_eval.core.names import slug
from sparkles_eval.store.read_runs import StoredModel


@dataclass(frozen=True, slots=True)
class Stand:
    """One run of the model as one judge scored it, with what it stands beside."""

    task: TaskSummary
    panel: Panel
    entry: Entry
    head: PanelColumn | None
    """None while nobody has scored it."""
    ranked_run: RankedRun | None


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model under its name; `asked` are the different ways in which it was set up."""

    name: str
    id: str
    reference: bool
    asked: tuple[StoredModel, ...]
    stands: tuple[Stand, ...]

    @property
    def runs(self) -> int:
        return len({stand.entry.run.id for stand in self.stands})


def models(board: Leaderboard, summary: Summary) -> tuple[ModelView, ...]:
    """Every model of a summary by name, contestants in the order of the leaderboard, then baselines and controls."""
    heads = by_panel(board)
    found: dict[str, list[Stand]] = {}
    for task in summary.tasks:
        for panel in task.panels:
            for entry in panel.entries:
                head = heads.get(panel.id)
                ranked_run = head.ranks.by_run.get(entry.run.id) if head else None
                found.setdefault(entry.run.model.name, []).append(Stand(task, panel, entry, head, ranked_run))
    first = [*board.names(reference=False), *board.names(reference=True)]
    order = [name for name in dict.fromkeys([*first, *found]) if name in found]
    return tuple(_view(name, found[name]) for name in order)


def _view(name: str, stands: list[Stand]) -> ModelView:
    asked = {stand.entry.run.model.identity: stand.entry.run.model for stand in stands}
    return ModelView(name, f"model-{slug(name)}", stands[0].entry.reference, tuple(asked.values()), tuple(stands))
