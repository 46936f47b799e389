"""All benchmarks in turn: `python -m benchmarks [--quick] [--write]`. Knows only which there are."""

from __future__ import annotations

from benchmarks import (
    compare,
    kills,
    local_checkpoints,
    local_inference,
    rate_limits,
    reports,
    startup,
    statistics,
    throughput,
    training,
    viewer,
)
from benchmarks.results import command_line

ROOMS = (
    startup,
    throughput,
    rate_limits,
    kills,
    statistics,
    compare,
    reports,
    viewer,
    local_inference,
    local_checkpoints,
    training,
)
SECTIONS = {room.TITLE: room.report for room in ROOMS}

if __name__ == "__main__":
    command_line("python -m benchmarks", SECTIONS)
