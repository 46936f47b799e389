"""The files that hold the frozen numbers: JSON with a row a line, and how numbers are compared with them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from tests.golden.frozen_numbers import Found, Value

FOLDER = Path(__file__).parent / "frozen"
CLOSE = 1e-12


def read(name: str) -> Found:
    """The frozen numbers of a store."""
    found: Found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def write(name: str, found: Found) -> Path:
    """Freeze the numbers of a store."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(_text(found, "") + "\n", encoding="utf-8")
    return path


def _text(value: Value, indent: str) -> str:
    """JSON in which whatever holds no object and no list of lists is one line."""
    inner = indent + " "
    if isinstance(value, dict) and value:
        lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_text(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and (any(isinstance(item, list | dict) for item in value) or _long(value)):
        return "[\n" + ",\n".join(inner + _text(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def _long(value: list[Value]) -> bool:
    return all(isinstance(item, str) for item in value) and sum(len(str(item)) for item in value) > 200


def differences(frozen: Value, found: Value, where: str = "") -> Iterator[str]:
    """What is not as it was frozen, and where it stands. Tables and columns that are new are let through."""
    if isinstance(frozen, dict) and "columns" in frozen:
        frozen, found = _by_name(frozen), _by_name(found)
    if isinstance(frozen, dict) and isinstance(found, dict):
        for key in frozen:
            if key in found:
                yield from differences(frozen[key], found[key], f"{where}/{key}")
            else:
                yield f"{where}/{key} is gone"
    elif isinstance(frozen, list) and isinstance(found, list) and len(frozen) == len(found):
        for number, (old, new) in enumerate(zip(frozen, found, strict=True)):
            yield from differences(old, new, f"{where}/{number}")
    elif not _same(frozen, found):
        yield f"{where}: was {frozen}, is {found}"


def _by_name(table: Value) -> Value:
    """A table's rows, each by its columns' names."""
    if not isinstance(table, dict):
        return table
    columns, rows = table.get("columns"), table.get("rows")
    assert isinstance(columns, list) and isinstance(rows, list)
    return [dict(zip(map(str, columns), row, strict=True)) for row in rows if isinstance(row, list)]


def _same(frozen: Value, found: Value) -> bool:
    if isinstance(frozen, float) and isinstance(found, int | float):
        return math.isclose(frozen, found, rel_tol=CLOSE, abs_tol=CLOSE)
    return frozen == found
