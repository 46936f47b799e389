"""Tokenizers of the language models: convert text to token ids and back, exactly as the published vocabulary does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import sentencepiece
import tokenizers

from sparkles_eval.core.errors import UserError

SENTENCEPIECE_FILE = "tokenizer.model"
JSON_FILE = "tokenizer.json"


class Tokens(Protocol):
    """A vocabulary. `encode` adds no bos or eos and reads no special token out of text, hostile or not."""

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids; bos, eos and ids outside of the vocabulary have none."""
        ...

    def save(self, folder: Path) -> None: ...


class SentencePieceTokens:
    """A sentencepiece model, such as LLaMA's `tokenizer.model` (32,000 pieces)."""

    def __init__(self, file: Path) -> None:
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
        except (OSError, RuntimeError) as wrong:
            raise UserError(f"{file}: not a readable sentencepiece model ({wrong}); copy it again") from wrong

    def encode(self, text: str) -> list[int]:
        return list(self._pieces.encode(text))

    def decode(self, ids: Sequence[int]) -> str:
        size = self._pieces.get_piece_size()
        return str(self._pieces.decode([number for number in ids if 0 <= number < size]))

    def save(self, folder: Path) -> None:
        (folder / SENTENCEPIECE_FILE).write_bytes(self._pieces.serialized_model_proto())


class JsonTokens:
    """A vocabulary in the `tokenizers` library's JSON, for models with words of their own."""

    def __init__(self, file: Path) -> None:
        try:
            self._words = tokenizers.Tokenizer.from_file(str(file))
        except Exception as wrong:
            raise UserError(f"{file}: not a readable tokenizer file ({wrong}); save it again") from wrong

    def encode(self, text: str) -> list[int]:
        return list(self._words.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._words.decode(list(ids), skip_special_tokens=True))

    def save(self, folder: Path) -> None:
        self._words.save(str(folder / JSON_FILE))


def load_tokens(place: Path) -> Tokens:
    """The vocabulary in a file (`*.model` or `*.json`) or in a folder that holds one under its usual name.

    In a folder the sentencepiece model wins: beside it, `tokenizer.json` is a conversion.
    """
    if place.is_file():
        return JsonTokens(place) if place.suffix == ".json" else SentencePieceTokens(place)
    if (place / SENTENCEPIECE_FILE).is_file():
        return SentencePieceTokens(place / SENTENCEPIECE_FILE)
    if (place / JSON_FILE).is_file():
        return JsonTokens(place / JSON_FILE)
    raise UserError(f"{place}: no {SENTENCEPIECE_FILE} or {JSON_FILE}; copy the language model's tokenizer there")
