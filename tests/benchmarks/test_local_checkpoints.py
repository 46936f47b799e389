"""The benchmark of local checkpoints asks every way the same, and its dialogues show earlier pictures again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from benchmarks.local_checkpoints import WORKLOADS, Size, ours, plain, requests_of
from sparkles_eval.adapters.local.transformers import Transformers
from tests.adapters.feeding import pictures
from tests.adapters.making import build
from tests.adapters.tiny_llava import write_llava


def test_ways_answer_the_same_questions_and_ours_encodes_each_picture_once(tmp_path: Path) -> None:
    import torch

    (tmp_path / "images").mkdir()
    images = pictures(tmp_path / "images", 4)
    model = cast("Transformers", build(f"transformers/{write_llava(tmp_path / 'llava')}", None))
    size = Size(items=6, alone=2, pictures=4, answer=4)
    single, two = (requests_of(model, images, size, workload) for workload in WORKLOADS)
    assert [len(one.conversation.images) for one in two] == [2] * 3 + [3] * 3
    assert two[3].conversation.images[:2] == two[0].conversation.images
    shown = {image.sha256 for one in single for image in one.conversation.images}
    with torch.inference_mode():
        steps, encoded = ours(model, single, 4)
        assert encoded == len(shown) and steps <= plain(model, single, 4)[0]
        assert plain(model, single, 1)[1] == 2 * len(single)
