"""Builds a store of many models of known skill: options with tags and prices, dialogues with two judges and people.

Skill, invalid answers and noise are drawn from a fixed seed. Knows nothing of figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparkles_eval.core import Model, Response, Run, Sample, Score, Status, Usage, fingerprint
from sparkles_eval.core.json import sample_key
from sparkles_eval.store.mapping import now
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.rows import AnswerRow, JudgeRow, RequestRow, ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task
from tests.reports.demo import CHANCE, RATER, RULE, begin, run_of, task_row

STERN = replace(RATER, id="57e2" * 16, name="stern", model="openai/stern-1")
KIND = replace(RATER, id="41d0" * 16, name="kind", model="openai/kind-2")
PEOPLE = 20
"""Dialogues of each model that people rate."""


def models(count: int, bad: str = "") -> list[Model]:
    """Contestants, every third free, and one baseline; `bad` is in the names."""
    ends = ["-instruct-preview" * (n % 5 == 4) for n in range(count)]
    made = [
        Model(f"{bad}maker-{n % 4}/vision-{n:02d}{end}", "openai", f"m{n}", free=n % 3 == 2)
        for n, end in enumerate(ends)
    ]
    return [*made, CHANCE]


def judges(bad: str = "") -> tuple[JudgeRow, JudgeRow]:
    """A stern and a kind one; `bad` is in their names and their criteria's."""
    criteria = tuple(replace(criterion, name=f"{bad}{criterion.name}") for criterion in RATER.criteria)
    stern, kind = (replace(judge, name=f"{bad}{judge.name}", criteria=criteria) for judge in (STERN, KIND))
    return stern, kind


def figured(path: Path, count: int = 10, items: int = 60, tasks: Sequence[str] = (), bad: str = "") -> Store:
    """The store, open: `count` models and a baseline on every task."""
    store = Store(path)
    environment = begin(store)
    rng = np.random.default_rng(7)
    for name in tasks or ("bison-mini", "nlvr2-mini", "sparkleseval-mini"):
        task = load_task(name, args={"n": str(items)})
        for place, model in enumerate(models(count, bad)):
            skill = 0.5 if model is CHANCE else 0.97 - 0.45 * place / count
            run = run_of(task, model)
            ids = store.add_run(run, task_row(task), task.samples, [], environment)
            for judge in (RULE,) if run.answer_rule else judges(bad):
                store.add_judge(judge)
            for sample, sample_id in zip(task.samples, ids, strict=True):
                _one(store, run, sample, sample_id, skill, place, rng)
        if not task.protocol.answer:
            _people(store, task, [run_of(task, model) for model in models(count, bad)], rng)
    store.finish_environment(environment, "complete")
    return store


def _one(
    store: Store, run: Run, sample: Sample, sample_id: str, skill: float, place: int, rng: np.random.Generator
) -> None:
    """A model's answers to a sample with their scores; one in fifty was never answered."""
    judges: Sequence[JudgeRow] = (RULE,) if run.answer_rule else (STERN, KIND)
    turns = range(1, len(sample.turns) + 1)
    if rng.random() < 0.02:
        cells = [(judge, turn, criterion.id) for judge in judges for turn in turns for criterion in judge.criteria]
        store.add_scores(
            [ScoreRow(run.id, sample_id, 0, judge.id, 0, Score(turn, c, None, "timed out")) for judge, turn, c in cells]
        )
        return
    for turn in turns:
        _answer(store, run, sample_id, turn, place)
    if run.answer_rule:
        right, invalid = rng.random() < skill, rng.random() < 0.05 * (place % 3)
        score = Score(1, "accuracy", float(right and not invalid), answer=None if invalid else sample.target)
        if invalid:
            score = replace(score, invalid=True, reason="names no option")
        store.add_scores([ScoreRow(run.id, sample_id, 0, RULE.id, 0, score)])
        return
    hard = rng.normal(0, 1.2)
    rows = []
    for turn in turns:
        worth = 1 + 9 * skill - hard - 0.6 * (turn - 1) * (place % 2)
        for judge, shift, noise in ((STERN, -1.2, 0.9), (KIND, 0.8, 1.6)):
            for number, criterion in enumerate(judge.criteria):
                mark = round(float(np.clip(worth + shift - 0.4 * number + rng.normal(0, noise), 1, 10)))
                rows.append(ScoreRow(run.id, sample_id, 0, judge.id, 0, Score(turn, criterion.id, float(mark))))
    store.add_scores(rows)


def _answer(store: Store, run: Run, sample_id: str, turn: int, place: int) -> None:
    cost = 0.0 if run.model.free else 2e-5 * 1.6 ** (place % 20)
    key = fingerprint([run.id, sample_id, turn])
    text = f"An answer to turn {turn}. " * (3 + place % 4)
    response = Response(key, 1, Status.OK, text, None, Usage(800, 60, cost), 0.7, None, now())
    request = RequestRow(key, run.model, f'{{"messages":["{sample_id} {turn}"]}}', "{}", 0, 0)
    stored = store.add_response(request, response)
    assert stored.id is not None
    store.add_answer(run.id, AnswerRow(sample_id, 0, turn, stored.id, 1, "ok", text), [])


def _people(store: Store, task: Task, runs: Sequence[Run], rng: np.random.Generator) -> None:
    """Ratings by one person of the first dialogues, near the stern judge's with noise."""
    samples = [sample_key(sample) for sample in task.samples[:PEOPLE]]
    cells = [(run, sample) for run in runs for sample in samples]
    rows = tuple(SheetRow(f"{n:04d}", run.id, sample, 0) for n, (run, sample) in enumerate(cells))
    made = Sheet("ada", task.name, 0, 1, 10, RATER.criteria, rows)
    add_sheet(store, made)
    query = "SELECT turn, criterion, value FROM scores WHERE run_id = ? AND sample_id = ? AND judge_id = ?"
    rated = []
    for run, sample in cells:
        for turn, criterion, value in store.connection.execute(query, (run.id, sample, STERN.id)).fetchall():
            if value is not None:
                mark = round(float(np.clip(0.7 * value + 3 + rng.normal(0, 0.8), 1, 10)))
                rated.append(HumanRating("ada", run.id, sample, 0, turn, criterion, float(mark), "", made.id))
    add_ratings(store, rated)
