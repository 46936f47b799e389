"""Progress events of the engine, for a progress bar, plain lines or nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Progress(Protocol):
    """Receives progress events. `who` is a model's or a judge's name. Must return quickly and never raise."""

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        """Work begins: the number of items, and how many were done before."""
        ...

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        """One item is finished, with answers or scores, or without them for a reason in the store."""
        ...

    def spent(self, usd: float, unknown: int) -> None:
        """The invocation's cost so far, and the number of replies with an unknown cost."""
        ...

    def waiting(self, who: str, until: datetime) -> None:
        """A provider asked to wait."""
        ...

    def event(self, kind: str, who: str, message: str) -> None:
        """Something worth a line: connections changed, a model stopped, a fault."""
        ...


class NoProgress:
    """Ignores all events."""

    def planned(self, who: str, task: str, total: int, done: int) -> None: ...

    def finished(self, who: str, task: str, *, scored: bool) -> None: ...

    def spent(self, usd: float, unknown: int) -> None: ...

    def waiting(self, who: str, until: datetime) -> None: ...

    def event(self, kind: str, who: str, message: str) -> None: ...
