"""Progress as a line for each model or judge and task, laid out for the width of the terminal.

Done of total, rate and time left are always whole. Where a line is too long the bar goes first, then names are
shortened in the middle, then the note is cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from sparkles_eval.api.progress_counts import LONGEST_LINE, QUIET_EVENTS, Counting, ProgressCount, with_name
from sparkles_eval.core.text import one_line, shorten

_PER_SECOND = 5
_WIDEST_BAR, _NARROWEST_BAR = 30, 8
_SHORTEST_NAME = 12
_EDGE = 4
"""Columns left free: the ^C that a terminal writes would begin a new line and leave an old one behind."""


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """One line: who does what task, its numbers and its note."""

    who: str
    task: str
    numbers: str
    note: str
    share: float


class Bars(Counting):
    """Draws the lines of a session on a terminal until the block ends."""

    def __init__(self, console: Console, missing: str = "unscored") -> None:
        super().__init__(missing)
        self._console = console
        self._live = Live(self, console=console, refresh_per_second=_PER_SECOND, redirect_stdout=False)
        self._ended = False

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended = True
        self._live.stop()

    def event(self, kind: str, who: str, message: str) -> None:
        if kind not in QUIET_EVENTS:
            text = one_line(with_name(who, message), LONGEST_LINE)
            self._console.print(text, style="yellow", markup=False, highlight=False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - _EDGE
        most = None if self._ended else max(1, console.height - 3)
        yield from layout(self._rows(), width, most)
        if self.cost:
            yield Text(shorten(f"{'spent ' if self.usd else ''}{self.cost}", width), style="dim")

    def _rows(self) -> list[ProgressRow]:
        counts = list(self.counts.items())
        total = max((len(f"{count.total:,}") for _, count in counts), default=1)
        return [
            ProgressRow(
                one_line(who),
                one_line(task),
                _numbers(count, total),
                self.note(count),
                count.done / max(1, count.total),
            )
            for (who, task), count in counts
        ]


def _numbers(count: ProgressCount, width: int) -> str:
    """ " 12/60   3.4/s   0:14": done of total, rate, and the time left or, once done, the time it took."""
    done = f"{count.done:>{width},}/{count.total:<{width},}"
    if count.done == count.before and count.done < count.total:
        return f"{done} {'':>8} {'-:--':>7}"
    if count.done == count.before:
        return f"{done} {'':>8} {'':>7}"
    seconds = count.left_s if count.ended is None else count.ended - count.began
    return f"{done} {count.rate:>6.1f}/s {_clock(seconds or 0):>7}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def layout(rows: list[ProgressRow], width: int, most: int | None = None) -> Iterator[Text]:
    """The lines of `rows`, none longer than `width`; at most `most` lines, those that are not done first."""
    if not rows:
        return
    left_out = 0
    if most is not None and len(rows) > most:
        going = [row for row in rows if row.share < 1]
        kept = (going + [row for row in rows if row.share >= 1])[: most - 1]
        left_out = len(rows) - len(kept)
        rows = [row for row in rows if row in kept][: most - 1]
    numbers = max(len(row.numbers) for row in rows)
    names = [max(len(row.who) for row in rows), max(len(row.task) for row in rows)]
    note = max(len(row.note) for row in rows)
    free = width - numbers - 2  # what names, a bar and a note may have, with a blank behind each
    bar = min(_WIDEST_BAR, free - sum(names) - 1 - (note + 1 if note else 0))
    if bar < _NARROWEST_BAR:
        bar = 0
        note = max(0, min(note, free - min(sum(names), 2 * _SHORTEST_NAME) - 1))
    room = free - (bar + 1 if bar else 0) - (note + 1 if note else 0)
    while sum(names) > room and max(names) > 1:
        names[names.index(max(names))] -= 1
    for row in rows:
        line = Text(f"{shorten(row.who, names[0]):<{names[0]}} ", style="bold")
        line.append(f"{shorten(row.task, names[1]):<{names[1]}} ", style="none")
        if bar:
            full = round(bar * row.share)
            line.append("━" * full, style="green" if row.share >= 1 else "cyan")
            line.append("━" * (bar - full) + " ", style="bright_black")
        line.append(row.numbers.ljust(numbers), style="none")
        if note and row.note:
            line.append(f" {shorten(row.note, note)}", style="yellow")
        line.truncate(width)
        yield line
    if left_out:
        yield Text(f"… and {left_out:,} more", style="dim")
