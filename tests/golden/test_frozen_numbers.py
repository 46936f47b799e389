"""The numbers that the program gives are those that were frozen, through the command line, its files and the store.

Where one is to change, `python -m tests.golden.write_frozen` freezes the new ones, and the commit says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.frozen_cases import CASES
from tests.golden.frozen_files import differences, read
from tests.server import LoopbackServer


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A model server on a free port."""
    with LoopbackServer() as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_as_they_were_frozen(name: str, server: LoopbackServer, tmp_path: Path) -> None:
    changed = [*differences(read(name), CASES[name].observe(tmp_path, server))]
    assert not changed, f"{len(changed)} frozen numbers are others: " + "; ".join(changed[:20])
