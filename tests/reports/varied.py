"""Builds a store for pages of samples: several models whose answers differ in a few words, two judges, a person.

Right, wrong, invalid and unscored stand at fixed places; judges lie far apart on every second dialogue; the first
dialogue's pictures are embedded. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sparkles_eval.core import Model, Rating, Run, Sample, Score, Usage, Verdict, VerdictStatus, fingerprint
from sparkles_eval.core.json import sample_key
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.rows import JudgeRow, PixelsRow, ScoreRow, VerdictRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.images import image_bytes
from sparkles_eval.tasks.load import load_task
from tests.reports.demo import CHANCE, RATER, Said, Speaker, add_run, add_thumbnails, answer, begin, run_of, task_row

STERN = replace(RATER, id="57e2" * 16, name="stern-reader", model="openai/stern-1")
FAR, NEAR = 4, 1
"""Points by which the judges lie apart on even and on odd dialogues."""
_WAYS = (
    "I looked at both images one after the other and counted what is asked for.",
    "I looked at the images side by side and counted everything that is asked for.",
    "Both images were compared thing by thing, and what is asked for was counted twice.",
)


def models(count: int) -> list[Model]:
    """Contestants by name: lab-0/reader-00, lab-1/reader-01, ..."""
    return [Model(f"lab-{n % 3}/reader-{n:02d}", "replay", f"reader-{n}", free=True) for n in range(count)]


def varied(path: Path, count: int = 3, items: int = 6) -> Store:
    """The store, open: `count` models and a baseline on options and on dialogues of two turns."""
    store = Store(path)
    environment = begin(store)
    options = load_task("nlvr2-mini", args={"n": str(items)})
    for place, model in enumerate([*models(count), CHANCE]):
        add_run(store, environment, options, model, _chooser(place))
    add_run(store, environment, options, models(1)[0], _chooser(1), variant="images=dropped")
    dialogues = load_task("sparkleseval-mini", args={"n": str(items)})
    for judge in (RATER, STERN):
        store.add_judge(judge)
    runs = [run_of(dialogues, model) for model in models(count)]
    for place, run in enumerate(runs):
        ids = store.add_run(run, task_row(dialogues), dialogues.samples, [], environment)
        for index, (sample, sample_id) in enumerate(zip(dialogues.samples, ids, strict=True)):
            _dialogue(store, run, sample, sample_id, index, place)
    for task in (options, dialogues):
        add_thumbnails(store, task)
    store.add_pixels([PixelsRow(i.sha256, data=image_bytes(i)) for i in dialogues.samples[0].images])
    _person(store, runs, [sample_key(sample) for sample in dialogues.samples[:2]])
    store.finish_environment(environment, "unscored")
    return store


def _chooser(place: int) -> Speaker:
    """Model 0 is always right but invalid at the third sample; the others are wrong at their own places."""

    def speak(index: int, turn: int, sample: Sample) -> Said:
        way = _WAYS[place % len(_WAYS)]
        if place and index == 4:
            return Said("", fails="timed out after 4 tries (120 s each)")
        if place == 0 and index == 2:
            return Said(f"{way} I would rather not choose.", None)
        other = next(option for option in sample.options if option != sample.target)
        option = other if place and (index + place) % 2 else sample.target or ""
        return Said(f"{way}\n\nTherefore, the answer is {option}.", option)

    return speak


def _dialogue(store: Store, run: Run, sample: Sample, sample_id: str, index: int, place: int) -> None:
    """Two answers near the reference, rated by both judges with reasons."""
    texts = []
    for turn, asked in enumerate(sample.turns, 1):
        text = f"{_WAYS[(place + turn) % len(_WAYS)]} {asked.reference}"
        texts.append(text if place % 2 == 0 else text.replace("big", "rather large").replace("small", "tiny"))
        answer(store, run, sample, turn, Said(texts[-1]))
    for judge, less in ((RATER, 0), (STERN, NEAR if index % 2 else FAR)):
        _rate(store, run, judge, sample_id, texts, max(1, 9 - place % 5 - less))


def _rate(store: Store, run: Run, judge: JudgeRow, sample_id: str, texts: Sequence[str], points: int) -> None:
    given = [
        (turn, criterion.id, points if place else min(10, points + 1))
        for turn in range(1, len(texts) + 1)
        for place, criterion in enumerate(judge.criteria)
    ]
    why = {
        "C1": "Everything named in the answer is in the images, though one colour is left out.",
        "C2": "The second answer follows from the first.",
        "C3": "The place of the smallest thing is missing.",
    }
    ratings = tuple(Rating(turn, criterion, value, why[criterion]) for turn, criterion, value in given)
    key = fingerprint([judge.id, sample_id, list(texts)])
    verdict = Verdict(VerdictStatus.GRADED, ratings, usage=Usage(0, 0, 0.0))
    verdict_id, verdict = store.add_verdict(VerdictRow(key, judge.id, sample_id, "dialogue", 0, 1, verdict))
    scores = [Score(r.turn, r.criterion, r.value) for r in verdict.ratings]
    store.add_scores([ScoreRow(run.id, sample_id, 0, judge.id, 0, score, verdict_id) for score in scores])


def _person(store: Store, runs: Sequence[Run], sample_ids: Sequence[str]) -> None:
    """What one person rated: the first dialogues of every model, with a comment."""
    cells = [(run.id, sample_id) for run in runs for sample_id in sample_ids]
    rows = tuple(SheetRow(f"{n:04d}", run_id, sample_id, 0) for n, (run_id, sample_id) in enumerate(cells))
    sheet = Sheet("ada", runs[0].task, 0, 1, 10, RATER.criteria, rows)
    add_sheet(store, sheet)
    add_ratings(
        store,
        [
            HumanRating("ada", run_id, sample_id, 0, turn, c.id, 7.5, "Reads well; one place is wrong.", sheet.id)
            for run_id, sample_id in cells
            for turn in (1, 2)
            for c in RATER.criteria
        ],
    )  # fmt: skip
