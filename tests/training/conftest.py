"""A whole SparklesChat of a few thousand parameters, and training data in the published form with real pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.training.making import INSTRUCTIONS, write_recipe


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Tiny matrices lose to thread switching, and progress bars to readable output."""
    torch = pytest.importorskip("torch", reason="needs the extra 'local'")
    transformers = pytest.importorskip("transformers", reason="needs the extra 'local'")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model with its processor, saved."""
    import torch

    from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatForConditionalGeneration
    from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
    from sparkles_eval.sparkleschat.tokenizers import JsonTokens
    from sparkles_eval.training.mini.tiny_model import build_vocabulary

    folder = tmp_path_factory.mktemp("model")
    words = build_vocabulary([text for pair in INSTRUCTIONS for text in pair], [])
    words.save(str(folder / "words.json"))
    tokens = JsonTokens(folder / "words.json")
    size = words.get_vocab_size()
    small = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = SparklesChatConfig(
        vision_config={**small, "image_size": 28, "patch_size": 14},
        qformer_config={**small, "cross_attention_frequency": 1, "vocab_size": 8},
        text_config={**small, "vocab_size": size, "eos_token_id": 2, "pad_token_id": 0, "bos_token_id": 1},
        num_query_tokens=2,
        image_token_id=size,
        image_pad_token_id=size + 1,
        stop_sequences=[[2]],
    )
    torch.manual_seed(0)
    SparklesChatForConditionalGeneration(config).save_pretrained(folder)
    processor = SparklesChatProcessor.for_model(tokens, config)
    processor.settings = processor.settings.model_copy(update={"max_length": 60})
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subsets of six records each: one with one picture a record, one with two."""
    root = tmp_path_factory.mktemp("data")
    (root / "images").mkdir()
    for number in range(8):
        picture = Image.new("RGB", (60 + number, 50), (30 * number, 200, 255 - 30 * number))
        draw = ImageDraw.Draw(picture)
        draw.ellipse([5 + 3 * number, 5, 30 + 3 * number, 30], fill=(250, 10 * number, 60))
        draw.rectangle([2, 32, 10 + 5 * number, 46], fill=(0, 0, 40 * (number % 3)))
        picture.save(root / "images" / f"{10000 + number}.jpg", quality=95)
    for images in (1, 2):
        records = []
        for number in range(6):
            question, answer = INSTRUCTIONS[(number + images) % len(INSTRUCTIONS)]
            places = " and ".join(f"IMAGE#{place + 1}<Img><ImageHere></Img>" for place in range(images))
            shown = [{"image_id": 10000 + (number + place) % 8, "caption": "a shape"} for place in range(images)]
            instruction = f"###Human: {question} {places}###Assistant: "
            records.append({"instruction": instruction, "answer": answer, "tgt_imgs": shown})
        (root / f"turn1_{images}img.json").write_text(json.dumps(records), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipes") / "micro.yaml")
