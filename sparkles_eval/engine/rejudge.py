"""Jobs over existing answers: stored answers to judge again, and the known answers of a judge audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.adapters.replay import Replay
from sparkles_eval.core import Generation, Image, Model, Part, Sample, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir, write_file
from sparkles_eval.engine.config import AuditConfig
from sparkles_eval.engine.jobs import BoundJudge, CompletedSample, EvalJob, RunRef, WorkItem
from sparkles_eval.engine.prepare import load_tasks
from sparkles_eval.judges.audit import Probe, known_truth, load_answers, make_probes
from sparkles_eval.judges.base import AnsweredSample
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.base import Task


def stored_answers(
    store: Store, run_ids: Sequence[str] | None, *, data_root: Path | None, judged_only: bool = True
) -> dict[RunRef, list[CompletedSample]]:
    """Every completely answered item of the runs (of all, where None is given).

    Images get a path again: under `data_root`, else from bytes embedded in the store, else none (a judge that sees
    images then refuses the item with the reason). Runs that only an answer rule scores are left out of "all".
    """
    found: dict[RunRef, list[CompletedSample]] = {}
    for run in read_runs.runs(store, run_ids):
        if run_ids is None and judged_only and run.answer_rule:
            continue
        texts: dict[tuple[str, int], dict[int, str]] = {}
        for row in store.answers(run.id):
            texts.setdefault((row.sample_id, row.epoch), {})[row.turn] = row.text
        graded = RunRef(run.id, run.task.name, run.model.name, run.total * run.epochs)
        items = found[graded] = []
        for stored in read_samples.samples(store, run.id, limit=run.total):
            sample = _with_paths(store, stored.sample, data_root)
            for epoch in range(run.epochs):
                have = texts.get((stored.id, epoch), {})
                if len(have) == len(sample.turns):
                    answers = tuple(have[turn + 1] for turn in range(len(have)))
                    items.append(CompletedSample(WorkItem(sample, stored.id, epoch), answers))
    return found


def _with_paths(store: Store, sample: Sample, data_root: Path | None) -> Sample:
    def placed(part: Part) -> Part:
        return replace(part, path=_path(store, part, data_root)) if isinstance(part, Image) else part

    turns = tuple(replace(turn, content=tuple(map(placed, turn.content))) for turn in sample.turns)
    return replace(sample, turns=turns)


def _path(store: Store, image: Image, data_root: Path | None) -> Path | None:
    if data_root is not None:
        root = data_root.resolve()
        file = (root / image.relpath).resolve()
        # A store may come from anybody: its paths may not lead out of the folder that the user named.
        if file.is_relative_to(root) and file.is_file():
            return file
    data = read_samples.embedded(store, image.sha256)
    if data is None:
        return None
    kept = cache_dir("embedded", image.sha256)
    if not kept.is_file():
        write_file(kept, data)
    return kept


VARIANT = "audit"
"""Variant of every run of an audit: they never stand in a table with a model's own."""
KIND = "audit"
"""Model kind of made-up answers."""


@dataclass(frozen=True, slots=True)
class AuditJob:
    """A probe and the job that judges it."""

    probe: Probe
    job: EvalJob


def plan_audit(config: AuditConfig, bound: BoundJudge) -> list[AuditJob]:
    """The jobs of an audit: the probes of as many dialogues as its budget allows.

    Raises errors.UserError for a task that no judge scores, a judge that cannot judge its dialogues, and a budget below
    two dialogues.
    """
    (task,) = load_tasks(config.run)
    if task.protocol.scorer:
        raise UserError(f"task {task.name} is scored by a rule, not by judges; audit a judge on dialogues")
    samples, spec = known_truth(task.samples), load_answers(config.content)
    able = [sample for sample in samples if bound.judge.check(sample) is None]
    if not able:
        raise UserError(
            f"{bound.judge.card.name} can judge no dialogue of {task.name}: {bound.judge.check(samples[0])}"
        )
    probes = make_probes(able[:2], bound.judge.card, spec)
    calls = len(bound.judge.calls(AnsweredSample(able[0], tuple("" for _ in able[0].turns))))
    each = len(probes) * calls * bound.judge.card.repeats
    if config.budget < 2 * each:
        raise UserError(
            f"--budget {config.budget}: one dialogue takes {each} judgements, and two are needed at the least"
        )
    chosen = able[: config.budget // each]
    return audit_jobs(replace(task, samples=tuple(chosen)), make_probes(chosen, bound.judge.card, spec), bound)


def audit_jobs(task: Task, probes: Sequence[Probe], bound: BoundJudge) -> list[AuditJob]:
    """A job for each probe: its dialogues as the task's samples, its answers as a model's.

    A probe's model is named "audit/NAME"; its identity covers the answers, so changed texts are another run.
    """
    return [AuditJob(probe, _job(task, probe, bound)) for probe in probes]


def _job(task: Task, probe: Probe, bound: BoundJudge) -> EvalJob:
    samples = replace(task, samples=probe.samples, variant=VARIANT, judges=(bound.judge.card.name,))
    said = {sample.id: list(texts) for sample, texts in zip(probe.samples, probe.answers, strict=True)}
    model = Model(
        name=f"{KIND}/{probe.name}",
        kind=KIND,
        model_id=probe.name,
        settings={"answers": fingerprint(said)},
        free=True,
        reads_sample=True,
    )
    answers = {(name, turn, 0): {0: text} for name, texts in said.items() for turn, text in enumerate(texts, start=1)}
    return EvalJob(samples, Replay(model, answers), Generation(), bound_judges=(bound,))
