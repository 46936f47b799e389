"""Samples as JSON lines (our own form, or Inspect's), and scores as a Parquet file (extra `parquet`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from sparkles_eval.core import JSON, Image, Sample, Verdict
from sparkles_eval.core.errors import MissingExtra
from sparkles_eval.core.names import judge_label
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.read_samples import StoredAnswer, StoredScore
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

_SAMPLES_AT_ONCE = 200

ExportRow: TypeAlias = dict[str, JSON]


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """One sample in one epoch of a run, with all that became of it. `answers` are by turn."""

    run: StoredRun
    sample: Sample
    sample_id: str
    epoch: int
    answers: Mapping[int, StoredAnswer]
    scores: Sequence[StoredScore]
    judges: Mapping[str, JudgeRow]
    verdicts: Mapping[int, Verdict]


def sample_records(store: Store, run_ids: Sequence[str]) -> Iterator[SampleRecord]:
    """Every sample and epoch of those runs, in the order in which they were asked."""
    for run in read_runs.runs(store, run_ids):
        judges = {judge.id: judge for judge in read_runs.judges(store, run.id)}
        for offset in range(0, run.total, _SAMPLES_AT_ONCE):
            places = read_samples.samples(store, run.id, offset=offset, limit=_SAMPLES_AT_ONCE)
            ids = [place.id for place in places]
            answers: dict[tuple[str, int], dict[int, StoredAnswer]] = {}
            for answer in read_samples.answers(store, [run.id], ids):
                answers.setdefault((answer.sample_id, answer.epoch), {})[answer.turn] = answer
            scores: dict[tuple[str, int], list[StoredScore]] = {}
            for score in read_samples.scores(store, [run.id], ids):
                scores.setdefault((score.sample_id, score.epoch), []).append(score)
            named = {score.verdict_id for own in scores.values() for score in own if score.verdict_id is not None}
            verdicts = read_samples.verdicts(store, named)
            for place in places:
                for epoch in range(run.epochs):
                    item = (place.id, epoch)
                    yield SampleRecord(
                        run, place.sample, *item, answers.get(item, {}), scores.get(item, ()), judges, verdicts
                    )


def explanation(item: SampleRecord, score: StoredScore) -> str | None:
    """Why a judge gave this score, in its words."""
    verdict = item.verdicts.get(score.verdict_id) if score.verdict_id is not None else None
    if verdict is None:
        return None
    why = (r.explanation for r in verdict.ratings if (r.turn, r.criterion) == (score.score.turn, score.score.criterion))
    return next(why, None) or None


def json_lines(items: Iterator[SampleRecord], form: Callable[[SampleRecord], ExportRow]) -> Iterator[str]:
    """A JSON text a sample."""
    for item in items:
        yield json.dumps(form(item), ensure_ascii=False, allow_nan=False) + "\n"


def plain_form(item: SampleRecord) -> ExportRow:
    """Our own form: every turn with its words, images, answer and reference; every score with its reason."""
    run, sample = item.run, item.sample
    return {
        "run": run.id,
        "task": run.task.name,
        "task_version": run.task.version,
        "model": run.model.name,
        "protocol": run.protocol,
        "variant": run.variant,
        "sample": sample.id,
        "sample_id": item.sample_id,
        "epoch": item.epoch,
        "options": list(sample.options),
        "target": sample.target,
        **({"accepted": list(sample.accepted)} if sample.accepted else {}),
        "cluster": sample.cluster or sample.id,
        "group": sample.group or sample.id,
        "tags": list(sample.tags),
        "turns": [_turn(item, number) for number in range(1, len(sample.turns) + 1)],
        "scores": [_score(item, score) for score in item.scores],
    }


def _turn(item: SampleRecord, number: int) -> JSON:
    turn, answer = item.sample.turns[number - 1], item.answers.get(number)
    question: list[JSON] = [
        {"image": part.sha256, "file": part.relpath, "id": part.id, "caption": part.caption}
        if isinstance(part, Image)
        else part.text
        for part in turn.content
    ]
    return {
        "turn": number,
        "question": question,
        "reference": turn.reference,
        **({"options": list(turn.options)} if turn.options else {}),
        **({"targets": list(turn.targets)} if turn.targets else {}),
        "answer": answer.text if answer else None,
        "status": answer.status if answer else None,
        "detail": answer.detail if answer else None,
        "draws": answer.draws if answer else None,
        "model_version": answer.model_version if answer else None,
    }


def _score(item: SampleRecord, at: StoredScore) -> JSON:
    judge, score = item.judges[at.judge_id], at.score
    return {
        "judge": judge.name,
        "judge_id": judge.id,
        "judge_model": judge.model,
        "repeat": at.repeat,
        "turn": score.turn,
        "criterion": score.criterion,
        "value": score.value,
        "reason": score.reason,
        "invalid": score.invalid,
        "answer": score.answer,
        "explanation": explanation(item, at),
    }


def _target(sample: Sample) -> JSON:
    """As Inspect has it: a text, or a list where several answers count as right; of a dialogue the last turn's."""
    targets = sample.targets_at(len(sample.turns))
    return list(targets) if len(targets) > 1 else next(iter(targets), "")


def inspect_form(item: SampleRecord) -> ExportRow:
    """As Inspect's logs have a sample: input, messages, output, and a score a judge with all its criteria."""
    run, sample = item.run, item.sample
    messages: list[JSON] = []
    for number, turn in enumerate(sample.turns, 1):
        content: list[JSON] = [
            {"type": "image", "image": part.relpath} if isinstance(part, Image) else {"type": "text", "text": part.text}
            for part in turn.content
        ]
        messages.append({"role": "user", "content": content})
        if number in item.answers:
            answer: JSON = {"role": "assistant", "content": item.answers[number].text, "model": run.model.name}
            messages.append(answer)
    said = [message for message in messages if isinstance(message, dict) and message["role"] == "assistant"]
    last = item.answers.get(len(sample.turns))
    stop = {"ok": "stop", "truncated": "max_tokens", "refused": "content_filter"}[last.status] if last else "unknown"
    scores, unscored = _by_judge(item)
    return {
        "id": sample.id,
        "epoch": item.epoch + 1,
        "input": messages[:1],
        "choices": list(sample.options_at(len(sample.turns))) or None,
        "target": _target(sample),
        "messages": messages,
        "output": {
            "model": run.model.name,
            "choices": [{"message": said[-1], "stop_reason": stop}] if last else [],
        },
        "scores": scores,
        "metadata": {
            "run": run.id,
            "task": run.task.name,
            "protocol": run.protocol,
            "variant": run.variant,
            "sample_id": item.sample_id,
            "cluster": sample.cluster or sample.id,
            "tags": list(sample.tags),
            "unscored": unscored,
        },
    }


def _by_judge(item: SampleRecord) -> tuple[ExportRow, ExportRow]:
    """(one score a judge and repeat, reasons of those that are not scored): not graded is not zero."""
    groups: dict[str, list[StoredScore]] = {}
    for score in item.scores:
        judge = item.judges[score.judge_id]
        name = judge_label(judge)
        groups.setdefault(f"{name} #{score.repeat + 1}" if score.repeat else name, []).append(score)
    scores: ExportRow = {}
    unscored: ExportRow = {}
    for name, own in groups.items():
        missing = [score.score.reason for score in own if score.score.value is None]
        if missing:
            unscored[name] = missing[0]
            continue
        values: dict[str, JSON] = {f"A{at.score.turn}.{at.score.criterion}": at.score.value for at in own}
        why: dict[str, JSON] = {
            f"A{at.score.turn}.{at.score.criterion}": text for at in own if (text := explanation(item, at))
        }
        scores[name] = {
            "value": own[0].score.value if len(own) == 1 else values,
            "answer": own[0].score.answer,
            "explanation": own[0].score.reason,
            "metadata": {"judge_id": own[0].judge_id, "invalid": own[0].score.invalid, "explanations": why},
        }
    return scores, unscored


_ROWS_AT_ONCE = 500

_TEXTS = (
    "run",
    "task",
    "model",
    "protocol",
    "variant",
    "judge",
    "judge_id",
    "judge_model",
    "sample",
    "sample_id",
    "cluster",
    "group",
    "criterion",
    "reason",
    "answer",
    "target",
    "explanation",
    "response",
)
_NUMBERS = ("task_version", "epoch", "repeat", "turn", "draws")


def write_parquet(items: Iterator[SampleRecord], out: Path) -> int:
    """Write every score of the items to `out`; gives how many. Raises errors.MissingExtra without pyarrow."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("--as parquet", "parquet") from error
    columns = [(name, pa.string()) for name in _TEXTS] + [(name, pa.int32()) for name in _NUMBERS]
    schema = pa.schema([*columns, ("value", pa.float64()), ("invalid", pa.bool_())])
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while stretch := list(islice(items, _ROWS_AT_ONCE)):
            rows = [row for item in stretch for row in _rows(item)]
            count += len(rows)
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))
    return count


def _rows(item: SampleRecord) -> Iterator[dict[str, str | int | float | bool | None]]:
    run, sample = item.run, item.sample
    for at in item.scores:
        judge, score, answer = item.judges[at.judge_id], at.score, item.answers.get(at.score.turn)
        yield {
            "run": run.id,
            "task": run.task.name,
            "task_version": run.task.version,
            "model": run.model.name,
            "protocol": run.protocol,
            "variant": run.variant,
            "judge": judge.name,
            "judge_id": judge.id,
            "judge_model": judge.model,
            "sample": sample.id,
            "sample_id": item.sample_id,
            "cluster": sample.cluster or sample.id,
            "group": sample.group or sample.id,
            "epoch": item.epoch,
            "repeat": at.repeat,
            "turn": score.turn,
            "criterion": score.criterion,
            "value": score.value,
            "reason": score.reason,
            "invalid": score.invalid,
            "answer": score.answer,
            "target": next(iter(sample.targets_at(score.turn)), sample.target),
            "draws": answer.draws if answer else None,
            "explanation": explanation(item, at),
            "response": answer.text if answer else None,
        }
