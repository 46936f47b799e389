"""The numbers that the program gives are those that were frozen, through the command line, its files and the store.

Where one is to change, `python -m tests.golden.write_frozen` freezes the new ones, and the commit says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.frozen_exports import check_exports
from tests.golden.frozen_files import differences, read
from tests.golden.frozen_numbers import observe
from tests.golden.frozen_stores import CASES
from tests.server import LoopbackServer


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A model server on a free port."""
    with LoopbackServer() as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_numbers_are_as_they_were_frozen(name: str, server: LoopbackServer, tmp_path: Path) -> None:
    case = CASES[name]
    store = case.make(tmp_path, server)
    found = observe(store, tmp_path, case.commands, same_ids=case.same_ids, ranks=case.ranks)
    changed = [*differences(read(name), found)]
    assert not changed, f"{len(changed)} frozen numbers are others: " + "; ".join(changed[:20])
    check_exports(store, tmp_path)
