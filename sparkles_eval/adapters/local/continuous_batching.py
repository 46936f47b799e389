"""Continuous batching from embeddings: finished rows leave the batch and waiting ones enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.kv_cache import SlotCache
from sparkles_eval.adapters.local.token_sampling import SamplingSettings, TokenSampler, UniformDraws

_PREFILL_POSITIONS = 8192
"""Positions (rows x longest prompt) that are read in one go: beyond it nothing is won but memory lost."""
_STRIDE_GPU = 4
"""Steps between two looks at what was chosen: looking makes the GPU wait. Rows may overshoot; that is cut off."""


@dataclass(eq=False, slots=True)
class DecodingRow:
    """One request on its way: its prompt, then its answer as it grows."""

    request: Request
    embeds: torch.Tensor
    """(prompt length, width)"""
    limit: int
    """New tokens at the most."""
    settings: SamplingSettings
    draws: UniformDraws
    ended: Callable[[Sequence[int]], bool]
    """Whether an answer of these ids is complete; asked after every token."""
    prompt: int = 0
    ids: list[int] = field(default_factory=list)
    complete: bool = False
    """True when it ended by itself, and not at the limit."""

    def __post_init__(self) -> None:
        self.prompt = len(self.embeds)

    @property
    def length(self) -> int:
        """Positions in the cache; the newest token is not there yet."""
        return self.prompt + max(0, len(self.ids) - 1)

    @property
    def done(self) -> bool:
        return self.complete or len(self.ids) >= self.limit

    def add(self, number: int) -> None:
        if not self.done:
            self.ids.append(number)
            self.complete = self.ended(self.ids)


class Decoder:
    """The rows that a language model is writing, and their cache. `budget` is what the cache may take, in bytes."""

    def __init__(self, language: PreTrainedModel, budget: int) -> None:
        config = language.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        parts: Any = language
        self._decoder = parts.get_decoder()
        self._head = parts.get_output_embeddings()
        self._table = parts.get_input_embeddings()
        self.device: torch.device = self._table.weight.device
        self._layers = int(config.num_hidden_layers)
        self._per_position = 2 * self._layers * int(heads) * int(width) * self._table.weight.element_size()
        self._budget = budget
        self._stride = _STRIDE_GPU if self.device.type == "cuda" else 1
        self.clear()

    def clear(self) -> None:
        """Forget all rows and give the cache's memory back."""
        self.rows: list[DecodingRow] = []
        self._slots = SlotCache(self._layers)
        self._chooser: TokenSampler | None = None
        self._lengths = self._last = torch.empty(0)

    def fits(self, rows: int, positions: int) -> bool:
        """Whether the cache may hold so many rows of such a length. One row always may: it is tried."""
        return rows <= 1 or SlotCache.needed(rows, positions, self._per_position) <= self._budget

    def room(self, positions: int, most: int) -> int:
        """Rows of about such a length that may enter now, when there may be `most` in all."""
        longest = max([positions, *(row.length for row in self.rows)])
        there = len(self.rows)
        while most > there and not self.fits(most, longest):
            most -= 1
        return max(0, most - there)

    def admit(self, rows: Sequence[DecodingRow]) -> list[DecodingRow]:
        """Read the prompts of new rows and write the first token of each; gives those that are done with it."""
        for group in _groups(rows):
            self._enter(group)
        return self._leave()

    def advance(self) -> tuple[list[DecodingRow], list[DecodingRow]]:
        """Write the next token (on a GPU: the next few) of every row.

        Gives the rows that are done, and those that had to go because the cache became too large: they start again.
        """
        evicted = self._evict()
        count = max(1, min(self._stride, max(row.limit - len(row.ids) for row in self.rows)))
        uniform = self._uniform(count)
        longest = max(row.length for row in self.rows)
        self._slots.make_room(len(self.rows), longest + count)
        self._prepare()
        chosen = []
        for step in range(count):
            mask = self._slots.aim(self._lengths, longest + step)
            hidden = self._decoder(
                inputs_embeds=self._table(self._last.unsqueeze(1)),
                attention_mask=mask,
                position_ids=self._lengths.unsqueeze(1),
                past_key_values=self._slots,
                use_cache=True,
            ).last_hidden_state
            assert self._chooser is not None
            self._last = self._chooser.choose(self._head(hidden[:, -1]), uniform[step])
            self._lengths = self._lengths + 1
            chosen.append(self._last)
        for row, ids in zip(self.rows, torch.stack(chosen, dim=1).tolist(), strict=True):
            for number in ids:
                row.add(number)
        return self._leave(), evicted

    def _enter(self, rows: Sequence[DecodingRow]) -> None:
        longest = max(row.prompt for row in rows)
        embeds = rows[0].embeds.new_zeros(len(rows), longest, rows[0].embeds.shape[1])
        for number, row in enumerate(rows):
            embeds[number, : row.prompt] = row.embeds
        # Padded on the right: what is real never looks at what is not, so no mask is needed but the causal one.
        cache = DynamicCache()
        hidden = self._decoder(inputs_embeds=embeds, past_key_values=cache, use_cache=True).last_hidden_state
        ends = torch.tensor([row.prompt - 1 for row in rows], device=self.device)
        logits = self._head(hidden[torch.arange(len(rows), device=self.device), ends])
        uniform = torch.tensor([row.draws.next(1)[0] for row in rows], device=self.device)
        first = TokenSampler([row.settings for row in rows], self.device).choose(logits, uniform)
        self._slots.enter(len(self.rows), cache)
        for row, number in zip(rows, first.tolist(), strict=True):
            row.add(number)
        self.rows.extend(rows)
        self._chooser = None

    def _uniform(self, count: int) -> torch.Tensor:
        """(steps, rows) random numbers; a greedy row takes none."""
        drawn = [row.draws.next(count) if row.settings.temperature > 0 else [0.0] * count for row in self.rows]
        return torch.tensor(drawn, device=self.device).T

    def _prepare(self) -> None:
        """The rows' lengths, newest ids and settings on the device; they stay there until the rows change."""
        if self._chooser is None:
            self._chooser = TokenSampler([row.settings for row in self.rows], self.device)
            self._lengths = torch.tensor([row.length for row in self.rows], device=self.device)
            self._last = torch.tensor([row.ids[-1] for row in self.rows], device=self.device)

    def _evict(self) -> list[DecodingRow]:
        """The newest rows go when what all have written does not fit any more."""
        gone: list[DecodingRow] = []
        while not self.fits(len(self.rows), max(row.length for row in self.rows) + self._stride):
            gone.append(self.rows.pop())
            self._chooser = None
        return gone

    def _leave(self) -> list[DecodingRow]:
        """Take out the rows that are done; the last rows move into their slots."""
        done = []
        for place in reversed(range(len(self.rows))):
            if self.rows[place].done:
                done.append(self.rows[place])
                last = self.rows.pop()
                if place < len(self.rows):
                    self.rows[place] = last
                    self._slots.move(len(self.rows), place)
                self._chooser = None
        return done


def _groups(rows: Sequence[DecodingRow]) -> list[list[DecodingRow]]:
    """Rows of like length together, each group no larger than what is read in one go."""
    groups: list[list[DecodingRow]] = []
    for row in sorted(rows, key=lambda row: row.prompt, reverse=True):
        if not groups or (len(groups[-1]) + 1) * groups[-1][0].prompt > _PREFILL_POSITIONS:
            groups.append([])
        groups[-1].append(row)
    return groups
