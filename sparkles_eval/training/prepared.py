"""Training samples as token rows, ready for steps; what cannot be trained on is counted. Knows nothing of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.errors import DataError, Problem
from sparkles_eval.records import Image, fingerprint
from sparkles_eval.sparkleschat.processing import Encoded, SparklesChatProcessor
from sparkles_eval.training.data import Subset


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: its tokens with labels, and its pictures in order of their places."""

    encoded: Encoded
    pictures: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A subset's samples and its weight in the draw."""

    name: str
    weight: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """All subsets. `dropped` counts samples of which truncation left no answer; their loss would not be a number."""

    subsets: tuple[Rows, ...]
    dropped: int
    fingerprint: str
    """Hash of the subsets, their weights, every token, label and picture."""

    @property
    def pictures(self) -> list[Image]:
        """Every picture once, in order of first use."""
        shown = (picture for subset in self.subsets for row in subset.rows for picture in row.pictures)
        return list({picture.sha256: picture for picture in shown}.values())


def prepare(subsets: Sequence[Subset], processor: SparklesChatProcessor) -> Prepared:
    """Tokenize every sample by the published rules (no system text, loss on the answer, cut at max_length).

    Raises errors.DataError where a subset has no sample with a labelled token left.
    """
    found, dropped, empty = [], 0, []
    for subset in subsets:
        rows = [
            Row(processor.encode_training(exchange.instruction, exchange.answer), exchange.images)
            for exchange in subset.exchanges
        ]
        sound = tuple(row for row in rows if row.encoded.labelled)
        dropped += len(rows) - len(sound)
        found.append(Rows(subset.name, subset.weight, sound))
        if not sound:
            empty.append(Problem(subset.name, f"of {len(rows)} samples none has an answer within the length limit"))
    if empty:
        raise DataError("training data", empty, "shorten the questions, or take another model with a longer limit")
    content = [[subset.name, subset.weight, [_digest(row) for row in subset.rows]] for subset in found]
    return Prepared(tuple(found), dropped, fingerprint(content, 16))


def _digest(row: Row) -> list[object]:
    return [list(row.encoded.input_ids), list(row.encoded.labels or ()), [picture.sha256 for picture in row.pictures]]
