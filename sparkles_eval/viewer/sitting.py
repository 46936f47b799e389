"""What all ways of rating share: items in one person's own order, one after the other, with the way back.

Knows nothing of pages, nor of what an item is.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.humans.annotation_sampling import ShownTurn, shown_turns
from sparkles_eval.reports.inert import visible
from sparkles_eval.store import browse
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.shelf import Shelf

LONGEST = 100_000
"""Characters of an answer that a person is shown; nobody rates more."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One question and answer, made visible; `images` are (name, hash of the bytes)."""

    number: int
    question: str
    images: tuple[tuple[str, str], ...]
    answer: str
    cut: bool


class Sitting(ABC):
    """One person at work. Positions count from 1, in an order of this person's own, and tell nothing of a model.

    Several browser tabs may share one: every method may be called from any thread.
    """

    template: str
    """The template of an item's page, in `reports/view`."""

    def __init__(self, shelf: Shelf, rater: str, task: str) -> None:
        self.shelf = shelf
        self.rater = rater
        self.task = task
        self.lock = threading.RLock()

    @property
    @abstractmethod
    def total(self) -> int:
        """How many items there are."""

    @abstractmethod
    def done(self) -> frozenset[int]:
        """Positions that have been rated, whenever that was."""

    @abstractmethod
    def latest(self) -> int | None:
        """The position that was rated last."""

    @abstractmethod
    def item(self, position: int) -> Mapping[str, object]:
        """What the template shows of an item."""

    @abstractmethod
    def save(self, position: int, form: Mapping[str, str]) -> None:
        """Commit what was rated. Raises errors.UserError for a form that is not ours, or is empty."""

    @abstractmethod
    def undo(self) -> int | None:
        """Take the latest rating back and give its position; None where nothing is rated."""

    def after(self, position: int) -> int | None:
        """The next position that is not rated, going round at the end; `position` itself only if it alone is left."""
        done = self.done()
        order = [*range(position + 1, self.total + 1), *range(1, position + 1)]
        return next((place for place in order if place not in done), None)

    def resume(self) -> int | None:
        """Where to go on: behind what was rated last. None where all is done."""
        return self.after(self.latest() or 0)

    def write(self) -> Store:
        """The store, open for writing: for one commit."""
        return Store(self.shelf.path, create=False)


def shown(store: Store, run_id: str, sample_id: str, epoch: int) -> tuple[Shown, ...]:
    """An answered sample as a person reads it. No model's name is in it, unless the model itself says one."""
    (stored,) = browse.samples(store, run_id, limit=1, only=[sample_id])
    given = browse.answers(store, [run_id], [sample_id], cut=LONGEST)
    texts = {answer.turn: answer for answer in given if answer.epoch == epoch}
    turns = shown_turns(stored, {turn: answer.text for turn, answer in texts.items()})
    return tuple(_shown(number, turn, cut=texts[number].length > LONGEST) for number, turn in enumerate(turns, 1))


def _shown(number: int, turn: ShownTurn, *, cut: bool) -> Shown:
    images = tuple((visible(name), image.sha256) for name, image in turn.images)
    return Shown(number, visible(turn.question), images, visible(turn.answer), cut)


def position_of(codes: Sequence[str], code: str) -> int | None:
    """The position of a code, from 1."""
    return codes.index(code) + 1 if code in codes else None
