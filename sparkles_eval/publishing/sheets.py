"""Reads the first sheet of an XLSX workbook as rows, without a spreadsheet library: texts and numbers, no formulas."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from sparkles_eval.core.errors import UserError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LARGEST = 500_000_000
"""Bytes of an unpacked part of a workbook."""


def sheet_rows(path: Path) -> Iterator[dict[str, object]]:
    """The rows below the heading, by the heading's names; an empty cell is None.

    Raises errors.UserError for what is no workbook, or one whose parts are too large or declare entities.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            names = sorted(n for n in opened.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n))
            if not names:
                raise UserError(f"{path}: is no XLSX workbook: it has no sheet")
            shared = _texts(_part(opened, "xl/sharedStrings.xml", path))
            first = min(names, key=lambda name: int(re.sub(r"\D", "", name)))
            rows = list(_cells(_part(opened, first, path), shared))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path}: is no XLSX workbook ({error})") from None
    except (ET.ParseError, ValueError, IndexError) as error:
        raise UserError(f"{path}: a damaged workbook ({error}); save it again, or as CSV") from None
    if not rows:
        return
    headings = {column: str(value).strip() for column, value in rows[0].items() if value is not None}
    for row in rows[1:]:
        if any(value is not None for value in row.values()):
            yield {name: row.get(column) for column, name in headings.items()}


def _part(opened: zipfile.ZipFile, name: str, path: Path) -> ET.Element | None:
    if name not in opened.namelist():
        return None
    if opened.getinfo(name).file_size > _LARGEST:
        raise UserError(f"{path}: {name} is larger than {_LARGEST:,} bytes; save the sheet as CSV")
    data = opened.read(name)
    if b"<!DOCTYPE" in data[:10_000] or b"<!ENTITY" in data:
        raise UserError(f"{path}: {name} declares entities, which no workbook needs; it is not trusted")
    return ET.fromstring(data)  # noqa: S314 - see above


def _texts(root: ET.Element | None) -> list[str]:
    """The workbook's shared texts; pieces of one text with different fonts are joined."""
    return [] if root is None else ["".join(t.text or "" for t in one.iter(f"{_MAIN}t")) for one in root]


def _cells(root: ET.Element | None, shared: list[str]) -> Iterator[dict[int, object]]:
    for row in root.iter(f"{_MAIN}row") if root is not None else ():
        found: dict[int, object] = {}
        for place, cell in enumerate(row.iter(f"{_MAIN}c")):
            letters = re.match(r"[A-Z]+", cell.get("r", ""))
            found[_column(letters[0]) if letters else place] = _value(cell, shared)
        yield found


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: ET.Element, shared: list[str]) -> object:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(f"{_MAIN}t"))
    value = cell.find(f"{_MAIN}v")
    if value is None or value.text is None:
        return None
    if kind == "s":
        return shared[int(value.text)]
    if kind == "b":
        return value.text == "1"
    return float(value.text) if kind == "n" else value.text
