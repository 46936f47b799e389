"""Key-value cache with one slot a row, for rows that enter and leave a running batch."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

ROUND = 32
"""Positions are attended and reserved in whole multiples: few shapes, and masks that suit the kernels."""
_AHEAD = 128
"""Positions that are reserved at once, so that growing (a copy of everything) is rare."""
_ROWS = 8
"""Slots are reserved in multiples."""


def rounded(count: int, to: int = ROUND) -> int:
    """The next multiple."""
    return -(-count // to) * to


class _SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """One layer: (slots, heads, positions, width)."""

    is_sliding = False

    def __init__(self, place: _Place) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._place = place

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        self.is_initialized = True

    def reserve(self, rows: int, positions: int, like: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Make room for so many rows and positions; what is there is kept. One tensor at a time is doubled."""
        self.keys = _grown(self.keys, rows, positions, like[0])
        self.values = _grown(self.values, rows, positions, like[1])
        self.is_initialized = True

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: Any,  # noqa: ARG002 - transformers' interface
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one position of every row at its own place; give what is attended: the first rows and positions."""
        assert self.keys is not None and self.values is not None
        place = self._place
        self.keys[place.rows, :, place.positions] = key_states[:, :, 0]
        self.values[place.rows, :, place.positions] = value_states[:, :, 0]
        count = len(key_states)
        return self.keys[:count, :, : place.attended], self.values[:count, :, : place.attended]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:  # noqa: ARG002
        return self._place.attended, 0

    def get_seq_length(self) -> int:
        return self._place.attended

    def get_max_length(self) -> int:
        return -1


class _Place:
    """Where the next position of every row is written, and how many are attended."""

    rows: torch.Tensor
    positions: torch.Tensor
    attended = 0


class SlotCache(Cache):
    """The cache of all layers. `aim` before a step, then it is given to the model as `past_key_values`."""

    def __init__(self, layers: int) -> None:
        self._place = _Place()
        self._slots = [_SlotLayer(self._place) for _ in range(layers)]
        super().__init__(layers=list(self._slots))
        self.rows = 0
        """Slots there are."""
        self.positions = 0
        """Positions a slot has."""

    @staticmethod
    def needed(rows: int, positions: int, bytes_per_position: int) -> int:
        """Bytes that so many rows of such a length take."""
        return rounded(rows, _ROWS) * (rounded(positions) + _AHEAD) * bytes_per_position

    def enter(self, first: int, fresh: DynamicCache) -> None:
        """Put prefilled rows into the slots from `first` on; padding behind a row's end is overwritten in time."""
        for slot, layer in zip(self._slots, fresh.layers, strict=True):
            assert isinstance(layer, CacheLayerMixin) and layer.keys is not None and layer.values is not None
            keys, values = layer.keys, layer.values
            self._reserve(slot, first + len(keys), keys.shape[2], (keys, values))
            assert slot.keys is not None and slot.values is not None
            slot.keys[first : first + len(keys), :, : keys.shape[2]] = keys
            slot.values[first : first + len(keys), :, : values.shape[2]] = values
        self._measure()

    def make_room(self, rows: int, positions: int) -> None:
        """Make room for that many rows of that many positions."""
        if positions > self.positions or rows > self.rows:
            for slot in self._slots:
                assert slot.keys is not None and slot.values is not None
                self._reserve(slot, rows, positions, (slot.keys, slot.values))
            self._measure()

    def move(self, source: int, target: int) -> None:
        """Copy a row's slot over another."""
        for slot in self._slots:
            assert slot.keys is not None and slot.values is not None
            slot.keys[target] = slot.keys[source]
            slot.values[target] = slot.values[source]

    def aim(self, lengths: torch.Tensor, longest: int) -> torch.Tensor:
        """The next step writes row i at position lengths[i]; gives its mask (rows, 1, 1, attended), True = attended."""
        place = self._place
        place.attended = min(rounded(longest + 1), self.positions)
        place.rows = torch.arange(len(lengths), device=lengths.device)
        place.positions = lengths
        steps = torch.arange(place.attended, device=lengths.device)
        return (steps <= lengths.unsqueeze(1))[:, None, None, :]

    def _reserve(self, slot: _SlotLayer, rows: int, positions: int, like: tuple[torch.Tensor, torch.Tensor]) -> None:
        rows, room = rounded(max(rows, self.rows), _ROWS), self.positions
        if positions > room:
            room = rounded(positions) + _AHEAD
        if slot.keys is None or rows > len(slot.keys) or room > slot.keys.shape[2]:
            slot.reserve(rows, room, like)

    def _measure(self) -> None:
        keys = self._slots[0].keys
        assert keys is not None
        self.rows, self.positions = keys.shape[0], keys.shape[2]


def _grown(old: torch.Tensor | None, rows: int, positions: int, like: torch.Tensor) -> torch.Tensor:
    new = like.new_zeros(rows, like.shape[1], positions, like.shape[3])
    if old is not None:
        new[: old.shape[0], :, : old.shape[2]] = old
    return new
