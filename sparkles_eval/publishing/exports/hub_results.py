"""Evaluation results in the form of the Hugging Face Hub: `.eval_results/*.yaml` of a model, `eval.yaml` of a data set.

The entries are huggingface_hub's own class and pass its checks; the form has no place for an interval, so that notes
say interval, n of N, protocol and judge. Format: https://huggingface.co/docs/hub/eval-results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import Entry, Summary, TaskSummary
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import format_count, format_ends, one_line, visible

_DATASET = re.compile(
    r"(?P<task>[^=]+)=(?P<id>[\w.-]+/[\w.-]+)(?::(?P<sub>[\w.-]+))?(?:@(?P<revision>[0-9a-f]{7,40}))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class HubDataset:
    """The benchmark on the Hub that a task is: a data set, a task of its eval.yaml, and perhaps a revision."""

    id: str
    task: str
    revision: str | None = None


def hub_datasets(given: Sequence[str]) -> dict[str, HubDataset]:
    """By task, of texts TASK=OWNER/SET[:TASK_ID][@REVISION]. Raises errors.UserError for any other text."""
    found = {}
    for text in given:
        match = _DATASET.fullmatch(text)
        if match is None:
            raise UserError(f"--dataset {text}: write TASK=OWNER/SET, with :TASK_ID and @REVISION where needed")
        found[match["task"]] = HubDataset(match["id"], match["sub"] or match["task"], match["revision"])
    return found


def eval_results(summary: Summary, datasets: Mapping[str, HubDataset], source: str | None = None) -> dict[str, str]:
    """The YAML text of each model by its name: headlines of the tasks that `datasets` names.

    Shares are given as per cent. Models with too few graded items are left out, as they have no rank either. `source`
    is the address of the report. Raises errors.MissingExtra without huggingface_hub, and errors.UserError where
    nothing is left.
    """
    try:
        from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
    except ImportError as error:
        raise MissingExtra("export --as eval-results", "hub") from error

    known = {task.name for task in summary.tasks}
    for task in datasets:
        if task not in known:
            raise UserError(f"--dataset {task}=...: no run is of this task; there are {', '.join(sorted(known))}")
    if not datasets:
        raise UserError(
            "--as eval-results: results belong to a benchmark on the Hub; name it with --dataset TASK=OWNER/SET"
        )
    models: dict[str, list[EvalResultEntry]] = {}
    for entry in (entry for panel in summary.panels for entry in panel.entries):
        dataset, value = datasets.get(entry.run.task.name), _value(entry)
        if dataset is None or value is None or entry.run.variant:
            continue
        made = EvalResultEntry(
            dataset_id=dataset.id,
            task_id=dataset.task,
            value=value,
            dataset_revision=dataset.revision,
            date=entry.run.created_at[:10],
            source_url=source,
            source_name="sparkles-eval" if source else None,
            notes=_notes(entry),
        )
        models.setdefault(entry.run.model.name, []).append(made)
    if not models:
        raise UserError("--as eval-results: no run of these tasks has enough graded items")
    return {name: _yaml(eval_result_entries_to_yaml(entries)) for name, entries in models.items()}


def _value(entry: Entry) -> float | None:
    found = entry.headline.estimate.value if entry.headline and entry.coverage.enough else None
    if found is None or entry.headline is None:
        return None
    return round(100 * found if entry.headline.column.unit == "percent" else found, 4)


def _notes(entry: Entry) -> str:
    assert entry.headline is not None
    estimate, column = entry.headline.estimate, entry.headline.column
    unit = "%" if column.unit == "percent" else f"{column.low:g} to {column.high:g}"
    parts = [
        f"{column.title} ({unit})",
        f"95% CI {format_ends(estimate.low, estimate.high, column.unit)}" if estimate.low is not None else "",
        f"{format_count(entry.coverage.graded, entry.coverage.asked)} graded",
        f"{entry.run.protocol} protocol v{entry.run.protocol_version}",
        f"scored by {judge_name(entry.judge)} {entry.judge.id[:12]}" if entry.judge else "",
        f"data {entry.run.data_hash[:12]}",
        f"sparkles-eval {__version__}",
    ]
    return one_line("; ".join(filter(None, parts)))


def eval_yaml(task: TaskSummary, framework: str) -> str:
    """The `eval.yaml` that makes a data set a benchmark of the Hub; `framework` is a name on the Hub's list."""
    about = task.panels[0].run.task
    document: dict[str, JSON] = {
        "name": one_line(task.title or task.name),
        "description": one_line(about.card.replace("#", " ") or task.title, 500),
        "evaluation_framework": framework,
        "tasks": [{"id": task.name, "split": "test"}],
    }
    return _yaml(document)


def _yaml(data: object) -> str:
    return visible(str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)))
