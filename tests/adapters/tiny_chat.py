"""A small random SparklesChat in a folder, with words of its own: real files of every kind, made in a second."""

from __future__ import annotations

from pathlib import Path

WORDS = (
    "###", "Human:", "Assistant:", "<Img>", "</Img>", "ImageContent", "Give", "the", "following", "image:", "You",
    "will", "be", "able", "to", "see", "once", "I", "provide", "it", "you.", "Please", "answer", "my", "questions.",
    "Which", "is", "brighter", "first", "second", "TRUE", "FALSE", "IMAGE#1", "IMAGE#2", "Therefore", ".",
    ",", "?", ".###",
)  # fmt: skip


def write_model(folder: Path, *, seed: int = 0, max_new_tokens: int = 40, max_context: int = 400) -> Path:
    """A whole model of 60,000 random parameters that says random words and now and then stops by itself."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers

    from sparkles_eval.sparkleschat import (
        SparklesChatConfig,
        SparklesChatForConditionalGeneration,
        SparklesChatProcessor,
    )
    from sparkles_eval.sparkleschat.processing import ProcessorSettings
    from sparkles_eval.sparkleschat.tokenizers import JsonTokens

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: number for number, word in enumerate(("<pad>", "<s>", "</s>", "<unk>", *WORDS))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.add_special_tokens(["<pad>", "<s>", "</s>", "<unk>"])
    words.save(str(folder / "tokenizer.json"))
    size = len(vocabulary)
    vision = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1, "intermediate_size": 64}
    qformer = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64}
    text = {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96}
    config = SparklesChatConfig(
        vision_config={**vision, "image_size": 32, "patch_size": 16},
        qformer_config={**qformer, "vocab_size": 8},
        text_config={**text, "vocab_size": size, "max_position_embeddings": 512, "initializer_range": 0.4},
        num_query_tokens=4,
        image_token_id=size,
        image_pad_token_id=size + 1,
        stop_sequences=[[vocabulary["###"]], [vocabulary["."], vocabulary["Therefore"]]],
        initializer_range=0.2,
    )
    torch.manual_seed(seed)
    model = SparklesChatForConditionalGeneration(config)
    model.generation_config.max_new_tokens = max_new_tokens
    model.save_pretrained(folder)
    own = ProcessorSettings(
        image_size=32, num_query_tokens=4, image_token_id=size, image_pad_token_id=size + 1, max_context=max_context
    )
    SparklesChatProcessor(JsonTokens(folder / "tokenizer.json"), own).save_pretrained(folder)
    return folder
