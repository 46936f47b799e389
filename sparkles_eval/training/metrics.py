"""What a training run measured, step by step: kept in SQLite as it happens, given out as CSV and as a curve in SVG.

Knows nothing of models.
"""

from __future__ import annotations

import csv
import sqlite3
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import fmean

DATABASE, TABLE, CURVE = "metrics.sqlite", "metrics.csv", "loss.svg"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 320, 56, 40, 28


@dataclass(frozen=True, slots=True)
class Measured:
    """One step. `tokens` counts positions that were read, `labels` those with a loss; `seconds` since the last step."""

    step: int
    stage: str
    loss: float
    rate: float
    tokens: int
    labels: int
    seconds: float


class Metrics:
    """The measurements of one run's folder. Steps from `resumed` on are forgotten: they are measured again."""

    def __init__(self, out: Path, resumed: int = 0) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self._store = sqlite3.connect(out / DATABASE, isolation_level=None)
        columns = ", ".join(field.name for field in fields(Measured))
        self._store.execute(f"CREATE TABLE IF NOT EXISTS steps ({columns}, PRIMARY KEY (stage, step))")
        self._store.execute("DELETE FROM steps WHERE step >= ?", (resumed,))
        self._pending: list[Measured] = []
        self._last = time.monotonic()

    def add(self, step: int, stage: str, loss: float, rate: float, tokens: int, labels: int) -> Measured:
        """Note a step; written to disk every 20 steps and by `flush` (before a checkpoint: a kill would lose some)."""
        now = time.monotonic()
        measured = Measured(step, stage, loss, rate, tokens, labels, now - self._last)
        self._last = now
        self._pending.append(measured)
        if len(self._pending) >= 20:
            self.flush()
        return measured

    def flush(self) -> None:
        """Write what is noted."""
        marks = ", ".join("?" * len(fields(Measured)))
        self._store.execute("BEGIN")
        self._store.executemany(f"INSERT OR REPLACE INTO steps VALUES ({marks})", map(astuple, self._pending))  # noqa: S608
        self._store.execute("COMMIT")
        self._pending.clear()

    def all(self) -> list[Measured]:
        """Every step so far, in order."""
        self.flush()
        return [Measured(*row) for row in self._store.execute("SELECT * FROM steps ORDER BY rowid")]

    def close(self) -> None:
        """Write the table and the curve beside the database."""
        rows = self.all()
        self._store.close()
        with (self.out / TABLE).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([field.name for field in fields(Measured)])
            writer.writerows(astuple(row) for row in rows)
        (self.out / CURVE).write_text(curve(rows), encoding="utf-8")


def curve(rows: list[Measured]) -> str:
    """The loss over the steps, each stage a line, smoothed over a fiftieth of its steps, as an SVG picture."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    lines = {stage: _smoothed([(row.step, row.loss) for row in rows if row.stage == stage]) for stage in stages}
    last = max((row.step for row in rows), default=0) + 1
    top = max((loss for line in lines.values() for _, loss in line), default=1.0) or 1.0

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 16) * step / last

    def y(loss: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - loss / top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        '<g font-family="sans-serif" font-size="12" fill="#444">',
        f"<title>Training loss over {last} steps</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        level = y(top * share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 16}" y1="{level:.1f}" y2="{level:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{level + 4:.1f}" text-anchor="end">{top * share:.2f}</text>')
        place, anchor = x(last * share), "end" if share == 1 else "middle"
        parts.append(f'<text x="{place:.1f}" y="{_HEIGHT - 20}" text-anchor="{anchor}">{round(last * share)}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">step</text>')
    for number, (stage, line) in enumerate(lines.items()):
        colour = ("#1c6dd0", "#c2571a", "#2d8a4e")[number % 3]
        points = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<text x="{_LEFT + 8 + 130 * number}" y="18" fill="{colour}">{stage} loss</text>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def _smoothed(line: list[tuple[int, float]]) -> list[tuple[float, float]]:
    some = max(1, len(line) // 50)
    chunks = [line[start : start + some] for start in range(0, len(line), some)]
    return [(fmean(step for step, _ in chunk), fmean(loss for _, loss in chunk)) for chunk in chunks]
