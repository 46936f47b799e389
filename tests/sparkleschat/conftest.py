"""The tiny original model of tests/golden/model (numbers only, see its README), as files of every published kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    import torch

    from sparkles_eval.sparkleschat import Sources, SparklesChatConfig, SparklesChatForConditionalGeneration
    from sparkles_eval.sparkleschat.tokenizers import SentencePieceTokens

CORPUS = (
    "IMAGE#101 shows a red square and IMAGE#202 shows a blue circle. Which image is brighter? The sky is clear.",
    "Human: Compare both images. Assistant: The second image is brighter, because the sky is clear.",
    "Therefore, the answer (TRUE or FALSE) is TRUE. Let's think step by step about the left and the right image.",
)


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
def golden(root: Path) -> Path:
    return root / "tests" / "golden" / "model"


@pytest.fixture(scope="session")
def outputs(golden: Path) -> Mapping[str, npt.NDArray[np.float32]]:
    """What the original modules computed."""
    with np.load(golden / "tiny_original_outputs.npz") as stored:
        return {name: stored[name] for name in stored}


@pytest.fixture(scope="session")
def protocol(golden: Path) -> dict[str, list[dict[str, object]]]:
    """Prompts, segments and ids as the original code made them."""
    loaded: dict[str, list[dict[str, object]]] = json.loads(
        (golden / "token_protocol.json").read_text(encoding="utf-8")
    )
    return loaded


@pytest.fixture(scope="session")
def original(golden: Path) -> dict[str, torch.Tensor]:
    """All weights under their original names."""
    from safetensors.torch import load_file

    return load_file(golden / "tiny_original_weights.safetensors")


def make_config() -> SparklesChatConfig:
    from sparkles_eval.sparkleschat import SparklesChatConfig

    vision = {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 209}
    qformer = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 4, "intermediate_size": 64}
    text = {"hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 128}
    return SparklesChatConfig(
        vision_config={**vision, "image_size": 56, "patch_size": 14},
        qformer_config={**qformer, "vocab_size": 8},
        text_config={**text, "vocab_size": 319, "max_position_embeddings": 512},
        image_token_id=318,
        image_pad_token_id=319,
        stop_sequences=[],
    )


@pytest.fixture
def config() -> SparklesChatConfig:
    return make_config()


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentencepiece model made the way LLaMA's was (BPE, bytes for the unknown, dummy space, digits apart)."""
    spm = pytest.importorskip("sentencepiece", reason="needs the extra 'local'")
    folder = tmp_path_factory.mktemp("vocabulary")
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 20),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=318,
        model_type="bpe",
        byte_fallback=True,
        split_digits=True,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        num_threads=1,
        minloglevel=2,
    )
    return folder / "tokenizer.model"


@pytest.fixture(scope="session")
def tokens(vocabulary: Path) -> SentencePieceTokens:
    from sparkles_eval.sparkleschat.tokenizers import SentencePieceTokens

    return SentencePieceTokens(vocabulary)


def write_sources(folder: Path, original: Mapping[str, torch.Tensor], vocabulary: Path) -> Sources:
    """The weights as the four published files, with everything in them that the real ones have and we do not use."""
    import torch
    from safetensors.torch import save_file

    from sparkles_eval.sparkleschat import Sources

    ones = torch.ones(2, 2)

    def having(*starts: str) -> dict[str, torch.Tensor]:
        return {name: tensor for name, tensor in original.items() if name.startswith(starts)}

    vision = {name.removeprefix("visual_encoder."): tensor for name, tensor in having("visual_encoder.").items()}
    tail = ("blocks.3.norm1.weight", "blocks.3.attn.q_bias", "norm.weight", "head.bias", "fc_norm.bias", "mask_token")
    torch.save({**vision, **dict.fromkeys(tail, ones)}, folder / "eva_vit_g.pth")

    layer = "Qformer.bert.encoder.layer.0."
    unused = (
        f"{layer}intermediate.dense.weight",
        f"{layer}output.dense.bias",
        f"{layer}output.LayerNorm.weight",
        "Qformer.bert.embeddings.word_embeddings.weight",
        "Qformer.bert.embeddings.position_embeddings.weight",
        "Qformer.bert.embeddings.position_ids",
        "Qformer.cls.predictions.bias",
    )
    t5 = {"t5_proj.weight": torch.ones(64, 32), "t5_proj.bias": torch.ones(64)}
    qformer = {**having("Qformer.", "ln_vision.", "query_tokens"), **dict.fromkeys(unused, ones), **t5}
    torch.save({"model": qformer}, folder / "blip2_flant5xxl.pth")

    beside = {"optimizer": {"state": {}}, "config": {"run": {"lr": 3e-5}}, "scaler": {"scale": 65536.0}, "epoch": 4}
    torch.save({"model": having("llama_proj."), **beside}, folder / "sparkleschat.pth")

    language = folder / "vicuna"
    language.mkdir()
    llama = {name.removeprefix("llama_model."): tensor for name, tensor in having("llama_model.").items()}
    rotary = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file({**{k: v.contiguous() for k, v in llama.items()}, **rotary}, language / "model.safetensors")
    text = {**make_config().text.to_dict(), "pad_token_id": -1}
    (language / "config.json").write_text(json.dumps(text), encoding="utf-8")
    (language / "tokenizer.model").write_bytes(vocabulary.read_bytes())
    return Sources(folder / "eva_vit_g.pth", folder / "blip2_flant5xxl.pth", folder / "sparkleschat.pth", language)


@pytest.fixture(scope="session")
def make_sources(original: dict[str, torch.Tensor], vocabulary: Path) -> Callable[[Path], Sources]:
    """Writes the published files into a folder, for tests that damage them."""
    return lambda folder: write_sources(folder, original, vocabulary)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory, make_sources: Callable[[Path], Sources]) -> Sources:
    return make_sources(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> Path:
    """A whole model's folder, converted from those files. Read only: tests that write copy it."""
    from sparkles_eval.sparkleschat import convert

    folder = tmp_path_factory.mktemp("models") / "whole"
    convert(sources, folder, make_config(), t5_width=64)
    return folder


@pytest.fixture
def model(converted: Path) -> SparklesChatForConditionalGeneration:
    """A fresh fp32 copy of the converted model."""
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    return SparklesChatForConditionalGeneration.from_pretrained(converted)
