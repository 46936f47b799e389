"""`sparkles-eval run --estimate`: what a run would ask, cost and take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sparkles_eval.engine.cells import Cell
from sparkles_eval.engine.forecast import Forecast, forecast
from sparkles_eval.store.store import Store


def print_forecast(cells: Sequence[Cell], path: Path, connections: int | None) -> None:
    """Print a table of what the store at `path` (if it is there) still lacks."""
    if path.is_file():
        with Store(path, create=False) as store:
            lines = forecast(cells, store, connections)
    else:
        lines = forecast(cells, None, connections)
    print_lines(lines)


def print_lines(lines: Sequence[Forecast]) -> None:
    """Print forecasts with their sums."""
    table = Table(title="What is still to be asked (estimated; nothing was sent)")
    for heading in ("who", "task"):
        table.add_column(heading)
    for heading in ("requests", "tokens in", "tokens out", "cost", "time"):
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(
            line.who,
            line.task,
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
    Console().print(table)


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:,.2f}"


def _time(seconds: float | None) -> str:
    return "unknown" if seconds is None else str(timedelta(seconds=round(seconds)))


def _longest(lines: Sequence[Forecast]) -> str:
    """All go on side by side, so the slowest decides; a model's tasks share its connections."""
    totals: dict[str, float] = {}
    for line in lines:
        if line.seconds is None:
            return "unknown"
        totals[line.who] = totals.get(line.who, 0.0) + line.seconds
    return _time(max(totals.values(), default=0.0))
