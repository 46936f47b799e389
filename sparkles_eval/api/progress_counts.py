"""Counts how far each model and judge is, for every way of showing progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sparkles_eval.core.text import quantity

LONGEST_LINE = 2_000
"""Characters of a message that are shown."""
QUIET_EVENTS = ("connections",)
"""Events that go to the store only, since there are many of them."""


def with_name(who: str, message: str) -> str:
    """The message with the model's name in front, unless it begins with it."""
    return message if not who or message.startswith(who) else f"{who}: {message}"


@dataclass
class ProgressCount:
    """Progress of one model or judge on one task."""

    total: int
    done: int
    before: int
    """Done when the session began: from the store."""
    unscored: int = 0
    began: float = field(default_factory=lambda: monotonic())  # noqa: PLW0108 - looked up when called: tests set the clock
    ended: float | None = None
    waits_until: datetime | None = None

    @property
    def rate(self) -> float:
        """Items a second since this process began."""
        return (self.done - self.before) / max(1e-9, (self.ended or monotonic()) - self.began)

    @property
    def rate_text(self) -> str:
        """Items a second, or a minute where that is few; "" where none was done, or nothing is known yet."""
        if (self.ended or monotonic()) - self.began < 0.1 or self.rate * 60 < 0.05:
            return ""
        return f"{self.rate:.1f}/s" if self.rate >= 0.5 else f"{self.rate * 60:.1f}/min"

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done at this rate; None before anything is known."""
        return (self.total - self.done) / self.rate if self.done > self.before else None


class Counting:
    """Counts and costs, for every way of showing them."""

    def __init__(self, missing: str = "unscored") -> None:
        self.missing = missing
        self.counts: dict[tuple[str, str], ProgressCount] = {}
        self.usd = 0.0
        self.unknown = 0

    @property
    def cost(self) -> str:
        """What the whole session has spent, such as "$0.0123 + 3 replies of unknown cost"; "" for nothing."""
        known = [f"${self.usd:.4f}"] if self.usd else []
        unknown = [f"{quantity(self.unknown, 'reply', 'replies')} of unknown cost"] if self.unknown else []
        return " + ".join(known + unknown)

    def spent(self, usd: float, unknown: int) -> None:
        self.usd, self.unknown = usd, unknown

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        self.counts[who, task] = ProgressCount(total, done, done)

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        count = self.counts[who, task]
        count.done += 1
        count.unscored += not scored
        if count.done >= count.total:
            count.ended = monotonic()

    def waiting(self, who: str, until: datetime) -> None:
        for (name, _), count in self.counts.items():
            if name == who:
                count.waits_until = until

    def note(self, count: ProgressCount) -> str:
        """What a row says beside its numbers: unscored items, a wait, or that all was in the store."""
        parts = []
        if count.unscored:
            parts.append(f"{count.unscored:,} {self.missing}")
        until = count.waits_until
        if until is not None and until > datetime.now().astimezone() and count.done < count.total:
            parts.append(f"waits until {until:%H:%M:%S}")
        if count.before and count.done == count.before:
            parts.append(f"{count.before:,} from the store")
        return ", ".join(parts)
