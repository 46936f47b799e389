"""What the engine tells while it works, and whoever listens (a progress bar, plain lines, nobody)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Progress(Protocol):
    """Listens to a run. `who` is a model's or a judge's name. Must return quickly and never raise."""

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        """Work begins: so many items, of which so many were done before."""
        ...

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        """One item is through: with its answers or scores, or without them for a reason that the store has."""
        ...

    def spent(self, usd: float, unknown: int) -> None:
        """What the invocation has cost so far, and how many replies have an unknown cost."""
        ...

    def waiting(self, who: str, until: datetime) -> None:
        """A provider asked to wait."""
        ...

    def event(self, kind: str, who: str, message: str) -> None:
        """Something worth a line: connections changed, a model stopped, a fault."""
        ...


class NoProgress:
    """Listens to nothing."""

    def planned(self, who: str, task: str, total: int, done: int) -> None: ...

    def finished(self, who: str, task: str, *, scored: bool) -> None: ...

    def spent(self, usd: float, unknown: int) -> None: ...

    def waiting(self, who: str, until: datetime) -> None: ...

    def event(self, kind: str, who: str, message: str) -> None: ...
