"""Builds an untrained tiny model: its vocabulary of whole words, its network, and the heads of its vision stage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import nn
from torch.nn import functional

from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import MEAN, STD, ProcessorSettings, SparklesChatProcessor
from sparkles_eval.sparkleschat.prompts import SEPARATOR, segments
from sparkles_eval.sparkleschat.tokenizers import JsonTokens
from sparkles_eval.synthetic.scene import (
    BACKGROUND_NAMES,
    BACKGROUNDS,
    CELL_NAMES,
    CELLS,
    COLOUR_NAMES,
    KIND_NAMES,
    SIZE_NAMES,
    Scene,
)
from sparkles_eval.training.mini import curriculum
from sparkles_eval.training.recipes import TinySizes

PAD, BOS, STOP, UNKNOWN = "<pad>", "<s>", "###", "<unk>"
_WORD = r" ?###| ?</?Img>| ?IMAGE#\d+| ?[A-Za-z']+| ?\d+| ?[^\s\w]+|\s"
_SENTENCE = re.compile(r"[^.?!:\"#<>]{12,}[.?!:]")


def recurring_sentences(texts: Sequence[str], share: float = 0.02) -> tuple[str, ...]:
    """Sentences (up to a full stop, question mark, exclamation mark or colon) found in that share of the texts."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update({match[0] for match in _SENTENCE.finditer(single_spaced(text))})
    return tuple(sorted(sentence for sentence, number in found.items() if number >= share * len(texts)))


def single_spaced(text: str) -> str:
    """The text with single spaces, as the vocabulary reads it."""
    return re.sub(r"\s+", " ", text)


def build_vocabulary(texts: Iterable[str], phrases: Sequence[str]) -> Tokenizer:
    """A vocabulary of `phrases` and of every word in `texts` that is in none of them."""
    ordered = sorted({single_spaced(phrase) for phrase in phrases}, key=lambda phrase: (-len(phrase), phrase))
    pattern = "|".join([*map(re.escape, ordered), _WORD])
    words: set[str] = set()
    finder = re.compile(pattern)
    for text in texts:
        for segment in segments(single_spaced(text)):
            words.update(finder.findall(segment))
    words -= {STOP}
    vocabulary = {piece: number for number, piece in enumerate([PAD, BOS, STOP, UNKNOWN, *sorted(words)])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    made.normalizer = normalizers.Replace(Regex(r"\s+"), " ")
    made.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    made.decoder = decoders.Fuse()
    return made


QUERIES = len(CELL_NAMES) + 1
"""Query tokens of the tiny models: one for each cell and one for the background."""
_CLASSES = (len(KIND_NAMES) + 1, len(COLOUR_NAMES) + 1, len(SIZE_NAMES) + 1)
"""Kinds, colours and sizes, each with one more for an empty cell."""


def normalise_pictures(pictures: torch.Tensor) -> torch.Tensor:
    """(n, size, size, 3) uint8 -> (n, 3, size, size) fp32, with the processor's mean and deviation."""
    scaled = pictures.permute(0, 3, 1, 2).float() / 255.0
    return (scaled - torch.from_numpy(MEAN).view(1, 3, 1, 1)) / torch.from_numpy(STD).view(1, 3, 1, 1)


def cell_classes(scenes: Sequence[Scene]) -> torch.Tensor:
    """(n, 13) class numbers: kind, colour and size of each of the four cells, then the background."""
    rows = []
    for scene in scenes:
        row = [len(KIND_NAMES), len(COLOUR_NAMES), len(SIZE_NAMES)] * len(CELL_NAMES)
        for thing in scene.things:
            at = 3 * CELL_NAMES.index(thing.cell)
            row[at : at + 3] = (
                KIND_NAMES.index(thing.kind),
                COLOUR_NAMES.index(thing.colour),
                SIZE_NAMES.index(thing.size),
            )
        rows.append([*row, BACKGROUND_NAMES.index(scene.background)])
    return torch.tensor(rows)


class CellHeads(nn.Module):
    """Reads Q-Former output (n, 5, width): one linear head for all cells, one for the background."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.Linear(width, sum(_CLASSES))
        self.background = nn.Linear(width, len(BACKGROUND_NAMES))

    def forward(self, found: torch.Tensor) -> list[torch.Tensor]:
        """Logits (n, classes) in the order of `cell_classes`."""
        cells = self.cell(found[:, : len(CELL_NAMES)])
        parts = [part for cell in cells.unbind(1) for part in cell.split(_CLASSES, dim=-1)]
        return [*parts, self.background(found[:, len(CELL_NAMES)])]


def cell_loss(logits: Sequence[torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
    """Mean over the 13 questions of the cross-entropy."""
    return torch.stack([functional.cross_entropy(own, targets[:, k]) for k, own in enumerate(logits)]).mean()


@torch.no_grad()
def cell_accuracy(logits: Sequence[torch.Tensor], targets: torch.Tensor) -> tuple[float, float]:
    """Share of right class numbers, and of pictures with all 13 right."""
    hits = torch.stack([own.argmax(-1) == targets[:, k] for k, own in enumerate(logits)], dim=1)
    return hits.float().mean().item(), hits.all(1).float().mean().item()


VERDICTS = (": yes,", ": no,", ": first,", ": second,", ": both,")
_DECISIONS = (*VERDICTS, " fits", " fails", " True", " False", " TRUE", " FALSE")
_PHRASES = (" nothing,", " Therefore, the answer is", " Let's think step by step.", " on the right.", *VERDICTS)
_EACH = 1500
"""Items of every kind from which the vocabulary is made; enough to contain every word."""
_SPREAD = 0.3
"""Standard deviation of fresh word and position embeddings: with the usual 0.02 to 0.05 they start too much alike."""


def build_tokens() -> tuple[JsonTokens, int]:
    """The vocabulary of all kinds of examples and its size.

    It is the same for every recipe, so that a training can start from another's model.
    """
    album = curriculum.SceneAlbum()
    texts = curriculum.make(album, dict.fromkeys(curriculum.MAKERS, _EACH))
    sentences = recurring_sentences([example.prompt for example in texts])
    whole = [sentence for sentence in sentences if not sentence.startswith(" Therefore, the answer is")]
    named = [f" {word.name}" for word in (*CELLS, *BACKGROUNDS) if " " in word.name]
    made = build_vocabulary(
        [f"{example.prompt} {example.answer}{SEPARATOR}" for example in texts], [*whole, *named, *_PHRASES]
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
    """A fresh model and its processor. words: size of the vocabulary; image ids follow it."""
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
    settings = fitted.model_copy(update={"system": curriculum.SYSTEM})
    return model, SparklesChatProcessor(tokens, ProcessorSettings.model_validate(settings.model_dump()))
