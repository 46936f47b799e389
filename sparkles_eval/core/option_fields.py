"""Lists the options that config records declare, each with its names, type, default and conversion.

The command line, configuration files and the Python interface read the same list, so that an option is one thing in all
three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from keyword import iskeyword
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from sparkles_eval.core.config_options import Option


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option: a field of a record, or a parameter of a command."""

    name: str
    kind: Any
    """The field's type without its annotations."""
    option: Option
    default: Any
    """MISSING where there is none."""

    @property
    def names(self) -> list[str]:
        """What the command line calls it, such as ["--task", "-t"]."""
        return self.option.names.split() or [f"--{self.name.replace('_', '-')}"]

    @property
    def key(self) -> str:
        """The parameter's name: of the option, since fields of several records may have the same name."""
        if self.option.argument:
            return self.name
        key = self.option_name
        return f"{key}_" if iskeyword(key) else key

    @property
    def option_name(self) -> str:
        """The first name without dashes: "max_cost" for "--max-cost"."""
        return self.names[0].partition("/")[0].strip("-").replace("-", "_")

    @property
    def file_key(self) -> str:
        """What a configuration file calls it: the option's name, in the plural where the field holds a list of such."""
        plural = f"{self.option_name}s"
        return plural if self.is_list and self.name == plural else self.option_name

    @property
    def is_list(self) -> bool:
        return get_origin(self.kind) is tuple

    def from_option(self, value: Any) -> Any:
        """The field's value of the option's, as a command line or a file gives it; the default of None."""
        if value is None or value == []:
            return self.default
        if self.is_list:
            value = tuple(str(one.value) if isinstance(one, Enum) else one for one in value)
        if self.option.inverted:
            value = not value
        if self.option.scale != 1:
            value = scaled(value, value / self.option.scale)
        return self.option.read(value) if self.option.read else value

    def to_option(self, value: Any) -> Any:
        """The option's value of the field's: what `from_option` reads back."""
        if self.option.inverted:
            return not value
        if self.option.scale != 1:
            return scaled(value, value * self.option.scale)
        return str(value) if self.option.given is str else value


def scaled(like: float, value: float) -> float:
    """`value`, whole where `like` is."""
    return round(value) if isinstance(like, int) else value


def option_fields(record: Any) -> Iterator[OptionField]:
    """Every option of a record type, those of records within it included, in the order of their fields."""
    for found in _parts(record):
        if isinstance(found, OptionField):
            yield found
        else:
            yield from option_fields(found[1])


def build_record(record: Any, values: Mapping[str, Any]) -> Any:
    """A record of fields' values by `OptionField.key`; what is not there keeps its default."""
    given: dict[str, Any] = {}
    for found in _parts(record):
        if not isinstance(found, OptionField):
            given[found[0]] = build_record(found[1], values)
        elif found.key in values:
            given[found.name] = values[found.key]
    return record(**given)


def record_values(record: Any) -> dict[str, Any]:
    """The fields' values of a record, those of records within it included, by `OptionField.key`."""
    values: dict[str, Any] = {}
    for found in _parts(type(record)):
        if isinstance(found, OptionField):
            values[found.key] = getattr(record, found.name)
        else:
            values |= record_values(getattr(record, found[0]))
    return values


def _parts(record: Any) -> Iterator[OptionField | tuple[str, Any]]:
    """A record type's own options, and the names and types of the records within it."""
    hints = get_type_hints(record, include_extras=True)
    for one in fields(record):
        kind, *notes = get_args(hints[one.name]) if get_origin(hints[one.name]) is Annotated else (hints[one.name],)
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is not None:
            default = one.default_factory() if one.default_factory is not MISSING else one.default
            yield OptionField(one.name, kind, option, default)
        elif is_dataclass(kind):
            yield one.name, kind
