"""Options come from records: each has one, with its bounds and default, and what is given reaches the record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import reduce
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from sparkles_eval.cli.app import app
from sparkles_eval.cli.commands import Without, command
from sparkles_eval.core.config_options import Option
from sparkles_eval.engine.config import Shard


@dataclass(frozen=True)
class Inner:
    """A record in a record."""

    size: Annotated[int, Option("How large.", low=1)] = 3


@dataclass(frozen=True)
class Outer:
    """A record of options of every kind."""

    names: Annotated[tuple[str, ...], Option("Names.", "--name -n", section="Samples")]
    inner: Inner = Inner()
    share: Annotated[float, Option("A share.", "--percent", scale=100)] = 0.9
    report: Annotated[bool, Option("No report.", "--no-report", section="Output", inverted=True)] = True
    kind: Annotated[tuple[Literal["a", "b"], ...], Option("Kinds.", section="Output")] = ("a",)
    length: Annotated[int, Option("Length of a text.", "--text", read=len, given=str)] = 0
    private: int = 5


def invoked(function: Callable[..., None], *args: str) -> Result:
    program = Typer()
    program.command()(command(function))
    return CliRunner().invoke(program, args, catch_exceptions=False, env={"COLUMNS": "120"})


def built(*args: str) -> tuple[Result, Outer | None]:
    seen: list[Outer] = []

    def run(record: Outer) -> None:
        seen.append(record)

    return invoked(run, *args), seen[0] if seen else None


def test_what_is_not_given_is_the_records_default() -> None:
    assert built("--name", "x")[1] == Outer(("x",))


def test_what_is_given_reaches_the_record_in_the_fields_own_form() -> None:
    args = ("-n", "x", "--name", "y", "--size", "7", "--percent", "35", "--no-report", "--kind", "b", "--text", "four")
    assert built(*args)[1] == Outer(("x", "y"), Inner(7), 0.35, False, ("b",), 4)


@pytest.mark.parametrize("args", [(), ("--name", "x", "--size", "0"), ("--name", "x", "--kind", "c")])
def test_what_is_missing_or_out_of_bounds_is_the_users_error(args: tuple[str, ...]) -> None:
    result, record = built(*args)
    assert (result.exit_code, record) == (2, None)


def test_the_help_shows_sections_in_their_order_and_defaults_in_the_options_units() -> None:
    shown = built("--help")[0].output
    assert shown.index("Samples") < shown.index("Output")
    assert "90.0" in shown and "A share." in shown and "private" not in shown


def test_a_command_can_leave_fields_out() -> None:
    def run(record: Annotated[Outer, Without("share", "inner")]) -> None:
        assert record == Outer(("x",))

    assert invoked(run, "--name", "x").exit_code == 0
    assert invoked(run, "--name", "x", "--size", "7").exit_code == 2


def test_what_can_be_no_option_is_refused_when_the_command_is_made() -> None:
    @dataclass(frozen=True)
    class Bare:
        needed: int

    def nothing_said(count: int) -> None: ...
    def twice(one: Inner, other: Inner) -> None: ...
    def no_value(record: Bare) -> None: ...

    no_value.__annotations__["record"] = Bare  # a class of this function, which its name does not lead to
    for function, why in ((nothing_said, "count"), (twice, "--size"), (no_value, "Bare.needed")):
        with pytest.raises(TypeError, match=why):
            command(function)


# --- the program's own commands ---------------------------------------------------------------------------------------


def verbs(of: Typer, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., None]]]:
    for found in of.registered_commands:
        assert found.callback is not None
        yield " ".join((*before, str(found.name))), found.callback
    for group in of.registered_groups:
        assert group.name and group.typer_instance
        yield from verbs(group.typer_instance, (*before, group.name))


VERBS = dict(verbs(app))
PROBABILITIES = {"power": 0.7, "alpha": 0.01, "icc": 0.5}
"""Examples for fields whose records refuse other numbers."""


Steps: TypeAlias = tuple[str, ...]


def options(hint: Any, path: Steps) -> Iterator[tuple[Steps, Any, Option]]:
    """Every option of a parameter: the way to its value, the value's type, and what is said of it."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    said = [note for note in notes if isinstance(note, Option)]
    left_out = [name for note in notes if isinstance(note, Without) for name in note.fields]
    if said:
        yield path, kind, said[0]
    elif is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        for one in fields(kind):
            if one.name not in left_out:
                yield from options(hints[one.name], (*path, one.name))


def example(kind: Any, option: Option, plugin: Path) -> tuple[list[str], Any]:
    """What to write for an option, and what its field then holds."""
    first = next(one for one in (get_args(kind) or (kind,)) if one is not NoneType)
    if get_origin(kind) is tuple:
        many, values = zip(*(example_value(first, option, plugin, n) for n in (0, 1)), strict=True)
        return list(many), values
    if kind is bool:
        return [], not option.inverted
    text, value = example_value(kind if get_origin(kind) is Literal else first, option, plugin, 0)
    return [text], value


def example_value(kind: Any, option: Option, plugin: Path, n: int) -> tuple[str, Any]:
    if kind is Shard:
        return "2/3", Shard(2, 3)
    if get_origin(kind) is Literal:
        value = get_args(kind)[-1 - n]
        return value, value
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return list(kind)[-1].value, list(kind)[-1]
    if kind is Path:
        path = plugin if option.names == "--plugin" else Path(f"folder/{n}")
        return str(path), path
    if kind in (int, float):
        number = max(option.low or 0, min(option.high or 100, 7 + n))
        return str(number), float(number / option.scale) if kind is float else round(number / option.scale)
    return f"text-{n}", f"text-{n}"


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verbs_records_reaches_the_record(verb: str, tmp_path: Path) -> None:
    function = inspect.unwrap(VERBS[verb])
    (plugin := tmp_path / "plugin.py").write_text("ADAPTERS = {'mine': print}\n", encoding="utf-8")
    seen: dict[str, Any] = {}

    def recorder(**given: Any) -> None:
        seen.update(given)

    recorder.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    recorder.__annotations__ = get_type_hints(function, include_extras=True)
    hints = {name: hint for name, hint in recorder.__annotations__.items() if name != "return"}
    args: list[str] = []
    positional: list[str] = []
    expected: dict[Steps, Any] = {}
    for path, kind, option in (found for name, hint in hints.items() for found in options(hint, (name,))):
        if path[-1] in ("config", "set"):  # a file's own tests are in tests/engine
            continue
        known = PROBABILITIES.get(path[-1])
        texts, value = example(kind, option, plugin) if known is None else ([str(known)], known)
        flag = (option.names.split() or [f"--{path[-1].replace('_', '-')}"])[0].partition("/")[0]
        expected[path] = value
        positional += texts if option.argument else []
        args += [] if option.argument else [part for text in texts for part in (flag, text)] or [flag]
    result = invoked(recorder, *args, *positional)
    assert result.exit_code == 0, result.output
    for (name, *steps), value in expected.items():
        found = reduce(getattr, steps, seen[name])
        assert found == value and type(found) is type(value), (verb, name, steps)


def test_no_command_declares_an_option_of_its_own_making() -> None:
    for path in (Path(__file__).parents[2] / "sparkles_eval" / "cli").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert path.name in {"commands.py", "app.py"} or "typer.Option(" not in text, path
