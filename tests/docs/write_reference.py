"""Writes the reference pages that follow from the code: the command line and the YAML files.

`python -m tests.docs.write_reference` writes docs/reference/{cli,metrics,scorers,task-yaml,judge-yaml,adapter-yaml,
style-yaml,provider-yaml,card-yaml}.md; a test holds them true. What options and keys do is said in the code.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.models import OptionInfo, ParameterInfo

from sparkles_eval import stats
from sparkles_eval.adapters.cards import Card
from sparkles_eval.adapters.presets import Preset
from sparkles_eval.adapters.providers import ProviderFile
from sparkles_eval.api.frames import COLUMNS
from sparkles_eval.cli.app import app
from sparkles_eval.data.dialogues.spec import StyleSpec
from sparkles_eval.judges.spec import JudgeSpec
from sparkles_eval.tasks.metrics import METRICS
from sparkles_eval.tasks.scorers import Scorer
from sparkles_eval.tasks.scorers.registry import BUILT_IN
from sparkles_eval.tasks.spec import TaskSpec

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
_NOTE = "<!-- Written by python -m tests.docs.write_reference; change the code's own words instead. -->\n"
_MARKUP = re.compile(r"\[/?(?:bold|dim|italic)\]")


# --- the command line -----------------------------------------------------------------------------------------------


def cli_page() -> str:
    """docs/reference/cli.md: every command with its arguments, options, defaults and examples."""
    lines = [
        "# Command line",
        "",
        _NOTE,
        "`sparkles-eval COMMAND --help` shows the same on screen. Options that take several values are given several",
        "times. `K=V` options are for every task, model or judge of the command; `NAME:K=V` is for one of them.",
        "",
        "Exit codes: 0 everything is scored · 2 something to fix on your side · 3 finished, but some items are",
        "unscored · 130 interrupted.",
    ]
    for path, command in _commands(app, "sparkles-eval"):
        lines += ["", f"## {path}", "", *_described(command), *_table(command)]
    return "\n".join(lines).rstrip() + "\n"


def _commands(program: typer.Typer, path: str) -> Iterator[tuple[str, Callable[..., object]]]:
    for command in program.registered_commands:
        if command.callback is not None:
            yield f"{path} {command.name}", command.callback
    for group in program.registered_groups:
        if group.typer_instance is not None:
            yield from _commands(group.typer_instance, f"{path} {group.name}")


def _described(command: Callable[..., object]) -> list[str]:
    text = _MARKUP.sub("", inspect.getdoc(command) or "")
    words, *examples = re.split(r"^Examples?$", text, flags=re.MULTILINE)
    shown = [line.strip() for part in examples for line in part.splitlines() if line.strip()]
    return [words.strip(), "", *(["```text", *shown, "```", ""] if shown else [])]


def _table(command: Callable[..., object]) -> list[str]:
    hints = get_type_hints(command, include_extras=True)
    parameters = inspect.signature(command).parameters.items()
    rows = [_row(name, hints[name], given.default) for name, given in parameters if hints[name] is not typer.Context]
    return ["| option | what | default |", "|---|---|---|", *rows] if rows else []


def _row(name: str, hint: object, default: object) -> str:
    annotation, info = get_args(hint)
    assert isinstance(info, ParameterInfo)
    is_option = isinstance(info, OptionInfo)
    # Typer keeps the first of the names that an option is declared with where a default would stand.
    declared = [said for said in (info.default, *(info.param_decls or ())) if isinstance(said, str)]
    names = ", ".join(f"`{said}`" for said in declared or [f"--{name.replace('_', '-')}"]) if is_option else ""
    value = f"`{info.metavar or _value(annotation, name, is_option=is_option)}`"
    written = (names if annotation is bool else f"{names} {value}".strip()).replace("|", "\\|")
    words = _MARKUP.sub("", info.help or "") + (" **Required.**" if default is inspect.Parameter.empty else "")
    plain = isinstance(default, str | int | float | Path) and not isinstance(default, bool)
    shown = f"`{default}`" if plain and str(default) != "." else ""
    return f"| {written} | {words} | {shown} |"


def _value(annotation: object, name: str, *, is_option: bool) -> str:
    """What is to be written in the option's place."""
    if not is_option:
        return name.upper()
    kinds = [kind for kind in _inside(annotation) if kind is not NoneType]
    if choices := [one for kind in kinds for one in _choices(kind)]:
        return "|".join(choices)
    return {int: "N", float: "X", Path: "PATH"}.get(next((k for k in kinds if isinstance(k, type)), str), "NAME")


def _choices(kind: object) -> list[str]:
    """The values of an enumeration, or one of a literal."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    return [kind] if isinstance(kind, str) else []


def _inside(annotation: object) -> list[object]:
    parts = get_args(annotation)
    return [found for part in parts for found in _inside(part)] if parts else [annotation]


# --- frames ---------------------------------------------------------------------------------------------------------


def frames_page() -> str:
    """docs/reference/frames.md: every frame of the Python interface with its columns and types."""
    lines = [
        "# Frames",
        "",
        _NOTE,
        "What `se.load(store)` and the results of `se.run` hold, as pandas frames. Every type knows a missing value:",
        "what is unknown or unscored is missing, never 0. [Python and notebooks](../guides/python.md) shows their use.",
    ]
    for name, columns in COLUMNS.items():
        lines += ["", f"## {name}", "", "| column | type | what |", "|---|---|---|"]
        lines += [f"| `{column}` | {about.dtype} | {about.meaning} |" for column, about in columns.items()]
    return "\n".join(lines) + "\n"


# --- YAML files -----------------------------------------------------------------------------------------------------


def yaml_page(title: str, words: str, root: type[BaseModel]) -> str:
    """A page with one table of keys for the file's record and for each record inside it."""
    sections = {root: "The file"}
    _nested(root, sections)
    lines = [
        f"# {title}",
        "",
        _NOTE,
        words.strip(),
        "",
        "An unknown key is an error that names the keys that are allowed.",
    ]
    for model, where in sections.items():
        lines += ["", f"## {where}", "", _flat(inspect.getdoc(model) or ""), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        notes = _attribute_words(model)
        for name, field in model.model_fields.items():
            kind = _kind(field.annotation, sections) + _bounds(field)
            lines.append(f"| `{name}` | {kind} | {_field_default(field)} | {notes.get(name, '')} |")
    return "\n".join(lines) + "\n"


def _nested(model: type[BaseModel], sections: dict[type[BaseModel], str]) -> None:
    """Every record inside another, by the key that it stands under."""
    for name, field in model.model_fields.items():
        for part in _inside(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in sections:
                sections[part] = f"{name}.NAME" if get_origin(field.annotation) is dict else name
                _nested(part, sections)


def _attribute_words(model: type[BaseModel]) -> dict[str, str]:
    """The string below each field of a class, its own documentation."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            words = after.value.value if isinstance(after.value, ast.Constant) else None
            if isinstance(words, str):
                found[field.target.id] = _flat(words).replace("|", "\\|")
    return found


def _flat(words: str) -> str:
    return " ".join(inspect.cleandoc(words).split())


def _kind(annotation: object, sections: Mapping[type[BaseModel], str]) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin in (Annotated, UnionType, Union):
        kinds = inside[:1] if origin is Annotated else inside
        return " or ".join(_kind(part, sections) for part in kinds if part is not NoneType)
    if origin in (tuple, dict):
        return f"list of {_kind(inside[0], sections)}" if origin is tuple else f"names → {_kind(inside[1], sections)}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{sections[annotation]}](#{_anchor(sections[annotation])})"
    named = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    plain = named.get(annotation) if isinstance(annotation, type) else None
    return plain or str(getattr(annotation, "__name__", annotation))


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [f"{words[name]} {getattr(m, name):g}" for m in field.metadata for name in words if hasattr(m, name)]
    return f", {' and '.join(found)}" if found else ""


def _field_default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel) or value in (None, "", (), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def metrics_page() -> str:
    """docs/reference/metrics.md: every built-in metric with what it needs and how its interval is made."""
    intervals: Mapping[object, str] = {
        "mean": "t over independent units",
        "group_mean": "stratified t",
        "group_all": "Wilson over groups",
    }
    lines = [
        "# Metrics",
        "",
        _NOTE,
        "What a task may list under `metrics:` and `compare --metric` may name. Each is a mean over samples that are",
        "graded, with a 95% interval; below 30 independent units intervals are exact or by permutation. The first of a",
        "task's list that may lead is its headline. [Your own metric](../guides/own-metric.md) stands beside them.",
        "",
        "| metric | title | what | needs | unit | may lead | interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in METRICS:
        metric = METRICS.get(name)
        if metric is None or METRICS.modules()[name] != "sparkles_eval.tasks.metrics":
            continue
        unit = "%" if metric.unit == "percent" else "points of the judge's scale"
        lead = {"headline": "yes", "main": "", "bounds": "end of a range"}.get(metric.level, "")
        needs = ", ".join(metric.needs)
        how = "Wilson" if (metric.unit, metric.aggregate) == ("percent", "mean") else intervals[metric.aggregate]
        cells = (f"`{name}`", metric.title, metric.description, needs, unit, lead, how)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "A judge's ratings have parts: `A2` (the mean over the criteria of turn 2), `C1` (a criterion, over all",
        "turns) and `A2.C1`.",
    ]
    return "\n".join(lines) + "\n"


# --- scorers --------------------------------------------------------------------------------------------------------


def scorers_page() -> str:
    """docs/reference/scorers.md: every built-in scorer in its author's words, with its options."""
    lines = [
        "# Scorers",
        "",
        _NOTE,
        "What a task.yaml may name as `scorer`: how an answer is compared with the accepted ones, without a judge.",
        "Each gives a value from 0 to 1, stored under the criterion `accuracy`; `sparkles-eval list scorers` shows the",
        "same, with those of `--plugin` files and installed packages. [Choose one, or write your",
        "own](../guides/own-scorer.md).",
        "",
        "| scorer | value | options with their defaults |",
        "|---|---|---|",
    ]
    lines += [f"| [`{one.name}`](#{one.name}) | {one.description} | {_options_of(one)} |" for one in BUILT_IN.values()]
    for one in BUILT_IN.values():
        heading, *more = (inspect.getdoc(one.function) or "").split("\n\n")
        lines += ["", f"## {one.name}", "", _flat(" ".join([heading, *more])), "", f"Version {one.version}."]
    return "\n".join(lines) + "\n"


def _options_of(one: Scorer) -> str:
    return "<br>".join(f"`{option}`" for option in one.options_shown.split(", ") if option)


# --- statistics -----------------------------------------------------------------------------------------------------


def statistics_page() -> str:
    """docs/reference/statistics.md: every function that `sparkles_eval.stats` offers, by module."""
    lines = [
        "# Statistics",
        "",
        _NOTE,
        "The functions behind the tables, and some that no command uses, for notebooks and papers. They take and give",
        "numbers: values by item with `None` where one is missing, and a label of its independent unit (cluster)",
        "for each item. Golden cases hold each against published values or another program.",
        "",
        "```python",
        "from sparkles_eval.stats.intervals import wilson",
        "",
        "wilson(30, 40)  # Interval(value=0.75, low=0.598..., high=0.858..., note='')",
        "```",
    ]
    for file in sorted(Path(stats.__file__).parent.glob("*.py")):
        module = importlib.import_module(f"sparkles_eval.stats.{file.stem}")
        offered = [getattr(module, name) for name in getattr(module, "__all__", ())]
        if functions := [one for one in offered if inspect.isfunction(one)]:
            summary = (module.__doc__ or "").partition("\n\n")[0]
            lines += [
                "",
                f"## sparkles_eval.stats.{file.stem}",
                "",
                _flat(summary),
                "",
                "| function | what |",
                "|---|---|",
            ]
            for one in functions:
                what = _flat((inspect.getdoc(one) or "").partition("\n\n")[0]).replace("|", "\\|")
                lines.append(f"| `{one.__name__}` | {what} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Every page that is written from the code, by file name."""
    return {
        "cli.md": cli_page(),
        "frames.md": frames_page(),
        "metrics.md": metrics_page(),
        "scorers.md": scorers_page(),
        "statistics.md": statistics_page(),
        "task-yaml.md": yaml_page(
            "task.yaml",
            "Describes a task: a folder with this file, a prompt and a card (`README.md`). [Make one of your own]"
            "(../guides/own-task.md).",
            TaskSpec,
        ),
        "judge-yaml.md": yaml_page(
            "judge.yaml",
            "Describes a judge: a folder with this file, a rubric and a card (`README.md`). [Make one of your own]"
            "(../guides/own-judge.md).",
            JudgeSpec,
        ),
        "adapter-yaml.md": yaml_page(
            "adapters/NAME.yaml",
            "A preset: one model with what is known about it, named by `--model NAME`, `--model KIND/MODEL` or its "
            "path. [Evaluate your own model](../guides/own-model.md).",
            Preset,
        ),
        "provider-yaml.md": yaml_page(
            "adapters/providers/NAME.yaml",
            "A provider whose server speaks OpenAI's chat completions, named by `--model NAME/MODEL`. "
            "[Evaluate your own model](../guides/own-model.md#a-provider).",
            ProviderFile,
        ),
        "card-yaml.md": yaml_page(
            "adapters/cards/NAME.yaml",
            "The generation settings that the makers of open models recommend, taken with `--settings card`. "
            "[Evaluate your own model](../guides/own-model.md#generation-settings).",
            Card,
        ),
        "style-yaml.md": yaml_page(
            "style.yaml",
            "A style of training dialogues: a folder with this file and a prompt, named by `data generate --style`. "
            "[Make training dialogues](../guides/training-dialogues.md).",
            StyleSpec,
        ),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
