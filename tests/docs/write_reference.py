"""Writes the reference pages that follow from the code: the command line and the YAML files.

`python -m tests.docs.write_reference` writes docs/reference/{cli,task-yaml,judge-yaml,adapter-yaml}.md; a test holds
them true. Knows nothing of what options and keys do: their words are in the code.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Protocol, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sparkles_eval.adapters.presets import Preset, PresetGeneration, PresetLimits, PresetPrices
from sparkles_eval.cli.app import app
from sparkles_eval.judges.spec import CriterionSpec, JudgeSpec, ScaleSpec, VariantSpec
from sparkles_eval.tasks.spec import ArgSpec, GenerationSpec, ProtocolSpec, TaskSpec


class Parameter(Protocol):
    """What of a command's option or argument is used here; Typer brings classes of its own for it."""

    name: str | None
    opts: list[str]
    metavar: str | None
    required: bool
    default: object

    @property
    def type(self) -> ParameterType: ...


class ParameterType(Protocol):
    """How an option's value is read."""

    name: str


class Command(Protocol):
    """A command of the program."""

    help: str | None

    @property
    def params(self) -> Sequence[Parameter]: ...


FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
_NOTE = "<!-- Written by python -m tests.docs.write_reference; change the code's own words instead. -->\n"
_MARKUP = re.compile(r"\[/?(?:bold|dim|italic)\]")


# --- the command line -----------------------------------------------------------------------------------------------


def cli_page() -> str:
    """docs/reference/cli.md: every command with its arguments, options, defaults and examples."""
    root = typer.main.get_command(app)
    lines = [
        "# Command line",
        _NOTE,
        "`sparkles-eval COMMAND --help` shows the same on screen. Options that take several values are given several",
        "times. `K=V` options are for every task, model or judge of the command; `NAME:K=V` is for one of them.",
        "",
        "Exit codes: 0 everything is scored · 2 something to mend on your side · 3 finished, but some items are",
        "unscored · 130 interrupted.",
    ]
    for path, command in _commands(root, "sparkles-eval"):
        lines += ["", f"## {path}", "", *_described(command), *_parameters(command)]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Command, path: str) -> Iterator[tuple[str, Command]]:
    children: dict[str, Command] = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _described(command: Command) -> list[str]:
    text = _MARKUP.sub("", inspect.cleandoc(command.help or ""))
    words, _, examples = text.partition("Examples\n") if "Examples\n" in text else text.partition("Example\n")
    lines = [words.strip(), ""]
    if examples.strip():
        lines += ["```text", *(line.strip() for line in examples.splitlines() if line.strip()), "```", ""]
    return lines


def _parameters(command: Command) -> list[str]:
    rows = []
    for parameter in command.params:
        names = ", ".join(f"`{name}`" for name in parameter.opts if name.startswith("-"))
        value = "" if getattr(parameter, "is_flag", False) else f" `{_value(parameter)}`"
        needed = " **required**" if parameter.required else ""
        words = _MARKUP.sub("", getattr(parameter, "help", None) or "").replace("|", "\\|")
        rows.append(f"| {names}{value} | {words}{needed} | {_default(parameter.default)} |")
    return ["| option | what | default |", "|---|---|---|", *rows] if rows else []


def _value(parameter: Parameter) -> str:
    """What is to be written in the option's place, as --help calls it."""
    if parameter.metavar:
        return parameter.metavar
    if not any(name.startswith("-") for name in parameter.opts):
        return str(parameter.name).upper()
    return {"integer": "N", "float": "X", "path": "PATH"}.get(parameter.type.name.split()[0], "NAME")


def _default(value: object) -> str:
    plain = isinstance(value, str | int | float | Path) and not isinstance(value, bool)
    return f"`{value}`" if plain else ""


# --- YAML files -----------------------------------------------------------------------------------------------------


def yaml_page(title: str, words: str, models: Sequence[tuple[str, type[BaseModel]]]) -> str:
    """A page with one table of keys for each model; `models` are (where it stands, its record)."""
    lines = [f"# {title}", _NOTE, words.strip(), "", "An unknown key is an error that names the keys that are allowed."]
    for where, model in models:
        lines += ["", f"## {where}", "", _flat(inspect.getdoc(model) or ""), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        notes = _attribute_words(model)
        for name, field in model.model_fields.items():
            kind = _kind(field.annotation) + _bounds(field)
            lines.append(f"| `{name}` | {kind} | {_field_default(field)} | {notes.get(name, '')} |")
    return "\n".join(lines) + "\n"


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


def _kind(annotation: object) -> str:
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin in (Annotated, UnionType, Union):
        kinds = inside[:1] if origin is Annotated else inside
        return " or ".join(_kind(part) for part in kinds if part is not NoneType)
    if origin in (tuple, dict):
        return f"list of {_kind(inside[0])}" if origin is tuple else f"names → {_kind(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{_SECTIONS[annotation]}](#{_anchor(_SECTIONS[annotation])})"
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


_SECTIONS: dict[type[BaseModel], str] = {
    TaskSpec: "task.yaml",
    ProtocolSpec: "protocols.NAME",
    GenerationSpec: "generation",
    ArgSpec: "args.NAME",
    JudgeSpec: "judge.yaml",
    VariantSpec: "protocols.NAME",
    CriterionSpec: "criteria",
    ScaleSpec: "scale",
    Preset: "adapters/NAME.yaml",
    PresetLimits: "limits",
    PresetPrices: "prices",
    PresetGeneration: "generation",
}


def _sections(*models: type[BaseModel]) -> list[tuple[str, type[BaseModel]]]:
    return [(_SECTIONS[model], model) for model in models]


def pages() -> dict[str, str]:
    """Every page that is written from the code, by file name."""
    return {
        "cli.md": cli_page(),
        "task-yaml.md": yaml_page(
            "task.yaml",
            "Describes a task: a folder with this file, a prompt and a card (`README.md`). [Make one of your own]"
            "(../guides/own-task.md).",
            _sections(TaskSpec, ArgSpec, ProtocolSpec, GenerationSpec),
        ),
        "judge-yaml.md": yaml_page(
            "judge.yaml",
            "Describes a judge: a folder with this file, a rubric and a card (`README.md`). [Make one of your own]"
            "(../guides/own-judge.md).",
            _sections(JudgeSpec, CriterionSpec, ScaleSpec, VariantSpec, GenerationSpec),
        ),
        "adapter-yaml.md": yaml_page(
            "adapters/NAME.yaml",
            "A preset: one model with what is known about it, named by `--model NAME`, `--model KIND/MODEL` or its "
            "path. [Evaluate your own model](../guides/own-model.md).",
            _sections(Preset, PresetGeneration, PresetLimits, PresetPrices),
        ),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
