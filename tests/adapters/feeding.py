"""A feed of a fixed list of requests, for local adapters without the engine around them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from sparkles_eval.adapters.base import Adapter, BatchAdapter, Request
from sparkles_eval.core import Image, Reply
from sparkles_eval.core.errors import AdapterError
from tests.adapters.making import image


class Listed:
    """Gives requests in order and keeps the outcomes by the request's place in the list."""

    def __init__(self, requests: Sequence[Request], size: int) -> None:
        self._requests = list(requests)
        self._waiting = list(requests)
        self.size = size
        self.halted = False
        self.outcomes: dict[int, Reply | AdapterError] = {}
        self.order: list[int] = []
        self.returned = 0

    def take(self, most: int) -> Sequence[Request]:
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        return found

    def put_back(self, requests: Sequence[Request]) -> None:
        self.returned += len(requests)
        self._waiting = [*requests, *self._waiting]

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
        place = next(number for number, own in enumerate(self._requests) if own is request)
        assert place not in self.outcomes
        self.outcomes[place] = outcome
        self.order.append(place)

    def replies(self) -> list[Reply]:
        found = [self.outcomes[place] for place in range(len(self._requests))]
        assert all(isinstance(outcome, Reply) for outcome in found), found
        return [outcome for outcome in found if isinstance(outcome, Reply)]


def run(adapter: Adapter, requests: Sequence[Request], size: int) -> Listed:
    """Let a local adapter answer all of them, so many at once."""
    assert isinstance(adapter, BatchAdapter)
    feed = Listed(requests, size)
    adapter.work(feed, 0)
    return feed


def pictures(folder: Path, count: int) -> list[Image]:
    """Noise, the same in every run: what a random model says of it is the same too."""
    found = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        data = io.BytesIO()
        PIL.Image.fromarray(pixels).save(data, "PNG")
        found.append(image(folder, data.getvalue(), f"{number}.png"))
    return found
