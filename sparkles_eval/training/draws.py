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


def micro_batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Indices of a step's samples in groups of similar length, the padded size of each (samples x longest) at `most`.

    A step's content stays what was drawn; only the padding between short and long samples goes. A sample longer than
    `most` makes a group of its own.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= most:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
