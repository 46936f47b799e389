"""A tiny model at school: resumed equals undisturbed, a short course is seen to work, the shipped models pass."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparkles_eval.core.content import content_dir
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import trainings
from sparkles_eval.store.store import Store
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training

PRESETS = ("minigpt4-tiny", "sparkleschat-tiny")


WORDS_FROM, HELD_OUT = 20, 16
"""Items for the vocabulary, and scenes at the end of the vision stage: a fraction of a real training's."""


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """A vocabulary and a trial of a fraction of the time."""
    pytest.importorskip("torch", reason="needs the extra 'local'")
    from sparkles_eval.training.mini import tiny_model, trainer

    patch = pytest.MonkeyPatch()
    patch.setattr(tiny_model, "_EACH", WORDS_FROM)
    patch.setattr(trainer, "_HELD_OUT", HELD_OUT)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def straight(_small: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of an undisturbed training by `recipe`, with its store and checkpoints beside it."""
    folder = tmp_path_factory.mktemp("straight")
    return launch_training(TrainConfig(recipe(folder / "short.yaml"), folder / "run", folder / "s.db"), quiet).model


def weights(model: Path) -> bytes:
    return (model / "model.safetensors").read_bytes()


def recipe(
    file: Path, *, sight: int = 4, steps: int = 6, lessons: str = "{bison: 20, drill: 20}", more: str = ""
) -> str:
    file.write_text(
        f"kind: mini\ntitle: short\nsizes: {{vision_width: 32, text_width: 32, text_layers: 1, heads: 2}}\n"
        f"vision: {{pictures: 64, steps: {sight}, batch: 16}}\n"
        f"language: {{steps: {steps}, batch: 8, warmup: 2, lessons: {lessons}}}\nsave_every: 2\n{more}",
        encoding="utf-8",
    )
    return str(file)


def quiet(_: str) -> None: ...


def crash_at(words: str) -> Callable[[str], None]:
    def say(line: str) -> None:
        if words in line:
            raise KeyboardInterrupt

    return say


@pytest.mark.parametrize("crash", ["language: ", "language step 10/10"])
def test_an_interrupted_course_ends_in_the_same_weights(straight: Path, tmp_path: Path, crash: str) -> None:
    """Between the stages, and in the middle of the second."""
    course = recipe(tmp_path / "short.yaml")
    with pytest.raises(KeyboardInterrupt):
        launch_training(TrainConfig(course, tmp_path / "other", tmp_path / "s.db"), crash_at(crash))
    with pytest.raises(UserError, match="--resume"):
        launch_training(TrainConfig(course, tmp_path / "other", tmp_path / "s.db"), quiet)
    resumed = launch_training(TrainConfig(course, tmp_path / "other", tmp_path / "s.db", resume=True), quiet).model
    assert weights(resumed) == weights(straight)
    assert len((tmp_path / "other" / "metrics.csv").read_text().splitlines()) == 11


@pytest.mark.parametrize("step", [2, 6])
def test_a_killed_course_ends_in_the_same_weights(straight: Path, tmp_path: Path, step: int) -> None:
    """kill -9 behind a checkpoint of the vision stage, and of the lessons."""
    course = recipe(tmp_path / "short.yaml")
    out = tmp_path / "killed"
    checkpoint = out / "checkpoints" / f"{step:08d}"
    command = [sys.executable, "-c", _CHILD, course, str(out), str(tmp_path / "s.db"), str(checkpoint)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    for _ in range(12_000):
        if checkpoint.is_dir() or running.poll() is not None:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    _, errors = running.communicate()
    assert checkpoint.is_dir(), errors.decode()[-2000:]
    assert not (out / "model").exists(), "it was killed before its end"
    resumed = launch_training(TrainConfig(course, out, tmp_path / "s.db", resume=True), quiet).model
    assert weights(resumed) == weights(straight)
    assert len((out / "metrics.csv").read_text().splitlines()) == 11


_CHILD = f"""
import sys, time
from pathlib import Path
from sparkles_eval.training.mini import tiny_model, trainer
from sparkles_eval.training.launch import TrainConfig, launch_training
tiny_model._EACH, trainer._HELD_OUT = {WORDS_FROM}, {HELD_OUT}

def say(line):
    while Path(sys.argv[4]).is_dir():  # the checkpoint is there: wait for the kill, however late it comes
        time.sleep(1)

launch_training(TrainConfig(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), threads=1), say)
"""
"""The command, with the vocabulary of fewer items as in every test here, waiting for the kill behind a checkpoint."""


def test_lessons_are_evaluated_on_the_way_and_sight_is_not(straight: Path, tmp_path: Path) -> None:
    """Every third step and the last, from the fifth on: before it the model cannot speak."""
    course = recipe(tmp_path / "short.yaml", more="evaluate: {every: 3, tasks: [bison-mini], task_args: [n=4]}\n")
    done = launch_training(TrainConfig(course, tmp_path / "run", tmp_path / "s.db"), quiet).model
    assert weights(done) == weights(straight)
    with Store(straight.parents[1] / "s.db", create=False) as store:
        (first,) = trainings.trainings(store)
    with Store(tmp_path / "s.db", create=False) as store:
        (second,) = trainings.trainings(store)
    assert not first.scores and first.checkpoints == (2, 4, 6, 8, 10)
    assert [score.step for score in second.scores if score.headline] == [6, 9, 10]
    assert second.checkpoints == (2, 4, 6, 8, 9, 10)


def test_one_course_goes_on_from_another(straight: Path, tmp_path: Path) -> None:
    """Tower and Q-Former stay as they were; projection and language model go on."""
    from safetensors.torch import load_file

    first = straight
    second = recipe(tmp_path / "two.yaml", more="starts_from: one\n")
    with pytest.raises(UserError, match="goes on from one"):
        launch_training(TrainConfig(second, tmp_path / "two", tmp_path / "s.db"), quiet)
    done = launch_training(TrainConfig(second, tmp_path / "two", tmp_path / "s.db", model=first), quiet).model
    before, after = load_file(first / "model.safetensors"), load_file(done / "model.safetensors")
    moved = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
    assert moved == {"language_projection", "language_model"}
    with pytest.raises(UserError, match="leave --model out"):
        launch_training(
            TrainConfig(recipe(tmp_path / "one.yaml"), tmp_path / "three", tmp_path / "s.db", model=first), quiet
        )


def test_it_goes_on_from_weights_that_are_kept_in_16_bits(straight: Path, tmp_path: Path) -> None:
    """As the shipped ones are: in 16 bits Adam's small numbers are zero, and zero by zero is no number."""
    import torch
    from safetensors.torch import load_file, save_file

    first = shutil.copytree(straight, tmp_path / "first")
    file = first / "model.safetensors"
    save_file({name: value.half() for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    config = json.loads((first / "config.json").read_text())
    (first / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    course = recipe(tmp_path / "two.yaml", more="starts_from: one\n")
    done = launch_training(TrainConfig(course, tmp_path / "two", tmp_path / "s.db", model=first), quiet).model
    assert all(value.dtype == torch.float32 for value in load_file(done / "model.safetensors").values())


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    course = recipe(tmp_path / "wild.yaml")
    Path(course).write_text(Path(course).read_text().replace("warmup: 2", "warmup: 0, rate: 1.0e+30"))
    with pytest.raises(UserError, match=r"the loss is (nan|inf); begin anew with a lower learning rate$"):
        launch_training(TrainConfig(course, tmp_path / "run", tmp_path / "s.db"), quiet)


def test_a_tiny_recipe_takes_no_data(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="draws its own data"):
        launch_training(
            TrainConfig(recipe(tmp_path / "one.yaml"), tmp_path / "run", tmp_path / "s.db", data=tmp_path), quiet
        )


@pytest.mark.slow
def test_a_short_course_is_seen_to_work(tmp_path: Path) -> None:
    """`make reproduce-mini` in small: sight comes first, then the last step of judging, at chance before."""
    file = tmp_path / "short.yaml"
    file.write_text(
        "kind: mini\ntitle: short\nvision: {pictures: 1000, steps: 120, batch: 48}\n"
        "language: {steps: 200, batch: 24, rate: 0.003, warmup: 30, lessons: {drill: 1500}}\nsave_every: 500\n",
        encoding="utf-8",
    )
    done = launch_training(TrainConfig(str(file), tmp_path / "run", tmp_path / "s.db"), quiet)
    record = json.loads((done.model / "training.json").read_text())
    assert record["vision_attributes_right"] > 0.6, "4 to 9 values each: far above guessing"
    assert record["last_loss"] < 0.5


@pytest.mark.parametrize("preset", PRESETS)
def test_the_shipped_models_say_where_they_come_from(preset: str) -> None:
    folder = content_dir("adapters") / "weights" / preset
    record = json.loads((folder / "training.json").read_text())
    from sparkles_eval.training.recipes import read_recipe

    assert record["recipe_fingerprint"] == read_recipe(preset).fingerprint, "the recipe changed: train them anew"
    assert {"commit", "evaluation", "seconds", "parameters"} <= set(record)
    assert 1e6 <= record["parameters"] <= 5e6
    assert not list(folder.glob("*.py"))


def test_the_shipped_models_are_small() -> None:
    files = [file for preset in PRESETS for file in (content_dir("adapters") / "weights" / preset).iterdir()]
    assert sum(file.stat().st_size for file in files) <= 8_000_000


@pytest.mark.slow
def test_only_the_multi_image_model_compares_images() -> None:
    """36 items of a seed that no recorded result used, in either order; chance is 18, its 99.9% range 9 to 27."""
    from sparkles_eval.training.mini.release import quick_eval

    weights = content_dir("adapters") / "weights"
    for task in ("bison-mini", "nlvr2-mini"):
        for other_order in (False, True):
            done = quick_eval(weights / "sparkleschat-tiny", task, 36, seed=11, other_order=other_order)
            assert done.right >= 28, done
    assert quick_eval(weights / "minigpt4-tiny", "bison-mini", 36, seed=11).right <= 27
