"""Results in the schema of Every Eval Ever (evaleval), version 0.3.0: one JSON object a model, with intervals.

Shares are written from 0 to 1. Metrics without a value are left out, as the schema has no place for "unscored"; how
many items are graded stands beside each value. The project's package needs Python 3.12: nothing of it is imported.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import Measure, extracts
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import visible_json
from sparkles_eval.publishing.exports.results import by_model
from sparkles_eval.store.rows import JudgeRow

SCHEMA = "0.3.0"
_LOCAL = ("transformers", "sparkleschat", "ray", "lm-eval")
"""Kinds of models that run where the evaluation runs."""
_ARGUMENTS = ("temperature", "top_p", "top_k", "max_tokens")
"""Generation settings that the schema has fields for."""


def every_eval_ever(summary: Summary, organization: str | None) -> dict[str, str]:
    """The JSON text of each model by its name.

    `organization` is who evaluated. Raises errors.UserError where it is not given.
    """
    if not organization:
        raise UserError("--as every-eval-ever: the schema asks who evaluated; name it with --organization")
    texts = {name: _record(summary, entries, organization) for name, entries in by_model(summary).items()}
    return {
        name: visible_json(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"
        for name, record in texts.items()
        if record["evaluation_results"]
    }


def _record(summary: Summary, entries: Sequence[Entry], organization: str) -> dict[str, JSON]:
    first = entries[0].run
    made = str(datetime.fromisoformat(summary.made_at).timestamp())
    results: list[JSON] = [
        _result(entry, measure)
        for entry in entries
        for measure in entry.measures
        if measure.column.level != "bounds" and measure.estimate.value is not None
    ]
    where = "self_deployed" if first.model.kind in _LOCAL else "unknown"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"sparkles-eval/{first.model.name}/{made}",
        "evaluation_timestamp": str(datetime.fromisoformat(first.created_at).timestamp()),
        "retrieved_timestamp": made,
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "sparkles-eval", "version": __version__},
        "model_info": {
            "name": first.model.name,
            "id": first.model.name,
            "additional_details": {"deployment_type": where, "model_availability": "unknown", "kind": first.model.kind},
        },
        "evaluation_results": results,
    }


def _result(entry: Entry, measure: Measure) -> JSON:
    run, metric, estimate = entry.run, measure.column, measure.estimate
    config: dict[str, JSON] = {
        "evaluation_description": metric.description,
        "metric_id": metric.name,
        "metric_name": metric.title,
        "lower_is_better": False,
        "score_type": "continuous",
        "min_score": metric.low,
        "max_score": metric.high,
    }
    if entry.judge and not extracts(entry.judge):
        config["llm_scoring"] = _judge(entry.judge)
    uncertainty: dict[str, JSON] = {"num_samples": estimate.n}
    if estimate.low is not None and estimate.high is not None:
        interval: JSON = {
            "lower": estimate.low,
            "upper": estimate.high,
            "confidence_level": 0.95,
            "method": estimate.method,
        }
        uncertainty["confidence_interval"] = interval
    details: JSON = {
        "graded": str(entry.coverage.graded),
        "asked": str(entry.coverage.asked),
        "clusters": str(estimate.clusters),
        "note": estimate.note,
    }
    settings = {name: json.loads(value) for name, value in run.generation.items()}
    arguments: dict[str, JSON] = {name: settings[name] for name in _ARGUMENTS if settings.get(name) is not None}
    others: dict[str, JSON] = {name: value for name, value in run.generation.items() if name not in arguments}
    return {
        "evaluation_name": run.task.title or run.task.name,
        "source_data": {
            "dataset_name": run.task.name,
            "source_type": "other",
            "additional_details": {"version": str(run.task.version), "data_hash": run.data_hash},
        },
        "metric_config": config,
        "score_details": {"score": estimate.value, "details": details, "uncertainty": uncertainty},
        "generation_config": {
            "generation_args": arguments,
            "additional_details": {
                **others,
                "protocol": f"{run.protocol} v{run.protocol_version}",
                "prompt_hash": run.prompt_hash,
                "variant": run.variant,
                "run": run.id,
            },
        },
    }


def _judge(judge: JudgeRow) -> JSON:
    model = judge.model or judge.name
    details: JSON = {"deployment_type": "unknown", "model_availability": "unknown"}
    return {
        "judges": [{"model_info": {"name": model, "id": model, "additional_details": details}}],
        "input_prompt": f"The rubric of judge {judge_name(judge)} v{judge.version}, fingerprint {judge.id}",
        "additional_details": {"sees": judge.sees, "scale": f"{judge.low:g} to {judge.high:g}"},
    }
