"""Keeps values by name in memory, up to so many bytes; the least recently used leave first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """A cache that several threads may use. `size_of` gives the bytes of a value."""

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        self.limit = limit
        self.bytes = 0
        self._size_of = size_of
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable) -> Value | None:
        """The value, which now counts as used; None where it is not kept."""
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            self._kept.move_to_end(name)
            return found[0]

    def put(self, name: Hashable, value: Value) -> None:
        """Keep a value, in the place of an older one; others leave until all fit. One that is too large is not kept."""
        size = self._size_of(value)
        with self._lock:
            if name in self._kept:
                self.bytes -= self._kept.pop(name)[1]
            self._kept[name] = value, size
            self.bytes += size
            while self.bytes > self.limit and self._kept:
                _, (_, gone) = self._kept.popitem(last=False)
                self.bytes -= gone

    def drop(self, name: Hashable) -> None:
        """Keep that value no longer."""
        with self._lock:
            if name in self._kept:
                self.bytes -= self._kept.pop(name)[1]

    def __contains__(self, name: Hashable) -> bool:
        with self._lock:
            return name in self._kept

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)
