"""Maps records to table rows and back, with one function for each table and direction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from sparkles_eval.core import (
    Criterion,
    Image,
    Model,
    Prices,
    Rating,
    Response,
    Run,
    Sample,
    Status,
    Usage,
    Verdict,
    VerdictStatus,
    fingerprint,
)
from sparkles_eval.core.json import sample_json
from sparkles_eval.store.rows import EstimateRow, JudgeRow, ScoreRow, TaskRow, VerdictRow
from sparkles_eval.store.stored_json import DamagedJSON, read_json, read_records

Value: TypeAlias = str | int | float | bytes | None
StoredRow: TypeAlias = Mapping[str, Value]


def now() -> str:
    """UTC, ISO 8601, to the microsecond: how every table writes a time."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def dump(value: object) -> str:
    """JSON as every table writes it: sorted keys, no spaces, readable letters."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def insert(db: sqlite3.Connection, table: str, row: StoredRow, *, known: str = "ABORT") -> sqlite3.Cursor:
    """Insert one row; `known` is SQLite's conflict word for a row that is there already (ABORT, IGNORE, REPLACE)."""
    return db.execute(_sql(table, row, known), tuple(row.values()))


def insert_all(
    db: sqlite3.Connection, table: str, rows: Iterable[StoredRow], *, known: str = "ABORT", then: str = ""
) -> None:
    """Insert many rows of the same columns. `then` is an ON CONFLICT clause."""
    listed = list(rows)
    if listed:
        db.executemany(f"{_sql(table, listed[0], known)} {then}", [tuple(row.values()) for row in listed])


def _sql(table: str, row: StoredRow, known: str) -> str:
    # Table and column names are this package's own; only values come from outside, as parameters.
    return f"INSERT OR {known} INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608


def task_row(task: TaskRow) -> StoredRow:
    return {
        "id": task.id,
        "name": task.name,
        "version": task.version,
        "title": task.title,
        "metrics": dump(list(task.metrics)),
        "options": dump(list(task.options)),
        "args": dump(dict(task.args)),
        "card": task.card,
        "citation": task.citation,
        "licence": task.licence,
    }


def model_row(model: Model) -> StoredRow:
    prices = model.prices
    return {
        "id": fingerprint([model.name, model.identity], 16),
        "name": model.name,
        "kind": model.kind,
        "model_id": model.model_id,
        "identity": model.identity,
        "settings": dump(dict(model.settings)),
        "prices": dump(_prices(prices)),
        "free": int(model.free),
    }


def _prices(prices: Prices) -> dict[str, float | str | None]:
    """As a store keeps them; those that few providers have only where they are known."""
    found = {"input": prices.input, "output": prices.output, "date": prices.date, "source": prices.source}
    more = {"cached_input": prices.cached_input, "reasoning": prices.reasoning, "cache_write": prices.cache_write}
    return {**found, **{name: price for name, price in more.items() if price is not None}}


def run_row(run: Run, task_id: str, model_id: Value) -> StoredRow:
    return {
        "id": run.id,
        "task_id": task_id,
        "model_id": model_id,
        "protocol": run.protocol,
        "protocol_version": run.protocol_version,
        "variant": run.variant,
        "answer_rule": run.answer_rule,
        "draws": run.draws,
        "epochs": run.epochs,
        "total": run.total,
        "prompt_hash": run.prompt_hash,
        "data_hash": run.data_hash,
        "identity": dump(run.identity),
        "created_at": now(),
    }


def sample_row(key: str, sample: Sample) -> StoredRow:
    return {
        "id": key,
        "name": sample.id,
        "cluster": sample.cluster or sample.id,
        "consistency_group": sample.group or sample.id,
        "target": sample.target,
        "tags": dump(list(sample.tags)),
        "body": dump(sample_json(sample)),
    }


def image_rows(samples: Sequence[Sample]) -> list[StoredRow]:
    images: dict[str, Image] = {image.sha256: image for sample in samples for image in sample.images}
    return [
        {
            "sha256": image.sha256,
            "media_type": image.media_type,
            "width": image.width,
            "height": image.height,
            "size": image.size,
            "relpath": image.relpath,
        }
        for image in images.values()
    ]


def _usage_columns(usage: Usage) -> StoredRow:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
        "reasoning_tokens": usage.reasoning_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def _read_usage(row: sqlite3.Row) -> Usage:
    return Usage(
        row["input_tokens"], row["output_tokens"], row["cost_usd"], row["reasoning_tokens"], row["cached_tokens"]
    )


def response_row(response: Response) -> StoredRow:
    return {
        "key": response.key,
        "attempt": response.attempt,
        "status": response.status.value,
        "text": response.text,
        "error": response.error,
        "reasoning": response.reasoning,
        "finish": response.finish,
        "address": response.address,
        "model_version": response.model_version,
        **_usage_columns(response.usage),
        "latency_s": response.latency_s,
        "created_at": response.created_at,
    }


def read_response(row: sqlite3.Row) -> Response:
    return Response(
        key=row["key"],
        attempt=row["attempt"],
        status=Status(row["status"]),
        text=row["text"],
        error=row["error"],
        usage=_read_usage(row),
        latency_s=row["latency_s"],
        model_version=row["model_version"],
        created_at=row["created_at"],
        id=row["id"],
        reasoning=row["reasoning"],
        finish=row["finish"],
        address=row["address"],
    )


def judge_row(judge: JudgeRow) -> StoredRow:
    criteria = [{"id": c.id, "name": c.name, "description": c.description, "weight": c.weight} for c in judge.criteria]
    return {
        "id": judge.id,
        "name": judge.name,
        "version": judge.version,
        "title": judge.title,
        "sees": judge.sees,
        "model": judge.model,
        "low": judge.low,
        "high": judge.high,
        "criteria": dump(criteria),
        "reader": judge.reader,
        "canary": None if judge.canary is None else int(judge.canary),
    }


def read_judge(row: sqlite3.Row) -> JudgeRow:
    return JudgeRow(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        title=row["title"],
        sees=row["sees"],
        model=row["model"],
        low=row["low"],
        high=row["high"],
        criteria=read_records(row["criteria"], Criterion),
        reader=row["reader"],
        canary=None if row["canary"] is None else bool(row["canary"]),
    )


def verdict_row(row: VerdictRow) -> StoredRow:
    verdict = row.verdict
    ratings = [
        {"turn": r.turn, "criterion": r.criterion, "value": r.value, "explanation": r.explanation}
        for r in verdict.ratings
    ]
    return {
        "key": row.key,
        "judge_id": row.judge_id,
        "sample_id": row.sample_id,
        "call": row.call,
        "repeat": row.repeat,
        "attempt": row.attempt,
        "status": verdict.status.value,
        "ratings": dump(ratings),
        "overall": dump({str(turn): value for turn, value in verdict.overall.items()}),
        "reason": verdict.reason,
        "prompt": verdict.prompt,
        "raw": verdict.raw,
        "reasoning": verdict.reasoning,
        "canary": verdict.canary or None,
        "cut_off": int(verdict.cut_off),
        "model_version": verdict.model_version,
        **_usage_columns(verdict.usage),
        "latency_s": verdict.latency_s,
        "created_at": now(),
    }


def read_verdict(row: sqlite3.Row) -> Verdict:
    return Verdict(
        status=VerdictStatus(row["status"]),
        ratings=read_records(row["ratings"], Rating),
        overall=_overall(row["overall"]),
        reason=row["reason"],
        prompt=row["prompt"],
        raw=row["raw"],
        canary=row["canary"] or "",
        cut_off=bool(row["cut_off"]),
        usage=_read_usage(row),
        latency_s=row["latency_s"],
        model_version=row["model_version"],
        reasoning=row["reasoning"],
    )


def _overall(text: str) -> dict[int, float]:
    try:
        return {int(turn): value for turn, value in read_json(text, dict).items()}
    except ValueError as error:
        raise DamagedJSON(error) from error


def score_row(row: ScoreRow, at: str) -> StoredRow:
    return {
        "run_id": row.run_id,
        "sample_id": row.sample_id,
        "epoch": row.epoch,
        "judge_id": row.judge_id,
        "repeat": row.repeat,
        "turn": row.score.turn,
        "criterion": row.score.criterion,
        "value": row.score.value,
        "reason": row.score.reason,
        "invalid": int(row.score.invalid),
        "answer": row.score.answer,
        "verdict_id": row.verdict_id,
        "created_at": at,
    }


def estimate_row(row: EstimateRow, basis: str) -> StoredRow:
    estimate = row.estimate
    return {
        "run_id": row.run_id,
        "judge_id": row.judge_id,
        "metric": row.metric,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "total": estimate.total,
        "clusters": estimate.clusters,
        "method": estimate.method,
        "note": estimate.note,
        "basis": basis,
    }
