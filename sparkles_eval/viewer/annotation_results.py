"""The page of annotation results: raters, their agreement, and preferences with one scale of strengths."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sparkles_eval.analysis.judges import comparison as judges_tables
from sparkles_eval.analysis.judges.judge_scores import HUMAN, read_marks
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.samples import Cluster
from sparkles_eval.core.text import NO_VALUE
from sparkles_eval.reports.judging import Section
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.stats.agreement import krippendorff
from sparkles_eval.stats.bradley_terry import bradley_terry
from sparkles_eval.stats.estimates import mean_estimate
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import HumanRating, Preference, preferences, ratings
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.templates import ViewLinks

LEAST_PREFERENCES = 10
"""Dialogues below which a resampled interval would promise too much."""
MOST_RUNS = 30
"""Runs above which nothing is fitted: the resamples would take minutes."""
_RESAMPLES = 500
_PENALTY = 0.1
"""Keeps resamples finite in which somebody never loses; it pulls everybody a little towards 1000."""
_HEADS = (Head("model", "model"), Head("elo", "Elo", "count"), Head("n", "comparisons", "count"))


def preference_strengths(
    given: Sequence[Preference], names: Mapping[str, str], clusters: Mapping[str, Cluster]
) -> Table | None:
    """Bradley-Terry strengths as Elo (1000 is the average of these runs); None where two runs are all, or too many.

    Dialogues are resampled whole for the interval, for a person's choices on one are not independent.
    """
    runs = sorted({run for one in given for run in (one.left_run, one.right_run)}, key=lambda run: names[run])
    if not 3 <= len(runs) <= MOST_RUNS:
        return None
    place = {run: at for at, run in enumerate(runs)}
    dialogues = sorted({clusters[one.sample_id] for one in given}, key=str)
    wins = np.zeros((len(dialogues), len(runs), len(runs)))
    for one in given:
        left, right = place[one.left_run], place[one.right_run]
        of = wins[dialogues.index(clusters[one.sample_id])]
        of[left, right] += {"left": 1.0, "tie": 0.5, "right": 0.0}[one.choice]
        of[right, left] += {"left": 0.0, "tie": 0.5, "right": 1.0}[one.choice]
    whole = wins.sum(axis=0)
    try:
        elo = bradley_terry(whole).elo
    except UserError:  # somebody never lost, or two camps never met: there is no finite number
        why = "no strength can be given: some models never lost to the others, or never met them"
        return Table("people-strengths", "On one scale", _HEADS, (), (why,))
    spans = [Span(float(value)) for value in elo]
    if len(dialogues) >= LEAST_PREFERENCES:
        random = np.random.default_rng(0)
        drawn = random.multinomial(len(dialogues), np.full(len(dialogues), 1 / len(dialogues)), _RESAMPLES)
        again = [bradley_terry(np.tensordot(times, wins, 1), penalty=_PENALTY).elo for times in drawn]
        low, high = np.quantile(np.array(again), [0.025, 0.975], axis=0)
        spans = [Span(span.value, float(a), float(b)) for span, a, b in zip(spans, low, high, strict=True)]
    met = whole.sum(axis=0) + whole.sum(axis=1)
    rows: list[tuple[Cell, ...]] = [
        (names[run], spans[at], int(met[at])) for at, run in sorted(enumerate(runs), key=lambda item: -elo[item[0]])
    ]
    notes = (
        "Bradley and Terry 1952: 1000 is the average of these models, 400 more wins ten times as often; ties are half",
        f"percentile intervals over {len(dialogues)} dialogues, {_RESAMPLES} resamples"
        if len(dialogues) >= LEAST_PREFERENCES
        else f"intervals are there from {LEAST_PREFERENCES} dialogues on",
        "it assumes one dimension: look at the pairs below for who beats whom nevertheless",
    )
    return Table("people-strengths", "On one scale", _HEADS, tuple(rows), notes)


_OF_MODELS = "judges-cost"
"""The table of `judges compare` that says nothing of people."""
_POINTS = {"left": 1.0, "tie": 0.5, "right": 0.0}
"""What a choice is worth to the answer on the left."""


def annotation_page_maker(content: Sequence[Path] = ()) -> Callable[[Store], Mapping[str, str]]:
    """What `Refresher` is given: the inside of the page about people."""

    def make(store: Store) -> dict[str, str]:
        template = pages.environment(content).get_template("view/people.html.j2")
        return {"people": template.render(sections=sections(store), root="", links=ViewLinks(), site=True)}

    return make


def sections(store: Store) -> tuple[Section, ...]:
    """A section for each task that people rated, and one for each whose answers they compared.

    Answers that were asked for in another way (protocol, data, altered on purpose) have sections of their own.
    """
    kinds: dict[tuple[str, str, str, str], list[StoredRun]] = {}
    for run in read_runs.runs(store):
        kinds.setdefault((run.task.name, run.protocol, run.variant, run.data_hash), []).append(run)
    found: list[Section] = []
    for number, runs in enumerate(kinds.values(), 1):
        title = _title(runs[0], [of[0] for of in kinds.values()])
        found += _rated(store, f"rated-{number}", title, runs)
        given = preferences(store, [run.id for run in runs])
        if given:
            found.append(_preferred(store, f"preferred-{number}", title, runs, given))
    return tuple(found)


def _title(run: StoredRun, others: Sequence[StoredRun]) -> str:
    """The task's title with what distinguishes these runs from others of the task."""
    alike = [other for other in others if other.task.name == run.task.name]
    said = [run.task.title or run.task.name]
    said += [f"{run.protocol} protocol"] if len({other.protocol for other in alike}) > 1 else []
    said += [run.variant] if run.variant else []
    said += [f"data {run.data_hash[:8]}"] if len({other.data_hash for other in alike}) > 1 else []
    return ", ".join(said)


def _rated(store: Store, id_: str, title: str, runs: Sequence[StoredRun]) -> Iterator[Section]:
    ids = [run.id for run in runs]
    given = ratings(store, ids)
    if not given:
        return
    raters = sorted({rating.rater for rating in given})
    tables = [_raters(given, raters)]
    note = ""
    if len(raters) < 2:
        note = "One person has rated: whether people agree takes a second one on the same answers."
    else:
        try:
            marks = read_marks(store, [f"{HUMAN}:{rater}" for rater in raters], run_ids=ids)
            compared = judges_tables.compare(store, marks, largest=10)
            tables += [table for table in compared if table.name != _OF_MODELS]
        except UserError as error:
            note = f"They cannot be compared: {error}."
    yield Section(id_, f"{title}: ratings", note, tuple(tables))


def _raters(given: Sequence[HumanRating], raters: Sequence[str]) -> Table:
    heads = (
        Head("rater", "rater"),
        Head("answers", "answers", "count"),
        Head("dialogues", "dialogues", "count"),
        Head("mean", "mean of all marks", "points"),
        Head("comments", "comments", "count"),
    )
    rows: list[tuple[Cell, ...]] = []
    for rater in raters:
        own = [rating for rating in given if rating.rater == rater]
        # A person's marks of one dialogue are not independent of each other.
        clusters = [rating.sample_id for rating in own]
        mean = Span.of(mean_estimate([rating.value for rating in own], clusters))
        answers = {(rating.run_id, rating.sample_id, rating.epoch, rating.turn) for rating in own}
        comments = {(rating.run_id, rating.sample_id, rating.turn, rating.comment) for rating in own if rating.comment}
        rows.append((rater, len(answers), len(set(clusters)), mean, len(comments)))
    notes = ("the interval is over dialogues; it is there from six of them on",)
    return Table("people-raters", "Who rated what", heads, tuple(rows), notes)


# --- preferences ------------------------------------------------------------------------------------------------


def _preferred(store: Store, id_: str, title: str, runs: Sequence[StoredRun], given: Sequence[Preference]) -> Section:
    names = _disambiguated(runs)
    clusters = {place.sample_id: place.cluster for run in runs for place in read_runs.places(store, run.id)}
    made = (
        _shares(given, names, clusters),
        preference_strengths(given, names, clusters),
        _pairs(given, names, clusters),
    )
    tables = [table for table in made if table is not None]
    raters = sorted({one.rater for one in given})
    note = f"{len(given):,} comparisons by {', '.join(raters)}; {_agreed(given, raters)}."
    return Section(id_, f"{title}: preferences", note, tuple(tables))


def _disambiguated(runs: Sequence[StoredRun]) -> dict[str, str]:
    several = {run.model.name for run in runs if sum(other.model.name == run.model.name for other in runs) > 1}
    return {run.id: f"{run.model.name} ({run.id})" if run.model.name in several else run.model.name for run in runs}


def _shares(given: Sequence[Preference], names: Mapping[str, str], clusters: Mapping[str, Cluster]) -> Table:
    """Each run's share of wins, a tie counting half, against all opponents."""
    heads = (
        Head("model", "model"),
        Head("share", "win share", "percent"),
        Head("n", "comparisons", "count"),
        Head("wins", "won", "count"),
        Head("ties", "ties", "count"),
        Head("losses", "lost", "count"),
    )
    games: dict[str, list[tuple[float, Cluster]]] = {}
    for one in given:
        points = _POINTS[one.choice]
        games.setdefault(one.left_run, []).append((points, clusters[one.sample_id]))
        games.setdefault(one.right_run, []).append((1 - points, clusters[one.sample_id]))
    rows: list[tuple[float, tuple[Cell, ...]]] = []
    for run, played in games.items():
        values = [value for value, _ in played]
        mean = mean_estimate(values, [cluster for _, cluster in played])
        counts = [sum(value == wanted for value in values) for wanted in (1.0, 0.5, 0.0)]
        rows.append((-(mean.value or 0.0), (names[run], _cut(Span.of(mean)), len(values), *counts)))
    notes = (
        "a tie is half a win; the interval is over dialogues, and there from six of them on",
        "a share depends on whom one met: compare only models that met the same others",
    )
    return Table("people-shares", "Who is preferred", heads, tuple(row for _, row in sorted(rows)), notes)


def _cut(share: Span) -> Span:
    """A t interval may reach past 0 and 1."""
    if share.low is None or share.high is None:
        return share
    return Span(share.value, max(0.0, share.low), min(1.0, share.high))


def _pairs(given: Sequence[Preference], names: Mapping[str, str], clusters: Mapping[str, Cluster]) -> Table:
    heads = (
        Head("first", "model"),
        Head("second", "against"),
        Head("share", "preferred", "percent"),
        Head("n", "comparisons", "count"),
    )
    met: dict[tuple[str, str], list[tuple[float, Cluster]]] = {}
    for one in given:
        first, second = sorted((one.left_run, one.right_run), key=lambda run: names[run])
        points = _POINTS[one.choice] if one.left_run == first else 1 - _POINTS[one.choice]
        met.setdefault((first, second), []).append((points, clusters[one.sample_id]))
    rows: list[tuple[Cell, ...]] = []
    for (first, second), played in sorted(met.items(), key=lambda item: (names[item[0][0]], names[item[0][1]])):
        mean = mean_estimate([value for value, _ in played], [cluster for _, cluster in played])
        rows.append((names[first], names[second], _cut(Span.of(mean)), len(played)))
    return Table("people-pairs", "Against each other", heads, tuple(rows))


def _agreed(given: Sequence[Preference], raters: Sequence[str]) -> str:
    """Agreement of the raters on pairs that two or more of them judged, in words."""
    # By name and not by side, for sides are each rater's own.
    winners: dict[tuple[str, frozenset[str]], dict[str, float]] = {}
    for one in given:
        first = min(one.left_run, one.right_run)
        value = _POINTS[one.choice] if one.left_run == first else 1 - _POINTS[one.choice]
        winners.setdefault(one.pair, {})[one.rater] = value
    shared = [said for said in winners.values() if len(said) > 1]
    if not shared:
        return "no two people have compared the same answers"
    same = total = 0
    for said in shared:
        for a, b in itertools.combinations(said.values(), 2):
            same, total = same + (a == b), total + 1
    alpha = krippendorff([[said.get(rater) for said in shared] for rater in raters], "ordinal")
    shown = NO_VALUE if alpha.value is None else f"{alpha.value:.2f}"
    return (
        f"people who compared the same two answers said the same in {same:,} of {total:,} cases"
        f" (Krippendorff's alpha {shown} on {len(shared):,} pairs)"
    )
