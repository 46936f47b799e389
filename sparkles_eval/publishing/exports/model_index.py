"""The `model-index` of a Hugging Face model card: YAML to put at the head of its README. Knows nothing of files.

The form has one number a metric and a free field `args` beside it; interval, n and identity stand there.
"""

from __future__ import annotations

import yaml

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.records import JSON


def model_index(summary: Summary) -> str:
    """YAML with one entry a model; metrics without a value are left out, for the form has no place for "unscored"."""
    models: dict[str, list[JSON]] = {}
    for entry in (entry for panel in summary.panels for entry in panel.entries):
        measures = [m for m in entry.measures if m.column.level != "bounds" and m.estimate.value is not None]
        if measures:
            models.setdefault(entry.run.model.name, []).append(_result(entry, measures))
    index: list[JSON] = [{"name": name, "results": results} for name, results in models.items()]
    return str(yaml.safe_dump({"model-index": index}, sort_keys=False, allow_unicode=True, width=120))


def _result(entry: Entry, measures: list[Measure]) -> JSON:
    run = entry.run
    arguments: dict[str, JSON] = {"version": run.task.version, "data_hash": run.data_hash, "samples": run.total}
    if run.variant:
        arguments["altered"] = run.variant
    return {
        "task": {"type": "image-text-to-text", "name": "Multi-image dialogue and reasoning"},
        "dataset": {"type": run.task.name, "name": run.task.title, "args": arguments | dict(run.task.args)},
        "metrics": [_metric(entry, measure) for measure in measures],
    }


def _metric(entry: Entry, measure: Measure) -> JSON:
    estimate, column, judge = measure.estimate, measure.column, entry.judge
    return {
        "type": column.name,
        "name": column.title,
        "value": estimate.value,
        "args": {
            "unit": "share of 1" if column.unit == "percent" else f"points from {column.low:g} to {column.high:g}",
            "interval": [estimate.low, estimate.high],
            "level": 0.95,
            "method": estimate.method,
            "n": estimate.n,
            "asked": estimate.total,
            "clusters": estimate.clusters,
            "note": estimate.note,
            "protocol": f"{entry.run.protocol} v{entry.run.protocol_version}",
            "prompt_hash": entry.run.prompt_hash,
            "judge": judge.name if judge else None,
            "judge_model": judge.model if judge else None,
            "judge_fingerprint": judge.id if judge else None,
            "run": entry.run.id,
            "made_with": f"sparkles-eval {__version__}",
        },
    }
