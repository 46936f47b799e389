"""Reads YAML and JSON strictly, and turns pydantic's errors into plain messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.suggestions import did_you_mean

_SHAPES = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "named values (key: value)",
    "model": "named values (key: value)",
}


class Foreign(BaseModel):
    """Base class of rows of published data files, which may have keys that we do not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_number_as_text)]
"""Text that people often write as a bare number: 7 is read as "7". A bare true or false stays a mistake."""

M = TypeVar("M", bound=BaseModel)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The first pydantic model inside a type such as `dict[str, Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if found := _model_in(inner):
            return found
    return None


def _keys_at(model: type[BaseModel], where: Sequence[int | str]) -> list[str]:
    """The allowed keys at the place of an unknown one."""
    for step in where:
        if isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation) or model
    return list(model.model_fields)


def _unknown(key: object, allowed: Sequence[str]) -> str:
    hint = did_you_mean(str(key), allowed)
    return f"unknown key {key!r}{hint}; allowed: {', '.join(allowed)}"


def validation_messages(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line for each mistake: where it is, what is wrong, and what would be right."""
    lines = []
    for found in error.errors(include_url=False):
        where = [step for step in found["loc"] if not (isinstance(step, str) and step.startswith("function-"))]
        place = ".".join(str(step) for step in where)
        kind, given = found["type"], found.get("input")
        if kind == "extra_forbidden":
            inside = f"{'.'.join(str(step) for step in where[:-1])}: " if len(where) > 1 else ""
            lines.append(inside + _unknown(where[-1], _keys_at(model, where[:-1])))
        elif kind == "missing":
            lines.append(f"{place}: missing")
        elif kind == "value_error":
            lines.append((f"{place}: " if place else "") + str(found["ctx"]["error"]))
        elif kind == "too_short":
            lines.append(f"{place}: has {found['ctx']['actual_length']} entries; it needs {found['ctx']['min_length']}")
        elif kind == "literal_error":
            lines.append(f"{place}: {given!r} is not one of {found['ctx']['expected']}")
        elif (shape := kind.removesuffix("_type").removesuffix("_parsing")) in _SHAPES:
            lines.append(f"{place}: {given!r} is not {_SHAPES[shape]}"[:300])
        else:
            message = found["msg"]
            lines.append(
                f"{place}: {message[:1].lower()}{message[1:]}" + ("" if given is None else f" (not {given!r})")
            )
    return lines


class _OneKeyOnce(yaml.SafeLoader):
    """Loads plain YAML and refuses a repeated key, of which the last would otherwise silently count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_text(path: Path) -> str:
    """Read a UTF-8 file (a byte order mark is removed). Raises errors.ContentError with the reason."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise ContentError(f"{path}: cannot be read: {error.strerror}") from None


def read_yaml(path: Path, model: type[M]) -> M:
    """Read a YAML file as a record of `model`. Raises errors.ContentError with file and key of every mistake."""
    raw = read_mapping(path, model.model_fields)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ContentError("\n".join(f"{path}: {line}" for line in validation_messages(error, model))) from None


def read_mapping(path: Path, keys: Iterable[str]) -> dict[object, object]:
    """Read a YAML file of `key: value` lines, each key once. Raises errors.ContentError with the line of a mistake.

    `keys` are what it may hold, for the message where it holds no such lines.
    """
    loader = _OneKeyOnce(read_text(path))
    try:
        raw: object = loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark is not None else ""
        what = getattr(error, "problem", None) or str(error)
        raise ContentError(f"{path}{line}: not readable as YAML: {what}") from None
    finally:
        loader.dispose()
    if not isinstance(raw, dict):
        raise ContentError(f"{path}: holds no `key: value` lines; it needs {', '.join(keys)}")
    return raw


def parse_json(text: str) -> object:
    """Parse a JSON text. Raises ValueError with a short reason for anything that is not JSON."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except (RecursionError, ValueError) as error:
        raise ValueError(f"not JSON that can be read: {error}") from None
    return value
