"""Jobs of a run: one model on one task with the judges that score it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sparkles_eval.adapters.base import Adapter
from sparkles_eval.core import Criterion, Generation, Model, Run, Sample, Score
from sparkles_eval.engine.config import Shard
from sparkles_eval.judges.base import Judge
from sparkles_eval.store.rows import JudgeRow, ScoreRow, TaskRow
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.scorers import CRITERION, BoundScorer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BoundJudge:
    """A judge in a run, with the adapter of the model that it asks (None for a rule)."""

    judge: Judge
    adapter: Adapter | None = None
    for_model: Callable[[Model], Judge] | None = None
    """Makes the same judge for its model as an older store knows it; None where no model is asked."""


@dataclass(frozen=True, slots=True)
class EvalJob:
    """One model on one task, with the judges that score it."""

    task: Task
    adapter: Adapter
    generation: Generation
    """The protocol's settings as this model is really sent them."""
    epochs: int = 1
    bound_judges: tuple[BoundJudge, ...] = ()
    shard: Shard = Shard()

    @property
    def asked(self) -> tuple[Sample, ...]:
        """The samples that this process evaluates."""
        return self.shard.take(self.task.samples)

    @property
    def run(self) -> Run:
        protocol = self.task.protocol
        return Run(
            task=self.task.name,
            task_version=self.task.version,
            model=self.adapter.model,
            protocol=protocol.name,
            protocol_version=protocol.version,
            answer_rule=protocol.answer,
            draws=protocol.draws,
            generation=self.generation,
            prompt_hash=protocol.prompt_hash,
            data_hash=self.task.data_hash,
            epochs=self.epochs,
            total=len(self.task.samples),
            variant=self.task.variant,
        )

    @property
    def task_row(self) -> TaskRow:
        options = {sample.options_at(turn) for sample in self.task.samples for turn in sample.scored_turns}
        task = self.task
        return TaskRow(
            name=task.name,
            version=task.version,
            title=task.title,
            metrics=task.metrics,
            options=next(iter(options)) if len(options) == 1 else (),
            args=task.args,
            card=task.card,
            citation=task.citation,
            licence=task.licence,
        )


@dataclass(frozen=True, slots=True)
class RunRef:
    """What a judge needs to know about a run: its id in the store and the number of items to score."""

    id: str
    task: str
    model: str
    items: int
    """Samples times epochs."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One sample in one epoch, the unit of work."""

    sample: Sample
    sample_id: str
    """Its content address, as the store knows it."""
    epoch: int


@dataclass(frozen=True, slots=True)
class CompletedSample:
    """An item with an answer to every turn, ready for judges."""

    item: WorkItem
    answers: tuple[str, ...]


def scorer_row(bound: BoundScorer) -> JudgeRow:
    """The judge row of a protocol's scorer."""
    return JudgeRow(
        id=bound.id,
        name=bound.name,
        version=bound.scorer.version,
        title=bound.scorer.description,
        sees="text",
        model=None,
        low=0,
        high=1,
        criteria=(Criterion(CRITERION, bound.scorer.title),),
    )


def judge_row(judge: Judge) -> JudgeRow:
    """The row of a judge in the store."""
    card = judge.card
    return JudgeRow(
        card.fingerprint,
        card.name,
        card.version,
        card.title,
        card.sees,
        card.model,
        card.low,
        card.high,
        card.criteria,
        card.reader or None,
        card.canary,
    )


def unscored(
    run_id: str, item: WorkItem, judge: JudgeRow, repeats: Sequence[int], reason: str, verdict_id: int | None = None
) -> list[ScoreRow]:
    """Scores without a value for an item that could not be scored, each with the reason.

    `verdict_id` is the judge's last reply, where it was asked in vain: what that cost belongs to the run.
    """
    return [
        ScoreRow(
            run_id, item.sample_id, item.epoch, judge.id, repeat, Score(turn, criterion.id, None, reason), verdict_id
        )
        for repeat in repeats
        for turn in range(1, len(item.sample.turns) + 1)
        for criterion in judge.criteria
    ]
