"""Whatever an adapter or a judge gives is stored, or is unknown."""

from __future__ import annotations

import math

import pytest

from sparkles_eval.core import Rating, Reply, Usage, Verdict, VerdictStatus
from sparkles_eval.engine.storable import storable, storable_reply, storable_verdict


@pytest.mark.parametrize(
    ("text", "stored"),
    [("a", "a"), (None, None), ("\x00é💥", "\x00é💥"), ("a\ud800b", "a\ufffdb"), ("\ud83d\udca5 \udfff", "💥 \ufffd")],
)
def test_halves_of_characters_are_replaced(text: str | None, stored: str | None) -> None:
    assert storable(text) == stored


@pytest.mark.parametrize("wrong", [-1, 2**64, 10**400, True, 1.5, math.nan, math.inf])
def test_amounts_that_no_request_can_have_are_unknown(wrong: float) -> None:
    usage = Usage(wrong, wrong, None, wrong, wrong)  # type: ignore[arg-type]  # as a plugin may give them
    assert storable_reply(Reply("x", usage=usage)).usage == Usage()


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf])
def test_costs_that_no_request_can_have_are_unknown(cost: float) -> None:
    assert storable_reply(Reply("x", usage=Usage(1, 2, cost))).usage == Usage(1, 2, None)


def test_what_is_in_order_stays() -> None:
    reply = Reply("x", usage=Usage(1, 2, 0.5, 1, 0), model_version="m-1", reasoning="y", finish="stop", latency_s=0.1)
    assert storable_reply(reply) == reply


def test_a_judges_words_are_stored() -> None:
    verdict = Verdict(VerdictStatus.GRADED, (Rating(1, "C1", 2.0, "\ud800"),), reason="\udfff")
    made = storable_verdict(verdict)
    assert made.ratings[0].explanation == "\ufffd" and made.reason == "\ufffd"
