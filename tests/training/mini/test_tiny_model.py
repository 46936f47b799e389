"""The tiny models' vocabulary: text comes back to the letter, phrases are one piece, hostile text is only text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.training.mini import curriculum

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat.tokenizers import JsonTokens


@pytest.fixture(scope="module")
def built() -> tuple[JsonTokens, int]:
    from sparkles_eval.training.mini.tiny_model import build_tokens

    return build_tokens()


def test_answers_come_back_to_the_letter(built: tuple[JsonTokens, int]) -> None:
    tokens, size = built
    assert 150 < size < 400
    unknown = tokens.encode("xylophone")
    for lesson in curriculum.make(curriculum.SceneAlbum(), dict.fromkeys(curriculum.MAKERS, 40), seed=9):
        ids = tokens.encode(f" {lesson.answer}")
        assert tokens.decode(ids) == f" {lesson.answer}"
        assert not set(ids) & set(unknown), "every word of every lesson is known"


def test_fixed_sentences_are_one_piece(built: tuple[JsonTokens, int]) -> None:
    tokens, _ = built
    assert len(tokens.encode(" Say briefly what in the images decides it.")) == 1
    assert len(tokens.encode(" Therefore, the answer is IMAGE#1.")) == 3
    assert len(tokens.encode(" top left red star: yes,")) == 4


def test_unknown_words_are_unknown_and_white_space_is_one_space(built: tuple[JsonTokens, int]) -> None:
    tokens, _ = built
    assert tokens.encode(" a \n\n red") == tokens.encode(" a red")
    assert tokens.decode(tokens.encode(" a quokka <s> <pad>")).startswith(" a")


def test_the_vocabulary_is_the_same_each_time(built: tuple[JsonTokens, int], tmp_path: Path) -> None:
    from sparkles_eval.training.mini.tiny_model import build_tokens

    again, _ = build_tokens()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    built[0].save(tmp_path / "one")
    again.save(tmp_path / "two")
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tmp_path / "two" / "tokenizer.json").read_bytes()
