"""Shows the progress of a run: bars on a terminal, a table in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sparkles_eval.core.printing import make_console, say
from sparkles_eval.core.text import one_line
from sparkles_eval.engine.progress import Progress

_LINE_EVERY_S = 10.0
_LONGEST_LINE = 2_000
_QUIET = ("connections",)
"""Events that go to the store only, since there are many of them."""


@contextmanager
def show_progress(*, plain: bool = False, missing: str = "unscored") -> Iterator[Progress]:
    """Show the progress of a session while the block runs: in a notebook's cell, else on stderr.

    `plain` asks for lines instead of bars; `missing` is the word for unfinished items.
    """
    if not plain and in_notebook():
        from sparkles_eval.api.progress_notebook import NotebookProgress

        table = NotebookProgress(missing)
        try:
            yield table
        finally:
            table.close()
        return
    console = make_console(stderr=True)
    if plain or not console.is_terminal:
        lines = Lines(missing)
        yield lines
        lines.close()
        return
    from sparkles_eval.api.progress_bars import Bars

    with Bars(console, missing) as bars:
        yield bars


def in_notebook() -> bool:
    """True where this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


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
    began: float = field(default_factory=monotonic)
    ended: float | None = None
    waits_until: datetime | None = None

    @property
    def rate(self) -> float:
        """Items a second since this process began."""
        return (self.done - self.before) / max(1e-9, (self.ended or monotonic()) - self.began)

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
        replies = "reply" if self.unknown == 1 else "replies"
        unknown = [f"{self.unknown} {replies} of unknown cost"] if self.unknown else []
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


class Lines(Counting):
    """A line when work begins, every ten seconds, and when a model ends a task."""

    def __init__(self, missing: str = "unscored") -> None:
        super().__init__(missing)
        self._last = monotonic()
        self._waits: dict[str, datetime] = {}

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        super().planned(who, task, total, done)
        before = f", {done} from the store" if done else ""
        self._say(f"{who} on {task}: {total} items{before}")

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        super().finished(who, task, scored=scored)
        count = self.counts[who, task]
        if count.done >= count.total:
            self._line(who, task, count)
        elif monotonic() - self._last >= _LINE_EVERY_S:
            self._last = monotonic()
            for (name, about), going in self.counts.items():
                if going.before < going.done < going.total:
                    self._line(name, about, going)

    def waiting(self, who: str, until: datetime) -> None:
        # One line per wait: each waiting request reports it, seconds apart.
        known = self._waits.get(who)
        if known is None or known <= datetime.now().astimezone():
            self._waits[who] = until
            self._say(f"waiting on {who} until {until:%H:%M:%S}")

    def event(self, kind: str, who: str, message: str) -> None:
        if kind not in _QUIET:
            self._say(with_name(who, message))

    def close(self) -> None:
        """Print the counts of what is unfinished."""
        for (who, task), count in self.counts.items():
            if count.done < count.total:
                self._line(who, task, count)

    def _line(self, who: str, task: str, count: ProgressCount) -> None:
        parts = [f"{who} on {task}: {count.done}/{count.total}", f"{count.rate:.1f}/s"]
        if count.unscored:
            parts.append(f"{count.unscored} {self.missing}")
        if self.cost:
            parts.append(self.cost)
        self._say(", ".join(parts))

    @staticmethod
    def _say(text: str) -> None:
        say(one_line(text, _LONGEST_LINE), err=True)
