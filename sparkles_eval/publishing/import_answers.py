"""Imports answers that exist into a store, scores them by this program's rules, with the file's claims beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir, write_file
from sparkles_eval.engine.config import RetryPolicy, RunLimits
from sparkles_eval.engine.jobs import EvalJob
from sparkles_eval.engine.prepare import RunPlan
from sparkles_eval.engine.progress import NoProgress, Progress
from sparkles_eval.engine.run import execute
from sparkles_eval.publishing.answer_files import ForeignAnswer, read_answers
from sparkles_eval.publishing.config import ImportOptions
from sparkles_eval.publishing.import_results import ImportedResults, keep_claims
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task

_NAMED = 5


def import_answers(
    store: Store, path: Path, options: ImportOptions, progress: Progress | None = None
) -> list[ImportedResults]:
    """Import a file of answers, a run for each model in it; importing it again changes nothing.

    An item of the task without an answer in the file stays unscored; a failed request is no answer. Raises
    errors.UserError for what is wrong in the file, and where no answer is to an item of the task.
    """
    if options.task is None:
        raise UserError(
            f"{path}: name the task that these answers are to with --task; `sparkles-eval task from-table FILE` makes "
            "one of a table with questions and right answers"
        )
    answers = read_answers(path, options.columns, options.name)
    task = load_task(
        options.task, protocol=options.protocol or "strict", data_root=options.data_root, content=options.content
    )
    found: dict[str, list[ForeignAnswer]] = {}
    for answer in answers:
        found.setdefault(answer.model, []).append(answer)
    return [_one(store, path, options, task, name, own, progress) for name, own in found.items()]


def _one(
    store: Store,
    path: Path,
    options: ImportOptions,
    task: Task,
    name: str,
    answers: Sequence[ForeignAnswer],
    progress: Progress | None,
) -> ImportedResults:
    placed, strange = _placed(path, task, answers)
    epochs = max((answer.epoch for answer in placed), default=0) + 1
    file = _as_replay(path, placed)
    adapter = build_adapter(f"replay/{file}", ModelOptions(args=(("name", name),)), content=options.content)
    job = EvalJob(task, adapter, adapter.effective(task.protocol.generation), epochs)
    terms = RunLimits(patience=RetryPolicy(attempts=1, failures_in_a_row=len(task.samples) * epochs + 1))
    execute(RunPlan((job,), (adapter,)), store, progress or NoProgress(), terms, ["sparkles-eval", "import", path.name])
    claims = [*_items(task, placed, strange), *_differences(store, job.run.id, placed)]
    keep_claims(store, job.run.id, name, claims)
    answered = sum(answer.text is not None for answer in placed)
    return ImportedResults(path, job.run.id, name, task.name, answered, 0, tuple(claims))


def _placed(
    path: Path, task: Task, answers: Sequence[ForeignAnswer]
) -> tuple[list[ForeignAnswer], list[ForeignAnswer]]:
    """The answers under the task's own ids, and those to no item of it."""
    known = {sample.id: sample for sample in task.samples}
    placed: list[ForeignAnswer] = []
    strange: list[ForeignAnswer] = []
    seen: set[tuple[str, int, int]] = set()
    for answer in answers:
        own = next((name for name in (answer.sample_id, *answer.names) if name in known), None)
        if own is None or answer.turn > len(known[own].turns):
            strange.append(answer)
            continue
        key = (own, answer.turn, answer.epoch)
        if key in seen:
            raise UserError(
                f"{path}: {answer.model} answers item {own} twice; keep one, or number them in a column epoch"
            )
        seen.add(key)
        placed.append(ForeignAnswer(answer.model, own, answer.text, answer.turn, answer.epoch, answer.claim))
    if not any(answer.text is not None for answer in placed):
        asked, have = ", ".join(list(known)[:3]), ", ".join(answer.sample_id for answer in answers[:3])
        raise UserError(
            f"{path}: none of its {len(answers):,} answers is to an item of task {task.name}: its ids are like {have}, "
            f"the task's like {asked}; name the column of ids with --map id=COLUMN"
        )
    return placed, strange


def _as_replay(path: Path, answers: Sequence[ForeignAnswer]) -> Path:
    """The answers as the file that the replay adapter reads, in the cache by its content."""
    lines = [
        json.dumps({"sample_id": a.sample_id, "turn": a.turn, "epoch": a.epoch, "text": a.text}, ensure_ascii=False)
        for a in answers
        if a.text is not None
    ]
    data = ("\n".join(lines) + "\n").encode()
    digest = hashlib.sha256(data).hexdigest()
    return write_file(cache_dir("imported", digest[:16]) / f"{path.name}.jsonl", data)


def _items(task: Task, placed: Sequence[ForeignAnswer], strange: Sequence[ForeignAnswer]) -> Iterator[str]:
    if strange:
        names = ", ".join(dict.fromkeys(answer.sample_id for answer in strange[:_NAMED]))
        yield f"{len(strange)} answers of the file are to no item of the data: {names}"
    answered = {answer.sample_id for answer in placed}
    if missing := [sample.id for sample in task.samples if sample.id not in answered]:
        yield f"{len(missing)} items of the data are not in the file and stay unscored: {', '.join(missing[:_NAMED])}"
    if failed := [answer.sample_id for answer in placed if answer.text is None]:
        yield f"{len(failed)} requests failed by the file and stay unscored: {', '.join(failed[:_NAMED])}"


def _differences(store: Store, run_id: str, placed: Sequence[ForeignAnswer]) -> Iterator[str]:
    """Where the file scores an answer otherwise than the task's scorer, and both means over what both score."""
    rows = store.connection.execute(
        "SELECT p.name, s.turn, s.epoch, s.value, s.answer, s.reason FROM scores s JOIN samples p ON p.id = s.sample_id"
        " WHERE s.run_id = ? AND s.criterion = 'accuracy' AND s.value IS NOT NULL",
        (run_id,),
    )
    ours: Mapping[tuple[str, int, int], tuple[float, str]] = {
        (name, turn, epoch): (value, f"reads {answer}" if answer else f"reads none ({reason})")
        for name, turn, epoch, value, answer, reason in rows
    }
    both = [
        (answer, *ours[key])
        for answer in placed
        if answer.claim is not None and (key := (answer.sample_id, answer.turn, answer.epoch)) in ours
    ]
    if not both:
        return
    theirs = sum(answer.claim or 0.0 for answer, _, _ in both) / len(both)
    mean = sum(value for _, value, _ in both) / len(both)
    other = [one for one in both if abs((one[0].claim or 0.0) - one[1]) > 0.001]
    if other:
        yield (
            f"the file claims {theirs:.3f} over {len(both)} items, this program's rules give {mean:.3f}; "
            f"they differ on {len(other)}"
        )
    for answer, value, read in other:
        yield f"item {answer.sample_id}: the file gives {answer.claim:g}, the rule {value:g} and {read}"
