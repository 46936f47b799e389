"""A local model through the whole program: batches, judges beside it, and SIGKILL in the middle of generation."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.adapters.tiny_chat import write_model
from tests.end_to_end.running import accounted, end, here, kill, rows, sound, start, tables, total

pytest.importorskip("torch", reason="needs the extra 'local'")


ITEMS = 16
"""Of each task: dialogues of two turns and statements."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "tiny", max_new_tokens=150, max_context=500)


def arguments(folder: Path, store: Path, items: int) -> list[str]:
    tasks = ["-t", "sparkleseval-mini", "-t", "nlvr2-mini", "--task-arg", f"n={items}"]
    model = ["--model", f"sparkleschat/{folder}", "--model-arg", "batch_size=4", "--judge", "facts"]
    return ["run", *tasks, *model, "--no-report", "--store", str(store), "--plain"]


@pytest.mark.slow
def test_killed_in_the_middle_of_generation_it_goes_on_and_ends_with_the_same_answers(
    folder: Path, tmp_path: Path
) -> None:
    store, whole = tmp_path / "killed.db", tmp_path / "whole.db"
    process = start(*arguments(folder, store, ITEMS), OMP_NUM_THREADS="1")
    deadline = time.monotonic() + 60
    while not (store.is_file() and _answered(store) >= 6):
        assert time.monotonic() < deadline and process.poll() is None, end(process).shown
        time.sleep(0.02)
    kill(process)
    sound(store)
    before = _answered(store)
    assert 6 <= before < 3 * ITEMS
    done = here(*arguments(folder, store, ITEMS))
    assert done.code == 0, done.shown
    sound(store)
    accounted(store)
    assert rows(store, "SELECT key FROM responses GROUP BY key HAVING count(*) > 1") == []
    assert here(*arguments(folder, whole, ITEMS)).code == 0
    assert tables(store) == tables(whole)


def _answered(store: Path) -> int:
    try:
        return total(rows(store, "SELECT count(*) FROM responses WHERE text IS NOT NULL"))
    except Exception:  # noqa: BLE001 - the file is being made
        return 0
