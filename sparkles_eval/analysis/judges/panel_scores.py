"""Computes a panel's scores from its members' stored scores.

The panel's earlier scores of those runs are replaced. Nothing is lost: every vote is kept as its member's own score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sparkles_eval.core import Score
from sparkles_eval.judges.panel import VERSION, JudgePanel, absent, combine
from sparkles_eval.stats.severity import leniency
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow, ScoreRow
from sparkles_eval.store.store import Store, replace_scores

_Place: TypeAlias = tuple[str, str, int, int, str]
"""Run, sample, epoch, turn, criterion."""


@dataclass(slots=True)
class _Ballot:
    """The votes on one number, by member, and why members have none."""

    votes: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def panel_row(panel: JudgePanel) -> JudgeRow:
    """The panel as a row among the judges."""
    card = panel.cards[0]
    return JudgeRow(
        panel.fingerprint, panel.name, VERSION, panel.title, panel.sees, None, card.low, card.high, panel.criteria
    )


def score_panel(store: Store, panel: JudgePanel) -> list[str]:
    """Score every run that enough members have scored, and those that the panel has scored before; gives their ids.

    Raises errors.UserError where leniency is needed and cannot be fitted.
    """
    before = scored_runs(store, panel.fingerprint)
    scored = [
        run.id for run in read_runs.runs(store) if run.id in before or _votes_on(store, panel, run) >= panel.spec.needed
    ]
    replace_scores(store, panel_row(panel), scored, panel_scores(store, panel, scored))
    return scored


def panel_scores(store: Store, panel: JudgePanel, run_ids: Sequence[str]) -> list[ScoreRow]:
    """What the members' votes on those runs amount to; writes nothing.

    Leniency is fitted over all comparable runs together (same task, data, protocol), by criterion, and only where a
    vote is missing: it cannot change the mean of all. Raises errors.UserError where it is needed and cannot be fitted.
    """
    groups: dict[tuple[str | int, ...], list[StoredRun]] = {}
    for run in read_runs.runs(store, run_ids):
        identity = (run.task.name, run.task.version, run.protocol, run.protocol_version, run.variant, run.data_hash)
        groups.setdefault(identity, []).append(run)
    return [row for runs in groups.values() for row in _scores(panel, _ballots(store, panel, runs))]


def scored_runs(store: Store, panel_id: str) -> set[str]:
    """Ids of the runs that a panel has scored."""
    rows = store.connection.execute("SELECT DISTINCT run_id FROM scores WHERE judge_id = ?", (panel_id,))
    return {row[0] for row in rows}


def _votes_on(store: Store, panel: JudgePanel, run: StoredRun) -> int:
    """How many members have scored a run."""
    return len({card.fingerprint for card in panel.cards} & {judge.id for judge in read_runs.judges(store, run.id)})


def _ballots(store: Store, panel: JudgePanel, runs: Sequence[StoredRun]) -> dict[_Place, _Ballot]:
    found: dict[_Place, _Ballot] = {}
    for run in runs:
        for name, card in zip(panel.spec.members, panel.cards, strict=True):
            may = panel.may_vote(card, run.model.name)
            repeats: dict[_Place, list[float]] = {}
            for line in read_runs.scores(store, run.id, card.fingerprint):
                place = (run.id, line.sample_id, line.epoch, line.turn, line.criterion)
                ballot = found.setdefault(place, _Ballot())
                if not may:
                    ballot.missing[name] = "of the model's own family"
                elif line.value is None:
                    ballot.missing.setdefault(name, line.reason or "unscored")
                else:
                    repeats.setdefault(place, []).append(line.value)
            for place, values in repeats.items():
                found[place].votes[name] = sum(values) / len(values)
    return found


def _scores(panel: JudgePanel, ballots: Mapping[_Place, _Ballot]) -> Iterable[ScoreRow]:
    members, spec = panel.spec.members, panel.spec
    kind = _leniencies(panel, ballots) if spec.rule == "mean" else {}
    scale = panel.cards[0].low, panel.cards[0].high
    for place, ballot in ballots.items():
        run_id, sample_id, epoch, turn, criterion = place
        made = combine(ballot.votes, spec.rule, spec.needed, kind.get(criterion, {}), scale)
        absences = [f"{name}: {ballot.missing.get(name, 'not asked')}" for name in absent(members, ballot.votes)]
        reason = "; ".join([*([made.reason] if made.reason else []), *absences]) or None
        score = Score(turn, criterion, made.value, reason)
        yield ScoreRow(run_id, sample_id, epoch, panel.fingerprint, 0, score)


def _leniencies(panel: JudgePanel, ballots: Mapping[_Place, _Ballot]) -> dict[str, dict[str, float]]:
    """By criterion and member; empty where no vote is missing."""
    found: dict[str, dict[str, float]] = {}
    for criterion in panel.criteria:
        own = {place: ballot.votes for place, ballot in ballots.items() if place[4] == criterion.id and ballot.votes}
        if all(len(votes) == len(panel.cards) for votes in own.values()):
            continue
        marks = [(place, name, value) for place, votes in own.items() for name, value in votes.items()]
        fitted = leniency([mark[0] for mark in marks], [mark[1] for mark in marks], [mark[2] for mark in marks])
        found[criterion.id] = {str(name): points for name, points in fitted.items()}
    return found
