"""Watching a local model write: what is shown grows into the answer, and who stops watching stops the model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.base import Request, StreamingAdapter
from sparkles_eval.adapters.local.base import LocalAdapter, so_far
from sparkles_eval.core import Generation, Image
from tests.adapters.feeding import pictures
from tests.adapters.making import build, request
from tests.adapters.tiny_chat import write_model
from tests.adapters.tiny_llava import write_llava

LONG = Generation(temperature=1.0, seed=3, max_tokens=40)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["sparkleschat", "transformers"])
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LocalAdapter:
    place = tmp_path_factory.mktemp("models") / "tiny"
    folder = write_model(place, seed=5) if request.param == "sparkleschat" else write_llava(place, seed=5)
    return cast("LocalAdapter", build(f"{request.param}/{folder}"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 2)


def question(local: LocalAdapter, images: Sequence[Image]) -> Request:
    one, two = images
    return request("Which is brighter", one, "or", two, "?", generation=local.effective(LONG))


async def test_what_is_shown_grows_into_the_answer(local: LocalAdapter, images: list[Image]) -> None:
    assert isinstance(local, StreamingAdapter)
    asked, shown = question(local, images), list[str]()
    reply = await local.stream(asked, shown.append)
    assert reply == await local.answer(asked)
    assert len(shown) > 5
    assert all(reply.text.startswith(text) for text in shown)
    assert shown == sorted(shown, key=len)


async def test_who_stops_watching_stops_the_model(local: LocalAdapter, images: list[Image]) -> None:
    shown: list[str] = []
    first = asyncio.Event()

    def grown(text: str) -> None:
        shown.append(text)
        first.set()

    watching = asyncio.create_task(local.stream(question(local, images), grown))
    await first.wait()
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    after = len(shown)
    # The next question is answered, and nobody is told of the first one any more.
    assert (await local.answer(question(local, images))).text
    assert len(shown) == after


@pytest.mark.parametrize(
    ("text", "stops", "shown"),
    [
        ("a cat ", (), "a cat"),
        ("a caf\N{REPLACEMENT CHARACTER}", (), "a caf"),
        ("a cat#", ("###",), "a cat"),
        ("a cat##", ("###",), "a cat"),
        ("a cat###Human", ("###",), "a cat"),
        ("C# and F#.", ("###",), "C# and F#."),
        ("the en", ("END", "end"), "the"),
        ("the endless", ("\n",), "the endless"),
    ],
)
def test_what_the_next_token_may_take_back_is_not_shown(text: str, stops: tuple[str, ...], shown: str) -> None:
    assert so_far(text, stops) == shown
