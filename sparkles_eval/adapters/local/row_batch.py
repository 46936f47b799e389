"""The rows that a model is writing through transformers' `generate`, which leave when done and make room for others.

`generate` reads the prompts of new rows and goes on from its own cache, stretch by stretch. Between two stretches rows
that are done leave the cache, and, where it is plain keys and values, new ones enter: all rows end at the same
position, and what stands before a shorter one is masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from transformers import Cache, DynamicCache, LogitsProcessorList, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from sparkles_eval.adapters.local.prompt_rows import inner
from sparkles_eval.adapters.local.token_sampling import AnswerDelivery, DecodedRow, GenerateHooks

_STAY = 0.75
"""While more than this share of the rows goes on and none waits, the rest stay: leaving copies the cache."""


class RowBatch:
    """Rows under way and their cache. `pad` fills the ids before a shorter row."""

    def __init__(self, model: Any, delivery: AnswerDelivery, pad: int) -> None:
        self._model = model
        self._delivery = delivery
        self.pad = pad
        self.exchanges = exchanges_rows(model)
        """Whether rows may enter while others go on."""
        self.rows: list[DecodedRow] = []
        self.steps = 0
        """Tokens that were computed, those of rows that were done already included."""
        self._state: _State | None = None

    def admit(self, rows: Sequence[DecodedRow], inputs: dict[str, Any]) -> None:
        """Read the prompts of new rows and write their first tokens. `inputs` are the model's, padded on the left."""
        fresh = self._generate(rows, inputs, past=DynamicCache() if self.exchanges else None, most=1)
        self._state = fresh if self._state is None else self._state.joined(fresh, self.pad)
        self.rows += rows
        self._leave()

    def advance(self, free: int) -> None:
        """Write on until all are done, so many rows are free for others that wait (0: none waits), or many are done."""
        state, there = self._state, len(self.rows)
        assert state is not None

        def leave(done: int) -> bool:
            return done >= free if free else done >= max(1, round(there * (1 - _STAY)))

        inputs = {"input_ids": state.ids, "attention_mask": state.mask, "position_ids": state.positions}
        most = max(row.left for row in self.rows)
        self._state = self._generate(self.rows, inputs, past=state.cache, most=most, leave=leave)
        self._leave()

    def whole(self, rows: Sequence[DecodedRow], inputs: dict[str, Any]) -> None:
        """Answer rows in one static batch, whose inputs may be of any kind."""
        self._generate(rows, inputs, past=None, most=max(row.limit for row in rows))

    def _generate(
        self, rows: Sequence[DecodedRow], inputs: dict[str, Any], *, past: Cache | None, most: int, leave: Any = None
    ) -> _State:
        hooks = GenerateHooks(rows, self._delivery, inputs["input_ids"].device, leave or (lambda _: False))
        with _Positions(self._model) as positions:
            out = self._model.generate(
                **inputs,
                **generate_arguments(hooks, self.pad),
                **({"past_key_values": past} if past is not None else {}),
                max_new_tokens=most,
                return_dict_in_generate=True,
            )
        ids = out.sequences
        new = ids.shape[1] - inputs["input_ids"].shape[1]
        self.steps += new * len(rows)
        mask = torch.cat([inputs["attention_mask"], inputs["attention_mask"].new_ones(len(rows), new)], dim=1)
        return _State(out.past_key_values, ids, mask, positions.next(mask))

    def _leave(self) -> None:
        """Take out the rows that are done."""
        stay = [place for place, row in enumerate(self.rows) if not row.done]
        if len(stay) == len(self.rows):
            return
        self.rows = [self.rows[place] for place in stay]
        self._state = self._state.kept(stay, crop=self.exchanges) if stay and self._state is not None else None


class _State:
    """A cache, and what its rows are: ids and mask (rows, positions), and the positions of the next step."""

    def __init__(self, cache: Any, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor) -> None:
        self.cache, self.ids, self.mask, self.positions = cache, ids, mask, positions

    def kept(self, rows: Sequence[int], *, crop: bool) -> _State:
        """Those rows alone, without the positions that none of them has."""
        which = torch.tensor(rows, device=self.ids.device)
        self.cache.reorder_cache(which)
        ids, mask = self.ids[which], self.mask[which]
        positions = self.positions.index_select(self.positions.ndim - 2, which)
        empty = int(mask.long().argmax(1).min()) if crop else 0
        if empty:
            for layer in _filled(self.cache):
                layer.keys, layer.values = layer.keys[:, :, empty:], layer.values[:, :, empty:]
        return _State(self.cache, ids[:, empty:], mask[:, empty:], positions)

    def joined(self, other: _State, pad: int) -> _State:
        """The rows of both, padded on the left to the longer ones."""
        longest = max(self.ids.shape[1], other.ids.shape[1])
        for mine, theirs in zip(_filled(self.cache), _filled(other.cache), strict=True):
            mine.keys = _stacked(mine.keys, theirs.keys, longest - 1, 0)
            mine.values = _stacked(mine.values, theirs.values, longest - 1, 0)
            theirs.keys = theirs.values = None
        ids, mask = (
            torch.cat([_widened(one, longest, fill), _widened(two, longest, fill)])
            for one, two, fill in ((self.ids, other.ids, pad), (self.mask, other.mask, 0))
        )
        positions = torch.cat([self.positions, other.positions], dim=self.positions.ndim - 2)
        return _State(self.cache, ids, mask, positions)


def exchanges_rows(model: Any) -> bool:
    """True where the cache is keys and values of every position, so that rows of several prompts fit together."""
    config = inner(model).config.get_text_config()
    kinds = {type(layer) for layer in DynamicCache(config=config).layers}
    chunked = "chunked_attention" in (getattr(config, "layer_types", None) or ())
    return not chunked and kinds <= {DynamicLayer, DynamicSlidingWindowLayer}


def generate_arguments(hooks: GenerateHooks, pad: int) -> dict[str, Any]:
    """Arguments of `generate` under which the hooks choose the tokens."""
    return {
        "do_sample": False,  # the hooks draw, row by row
        "num_beams": 1,
        "temperature": None,
        "top_p": None,
        "top_k": None,
        "repetition_penalty": 1.0,  # the hooks count a row's own tokens, where this would count its padding
        "pad_token_id": pad,
        "logits_processor": LogitsProcessorList([hooks.choose]),
        "stopping_criteria": StoppingCriteriaList([hooks.look]),
    }


class _Positions:
    """Reads which positions the model was given last: models count those of images in ways of their own."""

    def __init__(self, model: Any) -> None:
        self._model = inner(model)
        self._last: torch.Tensor | None = None

    def __enter__(self) -> Self:
        self._hook = self._model.register_forward_pre_hook(self._read, with_kwargs=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self._hook.remove()

    def next(self, mask: torch.Tensor) -> torch.Tensor:
        """(…, rows, 1) positions of the next step."""
        if self._last is None:
            return mask.long().sum(1, keepdim=True) - 1
        return self._last[..., -1:] + 1

    def _read(self, module: object, args: object, kwargs: dict[str, Any]) -> None:  # noqa: ARG002 - torch's interface
        found = kwargs.get("position_ids")
        self._last = found if isinstance(found, torch.Tensor) else None


def _filled(cache: Any) -> list[Any]:
    return [layer for layer in cache.layers if getattr(layer, "is_initialized", False) and layer.keys.numel()]


def _stacked(one: torch.Tensor, two: torch.Tensor, longest: int, fill: float) -> torch.Tensor:
    """(rows, heads, positions, width) of both, the shorter filled up before its beginning."""
    out = one.new_full((len(one) + len(two), one.shape[1], longest, one.shape[3]), fill)
    out[: len(one), :, longest - one.shape[2] :] = one
    out[len(one) :, :, longest - two.shape[2] :] = two
    return out


def _widened(values: torch.Tensor, longest: int, fill: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (longest - values.shape[1], 0), value=fill)
