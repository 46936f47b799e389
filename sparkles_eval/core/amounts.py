"""Reads amounts that come over the network: counts of tokens, seconds to wait. What is out of bounds is unknown.

A provider's numbers decide nothing about an answer, so a strange one (3.5 tokens, "n/a", 2**64, -5) never costs a
reply: it is read as None, which every table shows as unknown.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator

MOST_TOKENS = 10**9
"""Tokens of one request: more than any context, and far below what a store's column holds."""
MOST_SECONDS = 366 * 86_400.0
"""Longer than any provider means when it asks to wait."""


def tokens(value: object) -> int | None:
    """A count of tokens from 0 to `MOST_TOKENS`, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) and 0 <= value <= MOST_TOKENS else None


def seconds(value: object) -> float | None:
    """A duration from 0 to `MOST_SECONDS` given as a number or its digits, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found <= MOST_SECONDS else None


TokenCount = Annotated[int | None, BeforeValidator(tokens)]
"""A field of a reply that counts tokens."""
