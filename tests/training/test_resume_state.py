"""Checkpoints of a training run: what was saved comes back as it was, and goes on as if nothing had been."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.training import resume_state  # noqa: E402

if TYPE_CHECKING:
    from torch.amp import GradScaler
    from torch.nn import Parameter
    from torch.optim import Optimizer


def test_a_gradient_scaler_goes_on_where_it_was(tmp_path: Path) -> None:
    """fp16 trains on a GPU, its scaler works anywhere: from what a checkpoint kept of it, it goes on."""

    def steps(scaler: GradScaler, weight: Parameter, count: int) -> Optimizer:
        optimizer: Optimizer = torch.optim.AdamW([weight], lr=0.1)
        for _ in range(count):
            scaler.scale((weight**2).sum()).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
        return optimizer

    weight = torch.nn.Parameter(torch.ones(3))
    scaler = torch.amp.GradScaler("cpu", growth_interval=3)
    trained = resume_state.TrainedState({"weight": weight}, steps(scaler, weight, 2))
    position = resume_state.RunPosition(step=2, recipe="r", data="d", scaler=dict(scaler.state_dict()))
    place = resume_state.save(tmp_path, position, trained, lambda _: None)
    assert resume_state.latest(tmp_path) == place

    found = resume_state.load(place, trained, "r", "d")
    again = torch.amp.GradScaler("cpu")
    again.load_state_dict(found.scaler)
    assert again.state_dict() == scaler.state_dict()
    steps(again, weight, 1)
    assert again.get_scale() == 2 * scaler.get_scale(), "the third step in a row that fits doubles the scale"
