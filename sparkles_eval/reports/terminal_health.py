"""Prints how the replies of each run came back: a block with a line for each thing that is amiss, alarms in red."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from sparkles_eval.analysis.run_health import HealthLevel, RunHealth

_STYLES: Mapping[HealthLevel, str] = {"alarm": "bold red", "warning": "yellow", "note": "dim"}


def print_health(health: Sequence[RunHealth], console: Console) -> None:
    """Print the block; nothing where no run has a line."""
    ill = [one for one in health if one.lines]
    if not ill:
        return
    console.print()
    console.print(Text("Run health", style="bold"))
    for one in ill:
        console.print(Text.assemble(" ", one.who, (f"  {one.replies:,} replies", "dim")))
        for line in one.lines:
            console.print(Padding(Text(line.text, style=_STYLES[line.level]), (0, 0, 0, 3)))
