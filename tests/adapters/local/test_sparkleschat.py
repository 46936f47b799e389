"""A small random SparklesChat as a model: the same answers in any batch, images encoded once, errors with a mend."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import PIL.Image
import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.adapters.listing import list_models
from sparkles_eval.adapters.local.sparkleschat import SparklesChat
from sparkles_eval.adapters.local.vision_features import shared_features
from sparkles_eval.core import Generation, Image, Part, Reply, Status
from sparkles_eval.core.errors import AdapterError, Rejected, UserError
from sparkles_eval.engine.cache import request_key
from tests.adapters.feeding import Listed, pictures, run
from tests.adapters.making import build, image, image_bytes, request
from tests.adapters.tiny_chat import write_model


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny", seed=5)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 5)


@pytest.fixture(scope="module")
def chat(folder: Path) -> SparklesChat:
    return loaded(folder)


def loaded(folder: Path, generation: Generation | None = None, **args: object) -> SparklesChat:
    return cast("SparklesChat", build(f"sparkleschat/{folder}", generation, **args))


def questions(chat: SparklesChat, images: Sequence[Image], wish: Generation, count: int = 13) -> list[Request]:
    """Prompts of different lengths, with one to three images in one or two turns."""
    generation = chat.effective(wish)
    found = []
    for number in range(count):
        one, two, three = (images[(number + step) % len(images)] for step in range(3))
        words = "Which is brighter ? " * (number % 4)
        if number % 3:
            found.append(request(words, one, " or ", two, "?", generation=generation))
        else:
            history: list[tuple[Sequence[Part | str], str]] = [([one, "first"], "TRUE .")]
            found.append(request(words, two, "second", three, history=history, generation=generation))
    return found


GREEDY = Generation(temperature=0)
SAMPLED = Generation(temperature=1.0, top_p=0.9, seed=2023)


@pytest.mark.parametrize("wish", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_answers_are_the_same_alone_and_in_any_batch_and_order(
    chat: SparklesChat, images: list[Image], wish: Generation
) -> None:
    requests = questions(chat, images, wish)
    alone = run(chat, requests, 1).replies()
    assert {reply.status for reply in alone} == {Status.OK, Status.TRUNCATED}
    assert len({reply.usage.output_tokens for reply in alone}) > 2, "rows should end at different times"
    for size in (3, 8, 16):
        assert run(chat, requests, size).replies() == alone
    backwards = run(chat, requests[::-1], 4)
    assert backwards.replies() == alone[::-1]
    assert backwards.order != sorted(backwards.order), "a row is delivered when it is done"


def test_greedy_answers_are_those_of_the_model_itself(chat: SparklesChat, folder: Path, images: list[Image]) -> None:
    import PIL.Image
    import torch

    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration, SparklesChatProcessor

    model = SparklesChatForConditionalGeneration.from_pretrained(folder)
    processor = SparklesChatProcessor.from_pretrained(folder)
    requests = questions(chat, images, GREEDY)
    for asked, reply in zip(requests, run(chat, requests, 5).replies(), strict=True):
        pictures = [PIL.Image.open(str(own.path)) for own in asked.conversation.images]
        batch = processor(pictures, processor.prompt(asked.conversation), max_new_tokens=40)
        ids = model.generate(**batch, do_sample=False, max_new_tokens=40)[0]
        assert reply.text == processor.decode(ids)
        assert reply.usage.input_tokens == batch["input_ids"].shape[1]
        assert reply.usage.cost_usd == 0 and torch.is_tensor(ids)


def test_draws_and_epochs_differ_and_the_same_one_does_not(chat: SparklesChat, images: list[Image]) -> None:
    generation = chat.effective(SAMPLED)
    same = [request("Which", images[0], "?", generation=generation, draw=draw) for draw in (0, 1, 0)]
    first, other, again = run(chat, same, 3).replies()
    assert first == again != other


def test_an_image_is_encoded_once_a_run_and_once_at_all_where_a_folder_is_named(
    tmp_path: Path, images: list[Image]
) -> None:
    folder = write_model(tmp_path / "other", seed=6)
    one = loaded(folder)
    kept = shared_features(one._place.tower)
    first = run(one, questions(one, images, GREEDY), 4).replies()
    assert kept.encoded == len(images)
    named = loaded(folder, features=tmp_path / "features")
    run(named, questions(named, images, GREEDY), 4)
    assert kept.encoded == len(images), "another adapter of the same tower shares them"
    kept._kept.clear()
    run(named, questions(named, images, GREEDY), 4)
    files = list((tmp_path / "features").glob("*/*.safetensors"))
    assert kept.encoded == 2 * len(images) and len(files) == len(images)
    files[0].write_bytes(b"damaged")
    kept._kept.clear()
    assert run(named, questions(named, images, GREEDY), 4).replies() == first
    assert kept.encoded == 2 * len(images) + 1, "only the damaged one is made again"


def test_one_bad_image_costs_its_own_request_only(chat: SparklesChat, images: list[Image], tmp_path: Path) -> None:
    spoiled = image(tmp_path, image_bytes(), "spoiled.jpg")
    assert spoiled.path is not None
    spoiled.path.write_bytes(b"x" * spoiled.size)
    generation = chat.effective(GREEDY)
    feed = run(
        chat,
        [
            request("Which", spoiled, images[0], generation=generation),
            request("Which", images[0], generation=generation),
            request("Which <ImageHere>", images[0], generation=generation),
        ],
        3,
    )
    changed, good, hostile = (feed.outcomes[place] for place in range(3))
    assert isinstance(changed, Rejected) and "has changed" in str(changed)
    assert isinstance(good, Reply)
    assert isinstance(hostile, Rejected) and "2 places" in str(hostile)


def test_a_text_stop_ends_a_row_and_is_cut_off(chat: SparklesChat, images: list[Image]) -> None:
    plain = run(chat, questions(chat, images, GREEDY), 4).replies()
    word = next(reply.text.split()[2] for reply in plain if len(reply.text.split()) > 5)
    stopped = run(chat, questions(chat, images, Generation(temperature=0, stop=(word,))), 4).replies()
    for before, after in zip(plain, stopped, strict=True):
        assert word not in after.text
        assert (after.usage.output_tokens or 0) <= (before.usage.output_tokens or 0)
        assert after.status is Status.OK or word not in before.text


def test_a_separator_in_one_piece_with_other_signs_ends_an_answer(chat: SparklesChat) -> None:
    (fused,) = chat._processor.tokenizer.encode(".###")
    words = chat._processor.tokenizer.encode("TRUE .")
    assert (fused,) not in chat._stops
    assert chat._ended((), [*words, fused]) and not chat._ended((), words)


def test_looking_at_the_ids_every_few_steps_changes_no_answer(
    chat: SparklesChat, folder: Path, images: list[Image]
) -> None:
    strided = loaded(folder)
    strided._replica(0).decoder._stride = 4  # as on a GPU
    for wish in (GREEDY, SAMPLED):
        requests = questions(chat, images, wish)
        assert run(strided, requests, 5).replies() == run(chat, requests, 1).replies()


def test_a_cache_that_outgrows_its_memory_sends_the_newest_rows_back_and_loses_no_answer(
    folder: Path, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparkles_eval.adapters.local.sparkleschat._EXPECTED_POSITIONS", 1)
    chat = loaded(folder)
    requests = questions(chat, images, GREEDY)
    whole = run(chat, requests, 1).replies()
    decoder = chat._replica(0).decoder
    decoder._budget = decoder._per_position * 8 * (64 + 128)
    feed = run(chat, requests, 8)
    assert feed.replies() == whole and feed.returned > 0


def test_a_halted_feed_is_left_at_the_next_step(chat: SparklesChat, images: list[Image]) -> None:
    requests = questions(chat, images, GREEDY)

    class Impatient(Listed):
        def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
            super().deliver(request, outcome)
            self.halted = True

    feed = Impatient(requests, 2)
    chat.work(feed, 0)
    assert 1 <= len(feed.outcomes) <= 2 and not chat._replica(0).decoder.rows


def test_what_changes_answers_is_in_the_identity_and_where_the_folder_lies_is_not(folder: Path, tmp_path: Path) -> None:
    import shutil

    moved = tmp_path / "elsewhere" / folder.name
    shutil.copytree(folder, moved)
    assert loaded(folder).model.identity == loaded(moved).model.identity
    assert loaded(folder, dtype="bf16").model.identity != loaded(folder).model.identity
    assert loaded(folder, batch_size=3).model.identity == loaded(folder).model.identity
    processor = moved / "processor_config.json"
    processor.write_text(processor.read_text().replace("Please answer", "Answer"))
    assert loaded(moved).model.identity != loaded(folder).model.identity
    assert loaded(folder).model.free


def test_bf16_answers_and_several_devices_are_copies(folder: Path, images: list[Image]) -> None:
    half = loaded(folder, dtype="bf16", device="cpu,cpu", batch_size=4)
    assert half.replicas == 2 and half.model.limits.batch_size == 4
    assert len(run(half, questions(half, images, GREEDY), 4).replies()) == 13


def test_a_projection_alone_is_loaded_with_its_base(folder: Path, images: list[Image], tmp_path: Path) -> None:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration, SparklesChatProcessor

    base = SparklesChatForConditionalGeneration.from_pretrained(folder)
    base.language_projection.weight.data.mul_(-1)
    base.save_pretrained(tmp_path / "other", projection_only=True)
    SparklesChatProcessor.from_pretrained(folder).save_pretrained(tmp_path / "other")
    one, other = loaded(folder), loaded(tmp_path / "other")
    assert one._place.tower == other._place.tower, "both share the encoded images"
    assert one.model.identity != other.model.identity
    assert (
        run(other, questions(other, images, GREEDY), 4).replies()
        != run(one, questions(one, images, GREEDY), 4).replies()
    )


def test_what_a_projection_alone_lacks_is_said_before_anything_is_asked(
    folder: Path, images: list[Image], tmp_path: Path
) -> None:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration, SparklesChatProcessor

    base, own = tmp_path / "base", tmp_path / "own"
    shutil.copytree(folder, base)
    SparklesChatForConditionalGeneration.from_pretrained(base).save_pretrained(own, projection_only=True)
    SparklesChatProcessor.from_pretrained(folder).save_pretrained(own)
    at_home = run(loaded(own), questions(loaded(own), images, GREEDY), 4).replies()
    base.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="--model-arg base=FOLDER"):
        loaded(own)
    moved = loaded(own, None, base=tmp_path / "moved")
    assert run(moved, questions(moved, images, GREEDY), 4).replies() == at_home
    with pytest.raises(UserError, match="this is a whole model; leave it out"):
        loaded(folder, None, base=folder)
    (own / "projection.safetensors").unlink()
    with pytest.raises(UserError, match=r"projection\.safetensors is missing"):
        loaded(own, None, base=tmp_path / "moved")


def test_wishes_are_settled_by_user_protocol_and_checkpoint(folder: Path) -> None:
    chat = loaded(folder)
    assert chat.effective(Generation(temperature=0, max_tokens=1000, seed=1)) == Generation(0, max_tokens=40)
    assert chat.effective(Generation()) == Generation(1.0, 0.9, 50, 40)
    own = loaded(folder, Generation(max_tokens=100))
    assert own.effective(GREEDY).max_tokens == 100
    long = loaded(folder, Generation(max_tokens=400))
    problem = long.check(request("Which", generation=long.effective(GREEDY)))
    assert problem is not None and "share 400 positions" in problem


async def test_one_question_can_be_asked_without_a_queue(chat: SparklesChat, images: list[Image]) -> None:
    requests = questions(chat, images, GREEDY, 3)
    together = await asyncio.gather(*(chat.answer(one) for one in requests))
    assert together == run(chat, requests, 1).replies()


def test_missing_weights_say_what_to_get_where_and_under_which_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.delenv("SPARKLES_WEIGHTS", raising=False)
    with pytest.raises(UserError) as told:
        build("sparkleschat-7b")
    text = str(told.value)
    assert all(word in text for word in ("eva_vit_g.pth", "licence: MIT", "Vicuna-7B v0", "checkpoints convert"))
    listed = {model.name: model for model in list_models()}["sparkleschat-7b"]
    assert not listed.usable and listed.free and "SPARKLES_WEIGHTS" in listed.why_not and "\n" not in listed.why_not
    (tmp_path / "sparkleschat-7b").symlink_to(folder)
    monkeypatch.setenv("SPARKLES_WEIGHTS", str(tmp_path))
    assert {model.name: model for model in list_models()}["sparkleschat-7b"].usable
    assert build("sparkleschat-7b").model.name == "sparkleschat/sparkleschat-7b"
    with pytest.raises(UserError, match="give --model sparkleschat/FOLDER"):
        build(f"sparkleschat/{tmp_path / 'nowhere'}")


def test_wrong_arguments_are_told(folder: Path, tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({"dtype": "fp8"}, "one of auto, bf16"),
        ({"dtype": "8bit"}, "need a GPU"),
        ({"device": "tpu"}, "there is no tpu here"),
        ({"weights": tmp_path}, "no config.json there"),
        ({"speed": "high"}, "unknown --model-arg 'speed'"),
    ]
    for args, told in wrong:
        with pytest.raises(UserError, match=told):
            loaded(folder, None, **args)
    other = tmp_path / "llava"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "llava"}))
    with pytest.raises(UserError, match="try --model transformers/"):
        loaded(other)


def test_a_prompt_beyond_the_context_is_refused_and_under_paper_cut_as_published(
    folder: Path, images: list[Image]
) -> None:
    strict = loaded(folder)
    room = strict._processor.settings.max_context
    generation = strict.effective(Generation(temperature=0, max_tokens=6))
    long = request("Which " * room, images[0], "?", generation=generation)
    short = request("Which", images[0], "?", generation=generation)
    feed = run(strict, [long, short], 2)
    assert isinstance(feed.outcomes[0], Rejected) and f"and the model {room:,} positions" in str(feed.outcomes[0])
    assert isinstance(feed.outcomes[1], Reply)
    paper = cast(
        "SparklesChat",
        build_adapter(f"sparkleschat/{folder}", ModelOptions((), Generation(), protocol="paper")),
    )
    assert paper.model.identity == strict.model.identity
    assert len(run(paper, [long, short], 2).replies()) == 2


def test_under_paper_pictures_are_read_as_published_and_keep_their_keys(folder: Path, tmp_path: Path) -> None:
    rgba = PIL.Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    rgba.putpixel((3, 3), (200, 40, 0, 255))
    out = io.BytesIO()
    rgba.save(out, "PNG")
    clear = image(tmp_path, out.getvalue(), "clear.png")
    flat = io.BytesIO()
    rgba.convert("RGB").save(flat, "PNG")
    black = image(tmp_path, flat.getvalue(), "black.png")
    found = {}
    for protocol in ("paper", "strict"):
        model = cast(
            "SparklesChat", build_adapter(f"sparkleschat/{folder}", ModelOptions((), Generation(), protocol=protocol))
        )
        here = model._replica(0)
        for one in (clear, black):
            features, faults = model._features.of([one], here.tower)
            assert not faults
            found[protocol, one.relpath] = features[one.sha256]
        key = request_key(model.model, request("Which", clear, "?"))
        plain = request_key(replace(model.model, upright=False), request("Which", clear, "?"))
        assert (key == plain) is (protocol == "paper")
    assert found["paper", "clear.png"].equal(found["paper", "black.png"]), "a bare conversion shows black"
    assert not found["strict", "clear.png"].equal(found["strict", "black.png"])
    assert found["strict", "black.png"].equal(found["paper", "black.png"])
