"""Reads the JSON in a store's columns. One that is damaged is the user's error, not a fault of this program."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from sparkles_eval.core.errors import StoreError

T = TypeVar("T")


class DamagedJSON(StoreError):
    """A value of the store that should be JSON of a certain form is not."""

    def __init__(self, why: object) -> None:
        super().__init__(
            f"a value of the store that should be JSON of this program's form is not ({str(why)[:80]});"
            " `sparkles-eval verify STORE` names it"
        )


def read_json(text: str, kind: type[T]) -> T:
    """The list or dict that a column holds. Raises DamagedJSON."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedJSON(error) from error
    if not isinstance(value, kind):
        raise DamagedJSON(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def read_records(text: str, record: Callable[..., T]) -> tuple[T, ...]:
    """A list of objects, each given to `record` by its names. Raises DamagedJSON."""
    try:
        return tuple(record(**one) for one in read_json(text, list))
    except (TypeError, ValueError) as error:
        raise DamagedJSON(error) from error
