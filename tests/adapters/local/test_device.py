"""Memory that runs out is told as such, whatever raised it; small models get one thread."""

from __future__ import annotations

import pytest

from sparkles_eval.adapters.local.device import catch_out_of_memory, fitting_threads, row_memory
from sparkles_eval.core.errors import OutOfMemory

torch = pytest.importorskip("torch", reason="needs the extra 'local'")


def test_memory_that_runs_out_is_told_as_such() -> None:
    with pytest.raises(OutOfMemory, match="cpu: "), catch_out_of_memory("cpu"):
        torch.empty(2**62, dtype=torch.uint8)  # more than any address space has
    for raised in (torch.OutOfMemoryError("CUDA out of memory. Tried\nmore lines"), MemoryError()):
        with pytest.raises(OutOfMemory) as told, catch_out_of_memory("cuda:0"):
            raise raised
        assert "\n" not in str(told.value)
    with pytest.raises(RuntimeError, match="shapes"), catch_out_of_memory("cpu"):
        raise RuntimeError("shapes do not fit")
    assert row_memory("cpu") > 2**20


def test_a_small_model_computes_on_one_thread_and_leaves_the_number_as_it_was() -> None:
    before = torch.get_num_threads()
    with fitting_threads(torch.nn.Linear(4, 4), "cpu"):
        assert torch.get_num_threads() == 1
    with fitting_threads(torch.nn.Linear(5000, 5000), "cpu"):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before
