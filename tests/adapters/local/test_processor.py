"""How the parts of a checkpoint's processor are found, and what is said where one is missing."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.local.checkpoint import Checkpoint
from sparkles_eval.adapters.local.processor import load_processor
from sparkles_eval.core.errors import UserError
from tests.adapters.architectures.asked import ASKED
from tests.adapters.architectures.making import write_checkpoint
from tests.adapters.tiny_llava import write_llava


def test_the_class_is_found_by_model_type_where_no_file_names_it(tmp_path: Path) -> None:
    folder = write_checkpoint("qwen2_vl", ASKED["qwen2_vl"], tmp_path / "qwen")
    for name in ("processor_config.json", "video_preprocessor_config.json"):
        (folder / name).unlink()
    assert type(load_processor(Checkpoint(str(folder)), {})).__name__ == "Qwen2VLProcessor"


def test_processors_without_video_are_loaded_as_before(tmp_path: Path) -> None:
    from transformers import LlavaProcessor

    assert type(load_processor(Checkpoint(str(write_llava(tmp_path / "llava"))), {})) is LlavaProcessor


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is here")
def test_a_processor_that_demands_torchvision_is_told_with_the_version_that_fits(tmp_path: Path) -> None:
    folder = write_llava(tmp_path / "pixtral")
    settings = json.loads((folder / "processor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({**settings, "processor_class": "PixtralProcessor"}))
    with pytest.raises(UserError, match=r"PixtralProcessor.*pip install 'torchvision==0\.\d+\.\*'"):
        load_processor(Checkpoint(str(folder)), {})


def test_a_folder_without_a_processor_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its processor cannot be loaded"):
        load_processor(Checkpoint(str(tmp_path)), {})
