"""Cleans texts and amounts of replies so that the store can hold them; no reply may end a run.

Halves of characters (lone surrogates) become U+FFFD, counts and costs that no request can have become unknown.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import overload

from sparkles_eval.core import Reply, Usage, Verdict
from sparkles_eval.core.amounts import tokens


@overload
def storable(text: str) -> str: ...
@overload
def storable(text: None) -> None: ...
def storable(text: str | None) -> str | None:
    """The text as UTF-8 can write it; nearly always the text itself."""
    if text is None:
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def storable_reply(reply: Reply) -> Reply:
    """The reply with every text and amount as the store can hold it."""
    return replace(
        reply,
        text=storable(reply.text),
        detail=storable(reply.detail),
        reasoning=storable(reply.reasoning),
        model_version=storable(reply.model_version),
        finish=storable(reply.finish),
        usage=_usage(reply.usage),
    )


def storable_verdict(verdict: Verdict) -> Verdict:
    """The verdict with the texts that a judge chose as the store can hold them."""
    ratings = tuple(replace(rating, explanation=storable(rating.explanation)) for rating in verdict.ratings)
    return replace(verdict, ratings=ratings, reason=storable(verdict.reason))


def _usage(usage: Usage) -> Usage:
    cost = usage.cost_usd
    return Usage(
        tokens(usage.input_tokens),
        tokens(usage.output_tokens),
        cost if cost is not None and math.isfinite(cost) and cost >= 0 else None,
        tokens(usage.reasoning_tokens),
        tokens(usage.cached_tokens),
    )
