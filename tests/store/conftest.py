"""What every test of the store needs: an open store, and a run in it with two answered samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.core import Image, Sample, Text, Turn
from sparkles_eval.store.store import Store
from tests.store.making import Made, begin


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "runs.db") as opened:
        yield opened


@pytest.fixture
def samples() -> tuple[Sample, ...]:
    """Three samples of two images each; the first two share an image and a group."""
    pictures = [
        Image(f"{n:064x}", "image/png", 10 + n, 8, 100, f"images/{n}.png", str(n), f"picture {n}") for n in range(5)
    ]

    def sample(name: str, first: int, second: int, group: str) -> Sample:
        content = (Text("left "), pictures[first], Text(" right "), pictures[second], Text(" same?"))
        return Sample(name, (Turn(content),), {"sentence": "same?"}, ("True", "False"), "True", group, group, ("tag",))

    return (sample("a", 0, 1, "g1"), sample("b", 0, 2, "g1"), sample("c", 3, 4, "g2"))


@pytest.fixture
def made(store: Store, samples: tuple[Sample, ...]) -> Made:
    """A run of the three samples: a is right, b is invalid after two draws, c failed and is unscored."""
    return begin(store, samples)
