"""One row a score as a Parquet file, written in stretches. Needs pyarrow (extra `parquet`)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sparkles_eval.errors import MissingExtra
from sparkles_eval.publishing.exports.samples import Told, explanation

_STRETCH = 500

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


def write_parquet(items: Iterator[Told], out: Path) -> int:
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
        while stretch := list(islice(items, _STRETCH)):
            rows = [row for item in stretch for row in _rows(item)]
            count += len(rows)
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))
    return count


def _rows(item: Told) -> Iterator[dict[str, str | int | float | bool | None]]:
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
