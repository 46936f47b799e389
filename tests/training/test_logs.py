"""Programs that show a training: what they were told can be read back, and what is not installed is said at once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training
from sparkles_eval.training.metric_logs import check_logs, open_logs
from tests.training.making import write_recipe


def test_the_event_files_of_a_training_hold_its_steps_and_scores(
    model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe = write_recipe(
        tmp_path / "logged.yaml", steps=6, evaluate="{every: 3, tasks: [bison-mini], task_args: [n=4]}"
    )
    train_config = TrainConfig(
        str(recipe),
        tmp_path / "run",
        tmp_path / "s.db",
        data_folder,
        model_folder,
        cache=tmp_path / "features",
        logs=("tensorboard",),
    )
    launch_training(train_config, str)
    events = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    losses = {event.step: event.value for event in events.Scalars("projection/loss")}
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    assert losses == pytest.approx({int(row.split(",")[0]): float(row.split(",")[2]) for row in rows}, rel=1e-5)
    assert [event.step for event in events.Scalars("bison-mini/accuracy")] == [3, 6]


def test_what_a_killed_process_wrote_is_taken_back(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for first, value in ((0, 1.0), (4, 2.0)):
        (log,) = open_logs(("tensorboard",), tmp_path, "abc", first)
        for step in range(first, 8):
            log.scalars(step, {"loss": value})
        log.close()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [
        (step, 1.0 if step < 4 else 2.0) for step in range(8)
    ]


def test_a_program_that_is_not_installed_is_said_at_once() -> None:
    if importlib.util.find_spec("wandb") is not None:
        pytest.skip("wandb is installed here")
    with pytest.raises(UserError, match="pip install wandb"):
        check_logs(("wandb",))


def test_weights_and_biases_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    (log,) = open_logs(("wandb",), tmp_path, "abc", 0)
    log.scalars(0, {"loss": 1.0})
    log.close()
    (written,) = tmp_path.glob("wandb/offline-run-*-abc/run-abc.wandb")
    assert written.stat().st_size > 0
