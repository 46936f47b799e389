"""Says in a few words what columns a table has and what stands in its first rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sparkles_eval.core.text import one_line
from sparkles_eval.tasks.columns.cell_values import as_list, is_empty
from sparkles_eval.tasks.columns.row_files import TableRow
from sparkles_eval.tasks.image_headers import read_header

_WIDTH = 60


def shown_value(value: object) -> str:
    """A cell in few words: text shortened, pictures as such, a list with its length."""
    if is_empty(value):
        return "(empty)"
    if isinstance(value, bytes):
        header = read_header(value)
        return f"{len(value):,} bytes" if isinstance(header, str) else f"a picture, {header[1]}x{header[2]}"
    if isinstance(value, Mapping):
        if isinstance(value.get("bytes"), bytes):
            return shown_value(value["bytes"])
        return "{" + ", ".join(f"{key}: {shown_value(inner)}" for key, inner in list(value.items())[:4]) + "}"
    listed = as_list(value)
    if listed is not None:
        return f"a list of {len(listed)}, first {shown_value(listed[0])}"
    text = one_line(str(value))
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}... ({len(text):,} characters)"


def shown_rows(rows: Iterable[TableRow]) -> str:
    """The columns of the first rows with their values, a line for each."""
    found = list(rows)
    if not found:
        return "the table has no rows"
    lines = [f"the columns are {', '.join(map(str, found[0].values))}"]
    for row in found:
        lines.append(f"  {row.place}:")
        lines += [f"    {name}: {shown_value(value)}" for name, value in list(row.values.items())[:30]]
    return "\n".join(lines)
