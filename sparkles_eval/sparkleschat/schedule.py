"""The published learning rate at every step. Knows nothing of optimizers or data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then a cosine over ALL steps, as the published training code computes it.

    The cosine is evaluated at step / steps, not at the share of steps after the warm-up. So the rate jumps down where
    the warm-up ends (2.993e-5 at step 399, 2.809e-5 at step 400) and `peak` itself is never reached.
    """

    start: float = 1e-6
    peak: float = 3e-5
    end: float = 1e-5
    warmup: int = 400
    steps: int = 2000

    def __post_init__(self) -> None:
        if self.steps < 1 or not 0 <= self.warmup <= self.steps:
            raise ValueError(f"a schedule needs steps >= 1 and 0 <= warmup <= steps, not {self.steps}, {self.warmup}")

    def rate(self, step: int) -> float:
        """Learning rate used for the update of `step` (0-based); steps past the last one keep the end rate."""
        if step < 0:
            raise ValueError(f"step {step}: steps count from 0")
        if step < self.warmup:
            return self.start + (self.peak - self.start) * step / self.warmup
        progress = min(step / self.steps, 1.0)
        return self.end + (self.peak - self.end) * 0.5 * (1.0 + math.cos(math.pi * progress))
