"""Shows the progress of a run: bars on a terminal, a table in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from sparkles_eval.api.progress_counts import LONGEST_LINE, QUIET_EVENTS, Counting, ProgressCount, with_name
from sparkles_eval.core.printing import make_console, say
from sparkles_eval.core.text import one_line, quantity
from sparkles_eval.engine.progress import Progress

_FIRST_LINE_S, _LAST_LINE_S = 10.0, 300.0
"""Pause before the first line of progress in a file, and the longest: each is twice the one before."""


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


class Lines(Counting):
    """A line when work begins, now and then while it goes on, and when a model ends a task.

    A file is read later: pauses grow from ten seconds to five minutes, only what has moved is printed, and a message
    that comes again is counted.
    """

    def __init__(self, missing: str = "unscored") -> None:
        super().__init__(missing)
        self._last, self._pause = monotonic(), _FIRST_LINE_S
        self._waits: dict[str, datetime] = {}
        self._messages: Counter[str] = Counter()
        self._printed: dict[tuple[str, str], int] = {}

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        super().planned(who, task, total, done)
        before = f", {done} from the store" if done else ""
        self._say(f"{who} on {task}: {quantity(total, 'item')}{before}")

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        super().finished(who, task, scored=scored)
        count = self.counts[who, task]
        if count.done >= count.total:
            self._line(who, task, count)
        elif monotonic() - self._last >= self._pause:
            self._last, self._pause = monotonic(), min(2 * self._pause, _LAST_LINE_S)
            for (name, about), going in self.counts.items():
                if going.before < going.done < going.total and self._printed.get((name, about)) != going.done:
                    self._line(name, about, going)

    def waiting(self, who: str, until: datetime) -> None:
        # One line per wait: each waiting request reports it, seconds apart.
        known = self._waits.get(who)
        if known is None or known <= datetime.now().astimezone():
            self._waits[who] = until
            self._say(f"waiting on {who} until {until:%H:%M:%S}")

    def event(self, kind: str, who: str, message: str) -> None:
        if kind in QUIET_EVENTS:
            return
        said = with_name(who, message)
        self._messages[said] += 1
        if self._messages[said] == 1:
            self._say(said)

    def close(self) -> None:
        """Print the counts of what is unfinished, and of messages that came again."""
        for said, times in self._messages.items():
            if times > 1:
                self._say(f"{said} ({times:,} times)")
        for (who, task), count in self.counts.items():
            if count.done < count.total:
                self._line(who, task, count)

    def _line(self, who: str, task: str, count: ProgressCount) -> None:
        self._printed[who, task] = count.done
        parts = [f"{who} on {task}: {count.done}/{count.total}", *filter(None, [count.rate_text])]
        if count.unscored:
            parts.append(f"{count.unscored} {self.missing}")
        if self.cost:
            parts.append(self.cost)
        self._say(", ".join(parts))

    @staticmethod
    def _say(text: str) -> None:
        say(one_line(text, LONGEST_LINE), err=True)
