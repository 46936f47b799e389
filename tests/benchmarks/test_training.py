"""The training benchmark compares like with like: the same step in every way, and operations that are really done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("accelerate", reason="needs the extra 'local'")


def test_every_way_begins_with_the_same_loss(tmp_path: Path) -> None:
    from benchmarks.training import WAYS, work

    told = []
    for way in (WAYS[0], WAYS[2]):
        work("tiny-quick", way, tmp_path / "told.json")
        told.append(json.loads((tmp_path / "told.json").read_text()))
    one, other = told
    assert one["first"] == pytest.approx(other["first"], rel=1e-3), "features are kept in 16 bits"
    assert (one["samples"], one["tokens"], one["flops"]) == (other["samples"], other["tokens"], other["flops"])
    assert one["peak"] == other["peak"] == 0, "the share of a GPU's peak needs one"


def test_the_operations_that_are_counted_are_done(tmp_path: Path) -> None:
    """Against torch's own count of one sample's products, forward and back, without the tower."""
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.training import _flops
    from benchmarks.training_run import SHAPES, Bench
    from sparkles_eval.training.loss import token_weights

    run = Bench(SHAPES["tiny-quick"], tmp_path, online=True, scaled=False).run
    row = run.prepared.subsets[0].rows[0]
    batch = run.processor.collate([row.encoded], "right")
    batch["weights"] = token_weights(batch["labels"], 1)
    batch["qformer_embeds"] = run.encoder.encode([run.encoder.pixels(picture, 0) for picture in row.pictures])
    with FlopCounterMode(display=False) as counter:
        run.loss_module(batch).backward()
    counted = _flops(run.model.config, len(row.encoded.input_ids), row.encoded.labelled)
    assert counted < counter.get_total_flops() < 1.5 * counted, "attention and the projection come on top"
