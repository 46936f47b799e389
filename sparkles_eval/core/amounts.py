"""Reads token counts that come over the network. A value out of bounds is unknown.

A provider's numbers decide nothing about an answer, so an impossible one (3.5 tokens, "n/a", 2**64, -5) never discards
a reply: it is read as None, which every table shows as unknown.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator

MOST_TOKENS = 10**9
"""Tokens of one request: more than any context, and far below what a store's column holds."""


def tokens(value: object) -> int | None:
    """A count of tokens from 0 to `MOST_TOKENS`, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) and 0 <= value <= MOST_TOKENS else None


TokenCount = Annotated[int | None, BeforeValidator(tokens)]
"""A field of a reply that counts tokens."""
