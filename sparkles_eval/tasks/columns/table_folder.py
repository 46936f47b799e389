"""Writes the task folder of a table, with a guessed mapping of its columns for a person to correct."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import yaml

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir, write_output
from sparkles_eval.tasks.base import Source
from sparkles_eval.tasks.columns.column_guess import guess_columns
from sparkles_eval.tasks.columns.column_spec import RowSource
from sparkles_eval.tasks.columns.hub_files import hub_folder, licence_of, read_card
from sparkles_eval.tasks.columns.row_files import RowValues, open_rows
from sparkles_eval.tasks.spec import FILE, valid_name

_FIRST = 8
"""Rows that are read for the guess."""
_CHOICE = """{{ content }}

Reason briefly if you need to, then end with a line "Answer: X", where X is the letter of the one right option.
"""
_SHORT = """{{ content }}

Reason briefly if you need to, then end with a line "Answer: " and the answer alone, in a word or as few as it takes.
"""


def hub_rows(rows_of: RowSource) -> list[RowValues]:
    """The first rows of a Hub data set that is in the cache."""
    found = hub_folder(rows_of, Source(str(rows_of.hub), {}, Path(), None, cache_dir(), rows_of, None, _FIRST))
    first = next(name for _, name in found.patterns if (found.folder / name).is_file())
    return [row.values for row in islice(open_rows(found.folder / first, rows_of.split), _FIRST)]


def hub_task(rows_of: RowSource, name: str, where: Path, given: Mapping[str, str]) -> Path:
    """Write the folder of a Hub data set whose first rows are in the cache; returns its path.

    Raises errors.UserError for a name that is not allowed or exists, or columns of which no question can be made.
    """
    card = read_card(str(rows_of.hub), rows_of.revision)
    source = rows_of.model_dump(exclude_defaults=True)
    source = {key: list(value) if isinstance(value, tuple) else value for key, value in source.items()}
    return _write(hub_rows(rows_of), source, name, where, given, licence_of(card), f"The Hub's data set {rows_of.hub}.")


def file_task(file: Path, name: str, where: Path, given: Mapping[str, str]) -> Path:
    """Write the folder of a table of the user's own; returns its path. Raises errors.UserError as `hub_task`."""
    rows = [row.values for row in islice(open_rows(file), _FIRST)]
    if not rows:
        raise UserError(f"{file}: holds no rows")
    data = os.path.relpath(file.expanduser().resolve().parent, (where.expanduser() / name).resolve())
    source: dict[str, object] = {"folder": data, "files": file.name}
    return _write(rows, source, name, where, given, "", f"The table {file.name}.")


def _write(
    rows: Sequence[RowValues],
    source: Mapping[str, object],
    name: str,
    where: Path,
    given: Mapping[str, str],
    licence: str,
    about: str,
) -> Path:
    if not valid_name(name):
        raise UserError(f"{name!r} cannot be a task's name; use lower case letters, digits, '.', '_' and '-' (--name)")
    folder = where.expanduser() / name
    if folder.exists():
        raise UserError(f"{folder} is there already; take another --name or remove it first")
    columns = guess_columns(rows, given)
    choices, answered = "options" in columns, "answer" in columns
    scorer = "lettered" if choices else "exact_match" if answered else None
    spec: dict[str, object] = {
        "name": name,
        "version": 1,
        "title": name,
        "description": about,
        "loader": "table",
        "source": dict(source),
        "columns": columns,
        "protocols": {
            "strict": {
                "prompt": "prompt.md.j2",
                **({"scorer": scorer} if scorer else {}),
                **({"system": "{{ system | default('') }}"} if "turns" in columns else {}),
                "generation": {"temperature": 0, "max_tokens": 1000},
            }
        },
        "metrics": ["accuracy", "validity"] if scorer else ["judge_score"],
        **({} if scorer else {"judges": ["demon"]}),
        "licence": licence or "say under which terms the data may be used",
    }
    head = (
        "# Guessed from the first rows; correct what is wrong, then look at it:  sparkles-eval task check\n"
        "# Every key is explained in docs/reference/task-yaml.md.\n"
    )
    write_output(folder / FILE, (head + yaml.safe_dump(spec, sort_keys=False, allow_unicode=True)).encode())
    prompt = _CHOICE if choices else _SHORT if answered else "{{ content }}\n"
    write_output(folder / "prompt.md.j2", prompt.encode())
    terms = f"Licence by its card: {licence}." if licence else "Its licence is not stated."
    readme = f"# {name}\n\n{about} {terms} Pictures keep the terms of their own sources.\n"
    write_output(folder / "README.md", readme.encode())
    return folder
