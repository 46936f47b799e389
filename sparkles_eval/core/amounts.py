"""Reads amounts that come over the network: counts of tokens. What is out of bounds is unknown.

A provider's numbers decide nothing about an answer, so a strange one (3.5 tokens, "n/a", 2**64, -5) never costs a
reply: it is read as None, which every table shows as unknown.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

MOST_TOKENS = 10**9
"""Tokens of one request: more than any context, and far below what a store's column holds."""


def tokens(value: object) -> int | None:
    """A count of tokens from 0 to `MOST_TOKENS`, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_TOKENS:
        return None
    return int(value) if value == int(value) else None


TokenCount = Annotated[int | None, BeforeValidator(tokens)]
"""A field of a reply that counts tokens."""
