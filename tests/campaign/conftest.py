"""The campaign: accidents and hostile input in numbers. `make test` runs a small part, `make campaign` the whole.

The whole is asked for with SPARKLES_CAMPAIGN=whole, and ends with a table in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from benchmarks.results import circumstances, write_section
from tests.server import LoopbackServer, Settings

WHOLE = os.environ.get("SPARKLES_CAMPAIGN") == "whole"


@dataclass
class Tally:
    """What was tried and how much of it ended as promised, by kind."""

    tried: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, *, kept: bool) -> None:
        self.tried[kind] += 1
        self.kept[kind] += kept

    def table(self) -> str:
        rows = [f"| {kind} | {count:,} | {self.kept[kind]:,} |" for kind, count in self.tried.items()]
        return "\n".join(["| what | tried | as promised |", "|---|---|---|", *rows])


@pytest.fixture(scope="session")
def tally() -> Iterator[Tally]:
    """Counts over the whole campaign; a kind with one that was not as promised fails its own test."""
    counted = Tally()
    yield counted
    if WHOLE and counted.tried:
        write_section("Campaign", f"{counted.table()}\n\n{circumstances()}")


@pytest.fixture(scope="session")
def _server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def server(_server: LoopbackServer) -> LoopbackServer:
    """As in the end-to-end tests."""
    _server.configure(Settings())
    return _server


def size(whole: int, part: int) -> range:
    """How many are tried: `whole` of them in the campaign, else `part`."""
    return range(whole if WHOLE else part)
