"""All benchmarks in turn: `python -m benchmarks [--quick] [--write]`. Knows only which there are."""

from __future__ import annotations

from benchmarks import compare, local_inference, startup, statistics, throughput
from benchmarks.results import command_line

SECTIONS = {room.TITLE: room.report for room in (startup, throughput, statistics, compare, local_inference)}

if __name__ == "__main__":
    command_line("python -m benchmarks", SECTIONS)
