"""Sheets and ratings come back as they were kept; derived scores are replaced, measured ones never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkles_eval.core import Criterion, Score
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import (
    HumanRating,
    Sheet,
    SheetRow,
    add_ratings,
    add_sheet,
    latest,
    ratings,
    sheet,
    sheets,
    withdraw,
)
from sparkles_eval.store.read_samples import reply_stats
from sparkles_eval.store.rows import JudgeRow, ScoreRow
from sparkles_eval.store.store import Store, replace_scores
from tests.store.making import RULE, Made


def _sheet(made: Made) -> Sheet:
    rows = (SheetRow("c0de", made.run.id, made.ids[1], 0), SheetRow("beef", made.run.id, made.ids[0], 0))
    return Sheet("ada", "pairs", 3, 1.0, 10.0, (Criterion("C1", "One", "what", 2.0),), rows)


def test_a_sheet_comes_back_in_its_order(store: Store, made: Made) -> None:
    wanted = _sheet(made)
    add_sheet(store, wanted)
    add_sheet(store, wanted)
    assert sheet(store, wanted.id) == wanted
    assert sheets(store, "pairs") == sheets(store) == [wanted]
    assert sheets(store, "other") == []
    with pytest.raises(StoreError, match=wanted.id):
        sheet(store, "nosuch")
    assert replace(wanted, rater="ben").id != wanted.id


def test_a_rating_stays_unless_it_is_replaced(store: Store, made: Made) -> None:
    own = _sheet(made)
    add_sheet(store, own)
    first = HumanRating("ada", made.run.id, made.ids[0], 0, 1, "C1", 7.0, "", own.id)
    assert add_ratings(store, [first]) == 1
    changed = replace(first, value=8.0, comment="on second thought")
    assert add_ratings(store, [changed]) == 0
    assert ratings(store, [made.run.id]) == [first]
    assert add_ratings(store, [changed], replace=True) == 1
    assert add_ratings(store, [changed], replace=True) == 0
    assert ratings(store) == [changed]
    assert ratings(store, []) == []
    shown = store.connection.execute("SELECT task, rater, value, comment FROM human_ratings").fetchall()
    assert [tuple(row) for row in shown] == [("pairs", "ada", 8.0, "on second thought")]


def test_the_latest_is_known_and_can_be_taken_back(store: Store, made: Made) -> None:
    own = _sheet(made)
    add_sheet(store, own)
    assert latest(store, "ada", own.id) is None
    both = [
        [HumanRating("ada", made.run.id, row.sample_id, 0, turn, "C1", 7.0, "", own.id) for turn in (1, 2)]
        for row in own.rows
    ]
    for given in both:
        add_ratings(store, given)
    assert latest(store, "ada", own.id) == own.rows[1] and latest(store, "ben", own.id) is None
    assert withdraw(store, "ada", own.rows[1]) == both[1] and withdraw(store, "ada", own.rows[1]) == []
    assert latest(store, "ada", own.id) == own.rows[0] and ratings(store) == both[0]


def test_derived_scores_are_replaced_and_others_stay(store: Store, made: Made) -> None:
    panel = JudgeRow("p1", "panel:a,b", 1, "", "text", None, 1, 10, (Criterion("C1", "One"),))

    def score(place: int, value: float) -> ScoreRow:
        return ScoreRow(made.run.id, made.ids[place], 0, panel.id, 0, Score(1, "C1", value))

    before = read_runs.scores(store, made.run.id, RULE.id)
    replace_scores(store, panel, [made.run.id], [score(0, 5.0), score(1, 6.0)])
    replace_scores(store, panel, [made.run.id], [score(1, 7.0)])
    assert [line.value for line in read_runs.scores(store, made.run.id, panel.id)] == [7.0]
    assert read_runs.scores(store, made.run.id, RULE.id) == before


def test_a_judge_that_said_nothing_has_no_replies(store: Store, made: Made) -> None:
    found = reply_stats(store, "nobody", made.ids)
    assert (found.judgements, found.replies, found.cost_usd.count, found.latency_s) == (0, 0, 0, 0.0)
