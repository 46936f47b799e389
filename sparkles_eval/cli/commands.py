"""Makes commands of functions that take config records: each field with an `Option` becomes an option.

    @command
    def run(config: RunConfig, store: StorePath = DEFAULT_STORE) -> None: ...

The record says every option once: name, help, default and bounds. A parameter that is no record has its `Option` in its
own annotation. Typer sees a function whose parameters are all these options, and the command gets the built records.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from keyword import iskeyword
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from sparkles_eval.core.config_options import HelpSection, Option

SECTIONS: tuple[HelpSection, ...] = get_args(HelpSection)


@dataclass(frozen=True, slots=True)
class Without:
    """Fields of a record that are no options of a command: `Annotated[RunLimits, Without("embed_images")]`."""

    fields: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "fields", names)


@dataclass(frozen=True, slots=True)
class _Value:
    """One option: a field of a record, or a parameter of the command."""

    name: str
    kind: Any
    option: Option
    default: Any = MISSING

    @property
    def names(self) -> list[str]:
        return self.option.names.split() or [f"--{self.name.replace('_', '-')}"]

    @property
    def key(self) -> str:
        """The parameter's name: of the option, since fields of several records may have the same name."""
        if self.option.argument:
            return self.name
        key = self.names[0].partition("/")[0].strip("-").replace("-", "_")
        return f"{key}_" if iskeyword(key) else key

    def parameter(self) -> inspect.Parameter:
        """As typer reads it: lists where records have tuples, None where nothing is given."""
        kind: Any = self.option.given or self.kind
        many, default = _is_tuple(kind), self.default
        if many:
            kind = list[_member(get_args(kind)[0])]  # type: ignore[misc]
        if default is not MISSING and (many or self.option.given or default is None):
            kind, default = (kind if NoneType in get_args(kind) else kind | None), None
        elif self.option.inverted:
            default = not default
        elif self.option.scale != 1 and default is not MISSING:
            default = _number(default, default * self.option.scale)
        about = self._argument() if self.option.argument else self._option()
        return inspect.Parameter(
            self.key,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is MISSING else default,
            annotation=Annotated[kind, about],
        )

    def _argument(self) -> object:
        return typer.Argument(metavar=self.option.metavar, help=self.option.help)

    def _option(self) -> object:
        return typer.Option(
            *self.names,
            metavar=self.option.metavar or self._value(),
            help=self.option.help,
            rich_help_panel=self.option.section or None,
            min=self.option.low,
            max=self.option.high,
        )

    def _value(self) -> str | None:
        """What stands for one of several values; typer would name a list."""
        if not _is_tuple(self.kind) or get_origin(get_args(self.kind)[0]) is Literal:
            return None
        return "PATH" if get_args(self.kind)[0] is Path else "NAME"

    def build(self, given: Mapping[str, Any]) -> Any:
        """The field's value of what typer read."""
        value = given[self.key]
        if value is None or value == []:
            return self.default
        if _is_tuple(self.kind):
            value = tuple(str(one.value) if isinstance(one, Enum) else one for one in value)
        if self.option.inverted:
            value = not value
        if self.option.scale != 1:
            value = _number(value, value / self.option.scale)
        return self.option.read(value) if self.option.read else value


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of options, some of its fields perhaps records themselves."""

    name: str
    kind: Any
    parts: tuple[_Value | _Record, ...]

    def build(self, given: Mapping[str, Any]) -> Any:
        return self.kind(**{part.name: part.build(given) for part in self.parts})


def command(function: Callable[..., None]) -> Callable[..., None]:
    """The function as typer shall see it. Raises TypeError for a parameter or field that can be no option."""
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    defaults = {name: _default(found.default) for name, found in inspect.signature(function).parameters.items()}
    parts: list[_Value | _Record] = []
    for name, hint in hints.items():
        part = _part(name, hint, defaults[name])
        if part is None:
            raise TypeError(f"{function.__qualname__}: {name} is no record and has no Option")
        parts.append(part)
    values = [value for part in parts for value in _values(part)]
    names = [name for value in values for name in ([value.key] if value.option.argument else value.names)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"{function.__qualname__}: {sorted(twice)} stands for several options")
    # Sections in the order of their list wherever their fields come from, and in each what is required first.
    values.sort(key=lambda value: (SECTIONS.index(value.option.section), value.default is not MISSING))

    def called(**given: Any) -> None:
        function(**{part.name: part.build(given) for part in parts})

    parameters = [value.parameter() for value in values]
    called.__name__, called.__doc__, called.__module__ = function.__name__, function.__doc__, function.__module__
    called.__wrapped__ = function  # type: ignore[attr-defined]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {found.name: found.annotation for found in parameters}
    return called


def _values(part: _Value | _Record) -> Iterator[_Value]:
    if isinstance(part, _Value):
        yield part
    else:
        for inner in part.parts:
            yield from _values(inner)


def _part(name: str, hint: Any, default: Any) -> _Value | _Record | None:
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    option = next((note for note in notes if isinstance(note, Option)), None)
    if option is not None:
        return _Value(name, kind, option, default)
    if is_dataclass(kind):
        left_out = [left for note in notes if isinstance(note, Without) for left in note.fields]
        return _record(name, kind, left_out)
    return None


def _record(name: str, kind: Any, left_out: Sequence[str] = ()) -> _Record:
    hints = get_type_hints(kind, include_extras=True)
    parts = []
    for one in fields(kind):
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        part = None if one.name in left_out else _part(one.name, hints[one.name], default)
        if part is not None and not (isinstance(part, _Record) and not part.parts):
            parts.append(part)
        elif default is MISSING:
            raise TypeError(f"{kind.__name__}.{one.name} has neither an Option nor a default")
    return _Record(name, kind, tuple(parts))


def _default(default: object) -> object:
    return MISSING if default is inspect.Parameter.empty else default


def _member(kind: Any) -> Any:
    """Typer takes no lists of literals, but lists of the same choices as an enumeration."""
    return StrEnum("Choice", {str(value): value for value in get_args(kind)}) if get_origin(kind) is Literal else kind


def _number(like: float, value: float) -> float:
    return round(value) if isinstance(like, int) else value


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple
