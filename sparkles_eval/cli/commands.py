"""Makes commands of functions that take config records: each field with an `Option` becomes an option.

    @command
    def run(config: RunConfig, store: StorePath = DEFAULT_STORE) -> None: ...

The record says every option once: name, help, default and bounds. A parameter that is no record has its `Option` in its
own annotation. Typer sees a function whose parameters are all these options, and the command gets the built records.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from sparkles_eval.cli.completion import COMPLETIONS
from sparkles_eval.cli.options import ConfigOptions
from sparkles_eval.core.config_options import HelpSection, Option
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.option_fields import OptionField, option_fields, scaled

SECTIONS: tuple[HelpSection, ...] = get_args(HelpSection)


@dataclass(frozen=True, slots=True)
class Without:
    """Fields of a record that are no options of a command: `Annotated[RunLimits, Without("embed_images")]`."""

    fields: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "fields", names)


@dataclass(frozen=True, slots=True)
class _Value(OptionField):
    """One option, as typer takes it and gives it back."""

    def parameter(self, *, required: bool = True) -> inspect.Parameter:
        """As typer reads it: lists where records have tuples, None where nothing is given.

        `required` is False where a configuration file may give what has no default.
        """
        kind: Any = self.option.given or self.kind
        many, default = get_origin(kind) is tuple, self.default
        if default is MISSING and not required:
            default = None
        if many:
            kind = list[_member(get_args(kind)[0])]  # type: ignore[misc]
        if default is not MISSING and (many or self.option.given or default is None):
            kind, default = (kind if NoneType in get_args(kind) else kind | None), None
        elif self.option.inverted:
            default = not default
        elif self.option.scale != 1 and default is not MISSING:
            default = scaled(default, default * self.option.scale)
        about = self._argument() if self.option.argument else self._option()
        return inspect.Parameter(
            self.key,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is MISSING else default,
            annotation=Annotated[kind, about],
        )

    def _argument(self) -> object:
        return typer.Argument(
            metavar=self.option.metavar, help=self.option.help, envvar=self.option.env or None, **self._completion
        )

    def _option(self) -> object:
        return typer.Option(
            *self.names,
            metavar=self.option.metavar or self._value(),
            help=self.option.help,
            rich_help_panel=self.option.section or None,
            min=self.option.low,
            max=self.option.high,
            envvar=self.option.env or None,
            **self._completion,
        )

    @property
    def _completion(self) -> dict[str, Any]:
        return {"autocompletion": COMPLETIONS[self.option.completes]} if self.option.completes else {}

    def _value(self) -> str | None:
        """What stands for one of several values; typer would name a list."""
        if not self.is_list or get_origin(get_args(self.kind)[0]) is Literal:
            return None
        return "PATH" if get_args(self.kind)[0] is Path else "NAME"

    def build(self, values: Mapping[str, Any]) -> Any:
        return values[self.key]


@dataclass(frozen=True, slots=True)
class _Record:
    """A record of options, some of its fields perhaps records themselves."""

    name: str
    kind: Any
    parts: tuple[_Value | _Record, ...]

    def build(self, values: Mapping[str, Any]) -> Any:
        """The record of its fields' values, which have the options' keys."""
        return self.kind(**{part.name: part.build(values) for part in self.parts})


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

    has_file = any(part.kind is ConfigOptions for part in parts)

    def called(**given: Any) -> None:
        found = {value.key: value.from_option(given[value.key]) for value in values}
        if has_file:
            found = _with_file(values, found, given[_CONTEXT])
        built = {part.name: part.build(found) for part in parts}
        if has_file:
            built |= {
                part.name: replace(built[part.name], values=found) for part in parts if part.kind is ConfigOptions
            }
        function(**built)

    parameters = [value.parameter(required=not has_file) for value in values]
    if has_file:  # typer gives it to whoever asks by this type
        parameters.append(inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))
    called.__name__, called.__doc__, called.__module__ = function.__name__, function.__doc__, function.__module__
    called.__wrapped__ = function  # type: ignore[attr-defined]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {found.name: found.annotation for found in parameters}
    return called


_CONTEXT = "context"


def _with_file(options: Sequence[_Value], found: Mapping[str, Any], context: typer.Context) -> dict[str, Any]:
    """The values with those of the configuration file under what the command line says.

    Raises errors.UserError for a mistake in the file, and where neither gives what has no default.
    """
    from sparkles_eval.engine.config_file import read_config

    own = {field.name for field in option_fields(ConfigOptions)}
    of_file = [value for value in options if value.name not in own]
    values = dict(found)
    if values["config"] or values["set"]:
        sources = {key: context.get_parameter_source(key) for key in values}
        typed = {key for key, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
        values = read_config(values["config"], of_file, values["set"]).under(values, typed)
    for value in of_file:
        if value.default is MISSING and values[value.key] in (MISSING, ()):
            names = " / ".join(value.names)
            raise UserError(f"missing option {names}; give it, or `{value.file_key}:` in a --config file")
    return values


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
