"""Results in experiment trackers, by their own libraries without a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.publishing.config import HubOptions
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.write import export
from sparkles_eval.store.store import Store
from tests.analysis.making import RUN, fill

HERE = HubOptions(project="checkpoints")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "s.db")
    fill(store, {"o/a:1": [1.0] * 30 + [0.0] * 10, "empty": [None] * 40}, run=replace(RUN, task="bison"))
    return store


def test_mlflow_has_every_number_with_its_interval(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # the small edition has no other
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    mlflow.set_tracking_uri((tmp_path / "m").as_uri())
    export(store, None, ExportFormat.MLFLOW, None, HERE)
    experiment = mlflow.get_experiment_by_name("checkpoints")
    runs = {run.info.run_name: run.data for run in mlflow.MlflowClient().search_runs([experiment.experiment_id])}
    assert set(runs) == {"o/a_1", "empty"}
    found = runs["o/a_1"].metrics
    assert found["bison/strict/accuracy"] == 0.75 and found["bison/strict/accuracy_low"] < 0.75
    assert (found["bison/strict/accuracy_n"], found["bison/strict/accuracy_total"]) == (40, 40)
    assert "bison/strict/accuracy" not in runs["empty"].metrics, "unscored is not zero"


def test_wandb_writes_a_run_a_model(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_DIR", str(tmp_path)), ("WANDB_SILENT", "true")):
        monkeypatch.setenv(name, value)
    export(store, None, ExportFormat.WANDB, None, HERE)
    logs = list(tmp_path.rglob("run-*.wandb"))
    assert len(logs) == 2
    assert sum(b"bison/strict/accuracy_low" in log.read_bytes() for log in logs) == 1
