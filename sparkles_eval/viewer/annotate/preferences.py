"""A preference session: one person chooses the better of two answers; pairs and sides are drawn at random."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sparkles_eval.analysis.humans.annotation_sampling import labelling_order
from sparkles_eval.core import fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.ratings import Preference, PreferredSide, add_preference, preferences, withdraw_preference
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.annotate.annotation_session import AnnotationSession, annotation_item, check_seen, revision
from sparkles_eval.viewer.annotate.rating import MOST_COMMENT
from sparkles_eval.viewer.connection_pool import ConnectionPool

ALL_PAIRS = 4
"""Up to so many models every one meets every other on a dialogue; more stand in a ring, where each meets two."""


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one sample, on the sides on which this person sees them."""

    code: str
    sample_id: str
    left_run: str
    right_run: str


def draw_pairs(
    store: Store, runs: Sequence[StoredRun], rater: str, dialogues: int, seed: int
) -> tuple[AnswerPair, ...]:
    """The pairs of the first so many dialogues in the order of labelling, in an order of this person's own.

    Raises errors.UserError where there are fewer dialogues, or fewer than two runs.
    """
    if len(runs) < 2:
        raise UserError("view --pairwise: one run has nobody to stand beside; evaluate a second model")
    order = labelling_order(store, runs, seed)
    if len(order) < dialogues:
        raise UserError(
            f"--n {dialogues}: only {len(order)} dialogues are answered whole by {len(runs)} runs; ask for fewer"
        )
    ids = sorted(run.id for run in runs)
    found = [
        _answer_pair(rater, seed, sample, first, second)
        for sample in order[:dialogues]
        for first, second in _pairs(ids, sample, seed)
    ]
    return tuple(sorted(found, key=lambda duel: duel.code))


def _pairs(runs: Sequence[str], sample: str, seed: int) -> list[tuple[str, str]]:
    if len(runs) <= ALL_PAIRS:
        return list(itertools.combinations(runs, 2))
    ring = sorted(runs, key=lambda run: fingerprint([seed, sample, run]))
    return [(run, ring[place - 1]) for place, run in enumerate(ring)]


def _answer_pair(rater: str, seed: int, sample: str, first: str, second: str) -> AnswerPair:
    code = fingerprint([rater, seed, sample, *sorted((first, second))])
    left, right = sorted((first, second))
    if int(code[-1], 16) % 2:  # the order goes by the first digits, the sides by the last
        left, right = right, left
    return AnswerPair(code[:12], sample, left, right)


class PreferenceSession(AnnotationSession):
    """A person and pairs of answers."""

    template = "prefer.html.j2"

    def __init__(self, pool: ConnectionPool, rater: str, task: str, duels: Sequence[AnswerPair], seed: int) -> None:
        super().__init__(pool, rater, task)
        self._duels = tuple(duels)
        self._seed = seed
        self._places = {_pair(d.sample_id, d.left_run, d.right_run): at for at, d in enumerate(self._duels, 1)}
        self._withdrawn: dict[int, Preference] = {}

    @property
    def total(self) -> int:
        return len(self._duels)

    def _given(self) -> dict[int, Preference]:
        """By position, in the order in which they were given."""
        with self.pool.acquire() as store:
            given = preferences(store, rater=self.rater)
        places = ((self._places.get(one.pair), one) for one in given if one.epoch == 0)
        return {place: one for place, one in places if place is not None}

    def done(self) -> frozenset[int]:
        return frozenset(self._given())

    def latest(self) -> int | None:
        return next(reversed(self._given()), None)

    def item(self, position: int) -> Mapping[str, object]:
        duel = self._duels[position - 1]
        with self.lock:
            stored = self._given().get(position)
            given = stored or self._withdrawn.get(position)
        with self.pool.acquire() as store:
            left, right = (annotation_item(store, run, duel.sample_id, 0) for run in (duel.left_run, duel.right_run))
        return {
            "turns": list(zip(left, right, strict=True)),
            "chosen": given.choice if given else "",
            "comment": given.comment if given else "",
            "revision": _revision(stored),
        }

    def save(self, position: int, form: Mapping[str, str], seen: str | None = None) -> None:
        duel = self._duels[position - 1]
        choice = next((known for known in get_args(PreferredSide) if known == form.get("choice")), None)
        if choice is None or not form.keys() <= {"choice", "comment"}:
            raise UserError("say which answer is better, or that they are equal, or skip them")
        comment = form.get("comment", "").strip()[:MOST_COMMENT]
        given = Preference(self.rater, duel.sample_id, 0, duel.left_run, duel.right_run, choice, comment, self._seed)
        with self.lock, self.write() as store:
            check_seen(seen, _revision(self._given().get(position)), _revision(given))
            add_preference(store, given)
            self._withdrawn.pop(position, None)

    def undo(self) -> int | None:
        with self.lock:
            given = self._given()
            if not given:
                return None
            position = next(reversed(given))
            with self.write() as store:
                withdraw_preference(store, given[position])
            self._withdrawn[position] = given[position]
            return position


def _revision(given: Preference | None) -> str:
    return revision([given.left_run, given.choice, given.comment] if given else [])


def _pair(sample: str, left: str, right: str) -> tuple[str, frozenset[str]]:
    return sample, frozenset((left, right))
