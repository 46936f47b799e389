"""One copy of a transformers checkpoint at work: rows enter, answers are written, rows that are done leave."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from sparkles_eval.adapters.base import ForeseeingRequestQueue, Request, RequestQueue
from sparkles_eval.adapters.local.base import open_picture
from sparkles_eval.adapters.local.chat_template import ChatTemplate
from sparkles_eval.adapters.local.device import row_memory
from sparkles_eval.adapters.local.prompt_reader import PromptReader, try_reader
from sparkles_eval.adapters.local.prompt_rows import NotSeparable, PromptRow, inner
from sparkles_eval.adapters.local.row_batch import RowBatch
from sparkles_eval.adapters.local.token_budget import TokenBudget
from sparkles_eval.adapters.local.token_sampling import AnswerDelivery, DecodedRow
from sparkles_eval.core.errors import AdapterError, TooLong
from sparkles_eval.core.reply_parts import opens_reasoning

_NEW_TOKENS = 1000
"""Of an answer, where nobody says how many."""
_EXPECTED_TOKENS = 256
"""Of an answer, in what memory is planned for."""


class Replica:
    """One copy on one device. `context` is the number of the model's positions, None where it does not say."""

    def __init__(self, model: Any, template: ChatTemplate, context: int | None) -> None:
        self.model = model
        self._template = template
        self._context = context
        self.reader: PromptReader | None = try_reader(template, model)
        """Reads prompts with each picture encoded once; None where the model reads pictures in a way of its own."""
        self._tried: set[bool] = set()
        """Prompts with pictures (True) and without, once such a one has proved to be read as it should."""
        device = str(model.device)
        self._per_position = _cache_bytes(model)
        self._memory = row_memory(device)
        self.budget = TokenBudget(model.device.type, self._memory // (8 * self._per_position))
        self._ends = _ends(model)
        self.steps = 0
        """Tokens that were computed, those of rows that were done already included."""

    def answer(self, feed: RequestQueue) -> None:
        """Answer until nothing waits."""
        delivery = AnswerDelivery(feed, self._template.tokenizer, self._ends)
        batch = RowBatch(self.model, delivery, self._template.pad(delivery.ends))
        share = max(1, feed.size // 8)
        while not feed.halted:
            waits = False
            if not batch.rows or (batch.exchanges and self.reader and feed.size - len(batch.rows) >= share):
                room = self._room(batch, feed.size)
                taken = feed.take(room)
                if not taken and not batch.rows:
                    break
                waits = 0 < room == len(taken)
                self._admit(feed, taken, batch)
            if batch.rows and not feed.halted:
                batch.advance(share if waits and batch.exchanges else 0)
        self.steps += batch.steps

    def close(self) -> None:
        """End the threads that prepare pictures."""
        if self.reader is not None:
            self.reader.close()

    # --- prompts ---------------------------------------------------------------------------------------

    def _admit(self, feed: RequestQueue, requests: Sequence[Request], batch: RowBatch) -> None:
        if self.reader is None:
            for alike in _by_images(requests):
                self._whole(feed, alike, batch)
            return
        self._ahead(feed, self.reader, requests)
        try:
            rows = self._rows(feed, self.reader, requests, batch)
        except NotSeparable:
            self.close()
            self.reader = None
            feed.put_back(requests)
            return
        self._ahead(feed, self.reader)
        rows.sort(key=lambda row: row.length, reverse=True)
        while rows and not feed.halted:
            group = [rows.pop(0)]
            while rows and (len(group) + 1) * group[0].length <= self.budget.positions:
                group.append(rows.pop(0))
            self._read(feed, self.reader, group, batch)

    def _ahead(self, feed: RequestQueue, reader: PromptReader, requests: Sequence[Request] = ()) -> None:
        """Prepare pictures of these requests, else of those that come next, beside the model."""
        if not requests and isinstance(feed, ForeseeingRequestQueue):
            requests = feed.coming(feed.size)
        reader.ahead([image for request in requests for image in request.conversation.images])

    def _rows(
        self, feed: RequestQueue, reader: PromptReader, requests: Sequence[Request], batch: RowBatch
    ) -> list[PromptRow]:
        """The rows of the requests that can be asked; the others are delivered. Raises NotSeparable before any is."""
        rows: list[PromptRow] = []
        refused: list[tuple[Request, AdapterError]] = []
        for request in requests:
            try:
                row = reader.row(request)
            except AdapterError as error:
                refused.append((request, error))
                continue
            if self._context and row.length >= self._context:
                refused.append((request, self._too_long(row.length)))
            else:
                rows.append(row)
        for row in sorted(rows, key=lambda row: len(row.pictures), reverse=True):
            if bool(row.pictures) not in self._tried:
                if not reader.agrees(row, self.model, batch.pad):
                    raise NotSeparable("its first tokens are others")
                self._tried.add(bool(row.pictures))
        for request, reason in refused:
            feed.deliver(request, reason)
        return rows

    def _read(self, feed: RequestQueue, reader: PromptReader, group: Sequence[PromptRow], batch: RowBatch) -> None:
        good, inputs, faults = reader.inputs(group, self.model, batch.pad)
        for number, error in faults.items():
            feed.deliver(group[number].request, error)
        if not good:
            return
        began = perf_counter()
        batch.admit([self._answer_row(row.request, row.length, opened=row.opened) for row in good], inputs)
        self.budget.seen(len(good) * good[0].length, perf_counter() - began)

    def _answer_row(self, request: Request, length: int, *, opened: bool) -> DecodedRow:
        """The answer's row, whose limit is what was asked for, or less where the model's positions end."""
        limit = request.generation.max_tokens or _NEW_TOKENS
        return DecodedRow(request, length, min(limit, self._context - length) if self._context else limit, opened)

    def _whole(self, feed: RequestQueue, requests: Sequence[Request], batch: RowBatch) -> None:
        """Answer requests in one static batch of the processor's own making."""
        prompts = []
        for request in requests:
            try:
                images = [open_picture(image) for image in request.conversation.images]
                prompts.append((request, self._template.ask(request), images))
            except AdapterError as error:
                feed.deliver(request, error)
        while prompts:
            encoded = self._template.encode([text for _, text, _ in prompts], [images for _, _, images in prompts])
            lengths = [int(length) for length in encoded["attention_mask"].sum(1)]
            long = {place for place, length in enumerate(lengths) if self._context and length >= self._context}
            if not long:
                rows = [
                    self._answer_row(request, length, opened=opens_reasoning(text))
                    for (request, text, _), length in zip(prompts, lengths, strict=True)
                ]
                batch.whole(rows, dict(encoded.to(self.model.device, dtype=self.model.dtype)))
                return
            for place in long:
                feed.deliver(prompts[place][0], self._too_long(lengths[place]))
            prompts = [prompt for place, prompt in enumerate(prompts) if place not in long]

    def _too_long(self, length: int) -> TooLong:
        return TooLong(
            f"the prompt has {length:,} tokens, images included, and the model {self._context:,} positions; "
            "fewer or smaller images or a shorter text are needed"
        )

    def _room(self, batch: RowBatch, size: int) -> int:
        """Rows that may enter now, by memory and by the size of a batch. One row always may: it is tried."""
        there = len(batch.rows)
        positions = max([2 * _EXPECTED_TOKENS, *(row.prompt + len(row.ids) + _EXPECTED_TOKENS for row in batch.rows)])
        fitting = self._memory // (2 * positions * self._per_position)  # a cache is copied where rows enter or leave
        return max(0 if there else 1, min(size, fitting) - there)


def _by_images(requests: Sequence[Request]) -> list[list[Request]]:
    """Requests of as many images together: in some models' own batches those of fewer are answered otherwise."""
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(len(request.conversation.images), []).append(request)
    return list(groups.values())


def _cache_bytes(model: Any) -> int:
    """Bytes of one position of one row in the cache of keys and values, about."""
    config = inner(model).config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or getattr(config, "num_attention_heads", None) or 1
    width = getattr(config, "head_dim", None)
    if not isinstance(width, int):
        width = int(config.hidden_size) // int(getattr(config, "num_attention_heads", None) or 1)
    layers = getattr(config, "num_hidden_layers", None) or 1
    return max(1, 2 * int(layers) * int(heads) * int(width) * int(model.dtype.itemsize))


def _ends(model: Any) -> frozenset[int]:
    found = model.generation_config.eos_token_id
    numbers = found if isinstance(found, list) else [found]
    return frozenset(number for number in numbers if isinstance(number, int))
