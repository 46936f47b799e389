"""The frames of a store: pandas tables with fixed columns and types, read by SQL.

`COLUMNS` is the contract: docs/reference/frames.md is written from it, and a test holds every frame to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sparkles_eval.api.frame_queries import QUERIES
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from sparkles_eval.analysis.summary import Summary

FrameName: TypeAlias = Literal["runs", "scores", "samples", "responses", "verdicts", "leaderboard"]
_TEXT, _WHOLE, _REAL, _FLAG, _TIME, _LIST = "string", "Int64", "Float64", "boolean", "datetime64[ns, UTC]", "object"


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """A column: its pandas type (all of them know a missing value) and what it holds."""

    dtype: str
    meaning: str


_RUN: dict[str, FrameColumn] = {
    "run": FrameColumn(_TEXT, "id of the run"),
    "task": FrameColumn(_TEXT, ""),
    "model": FrameColumn(_TEXT, "name in tables"),
}
COLUMNS: Mapping[FrameName, Mapping[str, FrameColumn]] = {
    "runs": _RUN
    | {
        "protocol": FrameColumn(_TEXT, ""),
        "variant": FrameColumn(_TEXT, "how the task was altered on purpose; empty as it is"),
        "epochs": FrameColumn(_WHOLE, "repetitions of every sample"),
        "samples": FrameColumn(_WHOLE, "samples asked, before epochs"),
        "answered": FrameColumn(_WHOLE, "samples times epochs with an answer to their first turn"),
        "kind": FrameColumn(_TEXT, "kind of the model: openai, transformers, baseline, …"),
        "model_id": FrameColumn(_TEXT, "the model's name at its provider, or its folder"),
        "settings": FrameColumn(_LIST, "dict: settings that may change its answers"),
        "prompt_hash": FrameColumn(_TEXT, ""),
        "data_hash": FrameColumn(_TEXT, ""),
        "created_at": FrameColumn(_TIME, ""),
    },
    "scores": _RUN
    | {
        "protocol": FrameColumn(_TEXT, ""),
        "variant": FrameColumn(_TEXT, ""),
        "judge": FrameColumn(_TEXT, "judge or answer rule"),
        "judge_id": FrameColumn(_TEXT, "its fingerprint"),
        "sample": FrameColumn(_TEXT, "the sample's id in its data"),
        "epoch": FrameColumn(_WHOLE, "from 0"),
        "repeat": FrameColumn(_WHOLE, "of the judgement, from 0"),
        "turn": FrameColumn(_WHOLE, "from 1"),
        "criterion": FrameColumn(_TEXT, ""),
        "value": FrameColumn(_REAL, "missing where it is unscored; never 0 for that"),
        "invalid": FrameColumn(_FLAG, "the answer names no option"),
        "reason": FrameColumn(_TEXT, "why there is no value, or why it is invalid"),
        "answer": FrameColumn(_TEXT, "the answer as it was read"),
        "target": FrameColumn(_TEXT, "the right answer"),
        "cluster": FrameColumn(_TEXT, "samples that are not independent share it"),
        "group": FrameColumn(_TEXT, "samples that must be right together share it"),
        "sample_id": FrameColumn(_TEXT, "hash of the sample's content"),
    },
    "samples": {
        "sample_id": FrameColumn(_TEXT, "hash of the sample's content"),
        "sample": FrameColumn(_TEXT, "its id in its data"),
        "task": FrameColumn(_TEXT, ""),
        "text": FrameColumn(_TEXT, "the words of its first turn, with <image> where a picture stands"),
        "images": FrameColumn(_LIST, "list: ids of its pictures, in order"),
        "turns": FrameColumn(_WHOLE, ""),
        "options": FrameColumn(_LIST, "list of answers to choose from"),
        "target": FrameColumn(_TEXT, ""),
        "reference": FrameColumn(_TEXT, "a good answer in words, of the last turn"),
        "tags": FrameColumn(_LIST, "list"),
        "cluster": FrameColumn(_TEXT, ""),
        "group": FrameColumn(_TEXT, ""),
    },
    "responses": _RUN
    | {
        "sample": FrameColumn(_TEXT, ""),
        "epoch": FrameColumn(_WHOLE, ""),
        "turn": FrameColumn(_WHOLE, "from 1"),
        "text": FrameColumn(_TEXT, "the answer"),
        "status": FrameColumn(_TEXT, "ok, refused or truncated"),
        "reasoning": FrameColumn(_TEXT, "what the model thought before"),
        "finish": FrameColumn(_TEXT, "how the reply ended, in the provider's word"),
        "draws": FrameColumn(_WHOLE, "answers asked for until one was valid"),
        "model_version": FrameColumn(_TEXT, "the snapshot that the provider named"),
        "input_tokens": FrameColumn(_WHOLE, ""),
        "output_tokens": FrameColumn(_WHOLE, ""),
        "reasoning_tokens": FrameColumn(_WHOLE, ""),
        "cached_tokens": FrameColumn(_WHOLE, ""),
        "cost_usd": FrameColumn(_REAL, "missing: unknown"),
        "latency_s": FrameColumn(_REAL, "waiting for a slot included"),
        "created_at": FrameColumn(_TIME, ""),
        "sample_id": FrameColumn(_TEXT, ""),
    },
    "verdicts": {
        "verdict": FrameColumn(_WHOLE, "number in the store"),
        "judge": FrameColumn(_TEXT, ""),
        "judge_model": FrameColumn(_TEXT, "the model that was asked; missing for a rule"),
        "judge_id": FrameColumn(_TEXT, ""),
        "sample": FrameColumn(_TEXT, ""),
        "call": FrameColumn(_TEXT, "which part it rates"),
        "repeat": FrameColumn(_WHOLE, ""),
        "attempt": FrameColumn(_WHOLE, ""),
        "status": FrameColumn(_TEXT, "graded, invalid, refused or error"),
        "ratings": FrameColumn(_LIST, "list of {turn, criterion, value, explanation}"),
        "reason": FrameColumn(_TEXT, "why there are no ratings"),
        "raw": FrameColumn(_TEXT, "the reply as received"),
        "cost_usd": FrameColumn(_REAL, ""),
        "latency_s": FrameColumn(_REAL, ""),
        "created_at": FrameColumn(_TIME, ""),
        "sample_id": FrameColumn(_TEXT, ""),
    },
    "leaderboard": {
        "task": FrameColumn(_TEXT, ""),
        "protocol": FrameColumn(_TEXT, ""),
        "variant": FrameColumn(_TEXT, ""),
        "judge": FrameColumn(_TEXT, "judge or answer rule"),
        "rank": FrameColumn(_TEXT, "such as 1 or 2-3, by the headline metric; missing for what is not ranked"),
        "model": FrameColumn(_TEXT, "as tables call it"),
        "metric": FrameColumn(_TEXT, ""),
        "headline": FrameColumn(_FLAG, "True for the metric that ranks follow"),
        "value": FrameColumn(_REAL, "shares from 0 to 1, points as they are"),
        "low": FrameColumn(_REAL, "end of the 95% confidence interval"),
        "high": FrameColumn(_REAL, "end of the 95% confidence interval"),
        "unit": FrameColumn(_TEXT, "percent or points"),
        "graded": FrameColumn(_WHOLE, "items graded"),
        "asked": FrameColumn(_WHOLE, "items asked"),
        "reference": FrameColumn(_FLAG, "True for baselines and controls"),
        "run": FrameColumn(_TEXT, ""),
    },
}


def read_frame(store: Store, name: FrameName, run_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """A frame of the store, or of those of its runs. Its columns and types are those of `COLUMNS`."""
    if name == "leaderboard":
        from sparkles_eval.analysis.summary import summarise

        return typed(name, leaderboard_rows(summarise(store, run_ids)))
    chosen = None if run_ids is None else dump(list(run_ids))
    rows = [dict(row) for row in store.connection.execute(QUERIES[name], (chosen, chosen))]
    return typed(name, [_OF_ROWS.get(name, dict)(row) for row in rows])


def typed(name: FrameName, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame of the columns and types that `name` has; also without rows."""
    import pandas as pd

    columns = COLUMNS[name]
    series = {}
    for column, about in columns.items():
        values = [row[column] for row in rows]
        if about.dtype == _TIME:
            series[column] = pd.Series(pd.to_datetime(values, utc=True, format="ISO8601"), dtype=_TIME)
        elif about.dtype == _FLAG:
            series[column] = pd.Series([None if v is None else bool(v) for v in values], dtype="boolean")
        else:
            series[column] = pd.Series(values, dtype=about.dtype)
    return pd.DataFrame(series)


def _run_row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "settings": json.loads(row["settings"])}


def _verdict_row(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "ratings": json.loads(row["ratings"] or "[]")}


def _sample_row(row: dict[str, Any]) -> dict[str, Any]:
    body = json.loads(row.pop("body"))
    turns = body["turns"]
    first = turns[0]["content"] if turns else []
    words = "".join(part if isinstance(part, str) else "<image>" for part in first).strip()
    images = [part["id"] for turn in turns for part in turn["content"] if isinstance(part, dict)]
    reference = turns[-1].get("reference") if turns else None
    own = {"text": words, "images": images, "turns": len(turns), "reference": reference}
    return {**row, **own, "options": list(body.get("options") or ()), "tags": json.loads(row["tags"] or "[]")}


_OF_ROWS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "runs": _run_row,
    "samples": _sample_row,
    "verdicts": _verdict_row,
}


def leaderboard_rows(summary: Summary) -> list[dict[str, Any]]:
    """The rows of the frame `leaderboard`, as JSON can hold them."""
    from sparkles_eval.analysis.comparison_brief import rank_text
    from sparkles_eval.analysis.ranking import panel_ranks
    from sparkles_eval.core.names import judge_name

    rows = []
    for panel in summary.panels:
        ranks = panel_ranks(panel).by_run
        for entry in panel.entries:
            ranked = ranks.get(entry.run.id)
            for measure in entry.measures:
                if measure.column.level not in ("headline", "main"):
                    continue
                estimate = measure.estimate
                rows.append(
                    {
                        "task": entry.run.task.name,
                        "protocol": entry.run.protocol,
                        "variant": entry.run.variant,
                        "judge": judge_name(panel.judge) if panel.judge else None,
                        "rank": rank_text(ranked) if ranked and ranked.rank_low is not None else None,
                        "model": entry.label,
                        "metric": measure.column.name,
                        "headline": measure.column.level == "headline",
                        "value": estimate.value,
                        "low": estimate.low,
                        "high": estimate.high,
                        "unit": measure.column.unit,
                        "graded": entry.coverage.graded,
                        "asked": entry.coverage.asked,
                        "reference": entry.reference,
                        "run": entry.run.id,
                    }
                )
    return rows
