"""Tiny random checkpoints of current architectures, asked as their own processors ask.

Those that researchers use most run always; SPARKLES_ARCHITECTURES=all tries every one of the documentation's table.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.chat_template import load_template
from sparkles_eval.adapters.local.checkpoint import Checkpoint
from sparkles_eval.adapters.local.processor import load_processor
from sparkles_eval.adapters.local.transformers import Transformers
from sparkles_eval.core import Conversation, Generation, Image, Message, Part, Reply, Status
from sparkles_eval.core.errors import Rejected, UserError
from tests.adapters.architectures.asked import ASKED
from tests.adapters.architectures.listing import ALL, ALONE, NEED_TORCHVISION, PAGE, WITH_TORCHVISION, page
from tests.adapters.architectures.making import END, write_checkpoint, write_json
from tests.adapters.feeding import pictures, run
from tests.adapters.making import build, request
from tests.end_to_end.running import here, rows, total

GREEDY = Generation(temperature=0, max_tokens=8)
HAS_TORCHVISION = find_spec("torchvision") is not None
NAMES = ALL if os.environ.get("SPARKLES_ARCHITECTURES") == "all" else ASKED


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


def made(name: str, folder: Path, **how: Any) -> Path:
    """The checkpoint of an architecture that can run here; skips with the reason where a library is missing."""
    if name in NEED_TORCHVISION and not HAS_TORCHVISION:
        pytest.skip("its processor needs torchvision")
    if name == "smolvlm" and find_spec("num2words") is None:
        pytest.skip("its processor needs num2words")
    return write_checkpoint(name, ALL[name], folder, **how)


@pytest.fixture(scope="module", params=NAMES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(request.param, tmp_path_factory.mktemp("models") / request.param)


def conversation(images: Sequence[Image]) -> Conversation:
    """Three images in two turns, at their words."""
    return request("or", images[1], "second", images[2], "?", history=[([images[0], "first"], "yes .")]).conversation


def opened(images: Sequence[Image]) -> list[Any]:
    import PIL.Image

    return [PIL.Image.open(str(image.path)).convert("RGB") for image in images]


def official(processor: Any, conversation: Conversation) -> Mapping[str, Any]:
    """What the processor's own chat call makes of the conversation."""

    def content(message: Message) -> list[dict[str, object]]:
        return [
            {"type": "image", "image": opened((part,))[0]}
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

    asked = conversation(images)
    template = load_template(Checkpoint(str(checkpoint)))
    ours = template.encode([template.render(asked)], [opened(asked.images)])
    theirs = official(load_processor(Checkpoint(str(checkpoint)), {}), asked)
    assert ours["input_ids"].tolist() == theirs["input_ids"].tolist()
    assert torch.equal(ours["pixel_values"], theirs["pixel_values"])
    assert template.interleaves
    if HAS_TORCHVISION:
        from transformers import AutoProcessor

        plain = official(AutoProcessor.from_pretrained(checkpoint), asked)  # type: ignore[no-untyped-call]
        assert ours["input_ids"].tolist() == plain["input_ids"].tolist()


def first_logits(model: Transformers, asked: Request) -> Any:
    """Of the first token of an answer, one row each: what the model makes of words and pictures."""
    import torch

    template, pictures = model.template, opened(asked.conversation.images)
    with torch.inference_mode():
        weights: Any = model.replica(0).model
        return weights(**template.encode([template.render(asked.conversation)], [pictures])).logits[0, -1]


def test_a_padded_batch_answers_as_each_alone_and_pictures_count(checkpoint: Path, images: list[Image]) -> None:
    import torch

    model = cast("Transformers", build(f"transformers/{checkpoint}", None))
    generation = model.effective(GREEDY)
    history: list[tuple[Sequence[Part | str], str]] = [([images[0], "first"], "yes .")]
    requests = [
        request("Which", images[0], "?", generation=generation),
        request("or", images[1], "second", images[2], "is brighter ?", history=history, generation=generation),
        request("Which", images[1], "?", generation=generation),
    ]
    alone = run(model, requests, 1).replies()
    assert not torch.allclose(*(first_logits(model, requests[place]) for place in (0, 2))), "as if it saw nothing"
    if checkpoint.name in ALONE:
        assert model.model.limits.batch_size == 1
        return
    assert run(model, requests, 3).replies() == alone
    assert alone[0].usage.input_tokens != alone[1].usage.input_tokens


OWN_WAY = {"mllama"}
"""Architectures of the first table that read pictures in a way of their own, by cross attention."""
TOGETHER = {"llava_onevision"}
"""Whose pictures are cut otherwise where a prompt has one alone."""


def test_rows_that_come_and_go_answer_as_each_alone(checkpoint: Path, images: list[Image]) -> None:
    """Against transformers' own `generate` on the processor's own inputs, one prompt after another."""
    model = cast("Transformers", build(f"transformers/{checkpoint}", None))
    limits = [model.effective(Generation(temperature=0, max_tokens=most)) for most in (2, 12, 5)]
    requests = []
    for number in range(9):
        one, two, three = (images[(number + step) % 3] for step in range(3))
        generation, words = limits[number % 3], "is brighter ? " * (1 + number % 2)
        if number % 4 == 3:
            requests.append(request("Which", words, generation=generation))
        elif number % 2:
            requests.append(request("first", one, "or second", two, words, generation=generation))
        else:
            history: list[tuple[Sequence[Part | str], str]] = [([one, "first"], "yes .")]
            requests.append(request("or", two, "second", three, words, history=history, generation=generation))
    replies = run(model, requests, 4).replies()
    here = model.replica(0)
    reader, here.reader = here.reader, None
    assert run(model, requests, 1).replies() == replies
    if checkpoint.name in ASKED:
        assert (reader is None) == (checkpoint.name in OWN_WAY)
        assert reader is None or (reader.pictures.encoded == 3) == (checkpoint.name not in TOGETHER)


def test_end_to_end_on_two_tasks(checkpoint: Path, tmp_path: Path) -> None:
    """Two images and one turn; two turns with images in both: every item has an answer."""
    store = tmp_path / "store.db"
    tasks = ["-t", "bison-mini", "-t", "sparkleseval-mini", "--judge", "facts", "--limit", "2"]
    done = here(
        "run", *tasks, "--model", f"transformers/{checkpoint}", "--generation", "max_tokens=4", "--no-report",
        "--store", str(store), "--plain",
    )  # fmt: skip
    assert done.code == 0, done.shown
    answered = "SELECT count(*) FROM responses WHERE text IS NOT NULL"
    assert total(rows(store, answered)) == 2 + 2 * 2
    assert total(rows(store, f"{answered} AND input_tokens > 0")) == 2 + 2 * 2


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made("qwen2_5_vl", tmp_path_factory.mktemp("models") / "qwen")


def test_an_answer_ends_at_any_of_a_checkpoints_several_stop_tokens(qwen: Path, images: list[Image]) -> None:
    def answers() -> list[Reply]:
        model = cast("Transformers", build(f"transformers/{qwen}", None))
        generation = model.effective(GREEDY)
        return run(model, [request("Which", image, "?", generation=generation) for image in images], 3).replies()

    free = answers()
    row, word = next((row, reply.text.split()[0]) for row, reply in enumerate(free) if len(reply.text.split()) > 1)
    ids = load_template(Checkpoint(str(qwen))).tokenizer.convert_tokens_to_ids([END, word])
    settings = (qwen / "generation_config.json").read_text()
    write_json(qwen / "generation_config.json", {"eos_token_id": ids, "pad_token_id": 0})
    try:
        ended = answers()[row]
    finally:
        (qwen / "generation_config.json").write_text(settings)
    assert (ended.status, ended.finish, ended.text) == (Status.OK, "stop", word)


def test_a_thought_that_the_template_opens_and_the_model_never_closes_is_no_answer(
    qwen: Path, images: list[Image]
) -> None:
    template = (qwen / "chat_template.jinja").read_text()
    thinking = template.replace("<|start|> assistant {% endif %}", "<|start|> assistant <think> {% endif %}")
    (qwen / "chat_template.jinja").write_text(thinking)
    try:
        model = cast("Transformers", build(f"transformers/{qwen}", None))
        short = Generation(temperature=0, max_tokens=3)
        (reply,) = run(model, [request("Which", images[0], "?", generation=model.effective(short))], 1).replies()
    finally:
        (qwen / "chat_template.jinja").write_text(template)
    assert reply.text == "" and reply.reasoning and reply.status is Status.TRUNCATED


def test_a_prompt_beyond_the_context_is_refused_with_the_numbers_and_its_neighbours_are_asked(
    tmp_path: Path, images: list[Image]
) -> None:
    folder = made("qwen2_vl", tmp_path / "qwen", context=40)
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


def test_a_qwen_image_has_a_token_for_each_merged_patch(qwen: Path, images: list[Image]) -> None:
    template = load_template(Checkpoint(str(qwen)))
    asked = request("Which", images[0], "?").conversation
    encoded = template.encode([template.render(asked)], [opened(asked.images)])
    # 40 x 30 pixels become 28 x 28 (rounded to 28): 2 x 2 patches of 14, merged to one token.
    mark = template.tokenizer.convert_tokens_to_ids("<|image_pad|>")
    assert encoded["image_grid_thw"].prod(-1).tolist() == [4 * encoded["input_ids"][0].tolist().count(mark)]


@pytest.mark.parametrize("named", ["Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast", "Qwen2VLImageProcessorPil"])
def test_slow_and_fast_image_processors_are_read_as_the_checkpoint_names_them(
    qwen: Path, images: list[Image], named: str, tmp_path: Path
) -> None:
    import shutil

    import torch

    folder = shutil.copytree(qwen, tmp_path / "named")
    text = (folder / "preprocessor_config.json").read_text()
    (folder / "preprocessor_config.json").write_text(text.replace('"Qwen2VLImageProcessor"', f'"{named}"'))
    asked = conversation(images)
    one, other = (load_template(Checkpoint(str(place))) for place in (qwen, folder))
    pixels = [it.encode([it.render(asked)], [opened(asked.images)])["pixel_values"] for it in (one, other)]
    assert torch.equal(*pixels)


@pytest.mark.skipif(HAS_TORCHVISION, reason="torchvision is here")
@pytest.mark.parametrize("name", NEED_TORCHVISION)
def test_what_needs_torchvision_names_it_with_the_version_that_fits(name: str, qwen: Path, tmp_path: Path) -> None:
    import shutil

    processor, image_processor = NEED_TORCHVISION[name]
    folder = shutil.copytree(qwen, tmp_path / name)
    write_json(folder / "processor_config.json", {"processor_class": processor})
    write_json(folder / "preprocessor_config.json", {"image_processor_type": image_processor})
    with pytest.raises(UserError, match=r"torchvision: pip install 'torchvision==0\.\d+\.\*'"):
        load_processor(Checkpoint(str(folder)), {})


def test_the_documentation_lists_what_runs() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.adapters.architectures.listing"
    assert set(WITH_TORCHVISION) == set(ALL) & set(NEED_TORCHVISION)


def test_every_listed_architecture_is_one_of_the_library() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    named = {it.model_type or name for name, it in ALL.items()} | (set(NEED_TORCHVISION) - set(ALL))
    assert named <= set(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
