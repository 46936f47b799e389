"""What the command refuses to train on, and what it says of what it compared."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sparkles_eval.core.errors import DataError
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training


def test_training_on_what_a_task_asks_is_refused(
    model_folder: Path, data_folder: Path, recipe_file: Path, tmp_path: Path
) -> None:
    """The embedded dialogues' own scenes as training images: found by their bytes, unless allowed."""
    from sparkles_eval.tasks.load import load_task

    image = load_task("bison-mini", args={"n": "2"}).samples[0].images[0]
    data = tmp_path / "data"
    shutil.copytree(data_folder, data)
    assert image.path is not None
    shutil.copy(image.path, data / "images" / "20000.png")
    records = json.loads((data / "turn1_1img.json").read_text())
    records[0]["tgt_imgs"] = [{"image_id": 20000}]
    (data / "turn1_1img.json").write_text(json.dumps(records))
    train_config = TrainConfig(
        str(recipe_file),
        tmp_path / "run",
        tmp_path / "s.db",
        data,
        model_folder,
        against=("bison-mini",),
        cache=tmp_path / "cache",
    )
    with pytest.raises(DataError, match=r"bison-mini-0-0: image .* is images/20000\.png"):
        launch_training(train_config, str)
    said: list[str] = []
    allowed = TrainConfig(
        str(recipe_file),
        tmp_path / "run",
        tmp_path / "s.db",
        data,
        model_folder,
        against=("bison-mini",),
        allow_contamination=True,
        cache=tmp_path / "cache",
    )
    launch_training(allowed, said.append)
    (told,) = (line for line in said if line.startswith("contamination: "))
    assert "120 images and 60 items of bison-mini" in told and not told.endswith(" 0 shared")
