"""How long a person waits for `sparkles-eval --help`, beside a Python that imports aiohttp and one that does nothing.

`python -m benchmarks.startup [--quick] [--write]`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.measure import Cost, median, run, sparkles_eval
from benchmarks.results import Figure, circumstances, command_line, table

TITLE = "Start-up"


def _cost(command: Sequence[str], repeats: int) -> Cost:
    run(command)  # the first one also reads the files from the disk
    return median([run(command) for _ in range(repeats)])


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    repeats = 3 if quick else 11
    nothing = _cost([sys.executable, "-c", "pass"], repeats)
    client = _cost([sys.executable, "-c", "import aiohttp"], repeats)
    package = _cost([sys.executable, "-c", "import sparkles_eval"], repeats)
    told = _cost([sparkles_eval(), "--help"], repeats)
    listed = _cost([sparkles_eval(), "list", "tasks"], repeats)
    figures = [
        Figure("`sparkles-eval --help`: wall", told.wall_s, "s", client.wall_s, at_most=2, relative=True),
        Figure("`sparkles-eval --help`: peak memory", told.rss_mb, "MB", nothing.rss_mb),
        Figure("`sparkles-eval list tasks`: wall", listed.wall_s, "s", nothing.wall_s),
        Figure("`import sparkles_eval`: wall", package.wall_s, "s", nothing.wall_s),
    ]
    words = (
        f"Medians of {repeats} runs with a warm disk; the floor of `--help`'s time is `import aiohttp`, of the others "
        "`python -c pass`."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.startup", {TITLE: report})
