"""Tasks, models and judges for `se.run`: by name with arguments, or made of Python values and functions."""

from __future__ import annotations

import hashlib
import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import register_plugin

KIND = "python"
"""The kind of models that are functions of a Python process, in stores."""
_PLAIN = (str, int, float, bool, bytes, type(None))


@dataclass(frozen=True, slots=True, repr=False)
class NamedContent:
    """A task, model or judge as `se.run` takes it: a name with its own arguments."""

    role: str
    """task, model or judge."""
    name: str
    """What a command would say after `--task`, `--model` or `--judge`."""
    args: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)
    plugin: Path | None = None
    """Stands for a function of this process."""

    def __repr__(self) -> str:
        words = [repr(self.name), *(f"{name}={value!r}" for name, value in self.args.items())]
        return f"{self.role}({', '.join(words)})"

    def entry(self) -> dict[str, Any] | str:
        """The entry of a configuration file that says the same."""
        inner = {"args": dict(self.args), "generation": dict(self.generation)}
        own = {name: value for name, value in inner.items() if value}
        return {self.role: self.name, **own} if own else self.name


def model(
    source: str | Callable[..., object],
    *,
    name: str | None = None,
    version: str | None = None,
    generation: Mapping[str, Any] | None = None,
    **args: object,
) -> NamedContent:
    """A model for `se.run`: a name such as "openai/qwen" with its arguments, or a function that answers.

    A function is `answer(images, text)`, `answer(conversation)`, or one of several conversations at once (see
    `adapters.function`). `version` says which weights or settings it has: answers in the store count as this model's
    only under the same code and version. Where a function without a version uses objects whose state its code does not
    show, such as a loaded model, its answers are its own for this process. Raises errors.UserError for a function of
    another form.
    """
    if isinstance(source, str):
        own = {key: value for key, value in {"name": name, "version": version}.items() if value is not None}
        return NamedContent("model", source, {**own, **args}, generation or {})
    from sparkles_eval.adapters.base import Adapter, ModelOptions
    from sparkles_eval.adapters.function import function_adapter, read_function
    from sparkles_eval.core import Model

    title = name or getattr(source, "__name__", type(source).__name__).strip("<>")
    read_function(source, title)  # a mistake in its form shows here, not in the run
    settings = _identity(source, version)

    def make(made: Model, options: ModelOptions) -> Adapter:
        own = replace(made, name=title, kind=KIND, free=True, settings=settings)
        return function_adapter(source, own, options)

    # A kind of its own: two functions of one run are two models.
    kind = f"{KIND}-{title}"
    plugin = register_plugin(f"model-{title}", adapters={kind: make})
    return NamedContent("model", f"{kind}/{title}", args, generation or {}, plugin)


def _identity(function: Callable[..., object], version: str | None) -> dict[str, str]:
    """What makes this function another model than another one: its code, its plain values, its version."""
    code = hashlib.sha256()
    hidden = _read_code(function, code, set())
    settings = {"code": code.hexdigest()[:16]}
    if version is not None:
        settings["version"] = version
    elif hidden:
        settings["process"] = secrets.token_hex(4)
    return settings


def _read_code(function: object, code: Any, seen: set[int]) -> bool:
    """Feed a function's code, and that of the functions it names, to a hash; True where it uses state beside them."""
    if id(function) in seen:
        return False
    seen.add(id(function))
    if not isinstance(function, FunctionType):
        return True
    _read_bytecode(function.__code__, code)
    values = inspect.getclosurevars(function)
    hidden = False
    for name, value in sorted({**values.globals, **values.nonlocals}.items()):
        if isinstance(value, _PLAIN):
            code.update(f"{name}={value!r}".encode())
        elif isinstance(value, FunctionType):
            hidden |= _read_code(value, code, seen)
        elif not isinstance(value, ModuleType | type):
            hidden = True
    return hidden or bool(function.__defaults__ and any(not isinstance(one, _PLAIN) for one in function.__defaults__))


def _read_bytecode(inner: CodeType, code: Any) -> None:
    """Feed instructions, names and constants to a hash; not file and line, which change no answer."""
    code.update(inner.co_code + repr((inner.co_names, inner.co_varnames)).encode())
    for one in inner.co_consts:
        if isinstance(one, CodeType):
            _read_bytecode(one, code)
        else:
            code.update(repr(one).encode())


def judge(
    source: str | Callable[..., object],
    *,
    name: str | None = None,
    model: str | None = None,
    low: float = 0,
    high: float = 1,
    version: int = 1,
    **args: object,
) -> NamedContent:
    """A judge for `se.run`: a name such as "facts" or "sparkles" (with `model`), or a function that rates.

    A function is `rate(sample, answers)` and gives a number from `low` to `high` for each turn's answer (one number
    where there is one turn), or None where it cannot say: that item is then unscored. Raise `version` when the function
    comes to rate otherwise. Raises errors.UserError for a scale without extent.
    """
    if isinstance(source, str):
        return NamedContent("judge", f"{source}@{model}" if model else source, args)
    if not low < high:
        raise UserError(f"judge: a scale from {low:g} to {high:g} has no extent; give low below high")
    from sparkles_eval.api.function_judge import FunctionJudge

    title = name or getattr(source, "__name__", "judge").strip("<>").replace("_", "-")
    code = hashlib.sha256()
    _read_code(source, code, set())
    made = FunctionJudge(source, title, version, low, high, code.hexdigest()[:16])
    return NamedContent(
        "judge", title, args, plugin=register_plugin(f"judge-{title}", judges={title: made.for_arguments})
    )


def task(
    source: str | Path,
    samples: Sequence[Mapping[str, Any]] | None = None,
    *,
    title: str | None = None,
    prompt: str | None = None,
    metrics: Sequence[str] | None = None,
    **args: object,
) -> NamedContent:
    """A task for `se.run`: a name or folder with its arguments, or a new one of `samples`.

    Each sample is an object as a line of samples.jsonl: `id`, `text` with `<image>` where each picture stands, `images`
    (paths or PIL images), `options` and `target`, or `turns`. `prompt` is a template as a task's folder has it, such as
    "{{ text }}". The task is written as a folder into the cache, named by its content. Raises errors.UserError for a
    name that no task can have.
    """
    if samples is None:
        return NamedContent("task", str(source), args)
    from sparkles_eval.api.task_folder import write_task

    return NamedContent(
        "task", str(write_task(str(source), samples, title=title, prompt=prompt, metrics=metrics)), args
    )
