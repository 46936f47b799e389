"""Results in other programs' forms: lm-eval's result JSON, and the `model-index` of a Hugging Face model card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import yaml

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.reply_times import reply_times
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.core import JSON
from sparkles_eval.core.text import visible, visible_json
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store


def harness_results(store: Store, summary: Summary) -> dict[str, str]:
    """The JSON texts by model name; `reply_times` in them are those of the run health, in seconds."""
    texts = {
        name: visible_json(json.dumps(_harness_file(store, entries), indent=2, ensure_ascii=False))
        for name, entries in by_model(summary).items()
    }
    return {name: f"{text}\n" for name, text in texts.items()}


def by_model(summary: Summary) -> dict[str, list[Entry]]:
    """Every entry of a summary by the name of its model."""
    models: dict[str, list[Entry]] = {}
    for entry in (entry for panel in summary.panels for entry in panel.entries):
        models.setdefault(entry.run.model.name, []).append(entry)
    return models


def _harness_file(store: Store, entries: Sequence[Entry]) -> dict[str, JSON]:
    first = entries[0].run
    names = _task_names(entries)
    tasks = {names[entry.run.id]: entry for entry in entries}
    results: dict[str, dict[str, JSON]] = {}
    for entry in entries:
        name = names[entry.run.id]
        metrics = _harness_metrics(entry, _filter_name(entry, entries))
        results.setdefault(name, {"alias": entry.run.task.title}).update(metrics)
    times = {name: _reply_times(store, entry.run) for name, entry in tasks.items()}
    settings = ",".join(f"{name}={value}" for name, value in sorted(first.model.settings.items()))
    return {
        "results": {**results},
        "configs": {name: _harness_config(entry) for name, entry in tasks.items()},
        "versions": {name: entry.run.task.version for name, entry in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {
            name: {measure.column.name: True for measure in entry.measures} for name, entry in tasks.items()
        },
        "n-samples": {
            name: {"original": entry.run.total, "effective": entry.headline.estimate.n if entry.headline else 0}
            for name, entry in tasks.items()
        },
        **({"reply_times": {name: said for name, said in times.items() if said}} if any(times.values()) else {}),
        "config": {"model": first.model.kind, "model_args": ",".join(filter(None, (first.model.model_id, settings)))},
        "model_name": first.model.name,
        "model_source": first.model.kind,
        "date": datetime.fromisoformat(first.created_at).timestamp(),
        "sparkles_eval_version": __version__,
    }


def _reply_times(store: Store, run: StoredRun) -> list[JSON]:
    """The times of all replies of a run, and of each address where there are several; none for what has no server."""
    return [] if run.model.free else [part.json for part in reply_times(store, run.id)]


def _task_names(entries: Sequence[Entry]) -> dict[str, str]:
    """The name of each run's task by run id, with a protocol that is not the usual and a variant.

    Runs that share a name have what distinguishes them behind it, epochs or else their id: a file has every run.
    """
    runs = {entry.run.id: entry.run for entry in entries}
    names = {
        run.id: ":".join(
            [run.task.name, *([run.protocol] if run.protocol != "strict" else []), *filter(None, [run.variant])]
        )
        for run in runs.values()
    }
    names = _distinct(names, {run.id: f":epochs={run.epochs}" if run.epochs > 1 else "" for run in runs.values()})
    return _distinct(names, {run_id: f":{run_id}" for run_id in runs})


def _distinct(names: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The names by run id, with `more` behind those that several runs have."""
    count = Counter(names.values())
    return {run_id: name if count[name] == 1 else name + more[run_id] for run_id, name in names.items()}


def _filter_name(entry: Entry, entries: Sequence[Entry]) -> str:
    """What lm-eval calls the filter: who scored, with the start of the fingerprint where the name is not enough."""
    judge = entry.judge
    if judge is None:
        return "none"
    same = {other.judge.id for other in entries if other.judge is not None and other.judge.name == judge.name}
    return f"{judge.name}-{judge.id[:8]}" if judge.model or len(same) > 1 else judge.name


def _harness_metrics(entry: Entry, filter_name: str) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for measure in entry.measures:
        name, estimate = measure.column.name, measure.estimate
        found[f"{name},{filter_name}"] = estimate.value
        found[f"{name}_stderr,{filter_name}"] = "N/A"
        found[f"{name}_low,{filter_name}"] = estimate.low
        found[f"{name}_high,{filter_name}"] = estimate.high
        found[f"{name}_n,{filter_name}"] = estimate.n
        found[f"{name}_total,{filter_name}"] = estimate.total
    return found


def _harness_config(entry: Entry) -> JSON:
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


def model_index(summary: Summary) -> str:
    """YAML with one entry a model; metrics without a value are left out, for the form has no place for "unscored"."""
    models: dict[str, list[JSON]] = {}
    for entry in (entry for panel in summary.panels for entry in panel.entries):
        measures = [m for m in entry.measures if m.column.level != "bounds" and m.estimate.value is not None]
        if measures:
            models.setdefault(entry.run.model.name, []).append(_index_result(entry, measures))
    index: list[JSON] = [{"name": name, "results": results} for name, results in models.items()]
    return visible(str(yaml.safe_dump({"model-index": index}, sort_keys=False, allow_unicode=True, width=120)))


def _index_result(entry: Entry, measures: list[Measure]) -> JSON:
    run = entry.run
    arguments: dict[str, JSON] = {"version": run.task.version, "data_hash": run.data_hash, "samples": run.total}
    if run.variant:
        arguments["altered"] = run.variant
    return {
        "task": {"type": "image-text-to-text", "name": "Multi-image dialogue and reasoning"},
        "dataset": {"type": run.task.name, "name": run.task.title, "args": arguments | dict(run.task.args)},
        "metrics": [_index_metric(entry, measure) for measure in measures],
    }


def _index_metric(entry: Entry, measure: Measure) -> JSON:
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
