"""Which samples a step sees: subsets by weight, then the subset's samples in a shuffled order, each once a round.

Everything is computed from the seed and the number of the step, so nothing has to be saved to go on from a step. Knows
nothing of what a sample is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Draw:
    """One sample of a step. `view` is a random number for whatever is random about seeing it (its crops)."""

    subset: int
    item: int
    view: int


def draws(weights: Sequence[float], sizes: Sequence[int], batch: int, seed: int) -> Iterator[list[Draw]]:
    """The samples of step 0, 1, 2, ... without end: `batch` draws each.

    weights: of the subsets, any positive scale. sizes: number of samples in each.
    """
    chooser = Random(f"subsets/{seed}")  # noqa: S311 (no secret is made of it)
    rounds = [_rounds(size, f"samples/{seed}/{number}") for number, size in enumerate(sizes)]
    while True:
        step = []
        for _ in range(batch):
            (subset,) = chooser.choices(range(len(weights)), weights)
            step.append(Draw(subset, next(rounds[subset]), chooser.getrandbits(32)))
        yield step


def _rounds(size: int, name: str) -> Iterator[int]:
    """0 to size - 1 in a new random order, again and again."""
    shuffler = Random(name)  # noqa: S311
    while True:
        order = list(range(size))
        shuffler.shuffle(order)
        yield from order


def micro_batches(lengths: Sequence[int], most: int, each: int = 0) -> list[list[int]]:
    """Indices of a step's samples in groups of similar length, the padded size of each (samples x longest) at `most`.

    A step's content stays what was drawn; only the padding between short and long samples goes. Of all groupings by
    length the cheapest is taken: padded positions, and `each` for a pass of its own, said in positions. A sample longer
    than `most` makes a group of its own.
    """
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    # best[end]: least cost of the first `end` samples, and where the last of their groups begins
    best: list[tuple[int, int]] = [(0, 0)]
    for end in range(1, len(order) + 1):
        fitting = [
            (best[begin][0] + padded + each, begin)
            for begin in range(end)
            if (padded := (end - begin) * lengths[order[begin]]) <= most or end - begin == 1
        ]
        best.append(min(fitting))
    groups: list[list[int]] = []
    end = len(order)
    while end:
        begin = best[end][1]
        groups.insert(0, order[begin:end])
        end = begin
    return groups
