"""Stores that the engine made, closed: by rules alone, and with judges on a loopback server, a panel and people."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.analysis.judges.panel_scores import score_panel
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.judges.base import JudgeCard
from sparkles_eval.judges.panel import JudgePanel, read_panel
from sparkles_eval.publishing.make_bundle import submit
from sparkles_eval.store import read_runs, trainings
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import MeasuredStep, Training
from tests.analysis.judging import GOOD, WEAK, judged_store
from tests.analysis.making import ask
from tests.publishing.making import copied, runs_of
from tests.server import LoopbackServer

TASKS = ("bison-mini", "sparkleseval-mini")
MODELS = ("baseline/oracle", "baseline/chance")
PANEL = f"panel:{GOOD},{WEAK},facts"


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two baselines on two tasks of eight items, scored by rules and by the facts judge; metrics computed."""
    path = tmp_path_factory.mktemp("whole") / "whole.db"
    with Store(path) as store:
        ask(store, RunConfig(tasks=TASKS, models=MODELS, task_args=("n=8",)))
        summarise(store)
    return path


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three baselines on four dialogues, judged by a rule and two models, by a panel of them, and by a person."""
    path = tmp_path_factory.mktemp("judged") / "judged.db"
    with LoopbackServer() as server, Store(path) as store:
        judged_store(store, server, n=4)
        score_panel(store, _panel(store))
        _rate(store)
        _train(store)
        summarise(store)
    return path


def _panel(store: Store) -> JudgePanel:
    wish = read_panel(PANEL, {})
    rows = {f"{row.name}@{row.model}" if row.model else row.name: row for row in read_runs.judges(store, _run(store))}
    cards = tuple(
        JudgeCard(row.name, row.version, row.title, row.criteria, row.low, row.high, "captions", row.id, row.model)
        for row in (rows[member] for member in wish.members)
    )
    return JudgePanel(wish, cards)


def _run(store: Store) -> str:
    return read_runs.runs(store)[0].id


def _rate(store: Store) -> None:
    """A person's ratings of two answers."""
    run = _run(store)
    judge = next(judge for judge in read_runs.judges(store, run) if judge.name == "facts")
    places = [place.sample_id for place in read_runs.places(store, run)][:2]
    rows = tuple(SheetRow(f"{n}", run, sample, 0) for n, sample in enumerate(places))
    sheet = Sheet("rater-1", "sparkleseval-mini", 0, 1, 10, judge.criteria, rows)
    add_sheet(store, sheet)
    add_ratings(
        store,
        [HumanRating("rater-1", run, sample, 0, turn, "C1", 7.0, "", sheet.id) for sample in places for turn in (1, 2)],
    )


def _train(store: Store) -> None:
    """A training of two steps whose checkpoint the first run evaluated, and a preference between two runs."""
    first, second = (run.id for run in read_runs.runs(store)[:2])
    environment = read_runs.environments(store, [first])[0].id
    trainings.begin(store, Training("t1", "tiny", "Tiny", "{}", "r" * 64, "d" * 64, 2), environment, 0)
    trainings.add_steps(
        store, "t1", [MeasuredStep(step, "projection", 1.0 - step / 4, 0.1, 8, 4, 0.5) for step in (0, 1)]
    )
    trainings.add_checkpoint(store, "t1", 2, "w" * 64, "checkpoint-2")
    trainings.link_runs(store, "t1", 2, [first])
    sample = read_runs.places(store, first)[0].sample_id
    store.connection.execute(
        "INSERT INTO preferences VALUES ('rater-1', ?, 0, ?, ?, 'left', '', 1, '2026-01-01T00:00:00.000000Z')",
        (sample, first, second),
    )


@pytest.fixture
def store_file(whole: Path, tmp_path: Path) -> Path:
    """A copy of `whole`, to be changed."""
    return copied(whole, tmp_path / "store.db")


@pytest.fixture(scope="session")
def bundles(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle of each model's runs on both tasks, by model: "oracle", "chance"."""
    folder = tmp_path_factory.mktemp("bundles")
    oracle, chance, *rest = runs_of(whole)
    names: dict[str, list[str]] = {"oracle": [], "chance": []}
    with Store(whole, create=False) as store:
        for run in read_runs.runs(store, [oracle, chance, *rest]):
            names[run.model.name.removeprefix("baseline/")].append(run.id)
    return {name: submit(whole, ids, folder / f"{name}.zip").path for name, ids in names.items()}
