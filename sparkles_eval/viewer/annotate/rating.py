"""A rating session: one person rates answers criterion by criterion on a new sheet or an earlier one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from sparkles_eval.analysis.humans.annotation_sampling import SheetConfig, draw
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.ratings import (
    HumanRating,
    Sheet,
    SheetRow,
    add_ratings,
    add_sheet,
    latest,
    ratings,
    sheets,
    withdraw,
)
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.annotate.annotation_session import (
    AnnotationSession,
    annotation_item,
    check_seen,
    position_of,
    revision,
)
from sparkles_eval.viewer.connection_pool import ConnectionPool

_FIELD = re.compile(r"r-(\d{1,4})-(.{1,100})")
_COMMENT = re.compile(r"c-(\d{1,4})")
MOST_COMMENT = 4_000
_BUTTONS = 21
"""A whole-numbered scale of up to so many steps has a button for each; on another one a number is typed."""

_Place = tuple[str, str, int]


def open_sheet(store: Store, runs: Sequence[StoredRun], config: SheetConfig) -> Sheet:
    """The sheet of one rater: the one begun earlier where it still has all that is asked for, else a new one.

    Raises errors.UserError as `draw` does.
    """
    fresh = draw(store, runs, config)
    wanted = {_place(row) for row in fresh[0].rows} if fresh else set()
    ids = {run.id for run in runs}
    for known in reversed(sheets(store, runs[0].task.name)):
        same = (known.rater, known.seed, known.low, known.high, known.criteria) == (
            config.raters[0],
            config.seed,
            config.low,
            config.high,
            config.criteria,
        )
        own = {_place(row) for row in known.rows}
        if same and wanted <= own and {run_id for run_id, _, _ in own} <= ids:
            return known
    if not fresh:
        raise UserError(
            f"{config.raters[0]} has rated all of these {config.dialogues} dialogues on other sheets; ask for more "
            "with --n"
        )
    add_sheet(store, fresh[0])
    return fresh[0]


def _place(row: SheetRow) -> _Place:
    return row.run_id, row.sample_id, row.epoch


def _revision(given: Sequence[HumanRating]) -> str:
    ordered = sorted(given, key=lambda one: (one.turn, one.criterion))
    said: list[JSON] = [[one.turn, one.criterion, one.value, one.comment] for one in ordered]
    return revision(said)


class RatingSession(AnnotationSession):
    """A person and a sheet."""

    template = "rate.html.j2"

    def __init__(self, pool: ConnectionPool, sheet: Sheet) -> None:
        super().__init__(pool, sheet.rater, sheet.task)
        self.sheet = sheet
        self._codes = [row.code for row in sheet.rows]
        self._withdrawn: dict[int, list[HumanRating]] = {}
        """What was taken back, so that it can be given again with one thing changed."""

    @property
    def total(self) -> int:
        return len(self.sheet.rows)

    def _given(self) -> dict[_Place, list[HumanRating]]:
        with self.pool.acquire() as store:
            runs = sorted({row.run_id for row in self.sheet.rows})
            found: dict[_Place, list[HumanRating]] = {}
            for rating in ratings(store, runs):
                if rating.rater == self.rater:
                    found.setdefault((rating.run_id, rating.sample_id, rating.epoch), []).append(rating)
            return found

    def done(self) -> frozenset[int]:
        given = self._given()
        return frozenset(at for at, row in enumerate(self.sheet.rows, 1) if _place(row) in given)

    def latest(self) -> int | None:
        with self.pool.acquire() as store:
            row = latest(store, self.rater, self.sheet.id)
        return position_of(self._codes, row.code) if row else None

    def item(self, position: int) -> Mapping[str, object]:
        row = self.sheet.rows[position - 1]
        with self.lock:
            stored = self._given().get(_place(row), [])
            given = stored or self._withdrawn.get(position, [])
        with self.pool.acquire() as store:
            turns = annotation_item(store, *_place(row))
        low, high = self.sheet.low, self.sheet.high
        whole = low == int(low) and high == int(high) and high - low < _BUTTONS
        return {
            "turns": turns,
            "criteria": self.sheet.criteria,
            "values": {(one.turn, one.criterion): f"{one.value:g}" for one in given},
            "comments": {one.turn: one.comment for one in given},
            "steps": [f"{step}" for step in range(int(low), int(high) + 1)] if whole else [],
            "low": f"{low:g}",
            "high": f"{high:g}",
            "revision": _revision(stored),
        }

    def save(self, position: int, form: Mapping[str, str], seen: str | None = None) -> None:
        row = self.sheet.rows[position - 1]
        found = self._read(row, form)
        if not found:
            raise UserError("nothing was rated: give a criterion a number, or skip the answer")
        with self.lock, self.write() as store:
            check_seen(seen, _revision(self._given().get(_place(row), [])), _revision(found))
            withdraw(store, self.rater, row)
            add_ratings(store, found, replace=True)
            self._withdrawn.pop(position, None)

    def _read(self, row: SheetRow, form: Mapping[str, str]) -> list[HumanRating]:
        with self.pool.acquire() as store:
            turns = {turn.number for turn in annotation_item(store, *_place(row))}
        criteria = {criterion.id for criterion in self.sheet.criteria}
        comments: dict[int, str] = {}
        values: list[tuple[int, str, float]] = []
        for name, text in form.items():
            field, comment = _FIELD.fullmatch(name), _COMMENT.fullmatch(name)
            if comment and int(comment[1]) in turns:
                comments[int(comment[1])] = text.strip()[:MOST_COMMENT]
            elif field and int(field[1]) in turns and field[2] in criteria:
                if text.strip():
                    values.append((int(field[1]), field[2], self._value(text)))
            else:
                raise UserError("the form is not one of this sheet; load the page anew")
        return [
            HumanRating(
                self.rater,
                row.run_id,
                row.sample_id,
                row.epoch,
                turn,
                criterion,
                value,
                comments.get(turn, ""),
                self.sheet.id,
            )
            for turn, criterion, value in values
        ]

    def _value(self, text: str) -> float:
        try:
            value = float(text.strip()[:40].replace(",", "."))
        except ValueError:
            value = math.nan
        if not self.sheet.low <= value <= self.sheet.high:
            raise UserError(f"{text[:40]!r}: give a number from {self.sheet.low:g} to {self.sheet.high:g}")
        return value

    def undo(self) -> int | None:
        with self.lock:
            position = self.latest()
            if position is None:
                return None
            with self.write() as store:
                self._withdrawn[position] = withdraw(store, self.rater, self.sheet.rows[position - 1])
            return position
