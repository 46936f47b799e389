"""Turns training samples into token rows and draws those of each step: subsets by weight, each sample once a round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from sparkles_eval.core import Image, fingerprint
from sparkles_eval.core.errors import DataError, Problem
from sparkles_eval.sparkleschat.processing import EncodedRow, SparklesChatProcessor
from sparkles_eval.training.training_data import TrainingSubset


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One sample: its tokens with labels, and its pictures in order of their places."""

    encoded: EncodedRow
    pictures: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class TokenSubset:
    """A subset's samples and its weight in the draw."""

    name: str
    weight: float
    rows: tuple[TokenRow, ...]


@dataclass(frozen=True, slots=True)
class TokenDataset:
    """All subsets. `dropped` counts samples of which truncation left no answer; their loss would not be a number."""

    subsets: tuple[TokenSubset, ...]
    dropped: int
    fingerprint: str
    """Hash of the subsets, their weights, every token, label and picture."""

    @property
    def pictures(self) -> list[Image]:
        """Every picture once, in order of first use."""
        shown = (picture for subset in self.subsets for row in subset.rows for picture in row.pictures)
        return list({picture.sha256: picture for picture in shown}.values())


def tokenize_subsets(subsets: Sequence[TrainingSubset], processor: SparklesChatProcessor) -> TokenDataset:
    """Tokenize every sample by the published rules (no system text, loss on the answer, cut at max_length).

    Raises errors.DataError where a subset has no sample with a labelled token left.
    """
    found, dropped, empty = [], 0, []
    for subset in subsets:
        rows = [
            TokenRow(processor.encode_training(exchange.instruction, exchange.answer), exchange.images)
            for exchange in subset.exchanges
        ]
        sound = tuple(row for row in rows if row.encoded.labelled)
        dropped += len(rows) - len(sound)
        found.append(TokenSubset(subset.name, subset.weight, sound))
        if not sound:
            empty.append(Problem(subset.name, f"of {len(rows)} samples none has an answer within the length limit"))
    if empty:
        raise DataError("training data", empty, "shorten the questions, or take another model with a longer limit")
    content = [[subset.name, subset.weight, [_digest(row) for row in subset.rows]] for subset in found]
    return TokenDataset(tuple(found), dropped, fingerprint(content, 16))


def _digest(row: TokenRow) -> list[object]:
    return [list(row.encoded.input_ids), list(row.encoded.labels or ()), [picture.sha256 for picture in row.pictures]]


@dataclass(frozen=True, slots=True)
class SampleDraw:
    """One sample of a step. `view` is a random number that chooses its crops."""

    subset: int
    item: int
    view: int


def draw_batches(weights: Sequence[float], sizes: Sequence[int], batch: int, seed: int) -> Iterator[list[SampleDraw]]:
    """The samples of step 0, 1, 2, ... without end: `batch` draws each.

    weights: of the subsets, any positive scale. sizes: number of samples in each.
    """
    chooser = Random(f"subsets/{seed}")  # noqa: S311 (no secret is made of it)
    rounds = [_rounds(size, f"samples/{seed}/{number}") for number, size in enumerate(sizes)]
    while True:
        step = []
        for _ in range(batch):
            (subset,) = chooser.choices(range(len(weights)), weights)
            step.append(SampleDraw(subset, next(rounds[subset]), chooser.getrandbits(32)))
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

    The samples of a step stay the same; only padding between short and long samples is saved. Of all groupings by
    length the cheapest is taken, by padded positions and `each` positions for every further pass. A sample longer than
    `most` makes a group of its own.
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
