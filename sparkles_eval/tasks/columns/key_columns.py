"""Reads the `--map KEY=COLUMN` pairs of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.core.errors import UserError


def key_columns(pairs: Sequence[str]) -> dict[str, str]:
    """The columns by key. Raises errors.UserError for what is no pair."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, column = pair.partition("=")
        if not equals or not key.strip() or not column.strip():
            raise UserError(f"--map {pair}: write it as KEY=COLUMN, such as id=No")
        found[key.strip()] = column.strip()
    return found
