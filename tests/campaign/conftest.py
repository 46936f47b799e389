"""The campaign: accidents and hostile input in numbers. `make test` runs a small part, `make campaign` the whole.

The whole is asked for with SPARKLES_CAMPAIGN=whole, and ends with a table in benchmarks/RESULTS.md. A part of the whole
(`-k NAME`) replaces its own rows and leaves the others, each with its day.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from benchmarks.results import RESULTS, circumstances, write_section
from tests.data.dialogues.conftest import photos
from tests.publishing.conftest import bundles, whole
from tests.server import LoopbackServer, Settings
from tests.training.conftest import data_folder, model_folder, recipe_file

__all__ = ["bundles", "data_folder", "model_folder", "photos", "recipe_file", "whole"]
"""Fixtures of other rooms that the campaign tries in numbers."""

WHOLE = os.environ.get("SPARKLES_CAMPAIGN") == "whole"


_TITLE = "Campaign"
_HEAD = ("| what | tried | as promised | on |", "|---|---|---|---|")


@dataclass
class Tally:
    """What was tried and how much of it ended as promised, by kind; and what was measured, in words."""

    tried: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    measured: dict[str, str] = field(default_factory=dict)

    def note(self, kind: str, *, kept: bool) -> None:
        self.tried[kind] += 1
        self.kept[kind] += kept

    def table(self, earlier: Mapping[str, str]) -> str:
        """The rows of earlier campaigns, by kind, with this one's in their places."""
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        rows = dict(earlier)
        for kind, count in self.tried.items():
            rows[kind] = f"| {kind} | {count:,} | {self.kept[kind]:,} | {today} |"
        for kind, words in self.measured.items():
            rows[kind] = f"| {kind} | {words} | | {today} |"
        return "\n".join([*_HEAD, *rows.values()])


def _earlier() -> dict[str, str]:
    section = RESULTS.read_text(encoding="utf-8").partition(f"## {_TITLE}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and line not in _HEAD]
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines}


@pytest.fixture(scope="session")
def tally() -> Iterator[Tally]:
    """Counts over the whole campaign; a kind with one that was not as promised fails its own test."""
    counted = Tally()
    yield counted
    if WHOLE and (counted.tried or counted.measured):
        write_section(_TITLE, f"{counted.table(_earlier())}\n\n{circumstances()}")


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
