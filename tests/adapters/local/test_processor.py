"""Processors that read video too, put together without that part, for tiny random checkpoints of eight families."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.local.chat_template import ChatTemplate, load_template
from sparkles_eval.adapters.local.processor import load_processor
from sparkles_eval.adapters.local.transformers import Transformers
from sparkles_eval.core import Conversation, Generation, Image, Message, Part, Reply, Status
from sparkles_eval.core.errors import Rejected, UserError
from tests.adapters.feeding import pictures, run
from tests.adapters.making import build, request
from tests.adapters.tiny_llava import write_llava
from tests.adapters.tiny_vlm import FAMILIES, write_vlm

GREEDY = Generation(temperature=0, max_tokens=8)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 3)


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "smolvlm" and find_spec("num2words") is None:
        pytest.skip("SmolVLM's processor needs num2words")
    return write_vlm(request.param, tmp_path_factory.mktemp("models") / request.param)


def _conversation(images: list[Image]) -> Conversation:
    """Three images in two turns, at their words."""
    return request("or", images[1], "second", images[2], "?", history=[([images[0], "first"], "yes .")]).conversation


def _opened(images: tuple[Image, ...]) -> list[Any]:
    import PIL.Image

    return [PIL.Image.open(str(image.path)).convert("RGB") for image in images]


def _official(processor: Any, conversation: Conversation) -> Mapping[str, Any]:
    """What the processor's own chat call makes of the conversation."""

    def content(message: Message) -> list[dict[str, object]]:
        return [
            {"type": "image", "image": _opened((part,))[0]}
            if isinstance(part, Image)
            else {"type": "text", "text": part.text}
            for part in message.parts
        ]

    messages = [{"role": message.role, "content": content(message)} for message in conversation.messages]
    called = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    return cast("Mapping[str, Any]", called)


def test_token_ids_and_pixels_are_those_of_the_official_call(checkpoint: Path, images: list[Image]) -> None:
    import torch

    conversation = _conversation(images)
    template = load_template(str(checkpoint), None)
    ours = template.encode([template.render(conversation)], [_opened(conversation.images)])
    theirs = [_official(load_processor(str(checkpoint), None), conversation)]
    if find_spec("torchvision") is not None:
        from transformers import AutoProcessor

        theirs.append(_official(AutoProcessor.from_pretrained(checkpoint), conversation))  # type: ignore[no-untyped-call]
    for official in theirs:
        assert ours["input_ids"].tolist() == official["input_ids"].tolist()
    assert torch.equal(ours["pixel_values"], theirs[0]["pixel_values"])
    assert template.interleaves


def test_a_padded_batch_answers_as_each_alone(checkpoint: Path, images: list[Image]) -> None:
    model = cast("Transformers", build(f"transformers/{checkpoint}", None))
    generation = model.effective(GREEDY)
    short = request("Which", images[0], "?", generation=generation)
    history: list[tuple[Sequence[Part | str], str]] = [([images[0], "first"], "yes .")]
    long = request("or", images[1], "second", images[2], "is brighter ?", history=history, generation=generation)
    alone = run(model, [short, long], 1).replies()
    assert run(model, [short, long], 2).replies() == alone
    assert alone[0].usage.input_tokens != alone[1].usage.input_tokens


def test_a_prompt_beyond_the_context_is_refused_with_the_numbers_and_its_neighbours_are_asked(
    tmp_path: Path, images: list[Image]
) -> None:
    folder = write_vlm("qwen2_vl", tmp_path / "qwen", context=40)
    model = cast("Transformers", build(f"transformers/{folder}", None))
    generation = model.effective(Generation(temperature=0, max_tokens=30))
    short = request("Which", images[0], "?", generation=generation)
    long = request(*(word for image in images for word in (image, "is brighter ? " * 4)), generation=generation)
    tight = request("is " * 28, generation=generation)
    feed = run(model, [short, long, tight], 3)
    assert isinstance(feed.outcomes[1], Rejected)
    assert re.search(r"the prompt has \d+ tokens, images included, and the model 40 positions", str(feed.outcomes[1]))
    first, last = feed.outcomes[0], feed.outcomes[2]
    assert isinstance(first, Reply) and isinstance(last, Reply)
    for reply in (first, last):
        assert (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0) <= 40
    assert last.status is Status.TRUNCATED, "the model's positions end before the answer's limit"


def test_a_qwen_image_has_a_token_for_each_merged_patch(tmp_path: Path, images: list[Image]) -> None:
    folder = write_vlm("qwen2_5_vl", tmp_path / "qwen")
    template: ChatTemplate = load_template(str(folder), None)
    conversation = request("Which", images[0], "?").conversation
    encoded = template.encode([template.render(conversation)], [_opened(conversation.images)])
    # 40 x 30 pixels become 28 x 28 (rounded to 28): 2 x 2 patches of 14, merged to one token.
    mark = template.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert encoded["image_grid_thw"].prod(-1).tolist() == [4 * encoded["input_ids"][0].tolist().count(mark)]


def test_the_class_is_found_by_model_type_where_no_file_names_it(tmp_path: Path) -> None:
    folder = write_vlm("qwen2_vl", tmp_path / "qwen")
    for name in ("processor_config.json", "video_preprocessor_config.json"):
        (folder / name).unlink()
    assert type(load_processor(str(folder), None)).__name__ == "Qwen2VLProcessor"


def test_processors_without_video_are_loaded_as_before(tmp_path: Path) -> None:
    from transformers import LlavaProcessor

    assert type(load_processor(str(write_llava(tmp_path / "llava")), None)) is LlavaProcessor


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is here")
def test_a_processor_that_demands_torchvision_is_told_with_the_version_that_fits(tmp_path: Path) -> None:
    folder = write_llava(tmp_path / "pixtral")
    settings = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({**settings, "processor_class": "PixtralProcessor"}))
    with pytest.raises(UserError, match=r"PixtralProcessor.*pip install 'torchvision==0\.\d+\.\*'"):
        load_processor(str(folder), None)


def test_a_folder_without_a_processor_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its processor cannot be loaded"):
        load_processor(str(tmp_path), None)
