"""Stands beside transformers' `generate`: chooses every row's next token, and delivers each row when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StoppingCriteria

from sparkles_eval.adapters import local
from sparkles_eval.adapters.base import Feed, Request, WatchedFeed
from sparkles_eval.adapters.local_choice import Chooser, Draws, Settings
from sparkles_eval.core.reply_parts import marks_among


class Watch:
    """One static batch. `choose` and `look` are what `generate` takes; rows that ended are padded by it.

    `opened` says for each row whether its prompt ended inside a thought.
    """

    def __init__(
        self,
        feed: Feed,
        requests: Sequence[Request],
        tokenizer: PreTrainedTokenizerBase,
        attention_mask: torch.Tensor,
        ends: frozenset[int],
        limits: Sequence[int],
        opened: Sequence[bool] = (),
    ) -> None:
        """`limits` are the new tokens of each row at the most."""
        self._feed = feed
        self._watched = feed if isinstance(feed, WatchedFeed) else None
        self._requests = requests
        self._tokenizer = tokenizer
        special = sorted(tokenizer.all_special_tokens, key=len, reverse=True)
        marks = marks_among(special)
        self._unsaid = [token for token in special if token not in marks] if marks else None
        """Special tokens that are no words, where others tell reasoning from answer; None where none does."""
        self._opened = opened or [False] * len(requests)
        self._prompts = [int(count) for count in attention_mask.sum(1)]
        self._width = attention_mask.shape[1]
        self._limits = list(limits)
        settings = [Settings.of(request.generation) for request in requests]
        self._draws = [Draws(local.seed_of(request)) for request in requests]
        self._chooser = Chooser(settings, attention_mask.device)
        self._open = set(range(len(requests)))
        own = tokenizer.eos_token_id
        self.ends = ends or (frozenset([own]) if isinstance(own, int) else frozenset())
        self.most = max(self._limits)
        """New tokens at the most, over all rows."""
        self.choose = _Choose(self)
        self.look = _Look(self)

    def chosen(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores under which the likeliest token is the one that each row draws."""
        uniform = torch.tensor([draws.next(1)[0] for draws in self._draws], device=scores.device)
        ids = self._chooser.choose(scores, uniform)
        return torch.full_like(scores, -torch.inf).scatter_(1, ids.unsqueeze(1), 0.0)

    def looked(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(rows,) True where a row is done; those that are done now are delivered."""
        written = input_ids[:, self._width :]
        newest = written[:, -1].tolist()
        for row in sorted(self._open):
            ended = newest[row] in self.ends or self._stopped(row, written[row])
            if ended or written.shape[1] >= self._limits[row]:
                self._deliver(row, written[row], ended=ended)
            elif self._watched is not None:
                request = self._requests[row]
                self._watched.grown(request, local.so_far(self._text(written[row]), request.generation.stop))
        rows = range(len(self._requests))
        done = [self._feed.halted or row not in self._open for row in rows]
        return torch.tensor(done, device=input_ids.device)

    def _stopped(self, row: int, ids: torch.Tensor) -> bool:
        stops = self._requests[row].generation.stop
        return bool(stops) and any(stop in self._text(ids) for stop in stops)

    def _deliver(self, row: int, ids: torch.Tensor, *, ended: bool) -> None:
        self._open.discard(row)
        request = self._requests[row]
        text = self._text(ids)
        for stop in request.generation.stop:
            text = text.partition(stop)[0]
        reply = local.reply(text.strip(), self._prompts[row], len(ids), ended=ended, opened=self._opened[row])
        self._feed.deliver(request, reply)

    def _text(self, ids: torch.Tensor) -> str:
        if self._unsaid is None:
            return str(self._tokenizer.decode(ids, skip_special_tokens=True))
        text = str(self._tokenizer.decode(ids, skip_special_tokens=False))
        for token in self._unsaid:
            text = text.replace(token, "")
        return text


class _Choose(LogitsProcessor):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> Any:  # noqa: ARG002 - its interface
        return self._watch.chosen(scores)


class _Look(StoppingCriteria):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: Any) -> Any:  # noqa: ARG002 - its interface
        return self._watch.looked(input_ids)
