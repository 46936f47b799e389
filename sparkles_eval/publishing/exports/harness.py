"""Results as lm-eval writes them: one JSON a model, `results[task]["metric,filter"]`. Knows nothing of files.

The filter is the answer rule or the judge. lm-eval's `_stderr` is "N/A", for our intervals are no multiples of a
standard error; `_low`, `_high`, `_n` and `_total` stand beside each metric instead.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.records import JSON


def harness_results(summary: Summary) -> dict[str, str]:
    """The JSON texts by model name."""
    models: dict[str, list[Entry]] = {}
    for entry in (entry for panel in summary.panels for entry in panel.entries):
        models.setdefault(entry.run.model.name, []).append(entry)
    texts = {name: json.dumps(_file(entries), indent=2, ensure_ascii=False) for name, entries in models.items()}
    return {name: f"{text}\n" for name, text in texts.items()}


def _file(entries: Sequence[Entry]) -> dict[str, JSON]:
    first = entries[0].run
    tasks = {_task(entry): entry for entry in entries}
    results: dict[str, JSON] = {}
    for entry in entries:
        said = results.setdefault(_task(entry), {"alias": entry.run.task.title})
        assert isinstance(said, dict)
        said.update(_metrics(entry))
    settings = ",".join(f"{name}={value}" for name, value in sorted(first.model.settings.items()))
    return {
        "results": results,
        "configs": {name: _config(entry) for name, entry in tasks.items()},
        "versions": {name: entry.run.task.version for name, entry in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {
            name: {measure.column.name: True for measure in entry.measures} for name, entry in tasks.items()
        },
        "n-samples": {
            name: {"original": entry.run.total, "effective": entry.headline.estimate.n if entry.headline else 0}
            for name, entry in tasks.items()
        },
        "config": {"model": first.model.kind, "model_args": ",".join(filter(None, (first.model.model_id, settings)))},
        "model_name": first.model.name,
        "model_source": first.model.kind,
        "date": datetime.fromisoformat(first.created_at).timestamp(),
        "sparkles_eval_version": __version__,
    }


def _task(entry: Entry) -> str:
    """The task, with what makes it another one: a protocol that is not the usual, an alteration."""
    run = entry.run
    return ":".join(
        [run.task.name, *([run.protocol] if run.protocol != "strict" else []), *filter(None, [run.variant])]
    )


def _metrics(entry: Entry) -> dict[str, JSON]:
    judge = entry.judge
    filtered = "none" if judge is None else f"{judge.name}-{judge.id[:8]}" if judge.model else judge.name
    said: dict[str, JSON] = {}
    for measure in entry.measures:
        name, estimate = measure.column.name, measure.estimate
        said[f"{name},{filtered}"] = estimate.value
        said[f"{name}_stderr,{filtered}"] = "N/A"
        said[f"{name}_low,{filtered}"] = estimate.low
        said[f"{name}_high,{filtered}"] = estimate.high
        said[f"{name}_n,{filtered}"] = estimate.n
        said[f"{name}_total,{filtered}"] = estimate.total
    return said


def _config(entry: Entry) -> JSON:
    run = entry.run
    return {
        "task": run.task.name,
        "output_type": "generate_until",
        "num_fewshot": 0,
        "repeats": run.epochs,
        "generation_kwargs": {name: json.loads(value) for name, value in run.generation.items()},
        "metadata": {
            "version": run.task.version,
            "run": run.id,
            "protocol": f"{run.protocol} v{run.protocol_version}",
            "answer_rule": run.answer_rule,
            "draws": run.draws,
            "variant": run.variant,
            "prompt_hash": run.prompt_hash,
            "data_hash": run.data_hash,
        },
    }
