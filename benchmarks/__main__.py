"""All benchmarks in turn: `python -m benchmarks [--quick] [--write]`. Knows only which there are."""

from __future__ import annotations

from benchmarks import startup, throughput
from benchmarks.results import command_line

SECTIONS = {startup.TITLE: startup.report, throughput.TITLE: throughput.report}

if __name__ == "__main__":
    command_line("python -m benchmarks", SECTIONS)
