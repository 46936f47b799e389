"""Logs the results of stored runs to an experiment tracker: Weights & Biases or MLflow, a run a model.

Each metric is logged with the ends of its interval, n and the number of items asked; what has no value is left out.
The tracker's own settings (address, key, offline) are its environment's, and are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_label
from sparkles_eval.core.text import one_line
from sparkles_eval.publishing.exports.results import by_model

_NO_NAME = re.compile(r"[^A-Za-z0-9_./ -]+")
"""What MLflow takes in no name; the same is left out for Weights & Biases, so that names are equal in both."""


def log_to_wandb(summary: Summary, project: str) -> int:
    """Log every model to a project of Weights & Biases; gives how many. Raises errors.UserError without wandb."""
    try:
        import wandb
    except ImportError as error:
        raise UserError("--as wandb: pip install wandb") from error
    models = by_model(summary)
    for name, entries in models.items():
        run = wandb.init(project=project, name=_plain(name), config=_settings(entries), reinit="create_new")
        run.summary.update(dict(_metrics(entries)))
        run.finish()
    return len(models)


def log_to_mlflow(summary: Summary, project: str) -> int:
    """Log every model to an experiment of MLflow; gives how many. Raises errors.UserError without mlflow."""
    try:
        import mlflow
    except ImportError as error:
        raise UserError("--as mlflow: pip install mlflow, or mlflow-skinny") from error
    mlflow.set_experiment(project)
    models = by_model(summary)
    for name, entries in models.items():
        with mlflow.start_run(run_name=_plain(name)):
            mlflow.log_params(_settings(entries))
            mlflow.log_metrics(dict(_metrics(entries)))
    return len(models)


def _settings(entries: Sequence[Entry]) -> Mapping[str, str]:
    model = entries[0].run.model
    runs = sorted({entry.run.id for entry in entries})
    said = {"model": model.name, "kind": model.kind, "sparkles_eval": __version__, "runs": " ".join(runs)}
    return {name: one_line(text) for name, text in said.items()}


def _metrics(entries: Sequence[Entry]) -> Iterator[tuple[str, float]]:
    """ "TASK/PROTOCOL/JUDGE/METRIC" and its value, then the same with _low, _high, _n and _total."""
    for entry in entries:
        run, judge = entry.run, entry.judge
        who = [] if judge is None or extracts(judge) else [judge_label(judge)]
        parts = [run.task.name, run.protocol, *filter(None, [run.variant]), *who]
        for measure in entry.measures:
            estimate, name = measure.estimate, _plain("/".join([*parts, measure.column.name]))
            numbers = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
            if estimate.value is not None:
                yield from ((name + end, float(value)) for end, value in numbers.items() if value is not None)
                yield f"{name}_n", float(estimate.n)
                yield f"{name}_total", float(estimate.total)


def _plain(name: str) -> str:
    return _NO_NAME.sub("_", name)[:200]
