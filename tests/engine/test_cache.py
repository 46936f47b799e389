"""What makes a question the same question: everything that was asked changes the key, nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import (
    Conversation,
    Criterion,
    Generation,
    Image,
    Limits,
    Message,
    Model,
    Prices,
    Sample,
    Text,
    Turn,
)
from sparkles_eval.core.json import sample_key
from sparkles_eval.engine.cache import request_key, verdict_key
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard

IMAGE = Image("a" * 64, "image/jpeg", 640, 480, 9_000, "photos/1.jpg", id="1", caption="A dog.", path=Path("/x/1.jpg"))
SAMPLE = Sample("one", (Turn((Text("What is in "), IMAGE, Text("?"))),), options=("YES", "NO"), target="YES")
MODEL = Model("openai/m", "openai", "m", settings={"endpoint": "http://localhost:1/v1"})
REQUEST = Request(
    Conversation((Message("user", (Text("What is in "), IMAGE, Text("?"))),), system="Be brief."),
    Generation(temperature=0.0, max_tokens=10),
    SAMPLE,
    turn=1,
)
KEY = request_key(MODEL, REQUEST)


def asking(*parts: Text | Image, system: str | None = "Be brief.") -> Request:
    return replace(REQUEST, conversation=Conversation((Message("user", parts),), system))


CHANGED: dict[str, Request] = {
    "image bytes": asking(Text("What is in "), replace(IMAGE, sha256="b" * 64), Text("?")),
    "image order": asking(IMAGE, Text("What is in "), Text("?")),
    "one more image": asking(Text("What is in "), IMAGE, IMAGE, Text("?")),
    "words": asking(Text("What is on "), IMAGE, Text("?")),
    "system": asking(Text("What is in "), IMAGE, Text("?"), system="Be long."),
    "no system": asking(Text("What is in "), IMAGE, Text("?"), system=None),
    "history": replace(
        REQUEST,
        conversation=Conversation(
            (Message("user", (IMAGE,)), Message("assistant", (Text("A dog."),)), *REQUEST.conversation.messages),
            "Be brief.",
        ),
    ),
    "temperature": replace(REQUEST, generation=replace(REQUEST.generation, temperature=0.1)),
    "temperature not sent": replace(REQUEST, generation=replace(REQUEST.generation, temperature=None)),
    "top_p": replace(REQUEST, generation=replace(REQUEST.generation, top_p=0.9)),
    "top_k": replace(REQUEST, generation=replace(REQUEST.generation, top_k=5)),
    "max_tokens": replace(REQUEST, generation=replace(REQUEST.generation, max_tokens=11)),
    "seed": replace(REQUEST, generation=replace(REQUEST.generation, seed=1)),
    "stop": replace(REQUEST, generation=replace(REQUEST.generation, stop=("\n",))),
    "schema": replace(REQUEST, schema={"type": "object"}),
    "epoch": replace(REQUEST, epoch=1),
    "draw": replace(REQUEST, draw=1),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_was_asked_changes_the_key(what: str) -> None:
    assert request_key(MODEL, CHANGED[what]) != KEY


def test_no_two_changes_have_the_same_key() -> None:
    assert len({request_key(MODEL, request) for request in CHANGED.values()}) == len(CHANGED)


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, kind="anthropic"),
        replace(MODEL, model_id="m2"),
        replace(MODEL, settings={"endpoint": "http://localhost:2/v1"}),
        replace(MODEL, settings={}),
    ],
)
def test_who_was_asked_changes_the_key(model: Model) -> None:
    assert request_key(model, REQUEST) != KEY


@pytest.mark.parametrize(
    "model",
    [
        replace(MODEL, name="another name in the tables"),
        replace(MODEL, limits=Limits(max_images=2, timeout_s=5)),
        replace(MODEL, prices=Prices(1.0, 2.0)),
    ],
)
def test_names_limits_and_prices_do_not_change_the_key(model: Model) -> None:
    assert request_key(model, REQUEST) == KEY


UNSEEN: dict[str, Request] = {
    "where the bytes lie": asking(Text("What is in "), replace(IMAGE, path=None, relpath="elsewhere.jpg"), Text("?")),
    "the data's name of an image": asking(Text("What is in "), replace(IMAGE, id="7", caption="A cat."), Text("?")),
    "the answer that is right": replace(REQUEST, sample=replace(SAMPLE, target="NO", group="g", tags=("t",))),
    "the sample's id": replace(REQUEST, sample=replace(SAMPLE, id="two")),
    "the turn's number": replace(REQUEST, turn=2),
}


@pytest.mark.parametrize("what", UNSEEN)
def test_what_the_model_does_not_see_does_not_change_the_key(what: str) -> None:
    assert request_key(MODEL, UNSEEN[what]) == KEY


@pytest.mark.parametrize("what", ["the answer that is right", "the sample's id", "the turn's number"])
def test_for_a_model_that_looks_at_the_sample_it_does(what: str) -> None:
    reader = replace(MODEL, reads_sample=True)
    assert request_key(reader, UNSEEN[what]) != request_key(reader, REQUEST)


CARD = JudgeCard("j", 1, "J", (Criterion("C1", "One"),), 1, 10, "captions", fingerprint="f" * 64)
CALL = JudgeCall("dialogue", AnsweredSample(SAMPLE, ("A dog.",)), ((1, "C1"),), REQUEST.conversation, delimiter="x7")


def _verdict(
    card: JudgeCard = CARD, answers: tuple[str, ...] = ("A dog.",), call: JudgeCall = CALL, repeat: int = 0
) -> str:
    return verdict_key(card, sample_key(SAMPLE), answers, call, repeat)


@pytest.mark.parametrize(
    "other",
    [
        lambda: _verdict(replace(CARD, fingerprint="e" * 64)),
        lambda: _verdict(answers=("A cat.",)),
        lambda: _verdict(call=replace(CALL, id="turn-1")),
        lambda: _verdict(repeat=1),
        lambda: verdict_key(CARD, sample_key(replace(SAMPLE, id="two")), ("A dog.",), CALL, 0),
    ],
)
def test_what_was_judged_changes_a_verdicts_key(other: Callable[[], str]) -> None:
    assert other() != _verdict()


def test_a_verdicts_key_is_the_same_for_other_delimiters_and_retries() -> None:
    assert _verdict(call=replace(CALL, delimiter="y8", conversation=None)) == _verdict()
    assert _verdict(replace(CARD, attempts=9, repeats=5, title="Another title")) == _verdict()
