"""A generated folder goes into training as it is: a few steps with a whole model of a few thousand parameters."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.data.dialogues.test_generate import args
from tests.end_to_end.running import here
from tests.server import LoopbackServer
from tests.training.conftest import model_folder  # noqa: F401 - a fixture

pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")


def test_a_few_steps(
    photos: Path,
    server: LoopbackServer,
    tmp_path: Path,
    model_folder: Path,  # noqa: F811 - the fixture
) -> None:
    from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
    from sparkles_eval.training.config import TrainConfig
    from sparkles_eval.training.launch import launch_training

    assert here(*args(photos, server, tmp_path, "-n", "9")).code == 0
    model = shutil.copytree(model_folder, tmp_path / "model")
    processor = SparklesChatProcessor.from_pretrained(model)
    processor.settings = processor.settings.model_copy(update={"max_length": 700})
    processor.save_pretrained(model)
    recipe = yaml.safe_load((tmp_path / "set" / "recipe.yaml").read_text(encoding="utf-8"))
    recipe |= {"steps": 3, "batch": 4, "precision": "fp32", "views": {"crops": 1}, "save_every": 3}
    recipe["schedule"] = {"start": 1e-3, "peak": 1e-2, "end": 1e-3, "warmup": 1}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    said: list[str] = []
    config = TrainConfig(
        recipe=str(tmp_path / "short.yaml"),
        out=tmp_path / "run",
        data=tmp_path / "set",
        model=model,
        cache=tmp_path / "features",
        store=tmp_path / "train.db",
    )
    done = launch_training(config, said.append)
    assert (done.model / "projection.safetensors").is_file()
    for subset in recipe["subsets"]:
        assert any(line.startswith(f"{subset['name']}: ") for line in said)
    assert not any("dropped" in line for line in said)
