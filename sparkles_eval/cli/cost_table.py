"""Prints what a run would cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from sparkles_eval.cli.json_output import write_json
from sparkles_eval.core.console_table import Column, table
from sparkles_eval.core.printing import make_console
from sparkles_eval.core.text import one_line
from sparkles_eval.engine.cost_estimate import CostEstimate, estimate_cost
from sparkles_eval.engine.jobs import EvalJob
from sparkles_eval.store.reading import open_to_read

_COLUMNS = (
    Column("who", "name"),
    Column("task", "name"),
    *(Column(title, "number") for title in ("requests", "tokens in", "tokens out", "cost", "time")),
)


def read_cost_estimate(jobs: Sequence[EvalJob], path: Path, connections: int | None) -> list[CostEstimate]:
    """What it would cost to request what the store at `path` (if it exists) lacks."""
    if not path.is_file():
        return estimate_cost(jobs, None, connections)
    with open_to_read(path) as store:
        return estimate_cost(jobs, store, connections)


def print_cost_estimate(jobs: Sequence[EvalJob], path: Path, connections: int | None, json: Path | None = None) -> None:
    """Print what it would cost to request what the store at `path` (if it exists) lacks; `json` is a file for it."""
    lines = read_cost_estimate(jobs, path, connections)
    if not write_json(json, [asdict(line) for line in lines]):
        print_cost_table(lines)


def print_cost_table(lines: Sequence[CostEstimate]) -> None:
    """Print cost estimates with their sums."""
    rows = [
        (
            one_line(line.who),
            one_line(line.task),
            *(f"{count:,}" for count in (line.requests, line.input_tokens, line.output_tokens)),
            _usd(line.cost_usd),
            _time(line.seconds),
        )
        for line in lines
    ]
    known = sum(line.cost_usd or 0.0 for line in lines)
    unknown = any(line.cost_usd is None for line in lines)
    sums = (
        "all",
        "",
        *(f"{sum(getattr(line, name) for line in lines):,}" for name in ("requests", "input_tokens", "output_tokens")),
        _usd(known) + ("\n+ unknown" if unknown else ""),
        _longest(lines),
    )
    console = make_console()
    console.print("What is still to be requested (estimated; nothing was sent)", style="bold", highlight=False)
    console.print(table(_COLUMNS, rows, console.width, sums=sums))


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
