"""The next token of every row: transformers' own filters give the same distribution, and rows do not mix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

import torch

from sparkles_eval.adapters.local.token_sampling import SamplingSettings, TokenSampler, UniformDraws, penalised
from sparkles_eval.core import Generation


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, None, None), (0.7, 5, None), (1.3, None, 0.8), (1.0, 50, 0.9), (1.0, 1, 0.5)],
)
def test_the_distribution_is_that_of_transformers_filters(
    temperature: float, top_k: int | None, top_p: float | None
) -> None:
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logits = torch.randn(1, 40, generator=torch.Generator().manual_seed(1)) * 2
    expected = TemperatureLogitsWarper(temperature)(None, logits) if temperature != 1 else logits
    expected = TopKLogitsWarper(top_k)(None, expected) if top_k else expected
    expected = TopPLogitsWarper(top_p)(None, expected) if top_p else expected
    likely = expected.softmax(-1)[0]
    chooser = TokenSampler([SamplingSettings.of(Generation(temperature, top_p, top_k))] * 4000, "cpu")
    even = (torch.arange(4000) + 0.5) / 4000
    counts = Counter(chooser.choose(logits.expand(4000, -1), even).tolist())
    found = torch.tensor([counts[number] / 4000 for number in range(40)])
    assert (found - likely).abs().max() < 1e-3
    assert set(counts) <= {number for number, share in enumerate(likely.tolist()) if share > 0}


def test_every_row_has_its_own_settings_and_the_ends_of_the_unit_interval_choose_something() -> None:
    logits = torch.tensor([[0.0, 3.0, 2.0, -1.0]]).expand(4, -1)
    rows = [Generation(0), Generation(1.0, top_k=2), Generation(1.0), Generation(None)]
    chooser = TokenSampler([SamplingSettings.of(row) for row in rows], "cpu")
    last = float(torch.nextafter(torch.tensor(1.0), torch.tensor(0.0)))
    assert chooser.choose(logits, torch.tensor([last] * 4)).tolist() == [1, 2, 3, 3]
    assert chooser.choose(logits, torch.zeros(4)).tolist() == [1, 1, 1, 1]


def test_draws_are_a_rows_own_however_many_are_taken_at_once() -> None:
    one, other = UniformDraws(7), UniformDraws(7)
    assert one.next(3) + one.next(2) == other.next(5) != UniformDraws(8).next(5)
    assert all(0 <= number < 1 for number in UniformDraws(1).next(1000))


def test_penalties_are_those_of_transformers_and_of_openais_format() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    scores = torch.randn(30, generator=torch.Generator().manual_seed(2))
    prompt, written = torch.tensor([3, 4, 4, 29]), torch.tensor([5, 6, 5])
    found = penalised(scores, prompt, written, Generation(repetition_penalty=1.3))
    official = RepetitionPenaltyLogitsProcessor(1.3)(torch.cat([prompt, written])[None], scores[None].clone())[0]
    assert torch.equal(found, official)
    found = penalised(scores, prompt, written, Generation(presence_penalty=1.5, frequency_penalty=0.5))
    taken = torch.zeros(30).index_put((torch.tensor([5, 6]),), torch.tensor([2.5, 2.0]))
    assert torch.allclose(found, scores - taken), "the prompt's tokens are not counted"
    beyond = penalised(scores, torch.tensor([500]), written, Generation(repetition_penalty=2.0))
    assert beyond[3] == scores[3] and beyond.shape == scores.shape


def test_min_p_leaves_out_what_is_unlikely_beside_the_likeliest() -> None:
    from transformers import MinPLogitsWarper

    logits = torch.randn(1, 40, generator=torch.Generator().manual_seed(1)) * 2
    unread: Any = None
    likely = MinPLogitsWarper(0.2)(unread, logits).softmax(-1)[0]
    chooser = TokenSampler([SamplingSettings.of(Generation(1.0, min_p=0.2))] * 4000, "cpu")
    counts = Counter(chooser.choose(logits.expand(4000, -1), (torch.arange(4000) + 0.5) / 4000).tolist())
    assert set(counts) == {number for number, share in enumerate(likely.tolist()) if share > 0}
