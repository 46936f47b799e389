"""When rows stop, and the settings that were published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")

from sparkles_eval.sparkleschat.configuration import PUBLISHED_STOPS  # noqa: E402
from sparkles_eval.sparkleschat.generation import StopOnSequences, published_generation  # noqa: E402


def test_golden_stops(protocol: Mapping[str, Any]) -> None:
    """Every text that ends in "###" stops in the LLaMA vocabulary, whatever is before it; no other does."""
    stop = StopOnSequences(PUBLISHED_STOPS)
    ids: dict[str, list[int]] = dict(protocol["ids"])
    ends = {text: bool(stop(torch.tensor([numbers]))) for text, numbers in ids.items()}
    assert ends == {text: text.endswith("###") for text in ids}
    assert sum(ends.values()) > 5


def test_rows_stop_apart() -> None:
    stop = StopOnSequences([[835], [2277, 29937]])
    rows = torch.tensor([[5, 2277, 29937], [5, 29937, 2277], [835, 5, 6], [5, 6, 835]])
    assert stop(rows).tolist() == [True, False, False, True]


def test_a_sequence_longer_than_the_answer_does_not_stop_it() -> None:
    assert StopOnSequences([[2277, 29937]])(torch.tensor([[29937]])).tolist() == [False]


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="empty stop sequence"):
        StopOnSequences([[1], []])


def test_published_sampling() -> None:
    settings = published_generation()
    assert (settings.do_sample, settings.top_p, settings.temperature, settings.top_k) == (True, 0.9, 1.0, 50)
    assert (settings.max_new_tokens, settings.pad_token_id) == (1000, 2)
