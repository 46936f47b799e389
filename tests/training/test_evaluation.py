"""Evaluation on the way: by the real engine, linked to its checkpoint in the store, never asked twice."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import DataError, UserError
from sparkles_eval.store import trainings
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import TrainingStatus
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training
from sparkles_eval.training.training_log import NAME_FILE
from tests.training.making import write_recipe

EVALUATE = "{every: 5, tasks: [bison-mini], task_args: [n=4]}"
"""Not where checkpoints are saved anyway (every third step of twelve)."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(tmp_path_factory.mktemp("recipes") / "evaluated.yaml", evaluate=EVALUATE)


def train_config(recipe: Path, folder: Path, model: Path, data: Path) -> TrainConfig:
    return TrainConfig(str(recipe), folder / "run", folder / "s.db", data, model, cache=folder / "features")


def standing(store: Path) -> TrainingStatus:
    with Store(store, create=False) as opened:
        (found,) = trainings.trainings(opened)
    return found


def asked(store: Path) -> int:
    """How many requests the store holds."""
    with sqlite3.connect(store) as opened:
        count = opened.execute("SELECT count(*) FROM responses").fetchone()[0]
    opened.close()
    return int(count)


@pytest.fixture(scope="module")
def done(recipe: Path, model_folder: Path, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with store and run of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("evaluated")
    said: list[str] = []
    launch_training(train_config(recipe, folder, model_folder, data_folder), said.append)
    assert [line.partition(": ")[0] for line in said if "bison-mini accuracy" in line] == ["run@5", "run@10", "run@12"]
    return folder


def test_checkpoint_and_score_are_linked(done: Path) -> None:
    found = standing(done / "s.db")
    assert found.checkpoints == (3, 5, 6, 9, 10, 12) and found.done == found.training.steps == 12
    accuracy = [score for score in found.scores if score.headline]
    assert [(score.step, score.task, score.metric, score.total) for score in accuracy] == [
        (5, "bison-mini", "accuracy", 4),
        (10, "bison-mini", "accuracy", 4),
        (12, "bison-mini", "accuracy", 4),
    ]
    assert json.loads((done / "run" / NAME_FILE).read_text())["id"] == found.training.id


def test_a_run_says_which_weights_it_asked(done: Path) -> None:
    """The hash in the model's settings, part of the run's identity, is the checkpoint's; each has its own."""
    with sqlite3.connect(done / "s.db") as store:
        rows = store.execute(
            "SELECT k.weights, json_extract(m.settings, '$.weights'), m.name FROM checkpoint_runs c"
            " JOIN checkpoints k USING (training_id, step) JOIN runs r ON r.id = c.run_id"
            " JOIN models m ON m.id = r.model_id ORDER BY step"
        ).fetchall()
    store.close()
    assert [name for _, _, name in rows] == ["run@5", "run@10", "run@12"]
    assert all(saved == answered for saved, answered, _ in rows) and len({saved for saved, _, _ in rows}) == 3


def test_the_command_lists_trainings_with_their_scores(done: Path) -> None:
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["list", "trainings", "--store", str(done / "s.db")])
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines()]
    training = standing(done / "s.db").training.id
    (row,) = (line for line in lines if line[:2] == [training, "run"])
    assert row[2:4] == ["micro", "12/12"] and row[5] == "6"
    assert [line[1] for line in lines if line[2:4] == ["bison-mini", "strict"]] == ["5", "10", "12"]


def test_evaluation_changes_no_weights(
    done: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    plain = launch_training(train_config(recipe_file, tmp_path, model_folder, data_folder), str)
    name = "projection.safetensors"
    assert (plain.model / name).read_bytes() == (done / "run" / "model" / name).read_bytes()


def test_resuming_asks_nothing_again(done: Path, recipe: Path, model_folder: Path, data_folder: Path) -> None:
    before = asked(done / "s.db")
    said: list[str] = []
    launch_training(replace(train_config(recipe, done, model_folder, data_folder), resume=True), said.append)
    assert asked(done / "s.db") == before
    assert not any("bison-mini accuracy" in line for line in said)
    assert standing(done / "s.db").done == 12


def test_killed_while_it_evaluates(
    done: Path, recipe: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """kill -9 as soon as the first answer about step 5 is stored, then resume: same weights, each question once."""
    command = [sys.executable, "-m", "sparkles_eval", "train", str(recipe), "--out", str(tmp_path / "run")]
    command += ["--model", str(model_folder), "--data", str(data_folder), "--cache", str(tmp_path / "features")]
    command += ["--store", str(tmp_path / "s.db"), "--threads", "1"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    for _ in range(2400):
        if running.poll() is not None or ((tmp_path / "s.db").is_file() and _answers(tmp_path / "s.db")):
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    _, errors = running.communicate()
    assert _answers(tmp_path / "s.db"), errors.decode()[-2000:]
    launch_training(replace(train_config(recipe, tmp_path, model_folder, data_folder), resume=True), str)
    name = "projection.safetensors"
    assert (tmp_path / "run" / "model" / name).read_bytes() == (done / "run" / "model" / name).read_bytes()
    mine, other = standing(tmp_path / "s.db"), standing(done / "s.db")
    assert [(s.step, s.metric, s.value, s.run_id) for s in mine.scores] == [
        (s.step, s.metric, s.value, s.run_id) for s in other.scores
    ]
    assert asked(tmp_path / "s.db") == asked(done / "s.db")


def _answers(store: Path) -> int:
    try:
        return asked(store)
    except sqlite3.OperationalError:  # its tables are being made
        return 0


def test_training_on_what_checkpoints_are_asked_is_refused(
    recipe: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """Without --against: the recipe's own evaluation is always compared with the data."""
    from sparkles_eval.tasks.load import load_task

    image = load_task("bison-mini", args={"n": "4"}).samples[3].images[1]
    data = tmp_path / "data"
    shutil.copytree(data_folder, data)
    assert image.path is not None
    shutil.copy(image.path, data / "images" / "20000.png")
    records = json.loads((data / "turn1_1img.json").read_text())
    records[0]["tgt_imgs"] = [{"image_id": 20000}]
    (data / "turn1_1img.json").write_text(json.dumps(records))
    with pytest.raises(DataError, match=r"bison-mini-0-3: image .* is images/20000\.png"):
        launch_training(train_config(recipe, tmp_path, model_folder, data), str)


@pytest.mark.parametrize(
    ("evaluate", "said"),
    [
        ("{every: 5, tasks: [bison-mini, no-such-task]}", "no-such-task"),
        ("{every: 5, tasks: [sparkleseval-mini], judges: [no-such-judge]}", "no-such-judge"),
        ("{every: 5, tasks: [bison]}", "data-root"),
        ("{every: 5, tasks: [bison-mini], task_args: [n]}", "NAME=VALUE"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_the_first_step(
    evaluate: str, said: str, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "wrong.yaml", evaluate=evaluate)
    with pytest.raises(UserError, match=said):
        launch_training(train_config(recipe, tmp_path, model_folder, data_folder), str)
    assert not (tmp_path / "run").exists()


def test_a_judge_scores_checkpoints_too(model_folder: Path, data_folder: Path, tmp_path: Path) -> None:
    """Dialogues of two turns, scored by the rule-based judge."""
    evaluate = "{every: 100, tasks: [sparkleseval-mini], judges: [facts], limit: 2}"
    recipe = write_recipe(tmp_path / "judged.yaml", steps=2, evaluate=evaluate)
    launch_training(train_config(recipe, tmp_path, model_folder, data_folder), str)
    (score,) = (score for score in standing(tmp_path / "s.db").scores if score.headline)
    assert (score.step, score.judge, score.total) == (2, "facts", 2)
