"""lm-eval's registered models as models of a run: a small random LLaVA, and a chat server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("lm_eval", reason="needs the extra 'lmeval'")

from sparkles_eval.adapters.local.lm_eval import LmEval
from sparkles_eval.core import Generation, Image, Part, Reply
from sparkles_eval.core.errors import Denied, Rejected, TooLong, Transient, UserError
from tests.adapters.feeding import pictures, run
from tests.adapters.making import Scripted, build, request
from tests.adapters.tiny_llava import TEMPLATE, write_llava

GREEDY = Generation(temperature=0, max_tokens=12)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llava(tmp_path_factory.mktemp("models") / "llava-tiny", template=_TEMPLATE)


_TEMPLATE = TEMPLATE.replace("<image> ", "<image>")
"""lm-eval writes the mark itself; a space after it would be a word of its own to it."""


def loaded(name: str, **args: object) -> LmEval:
    return cast("LmEval", build(f"lm-eval/{name}", None, **args))


def chat(server: Scripted, **args: object) -> LmEval:
    url = f"{server.url}/v1/chat/completions"
    return loaded("local-chat-completions", model="some-model", base_url=url, max_retries=1, **args)


async def test_hf_multimodal_sees_every_image_of_every_turn_and_answers_as_in_any_list(
    folder: Path, images: Sequence[Image]
) -> None:
    model = loaded("hf-multimodal", pretrained=folder, dtype="float32", device="cpu", batch_size=3, max_length=512)
    assert model.model.free and model.model.settings["pretrained"] == str(folder)
    generation = model.effective(GREEDY)
    history: list[tuple[Sequence[Part | str], str]] = [(["first", images[0], "is"], "yes .")]
    requests = [
        request("Which", images[1], "or", images[2], "?", history=history, generation=generation),
        request("Which is brighter", images[3], "?", generation=generation),
        request("Which", images[3], "or", images[1], "first", "?", generation=generation),
    ]
    together = run(model, requests, 3).replies()
    assert together == run(model, requests, 1).replies() == [await model.answer(one) for one in requests]
    assert len({reply.text for reply in together}) == 3 and together[0].usage.cost_usd == 0
    other = request("Which", images[1], "or", images[3], "?", history=history, generation=generation)
    assert await model.answer(other) != together[0]
    await model.aclose()


def test_without_a_gpu_nobody_has_to_say_so(folder: Path, images: Sequence[Image]) -> None:
    import torch

    model = loaded("hf-multimodal", pretrained=folder, dtype="float32", max_length=512)
    assert len(run(model, [request("Which", images[0], "?", generation=model.effective(GREEDY))], 1).replies()) == 1
    assert model._loaded().device.type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_hostile_words_and_too_many_images_are_refused(folder: Path, images: Sequence[Image]) -> None:
    model = loaded("hf-multimodal", pretrained=folder, max_images=1)
    assert (
        model.check(request("an <image>", images[0])) == "its own words hold <image>, which marks an image to lm-eval"
    )
    assert model.check(request(images[0], images[1])) == "2 images, the model takes 1"
    text = loaded("hf", pretrained=folder)
    assert "reads text alone" in (text.check(request("Which", images[0])) or "")


async def test_a_chat_server_gets_images_at_their_words_in_every_turn(images: Sequence[Image]) -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": " TRUE. "}}]}
    async with Scripted(body=json.dumps(body)) as server:
        model = chat(server)
        history: list[tuple[Sequence[Part | str], str]] = [(["first", images[0], "is"], "yes .")]
        asked = request("Which", images[1], "?", history=history, system="Look.", generation=model.effective(GREEDY))
        reply = await model.answer(asked)
    assert reply == Reply("TRUE.") and not model.model.free, "cost and counts are unknown, not zero"
    sent = json.loads(server.bodies[0])
    assert sent["temperature"] == 0 and sent["max_tokens"] == 12
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "user"]
    kinds = [[part["type"] for part in sent["messages"][place]["content"]] for place in (1, 3)]
    assert kinds == [["text", "image_url", "text"], ["text", "image_url", "text"]]
    url = sent["messages"][3]["content"][1]["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")


async def test_a_failing_server_is_worth_another_attempt_and_costs_its_list_only(images: Sequence[Image]) -> None:
    async with Scripted(status=500, body="no") as server:
        model = chat(server)
        with pytest.raises(Transient, match="lm-eval"):
            await model.answer(request("Which", images[0], generation=model.effective(GREEDY)))


async def test_what_cannot_be_made_is_told(tmp_path: Path, images: Sequence[Image]) -> None:
    with pytest.raises(UserError, match="hf-multimodal"):
        loaded("nonsense")
    with pytest.raises(UserError, match="use --model anthropic/MODEL"):
        loaded("anthropic-chat-completions", model="some")
    with pytest.raises(UserError, match="not accepted"):
        loaded("local-chat-completions", api_key="sk-1")
    missing = loaded("hf-multimodal", pretrained=tmp_path / "nothing", device="cpu")
    with pytest.raises(Denied, match="lm-eval cannot make it"):
        await missing.answer(request("Which", generation=missing.effective(GREEDY)))


def test_a_spoiled_image_costs_its_own_request(folder: Path, images: Sequence[Image], tmp_path: Path) -> None:
    model = loaded("hf-multimodal", pretrained=folder, dtype="float32", device="cpu", max_length=512)
    (spoiled,) = pictures(tmp_path, 1)
    assert spoiled.path is not None
    spoiled.path.write_bytes(b"x" * spoiled.size)
    generation = model.effective(GREEDY)
    feed = run(model, [request("Which", one, generation=generation) for one in (spoiled, images[1])], 2)
    assert isinstance(feed.outcomes[0], Rejected) and isinstance(feed.outcomes[1], Reply)


async def test_a_prompt_whose_beginning_would_be_cut_off_is_refused(folder: Path) -> None:
    """lm-eval keeps the end of a prompt that is too long, and says nothing."""
    model = loaded("hf-multimodal", pretrained=folder, dtype="float32", device="cpu", max_length=64)
    with pytest.raises(
        TooLong, match=r"the prompt has \d+ tokens without its images, and lm-eval's model 64 positions"
    ):
        await model.answer(request("word " * 200))
    await model.aclose()
