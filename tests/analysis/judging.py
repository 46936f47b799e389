"""A store of the mini dialogues with three judges of known character, for the tests of judges and human labels."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sparkles_eval.engine.config import RunConfig
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import HumanRating, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.ratings import Sheet as SheetRecord
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store
from tests.analysis.making import ask
from tests.server import LoopbackServer

MODELS = ("baseline/oracle", "baseline/chance", "baseline/echo")
GOOD, WEAK = "sparkles@openai/good-judge", "sparkles@openai/weak"
"""Judges on the loopback server: one rates high and one low, both whatever the answer."""


def judged_store(
    store: Store, server: LoopbackServer, judges: Sequence[str] = ("facts", GOOD, WEAK), n: int = 12
) -> None:
    """Ask the baselines n dialogues, and have them judged; the good judge twice. Scenes are drawn beside the store."""
    args = [f"{name}:base_url={server.openai_url}" for name in judges if "@" in name]
    args += [f"{GOOD}:repeats=2"] if GOOD in judges else []
    # Fixtures of a module come before the fixture that gives every test a cache of its own.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(store.path.parent / "cache"))
        ask(
            store,
            RunConfig(
                tasks=("sparkleseval-mini",),
                models=MODELS,
                judges=tuple(judges),
                task_args=(f"n={n}",),
                judge_args=tuple(args),
            ),
        )


def label(store: Store, runs: Sequence[StoredRun], rater: str, points: dict[tuple[str, str], float]) -> None:
    """Ratings by hand: (model, sample id) -> the points of every criterion of both turns."""
    by_model = {run.model.name: run for run in runs}
    judge = next(judge for judge in read_runs.judges(store, runs[0].id) if judge.name == "facts")
    rows = tuple(SheetRow(f"{i:04d}", by_model[model].id, sample, 0) for i, (model, sample) in enumerate(points))
    made = SheetRecord(rater, runs[0].task.name, 0, judge.low, judge.high, judge.criteria, rows)
    add_sheet(store, made)
    add_ratings(
        store,
        [
            HumanRating(rater, by_model[model].id, sample, 0, turn, criterion.id, value, "", made.id)
            for (model, sample), value in points.items()
            for turn in (1, 2)
            for criterion in judge.criteria
        ],
    )
