"""Panels worked out of stored votes: missing votes, families, quorums, and replacement when votes change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.judges.panel_scores import panel_row, score_panel
from sparkles_eval.core import Criterion, Score
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import JudgeCard
from sparkles_eval.judges.panel import JudgePanel, read_panel
from sparkles_eval.store import read_runs
from sparkles_eval.store.rows import JudgeRow, ScoreRow
from sparkles_eval.store.store import Store
from tests.analysis.making import fill

CRITERIA = (Criterion("C1", "C1"), Criterion("C2", "C2"))
Votes = Mapping[str, Sequence[float | None]]


def _card(name: str, model: str | None = None) -> JudgeCard:
    return JudgeCard(name, 1, name, CRITERIA, 1, 10, "text", name * 16, model)


def _vote(store: Store, card: JudgeCard, votes: Votes) -> dict[str, str]:
    row = JudgeRow(card.fingerprint, card.name, 1, card.title, "text", card.model, 1, 10, CRITERIA)
    return fill(store, votes, judge=row)


def _panel(cards: Sequence[JudgeCard], **args: str) -> JudgePanel:
    wish = read_panel("panel:" + ",".join(card.name for card in cards), args)
    return JudgePanel(wish, tuple(sorted(cards, key=lambda card: card.name)))


def _scores(store: Store, panel: JudgePanel, run: str) -> list[float | None]:
    """One number an item: all criteria and turns have the same."""
    lines = read_runs.scores(store, run, panel.fingerprint)
    places = [place.sample_id for place in read_runs.places(store, run)]
    found = {line.sample_id: line.value for line in lines}
    return [found.get(place) for place in places]


def test_a_missing_vote_leaves_the_score_where_the_full_panel_has_it(tmp_path: Path) -> None:
    kind, strict = _card("a"), _card("b")
    with Store(tmp_path / "s.db") as store:
        _vote(store, kind, {"m": [8.0, 6.0, 4.0, 7.0]})
        runs = _vote(store, strict, {"m": [6.0, 4.0, 2.0, None]})
        panel = _panel([kind, strict], quorum="1")
        assert score_panel(store, panel) == [runs["m"]]
        assert _scores(store, panel, runs["m"]) == pytest.approx([7.0, 5.0, 3.0, 6.0])
        reasons = {line.reason for line in read_runs.scores(store, runs["m"], panel.fingerprint)}
        assert reasons == {None, "b: timed out"}
        whole = _panel([kind, strict])
        score_panel(store, whole)
        assert _scores(store, whole, runs["m"])[3] is None
        (told,) = {line.reason for line in read_runs.scores(store, runs["m"], whole.fingerprint) if line.value is None}
        assert told == "1 vote, the panel's quorum is 2; b: timed out"


def test_a_judge_of_the_models_own_family_has_no_vote(tmp_path: Path) -> None:
    gpt, claude, facts = _card("a", "openai/gpt-4o"), _card("b", "anthropic/claude-x"), _card("c")
    with Store(tmp_path / "s.db") as store:
        votes = {"openai/gpt-5": [9.0, 9.0], "openai/other": [5.0, 6.0]}
        _vote(store, gpt, votes)
        _vote(store, claude, {name: [value - 2 for value in row] for name, row in votes.items()})
        runs = _vote(store, facts, {name: [value - 1 for value in row] for name, row in votes.items()})
        panel = _panel([gpt, claude, facts], family="out")
        score_panel(store, panel)
        assert _scores(store, panel, runs["openai/other"]) == pytest.approx([4.0, 5.0])
        # Without its own judge (a point kinder than the average) the model keeps what all three would give.
        assert _scores(store, panel, runs["openai/gpt-5"]) == pytest.approx([8.0, 8.0])
        inside = _panel([gpt, claude, facts], family="out", rule="median")
        score_panel(store, inside)
        assert _scores(store, inside, runs["openai/gpt-5"]) == pytest.approx([7.5, 7.5])


def test_scores_follow_when_votes_are_added_and_nothing_is_doubled(tmp_path: Path) -> None:
    one, other = _card("a"), _card("b")
    panel = _panel([one, other])
    with Store(tmp_path / "s.db") as store:
        runs = _vote(store, one, {"m": [8.0, 6.0]})
        score_panel(store, panel)
        assert _scores(store, panel, runs["m"]) == [None, None]
        _vote(store, other, {"m": [6.0, 6.0]})
        score_panel(store, panel)
        score_panel(store, panel)
        assert _scores(store, panel, runs["m"]) == [7.0, 6.0]
        assert [row.name for row in read_runs.judges(store, runs["m"])] == ["a", "b", "panel:a,b"]
        assert panel_row(panel).title == "Mean after severity removal of 2 judges, at least 2 votes"


def test_a_run_with_too_few_votes_gets_no_row_of_the_panel(tmp_path: Path) -> None:
    one, other = _card("a"), _card("b")
    with Store(tmp_path / "s.db") as store:
        runs = _vote(store, one, {"m": [8.0, 6.0], "n": [5.0, 5.0]})
        _vote(store, other, {"m": [6.0, 6.0]})
        panel = _panel([one, other])
        assert score_panel(store, panel) == [runs["m"]]
        assert [judge.name for judge in read_runs.judges(store, runs["n"])] == ["a"]


def test_leniency_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    one, other = _card("a"), _card("b")
    with Store(tmp_path / "s.db") as store:
        _vote(store, one, {"m": [8.0, None]})
        runs = _vote(store, other, {"m": [None, 6.0]})
        with pytest.raises(UserError, match="no answer in common"):
            score_panel(store, _panel([one, other], quorum="1"))
        median = _panel([one, other], quorum="1", rule="median")
        score_panel(store, median)
        assert _scores(store, median, runs["m"]) == [8.0, 6.0], "the median needs no leniency"


def test_repeats_of_a_member_are_one_vote(tmp_path: Path) -> None:
    one, other = _card("a"), _card("b")
    with Store(tmp_path / "s.db") as store:
        runs = _vote(store, one, {"m": [8.0]})
        _vote(store, other, {"m": [5.0]})
        lines = read_runs.scores(store, runs["m"], one.fingerprint)
        again = [
            ScoreRow(runs["m"], line.sample_id, 0, one.fingerprint, 1, Score(line.turn, line.criterion, 6.0))
            for line in lines
        ]
        store.add_scores(again)
        panel = _panel([one, other])
        score_panel(store, panel)
        assert _scores(store, panel, runs["m"]) == [6.0]
        assert replace(panel.spec, quorum=2).needed == 2
