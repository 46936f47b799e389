"""Suggests the known name that a mistyped one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `word`, or None where none is like it. Case does not count."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ " (did you mean 'chance'?)" for the end of a message; "" where nothing is like it."""
    near = closest(word, known)
    return f" (did you mean {near!r}?)" if near else ""
