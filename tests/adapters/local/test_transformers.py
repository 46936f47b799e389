"""Checkpoints of other families, made small and random here, through their own processor and chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")


from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.transformers import Transformers
from sparkles_eval.core import Generation, Image, Part, Reply, Status
from sparkles_eval.core.errors import AdapterError, Rejected, UserError
from tests.adapters.feeding import Listed, pictures, run
from tests.adapters.making import build, image, image_bytes, request
from tests.adapters.tiny_chat import write_model
from tests.adapters.tiny_llava import IMAGES_FIRST, TEMPLATE, write_llava

GREEDY = Generation(temperature=0, max_tokens=24)
PENALISED = Generation(temperature=0, max_tokens=24, presence_penalty=1.5, repetition_penalty=1.2)
SWITCH = "{% if enable_thinking is defined and not enable_thinking %}FALSE {% endif %}"
SAMPLED = Generation(temperature=1.0, top_p=0.95, top_k=8, max_tokens=24, seed=3)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llava(tmp_path_factory.mktemp("models") / "llava-tiny")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 4)


@pytest.fixture(scope="module")
def llava(folder: Path) -> Transformers:
    return loaded(folder)


def loaded(folder: Path, **args: object) -> Transformers:
    return cast("Transformers", build(f"transformers/{folder}", None, **args))


def questions(model: Transformers, images: Sequence[Image], wish: Generation, count: int = 9) -> list[Request]:
    """One to three images in one or two turns, at their words."""
    generation = model.effective(wish)
    found = []
    for number in range(count):
        one, two, three = (images[(number + step) % len(images)] for step in range(3))
        words = " Which is brighter ?" * (1 + number % 3)
        if number % 2:
            found.append(request("first", one, "or second", two, words, generation=generation))
        else:
            history: list[tuple[Sequence[Part | str], str]] = [([one, "first"], "yes .")]
            found.append(request("or", two, "second", three, words, history=history, generation=generation))
    return found


@pytest.mark.parametrize("wish", [GREEDY, SAMPLED, PENALISED], ids=["greedy", "sampled", "penalised"])
def test_answers_are_the_same_alone_and_in_any_batch(
    llava: Transformers, images: list[Image], wish: Generation
) -> None:
    requests = questions(llava, images, wish)
    alone = run(llava, requests, 1).replies()
    assert len({reply.text for reply in alone}) > 4
    for size in (2, 9):
        assert run(llava, requests, size).replies() == alone


def test_greedy_answers_are_those_of_plain_transformers(llava: Transformers, folder: Path, images: list[Image]) -> None:
    import PIL.Image
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model: Any = AutoModelForImageTextToText.from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder, backend="pil")  # type: ignore[no-untyped-call]
    requests = questions(llava, images, GREEDY)
    for asked, reply in zip(requests, run(llava, requests, 4).replies(), strict=True):
        messages = [
            {
                "role": message.role,
                "content": [
                    {"type": "image", "image": PIL.Image.open(str(part.path))}
                    if isinstance(part, Image)
                    else {"type": "text", "text": part.text}
                    for part in message.parts
                ],
            }
            for message in asked.conversation.messages
        ]
        batch = processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        ids = model.generate(**batch, do_sample=False, max_new_tokens=24)[0, batch["input_ids"].shape[1] :]
        assert reply.text == processor.decode(ids, skip_special_tokens=True).strip()
        assert reply.usage.input_tokens == batch["input_ids"].shape[1]


def test_rows_of_a_batch_keep_their_own_limits_and_stops(llava: Transformers, images: list[Image]) -> None:
    wish = Generation(temperature=0, max_tokens=2)
    short = request("Which is brighter", images[0], "?", generation=llava.effective(wish))
    long = request("Which is brighter", images[0], "?", generation=llava.effective(GREEDY))
    (first, second) = run(llava, [short, long], 2).replies()
    assert first.usage.output_tokens == 2 and first.status is Status.TRUNCATED
    assert second.text.startswith(first.text) and (second.usage.output_tokens or 0) > 2
    word = second.text.split()[1]
    stopped = Generation(temperature=0, max_tokens=24, stop=(word,))
    (third,) = run(
        llava, [request("Which is brighter", images[0], "?", generation=llava.effective(stopped))], 2
    ).replies()
    assert third.text == second.text.partition(word)[0].strip() and third.status is Status.OK


def test_a_row_is_delivered_before_its_batch_ends_and_halting_ends_the_batch(
    llava: Transformers, images: list[Image]
) -> None:
    class Impatient(Listed):
        def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
            super().deliver(request, outcome)
            self.halted = True

    generation = [llava.effective(Generation(temperature=0, max_tokens=limit)) for limit in (3, 24)]
    feed = Impatient([request("Which", images[0], generation=one) for one in generation], 2)
    llava.work(feed, 0)
    assert list(feed.outcomes) == [0]


def test_words_that_are_marks_and_spoiled_images_are_refused_for_their_own_request(
    llava: Transformers, images: list[Image], tmp_path: Path
) -> None:
    hostile = request("an <image> in words", images[0], generation=llava.effective(GREEDY))
    assert llava.check(hostile) == "its own words hold <image>, which is no word to this model"
    spoiled = image(tmp_path, image_bytes(), "spoiled.jpg")
    assert spoiled.path is not None
    spoiled.path.write_bytes(b"x" * spoiled.size)
    good = request("Which", images[0], generation=llava.effective(GREEDY))
    feed = run(llava, [request("Which", spoiled, generation=llava.effective(GREEDY)), good], 2)
    assert isinstance(feed.outcomes[0], Rejected) and isinstance(feed.outcomes[1], Reply)


def test_identity_covers_content_precision_and_a_template_that_moves_images(folder: Path, tmp_path: Path) -> None:
    plain = loaded(folder)
    moved = loaded(write_llava(tmp_path / "llava-tiny", template=IMAGES_FIRST))
    assert "interleaved" not in plain.model.settings and moved.model.settings["interleaved"] == "false"
    other = loaded(write_llava(tmp_path / "b" / "llava-tiny", seed=1))
    identities = {model.model.identity for model in (plain, moved, other, loaded(folder, dtype="bf16"))}
    assert len(identities) == 4 and plain.model.name == "transformers/llava-tiny" and plain.model.free
    assert plain.effective(Generation(max_tokens=7)) == Generation(temperature=0, max_tokens=7)


def test_what_cannot_be_used_is_told_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no configuration of a known model"):
        loaded(tmp_path / "nothing")
    with pytest.raises(UserError, match="has no chat template"):
        loaded(write_llava(tmp_path / "mute", template=None))
    chat = write_model(tmp_path / "chat")
    (chat / "config.json").write_text((chat / "config.json").read_text().replace('"sparkleschat"', '"bert"', 1))
    with pytest.raises(UserError, match="does not answer images"):
        loaded(chat)


def test_penalties_change_answers(llava: Transformers, images: list[Image]) -> None:
    plain, fewer = (
        [reply.text for reply in run(llava, questions(llava, images, wish, 4), 4).replies()]
        for wish in (GREEDY, PENALISED)
    )
    assert plain != fewer


def test_a_templates_own_switch_is_set_and_one_that_it_lacks_is_refused(tmp_path: Path) -> None:
    model = loaded(write_llava(tmp_path / "switched", template=TEMPLATE + SWITCH))
    plain, off, named = (
        run(model, [request("Which is brighter ?", generation=model.effective(wish))], 1).replies()[0]
        for wish in (
            GREEDY,
            Generation(temperature=0, max_tokens=24, reasoning=False),
            Generation(temperature=0, max_tokens=24, extra=(("chat_template_kwargs.enable_thinking", "false"),)),
        )
    )
    assert off == named and off.usage.input_tokens == (plain.usage.input_tokens or 0) + 1
    gone = Generation(extra=(("chat_template_kwargs.add_vision_id", "true"),))
    assert "no such argument" in str(model.check(request("x", generation=model.effective(gone))))


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Generation(reasoning=True), "reasoning is set, .*its chat template has no switch"),
        (Generation(reasoning_effort="low"), "reasoning_effort is set"),
        (Generation(reasoning_budget=5), "reasoning_budget is set"),
        (Generation(extra=(("extra_body.num_beams", "3"),)), r"extra_body\.num_beams is set"),
    ],
)
def test_what_the_model_does_not_heed_is_refused_by_name(llava: Transformers, wish: Generation, told: str) -> None:
    problem = llava.check(request("Which ?", generation=llava.effective(wish)))
    assert problem is not None and re.search(told, problem)


def test_a_checkpoints_own_repetition_penalty_is_shown(tmp_path: Path) -> None:
    folder = write_llava(tmp_path / "repeats")
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"repetition_penalty": 1.05}))
    model = loaded(folder)
    assert model.effective(GREEDY).repetition_penalty == 1.05
    assert model.effective(Generation(repetition_penalty=1.0)).repetition_penalty == 1.0
