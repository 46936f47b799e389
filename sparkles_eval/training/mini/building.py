"""Makes a tiny model that nothing has learned yet, with its vocabulary. Knows nothing of training."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import ProcessorSettings, SparklesChatProcessor
from sparkles_eval.sparkleschat.prompts import SEPARATOR
from sparkles_eval.sparkleschat.tokens import JsonTokens
from sparkles_eval.tasks.mini.words import BACKGROUNDS, CELLS
from sparkles_eval.training.mini import lessons, vocabulary
from sparkles_eval.training.mini.vision import QUERIES
from sparkles_eval.training.recipes import TinySizes

VERDICTS = (": yes,", ": no,", ": first,", ": second,", ": both,")
_DECISIONS = (*VERDICTS, " fits", " fails", " True", " False", " TRUE", " FALSE")
_PHRASES = (" nothing,", " Therefore, the answer is", " Let's think step by step.", *VERDICTS)
_EACH = 1500
"""Items of every kind whose texts make the vocabulary: enough that no word is missed."""
_SPREAD = 0.3
"""Standard deviation of fresh word and position embeddings: with the usual 0.02 to 0.05 they start too much alike."""


def build_tokens() -> tuple[JsonTokens, int]:
    """The vocabulary of all kinds of lessons and its size: the same for every recipe, so that one model can go on from
    another."""
    album = lessons.Album()
    texts = lessons.make(album, dict.fromkeys(lessons.MAKERS, _EACH))
    sentences = vocabulary.recurring([lesson.prompt for lesson in texts])
    whole = [sentence for sentence in sentences if not sentence.startswith(" Therefore, the answer is")]
    named = [f" {word.name}" for word in (*CELLS, *BACKGROUNDS) if " " in word.name]
    made = vocabulary.build(
        [f"{lesson.prompt} {lesson.answer}{SEPARATOR}" for lesson in texts], [*whole, *named, *_PHRASES]
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.json"
        made.save(str(file))
        return JsonTokens(file), made.get_vocab_size()


def decisive(tokens: JsonTokens) -> torch.Tensor:
    """Ids of the words that decide."""
    return torch.tensor([number for word in _DECISIONS for number in tokens.encode(word)])


def build_model(
    sizes: TinySizes, tokens: JsonTokens, words: int
) -> tuple[SparklesChatForConditionalGeneration, SparklesChatProcessor]:
    """A fresh model and its processor. words: rows of the vocabulary; the ids of an image's place lie behind them."""
    (stop,) = tokens.encode(SEPARATOR)
    layers = {"num_attention_heads": sizes.heads, "initializer_range": 0.05}
    config = SparklesChatConfig(
        vision_config={
            **layers,
            "hidden_size": sizes.vision_width,
            "intermediate_size": sizes.vision_width * 3,
            "num_hidden_layers": sizes.vision_layers,
            "image_size": sizes.image,
            "patch_size": 2 ** (len(sizes.stem) + 1),
        },
        qformer_config={
            **layers,
            "hidden_size": sizes.vision_width,
            "intermediate_size": sizes.vision_width * 3,
            "num_hidden_layers": sizes.qformer_layers,
            "cross_attention_frequency": 1,
            "vocab_size": 8,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        text_config={
            **layers,
            "vocab_size": words,
            "hidden_size": sizes.text_width,
            "intermediate_size": sizes.text_width * 3,
            "num_hidden_layers": sizes.text_layers,
            "max_position_embeddings": 2048,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": stop,
        },
        num_query_tokens=QUERIES,
        stem_channels=list(sizes.stem),
        initializer_range=0.05,
        stop_sequences=[[stop]],
        image_token_id=words,
        image_pad_token_id=words + 1,
    )
    model = SparklesChatForConditionalGeneration(config)
    with torch.no_grad():
        model.vision_model.embeddings.position_embedding.normal_(0, _SPREAD)
        table = model.get_input_embeddings()
        assert isinstance(table, torch.nn.Embedding)
        table.weight.normal_(0, _SPREAD)
    model.generation_config.do_sample = False
    model.generation_config.temperature = model.generation_config.top_p = model.generation_config.top_k = None
    model.generation_config.max_new_tokens = 200
    fitted = SparklesChatProcessor.for_model(tokens, config).settings
    settings = fitted.model_copy(update={"system": lessons.SYSTEM})
    return model, SparklesChatProcessor(tokens, ProcessorSettings.model_validate(settings.model_dump()))
