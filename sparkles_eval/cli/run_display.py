"""Shows the progress of a run (bars in a terminal, plain lines elsewhere) and its cost estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from sparkles_eval.core.printing import make_console, say
from sparkles_eval.core.text import one_line
from sparkles_eval.engine.cost_estimate import CostEstimate, estimate_cost
from sparkles_eval.engine.jobs import EvalJob
from sparkles_eval.engine.progress import Progress as RunProgress
from sparkles_eval.store.reading import open_to_read


def print_cost_estimate(jobs: Sequence[EvalJob], path: Path, connections: int | None) -> None:
    """Print what it would cost to request what the store at `path` (if it exists) lacks."""
    if path.is_file():
        with open_to_read(path) as store:
            lines = estimate_cost(jobs, store, connections)
    else:
        lines = estimate_cost(jobs, None, connections)
    print_cost_table(lines)


def print_cost_table(lines: Sequence[CostEstimate]) -> None:
    """Print cost estimates with their sums."""
    table = Table(title="What is still to be requested (estimated; nothing was sent)")
    for heading in ("who", "task"):
        table.add_column(heading)
    for heading in ("requests", "tokens in", "tokens out", "cost", "time"):
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(
            Text(one_line(line.who)),
            Text(one_line(line.task)),
            f"{line.requests:,}",
            f"{line.input_tokens:,}",
            f"{line.output_tokens:,}",
            _usd(line.cost_usd),
            _time(line.seconds),
        )
    known = sum(line.cost_usd or 0.0 for line in lines)
    some_unknown = any(line.cost_usd is None for line in lines)
    table.add_section()
    table.add_row(
        "all",
        "",
        f"{sum(line.requests for line in lines):,}",
        f"{sum(line.input_tokens for line in lines):,}",
        f"{sum(line.output_tokens for line in lines):,}",
        _usd(known) + (" + unknown" if some_unknown else ""),
        _longest(lines),
    )
    make_console().print(table)


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:,.2f}"


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else str(timedelta(seconds=round(seconds)))


def _longest(lines: Sequence[CostEstimate]) -> str:
    """The time of the slowest model, as models run in parallel; a model's tasks share its connections."""
    totals: dict[str, float] = {}
    for line in lines:
        if line.seconds is None:
            return "unknown"
        totals[line.who] = totals.get(line.who, 0.0) + line.seconds
    return _time(max(totals.values(), default=0.0))


_LINE_EVERY_S = 10.0
_LONGEST_LINE = 2_000
_QUIET = ("connections",)
"""Events that go to the store only, since there are many of them."""


@dataclass
class _Count:
    """Progress of one model or judge on one task."""

    total: int
    done: int
    before: int
    unscored: int = 0
    began: float = field(default_factory=monotonic)

    @property
    def rate(self) -> float:
        return (self.done - self.before) / max(1e-9, monotonic() - self.began)


@contextmanager
def show_progress(*, plain: bool, missing: str = "unscored") -> Iterator[RunProgress]:
    """Show the progress of a session on stderr while the block runs. `missing` is the word for unfinished items."""
    console = make_console(stderr=True)
    if plain or not console.is_terminal:
        lines = _Lines(missing)
        yield lines
        lines.close()
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        refresh_per_second=5,
    ) as progress:
        yield _Bars(progress, missing)


def _with_name(who: str, message: str) -> str:
    """The message with the model's name in front, unless it begins with it."""
    return message if not who or message.startswith(who) else f"{who}: {message}"


class _Counting:
    """Counts and costs, for both ways of showing them."""

    def __init__(self, missing: str = "unscored") -> None:
        self.missing = missing
        self.counts: dict[tuple[str, str], _Count] = {}
        self.usd = 0.0
        self.unknown = 0

    @property
    def cost(self) -> str:
        known = [f"${self.usd:.4f}"] if self.usd else []
        replies = "reply" if self.unknown == 1 else "replies"
        unknown = [f"{self.unknown} {replies} of unknown cost"] if self.unknown else []
        return " + ".join(known + unknown)

    def spent(self, usd: float, unknown: int) -> None:
        self.usd, self.unknown = usd, unknown

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        self.counts[who, task] = _Count(total, done, done)

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        count = self.counts[who, task]
        count.done += 1
        count.unscored += not scored


class _Bars(_Counting):
    """One progress bar per model or judge and task."""

    def __init__(self, progress: Progress, missing: str = "unscored") -> None:
        super().__init__(missing)
        self._progress = progress
        self._bars: dict[tuple[str, str], TaskID] = {}

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        super().planned(who, task, total, done)
        self._bars[who, task] = self._progress.add_task(
            f"[bold]{escape(one_line(who))}[/] {escape(one_line(task))}",
            total=total,
            completed=done,
            rate="",
            note="from the store" if done else "",
        )

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        super().finished(who, task, scored=scored)
        count = self.counts[who, task]
        note = f"[red]{count.unscored} {self.missing}[/]" if count.unscored else ""
        bar = self._bars[who, task]
        self._progress.update(bar, completed=count.done, rate=f"{count.rate:.1f}/s", note=f"{note} {self.cost}".strip())

    def waiting(self, who: str, until: datetime) -> None:
        for (name, _), bar in self._bars.items():
            if name == who:
                self._progress.update(bar, note=f"[yellow]waiting on {escape(one_line(who))} until {until:%H:%M:%S}[/]")

    def event(self, kind: str, who: str, message: str) -> None:
        if kind not in _QUIET:
            self._progress.console.print(
                one_line(_with_name(who, message), _LONGEST_LINE), style="yellow", markup=False, highlight=False
            )


class _Lines(_Counting):
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
            self._say(_with_name(who, message))

    def close(self) -> None:
        """Print the counts of what is unfinished."""
        for (who, task), count in self.counts.items():
            if count.done < count.total:
                self._line(who, task, count)

    def _line(self, who: str, task: str, count: _Count) -> None:
        parts = [f"{who} on {task}: {count.done}/{count.total}", f"{count.rate:.1f}/s"]
        if count.unscored:
            parts.append(f"{count.unscored} {self.missing}")
        if self.cost:
            parts.append(self.cost)
        self._say(", ".join(parts))

    @staticmethod
    def _say(text: str) -> None:
        say(one_line(text, _LONGEST_LINE), err=True)
