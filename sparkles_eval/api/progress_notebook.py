"""Progress as a small table in a notebook's cell, redrawn in place."""

from __future__ import annotations

from html import escape
from time import monotonic
from typing import Any

from sparkles_eval.api.progress_counts import QUIET_EVENTS, Counting, with_name
from sparkles_eval.core.text import one_line

_EVERY_S = 0.5
_EVENTS = 5


class NotebookProgress(Counting):
    """One row a model or judge and task, the latest events below."""

    def __init__(self, missing: str = "unscored") -> None:
        from IPython.display import HTML, display  # type: ignore[import-not-found, unused-ignore]

        super().__init__(missing)
        self._html = HTML
        self._events: list[str] = []
        self._drawn = monotonic()
        self._shown: Any = display(HTML(""), display_id=True)

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        super().planned(who, task, total, done)
        self._draw()

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        super().finished(who, task, scored=scored)
        if monotonic() - self._drawn >= _EVERY_S:
            self._draw()

    def event(self, kind: str, who: str, message: str) -> None:
        if kind not in QUIET_EVENTS:
            self._events = [*self._events, one_line(with_name(who, message))][-_EVENTS:]
            self._draw()

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._drawn = monotonic()
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(one_line(who))}</th><td>{escape(one_line(task))}</td>"
            f"<td><progress max='{count.total}' value='{count.done}'></progress></td>"
            f"<td>{count.done:,}/{count.total:,}</td><td>{count.rate:.1f}/s</td>"
            f"<td>{escape(self.note(count))}</td></tr>"
            for (who, task), count in self.counts.items()
        )
        notes = "".join(f"<div>{escape(text)}</div>" for text in [*([self.cost] if self.cost else []), *self._events])
        self._shown.update(self._html(f"<table>{rows}</table>{notes}"))
