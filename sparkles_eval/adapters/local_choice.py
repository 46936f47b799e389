"""Chooses the next token of every row, each by its own settings and its own random numbers. Knows nothing of models.

A row's numbers come from its own seed, so that its answer is the same alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sparkles_eval.records import Generation


@dataclass(frozen=True, slots=True)
class Settings:
    """How one row chooses. `temperature` 0 takes the likeliest; `top_k` 0 and `top_p` 1 leave nothing out."""

    temperature: float
    top_k: int
    top_p: float

    @classmethod
    def of(cls, generation: Generation) -> Settings:
        """None is read as the neutral value; temperature None as 1."""
        temperature = 1.0 if generation.temperature is None else generation.temperature
        return cls(temperature, generation.top_k or 0, 1.0 if generation.top_p is None else generation.top_p)


class Draws:
    """Uniform numbers in [0, 1) of one row, in order; taken ahead, so that choosing costs nothing per row."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def next(self, count: int) -> list[float]:
        return [float(number) for number in self._random.random(count, dtype=np.float32)]


class Chooser:
    """Settings of the rows of a batch, on its device. Made anew when the rows change."""

    def __init__(self, rows: Sequence[Settings], device: torch.device | str) -> None:
        self._sampled = any(row.temperature > 0 for row in rows)
        if not self._sampled:
            return
        self._greedy = torch.tensor([row.temperature == 0 for row in rows], device=device)
        self._temperature = torch.tensor([row.temperature or 1.0 for row in rows], device=device).unsqueeze(1)
        self._top_p = torch.tensor([row.top_p for row in rows], device=device).unsqueeze(1)
        self._top_k = torch.tensor([row.top_k or 2**31 - 1 for row in rows], device=device).unsqueeze(1)
        # A row without top_k may choose anything: then the whole vocabulary is sorted for all.
        limits = [row.top_k for row in rows if row.temperature > 0]
        self._most = 0 if 0 in limits else max(limits)

    def choose(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) logits, (rows,) uniform numbers -> (rows,) ids.

        The order is temperature, top_k, top_p (the smallest set of likeliest tokens whose probabilities reach it), as
        in transformers; then the inverse of the cumulative distribution at the row's number.
        """
        logits = logits.float()
        if not self._sampled:
            return logits.argmax(-1)
        most = min(self._most or logits.shape[-1], logits.shape[-1])
        values, ids = (logits / self._temperature).topk(most, dim=-1)
        rank = torch.arange(most, device=logits.device)
        values = values.masked_fill(rank >= self._top_k, -torch.inf)
        likely = values.softmax(-1)
        before = likely.cumsum(-1) - likely
        likely = likely.masked_fill((before >= self._top_p) & (rank > 0), 0.0)
        total = likely.cumsum(-1)
        # The last kept token's sum is the whole, whatever the rounding: a number below it always finds a place.
        place = (total <= uniform.unsqueeze(1) * total[:, -1:]).sum(-1, keepdim=True)
        drawn = ids.gather(-1, place.clamp(max=most - 1)).squeeze(1)
        return torch.where(self._greedy, ids[:, 0], drawn)
