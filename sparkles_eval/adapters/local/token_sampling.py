"""Samples the next token of every row by its own settings and seed, also inside transformers' `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StoppingCriteria

from sparkles_eval.adapters.base import Request, RequestQueue, WatchedRequestQueue
from sparkles_eval.adapters.local import base
from sparkles_eval.core import Generation
from sparkles_eval.core.reply_parts import marks_among


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Sampling settings of one row. `temperature` 0 takes the likeliest; `top_k` 0 and `top_p` 1 leave nothing out."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float = 0.0
    """Leaves out tokens below this share of the likeliest one's probability; 0 leaves nothing out."""

    @classmethod
    def of(cls, generation: Generation) -> SamplingSettings:
        """None is read as the neutral value; temperature None as 1."""
        temperature = 1.0 if generation.temperature is None else generation.temperature
        top_p = 1.0 if generation.top_p is None else generation.top_p
        return cls(temperature, generation.top_k or 0, top_p, generation.min_p or 0.0)


def penalised(
    scores: torch.Tensor, prompt: torch.Tensor, written: torch.Tensor, generation: Generation
) -> torch.Tensor:
    """(vocabulary,) scores of one row's next token, less what its settings take from tokens that were there before.

    `prompt` and `written` are the ids so far, without padding. The repetition penalty counts both, as transformers and
    vLLM do; presence and frequency penalty count the answer alone, as OpenAI's format defines them.
    """
    repetition = generation.repetition_penalty or 1.0
    presence, frequency = generation.presence_penalty or 0.0, generation.frequency_penalty or 0.0
    scores = scores.float()
    if repetition != 1.0:
        seen = torch.cat([prompt, written]).unique()  # type: ignore[no-untyped-call]
        seen = seen[seen < len(scores)]  # marks of images may lie beyond the vocabulary that is written
        there = scores[seen]
        scores = scores.index_put((seen,), torch.where(there < 0, there * repetition, there / repetition))
    if presence or frequency:
        counts = torch.bincount(written, minlength=len(scores))[: len(scores)]
        scores = scores - frequency * counts - presence * (counts > 0)
    return scores


def penalises(generation: Generation) -> bool:
    """True where `penalised` changes scores."""
    return (
        generation.repetition_penalty not in (None, 1.0)
        or bool(generation.presence_penalty)
        or bool(generation.frequency_penalty)
    )


class UniformDraws:
    """Uniform numbers in [0, 1) of one row, in order; taken ahead, so that choosing costs nothing per row."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def next(self, count: int) -> list[float]:
        return [float(number) for number in self._random.random(count, dtype=np.float32)]


class TokenSampler:
    """Settings of the rows of a batch, on its device. Made anew when the rows change."""

    def __init__(self, rows: Sequence[SamplingSettings], device: torch.device | str) -> None:
        self._sampled = any(row.temperature > 0 for row in rows)
        if not self._sampled:
            return
        self._greedy = torch.tensor([row.temperature == 0 for row in rows], device=device)
        self._temperature = torch.tensor([row.temperature or 1.0 for row in rows], device=device).unsqueeze(1)
        self._top_p = torch.tensor([row.top_p for row in rows], device=device).unsqueeze(1)
        self._top_k = torch.tensor([row.top_k or 2**31 - 1 for row in rows], device=device).unsqueeze(1)
        self._min_p = torch.tensor([row.min_p for row in rows], device=device).unsqueeze(1)
        # A row without top_k may choose anything: then the whole vocabulary is sorted for all.
        limits = [row.top_k for row in rows if row.temperature > 0]
        self._most = 0 if 0 in limits else max(limits)

    def choose(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """(rows, vocabulary) logits, (rows,) uniform numbers -> (rows,) ids.

        The order is temperature, top_k, top_p (the smallest set of likeliest tokens whose probabilities reach it),
        min_p, as in transformers; then the inverse of the cumulative distribution at the row's number.
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
        left_out = (before >= self._top_p) | (likely < self._min_p * likely[:, :1])
        likely = likely.masked_fill(left_out & (rank > 0), 0.0)
        total = likely.cumsum(-1)
        # The last kept token's sum is the whole, whatever the rounding: a number below it always finds a place.
        place = (total <= uniform.unsqueeze(1) * total[:, -1:]).sum(-1, keepdim=True)
        drawn = ids.gather(-1, place.clamp(max=most - 1)).squeeze(1)
        return torch.where(self._greedy, ids[:, 0], drawn)


@dataclass(eq=False, slots=True)
class DecodedRow:
    """One answer on its way: what was asked, and the ids that the model has written."""

    request: Request
    prompt: int
    """Positions of the prompt, images included."""
    limit: int
    """New tokens at the most."""
    opened: bool = False
    """True where the prompt ended inside the model's reasoning."""
    ids: list[int] = field(default_factory=list)
    done: bool = False
    settings: SamplingSettings = field(init=False)
    draws: UniformDraws = field(init=False)

    def __post_init__(self) -> None:
        self.settings = SamplingSettings.of(self.request.generation)
        self.draws = UniformDraws(base.seed_of(self.request))

    @property
    def left(self) -> int:
        """New tokens that may follow."""
        return self.limit - len(self.ids)


class AnswerDelivery:
    """Turns ids into answers of one checkpoint and delivers each when it ends."""

    def __init__(self, feed: RequestQueue, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> None:
        self.feed = feed
        self._watched = feed if isinstance(feed, WatchedRequestQueue) else None
        self._tokenizer = tokenizer
        special = sorted(tokenizer.all_special_tokens, key=len, reverse=True)
        marks = marks_among(special)
        self._unsaid = [token for token in special if token not in marks] if marks else None
        """Special tokens that are no words, where others separate reasoning from the answer; None where none does."""
        own = tokenizer.eos_token_id
        self.ends = ends or (frozenset([own]) if isinstance(own, int) else frozenset())

    def add(self, row: DecodedRow, number: int) -> None:
        """One more id of an answer that is not done; delivers it where it is now."""
        row.ids.append(number)
        ended = number in self.ends or self._stopped(row)
        if ended or row.left <= 0:
            self._deliver(row, ended=ended)
        elif self._watched is not None:
            self._watched.grown(row.request, base.so_far(self._text(row.ids), row.request.generation.stop))

    def _stopped(self, row: DecodedRow) -> bool:
        stops = row.request.generation.stop
        return bool(stops) and any(stop in self._text(row.ids) for stop in stops)

    def _deliver(self, row: DecodedRow, *, ended: bool) -> None:
        row.done = True
        text = self._text(row.ids)
        for stop in row.request.generation.stop:
            text = text.partition(stop)[0]
        reply = base.reply(text.strip(), row.prompt, len(row.ids), ended=ended, opened=row.opened)
        self.feed.deliver(row.request, reply)

    def _text(self, ids: list[int]) -> str:
        if self._unsaid is None:
            return str(self._tokenizer.decode(ids, skip_special_tokens=True))
        text = str(self._tokenizer.decode(ids, skip_special_tokens=False))
        for token in self._unsaid:
            text = text.replace(token, "")
        return text


class GenerateHooks:
    """Rows inside transformers' `generate`: `choose` and `look` are what it takes.

    `leave` says after each token, from how many rows are done, whether `generate` is to return; it always does where
    all are.
    """

    def __init__(
        self,
        rows: Sequence[DecodedRow],
        delivery: AnswerDelivery,
        device: torch.device,
        leave: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._rows = rows
        self._delivery = delivery
        self._leave = leave
        self._sampler = TokenSampler([row.settings for row in rows], device)
        self.most = max(row.left for row in rows)
        """New tokens at the most, over all rows."""
        self.choose = _SamplingProcessor(self)
        self.look = _DeliveryCriteria(self)

    def chosen(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores under which the likeliest token is the one that each row draws."""
        there = [place for place, row in enumerate(self._rows) if not row.done and penalises(row.request.generation)]
        scores = scores.float().clone() if there else scores
        for place in there:
            row = self._rows[place]
            known = input_ids[place, input_ids.shape[1] - row.prompt - len(row.ids) :]  # padded on the left
            scores[place] = penalised(scores[place], known[: row.prompt], known[row.prompt :], row.request.generation)
        drawn = [0.0 if row.settings.temperature == 0 else row.draws.next(1)[0] for row in self._rows]
        ids = self._sampler.choose(scores, torch.tensor(drawn, device=scores.device))
        return torch.full_like(scores, -torch.inf).scatter_(1, ids.unsqueeze(1), 0.0)

    def looked(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(rows,) True where `generate` need not go on; rows that are done now are delivered."""
        for row, number in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
            if not row.done:
                self._delivery.add(row, number)
        done = sum(row.done for row in self._rows)
        over = self._delivery.feed.halted or self._leave(done)
        return torch.tensor([over or row.done for row in self._rows], device=input_ids.device)


class _SamplingProcessor(LogitsProcessor):
    def __init__(self, watch: GenerateHooks) -> None:
        self._watch = watch

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> Any:
        return self._watch.chosen(input_ids, scores)


class _DeliveryCriteria(StoppingCriteria):
    def __init__(self, watch: GenerateHooks) -> None:
        self._watch = watch

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: Any) -> Any:  # noqa: ARG002 - its interface
        return self._watch.looked(input_ids)
