"""Vocabularies: exactly sentencepiece's ids, nothing special read out of text, damage refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

tokenizers = pytest.importorskip("tokenizers", reason="needs the extra 'local'")
pytest.importorskip("sentencepiece", reason="needs the extra 'local'")

from sparkles_eval.core.errors import UserError  # noqa: E402
from sparkles_eval.sparkleschat.tokenizers import JsonTokens, SentencePieceTokens, load_tokens  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture
def llama() -> SentencePieceTokens:
    """The real LLaMA vocabulary: not redistributable, so the user names a copy."""
    file = os.environ.get("SPARKLES_LLAMA_TOKENIZER")
    if not file:
        pytest.skip("set SPARKLES_LLAMA_TOKENIZER to LLaMA's tokenizer.model to compare token ids")
    return SentencePieceTokens(Path(file))


def test_golden_ids_of_short_strings(llama: SentencePieceTokens, protocol: Mapping[str, Any]) -> None:
    ids: dict[str, list[int]] = dict(protocol["ids"])
    assert {text: llama.encode(text) for text in ids} == ids


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0▁"), max_size=40))
def test_any_text_survives(tokens: SentencePieceTokens, text: str) -> None:
    ids = tokens.encode(text)
    assert all(number > 2 for number in ids)
    assert tokens.decode(ids) == text


def test_special_tokens_are_not_read_out_of_text(tokens: SentencePieceTokens) -> None:
    """A user who writes "</s>" does not end the prompt."""
    ids = tokens.encode("<s>hello</s><unk>")
    assert not {0, 1, 2} & set(ids)
    assert tokens.decode([1, *ids, 2, 2]) == "<s>hello</s><unk>"


def test_ids_outside_the_vocabulary_have_no_text(tokens: SentencePieceTokens) -> None:
    ids = tokens.encode("clear sky")
    assert tokens.decode([*ids, 32000, 32001, -1]) == "clear sky"


def test_whitespace_is_kept_apart_from_words(tokens: SentencePieceTokens) -> None:
    assert tokens.decode(tokens.encode("  a  b\n c ")) == "  a  b\n c "


def test_words_of_ones_own(tmp_path: Path) -> None:
    words = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "red": 4, "square": 5}
    own = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    own.add_special_tokens(["<pad>", "<s>", "</s>"])
    own.save(str(tmp_path / "tokenizer.json"))
    loaded = load_tokens(tmp_path)
    assert loaded.encode("red  square") == [4, 5]
    assert loaded.decode([1, 4, 5, 2, 0]) == "red square"
    (tmp_path / "copy").mkdir()
    loaded.save(tmp_path / "copy")
    assert load_tokens(tmp_path / "copy").encode("square") == [5]


def test_saving_keeps_every_id(tmp_path: Path, tokens: SentencePieceTokens) -> None:
    tokens.save(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")  # a conversion of it, which must not win
    text = "The sky is clear.###"
    assert load_tokens(tmp_path).encode(text) == tokens.encode(text)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no tokenizer.model or tokenizer.json; copy"):
        load_tokens(tmp_path)
    for name in ("tokenizer.json", "tokenizer.model"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(UserError, match="not a readable"):
            load_tokens(tmp_path)
    with pytest.raises(UserError, match="not a readable tokenizer file"):
        JsonTokens(tmp_path / "tokenizer.json")
