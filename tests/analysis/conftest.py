"""A store as the engine leaves it: the embedded tasks asked of baselines and controls, as they are and altered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.engine.config import RunConfig
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.variation import Variation
from tests.analysis.making import ask
from tests.reports.conftest import crowd_file, crowded, demo_file, store, summary

__all__ = ["crowd_file", "crowded", "demo_file", "store", "summary"]  # fixtures that rooms share

QUESTIONS = RunConfig(
    tasks=("nlvr2-mini", "bison-mini"),
    models=("baseline/chance", "baseline/constant", "baseline/oracle"),
    task_args=("n=36",),
)
DIALOGUES = replace(QUESTIONS, tasks=("sparkleseval-mini",))


@pytest.fixture(scope="session")
def _evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch, Store(folder / "s.db") as store:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        ask(store, replace(QUESTIONS, controls=True))
        ask(store, replace(DIALOGUES, controls=True))
        ask(store, replace(QUESTIONS, variation=Variation(orders="both")))
        ask(store, replace(QUESTIONS, variation=Variation(images="dropped")))
        ask(store, replace(DIALOGUES, variation=Variation(history="reference")))
        ask(store, replace(QUESTIONS, tasks=("bison-mini",), models=("baseline/chance",), epochs=3))
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "s.db"


@pytest.fixture
def evaluated(_evaluated: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it, open."""
    with Store(Path(shutil.copy(_evaluated, tmp_path / "s.db"))) as store:
        yield store
