"""How a download looks on the terminal."""

from __future__ import annotations

from rich.progress import Progress, TaskID

from sparkles_eval.sources.photographs import Fate, Fetched


class Bars:
    """One bar a file (sources.download.Watch)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._now: TaskID | None = None

    def begin(self, name: str, done: int, total: int | None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._now = self._bars[name]
        self._progress.update(self._now, completed=done, total=total)

    def advance(self, count: int) -> None:
        if self._now is not None:
            self._progress.advance(self._now, count)


class Photographs(Fetched):
    """One line that counts: photographs come by the thousand, some within a second, some never."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._bar: TaskID | None = None
        self._total = self._done = self._kept = 0

    def begin(self, total: int, done: int) -> None:
        self._total, self._done, self._kept = total, done, 0
        self._bar = self._progress.add_task(self._text(), total=None)

    def one(self, fate: Fate) -> None:
        self._done += 1
        self._kept += fate.outcome == "kept"
        if self._bar is not None:
            self._progress.update(self._bar, description=self._text())

    def _text(self) -> str:
        return f"{self._name} photographs: {self._done:,} of {self._total:,} asked, {self._kept:,} new ones kept"
