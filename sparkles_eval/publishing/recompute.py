"""Recomputes every score: answers with their scorer, verdicts with their parser, panels from their votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sparkles_eval.analysis.judges.panel_scores import panel_scores, scored_runs
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.core import Response, Score, Status, Usage
from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.discrepancies import Discrepancy, shown_value
from sparkles_eval.publishing.hashes import BAD_ROW, StoredSamples
from sparkles_eval.publishing.recompute_verdicts import (
    JudgedItem,
    Ratings,
    ReplyReaders,
    check_verdicts,
    stored_verdicts,
)
from sparkles_eval.publishing.stored_panels import find_panel, is_panel
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers import BoundScorer
from sparkles_eval.tasks.scorers.registry import stored_scorer

_CLOSE = 1e-9

Item: TypeAlias = tuple[str, int]
"""Sample id and epoch."""
Place: TypeAlias = tuple[str, int, int, int, str]
"""Sample id, epoch, repeat, turn, criterion."""


@dataclass(slots=True)
class Recomputed:
    """What cannot be worked out again here, each in a sentence, and how many scores were."""

    unchecked: list[str] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)
    """Intervals that an earlier version made."""
    scores: int = 0


@dataclass(frozen=True, slots=True)
class _ScoreAt:
    """A stored score with the verdict that it names."""

    score: Score
    verdict_id: int | None


def recompute_scores(
    store: Store, samples: StoredSamples, done: Recomputed, plugins: Sequence[Path] = ()
) -> Iterator[Discrepancy]:
    """Every score that does not follow from what was said. `done` is filled in on the way.

    `plugins` are files with scorers of the user's own: without them their scores cannot be worked out again.
    """
    readers = ReplyReaders()
    for run in read_runs.runs(store):
        answers = _answers(store, run.id)
        for judge in read_runs.judges(store, run.id, every=True):
            where = f"run_id {run.id}, judge {shown_value(judge.name)}"
            if is_panel(judge):
                continue
            scorer = stored_scorer(judge.id, plugins) if extracts(judge) else None
            if (why := _why_not(run, judge, readers, scorer)) is not None:
                done.unchecked.append(f"{where}: {why}")
                continue
            rows = _scores(store, run.id, judge.id)
            done.scores += len(rows)
            if scorer is not None:
                yield from _named(where, _by_scorer(scorer, rows, answers, samples))
            else:
                yield from _by_verdicts(store, run, judge, rows, _judged(answers, samples), readers)
    yield from _panels(store, done)


def _why_not(run: StoredRun, judge: JudgeRow, readers: ReplyReaders, scorer: BoundScorer | None) -> str | None:
    """Why a judge's scores of a run cannot be worked out again here, or None."""
    if not extracts(judge):
        return readers.why_not(judge)
    if scorer is None or judge.name != scorer.name:
        return f"this program has no answer rule {shown_value(judge.id)} (another version has, or --plugin FILE)"
    return None if run.answer_rule == scorer.rule else f"the run's answer rule is {shown_value(run.answer_rule)}"


def _named(where: str, found: Iterator[tuple[Place, str]]) -> Iterator[Discrepancy]:
    for (sample, epoch, repeat, turn, criterion), what in found:
        place = f"sample_id {shown_value(sample)}, epoch {epoch}, repeat {repeat}, turn {turn}"
        place += f", criterion {shown_value(criterion)}"
        yield Discrepancy("scores", f"{where}, {place}", what)


def _scores(store: Store, run_id: str, judge_id: str) -> dict[Place, _ScoreAt]:
    rows = store.connection.execute("SELECT * FROM scores WHERE run_id = ? AND judge_id = ?", (run_id, judge_id))
    found: dict[Place, _ScoreAt] = {}
    for row in rows:
        reason = row["reason"] or ("unsaid" if row["value"] is None else None)
        score = Score(row["turn"], row["criterion"], row["value"], reason, bool(row["invalid"]), row["answer"])
        place = (row["sample_id"], row["epoch"], row["repeat"], row["turn"], row["criterion"])
        found[place] = _ScoreAt(score, row["verdict_id"])
    return found


def _answers(store: Store, run_id: str) -> dict[Item, dict[int, Response]]:
    """By item and turn, what the run answered."""
    found: dict[Item, dict[int, Response]] = {}
    rows = store.connection.execute(
        "SELECT a.sample_id, a.epoch, a.turn, r.status, r.text, r.error FROM answers a"
        " JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?",
        (run_id,),
    )
    for row in rows:
        response = Response("", 1, Status(row["status"]), row["text"], row["error"], Usage(), 0.0, None, "")
        found.setdefault((row["sample_id"], row["epoch"]), {})[row["turn"]] = response
    return found


# --- scorers ---------------------------------------------------------------------------------------------------


def _by_scorer(
    scorer: BoundScorer,
    rows: Mapping[Place, _ScoreAt],
    answers: Mapping[Item, Mapping[int, Response]],
    samples: StoredSamples,
) -> Iterator[tuple[Place, str]]:
    expected: dict[Place, Score] = {}
    for (sample_id, epoch), turns in answers.items():
        sample = samples(sample_id)
        for turn in sample.scored_turns if sample else ():
            if sample is not None and turn in turns:
                score = scorer.score(turns[turn], sample, turn)
                expected[sample_id, epoch, 0, turn, score.criterion] = score
    for place, score in expected.items():
        if place not in rows:
            yield place, f"is missing, the answer gives {_from_replies(score)}"
        elif _from_replies(rows[place].score) != _from_replies(score):
            yield place, f"is {_from_replies(rows[place].score)}, the answer gives {_from_replies(score)}"
    for place, row in rows.items():
        if place not in expected and row.score.value is not None:
            yield place, f"is {_from_replies(row.score)} without an answer"


def _from_replies(score: Score) -> str:
    if score.value is None:
        return "unscored"
    return f"{score.value:g} (invalid)" if score.invalid else f"{score.value:g} (read as {shown_value(score.answer)})"


# --- judges -----------------------------------------------------------------------------------------------------


def _judged(answers: Mapping[Item, Mapping[int, Response]], samples: StoredSamples) -> dict[Item, JudgedItem]:
    """Every item whose every turn is answered, as judges are given it."""
    found: dict[Item, JudgedItem] = {}
    for (sample_id, epoch), turns in answers.items():
        sample = samples(sample_id)
        if sample is not None and sorted(turns) == list(range(1, len(sample.turns) + 1)):
            texts = tuple(turns[turn].text or "" for turn in sorted(turns))
            found[sample_id, epoch] = JudgedItem(sample_id, epoch, 0, sample, texts)
    return found


def _by_verdicts(
    store: Store,
    run: StoredRun,
    judge: JudgeRow,
    rows: Mapping[Place, _ScoreAt],
    items: Mapping[Item, JudgedItem],
    readers: ReplyReaders,
) -> Iterator[Discrepancy]:
    where = f"run_id {run.id}, judge {shown_value(judge.name)}"
    try:
        found = list(stored_verdicts(store, run.id, judge.id, items))
        readers.choose(judge, found)
    except BAD_ROW as error:
        yield Discrepancy("verdicts", where, f"cannot be read ({type(error).__name__})")
        return
    read: dict[int, Ratings] = {}
    yield from check_verdicts(readers, judge, found, read)
    yield from _named(where, _against(rows, read))


def _against(rows: Mapping[Place, _ScoreAt], read: Mapping[int, Ratings]) -> Iterator[tuple[Place, str]]:
    """Scores against what their verdicts' replies say."""
    for place, row in rows.items():
        value, verdict = row.score.value, row.verdict_id
        said = read.get(verdict, {}).get(place[3:]) if verdict is not None else None
        if value is None:
            if said is not None:
                yield place, f"is unscored, its verdict says {said:g}"
        elif verdict is None:
            yield place, f"is {value:g} without a verdict"
        elif said is None or abs(said - value) > _CLOSE:
            yield place, f"is {value:g}, its verdict says {'nothing of it' if said is None else f'{said:g}'}"


# --- panels -----------------------------------------------------------------------------------------------------


def _panels(store: Store, done: Recomputed) -> Iterator[Discrepancy]:
    judges = list(read_runs.all_judges(store).values())
    for judge in filter(is_panel, judges):
        run_ids = sorted(scored_runs(store, judge.id))
        panel = find_panel(judge, judges)
        if not run_ids:
            continue
        if panel is None:
            done.unchecked.append(f"judge {shown_value(judge.name)}: its members are not all in the store")
            continue
        try:
            made = panel_scores(store, panel, run_ids)
        except UserError as error:
            done.unchecked.append(f"judge {shown_value(judge.name)}: {error}")
            continue
        expected: dict[str, dict[Place, float | None]] = {run_id: {} for run_id in run_ids}
        for row in made:
            place = (row.sample_id, row.epoch, row.repeat, row.score.turn, row.score.criterion)
            expected[row.run_id][place] = row.score.value
        for run_id in run_ids:
            stored = {place: row.score.value for place, row in _scores(store, run_id, judge.id).items()}
            done.scores += len(stored)
            yield from _named(f"run_id {run_id}, judge {shown_value(judge.name)}", _votes(stored, expected[run_id]))


def _votes(stored: Mapping[Place, float | None], expected: Mapping[Place, float | None]) -> Iterator[tuple[Place, str]]:
    for place in sorted({*stored, *expected}):
        value, made = stored.get(place), expected.get(place)
        if (value is None) != (made is None) or (value is not None and made is not None and abs(value - made) > _CLOSE):
            yield place, f"is {value}, the votes give {made}"
