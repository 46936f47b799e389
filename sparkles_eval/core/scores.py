"""Criteria, verdicts, scores and estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sparkles_eval.core.requests import Usage

MIN_COVERAGE = 0.95
"""Share of the samples that must be graded before a model is ranked; below it, only easy ones may have been graded."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a judge rates, on the judge's scale. `weight` counts in the mean over criteria."""

    id: str
    name: str
    description: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Rating:
    """One number inside a verdict: which turn (1-based), which criterion, how many points, and the judge's reason."""

    turn: int
    criterion: str
    value: float
    explanation: str = ""


class VerdictStatus(StrEnum):
    """How one attempt at a verdict ended. Only GRADED has ratings."""

    GRADED = "graded"
    INVALID = "invalid"
    """The judge replied, but not with every criterion of every turn exactly once on the scale."""
    REFUSED = "refused"
    ERROR = "error"
    """The judge's model could not be asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge reply on one answered sample, raw text kept. `reason` says why there are no ratings."""

    status: VerdictStatus
    ratings: tuple[Rating, ...] = ()
    overall: Mapping[int, float] = field(default_factory=dict)
    """The judge's own overall score per turn; it is kept but never used (protocol)."""
    reason: str | None = None
    prompt: str | None = None
    raw: str | None = None
    usage: Usage = Usage()
    latency_s: float = 0.0
    model_version: str | None = None
    reasoning: str | None = None
    """The judge's reasoning before its verdict."""
    canary: str = ""
    """The random word that every rating must repeat; "" where the rubric prints none."""
    cut_off: bool = False
    """True where the reply was cut off before its end."""


@dataclass(frozen=True, slots=True)
class Score:
    """The number for one response, criterion and judge, or None with a reason. Not graded is not zero.

    `invalid` marks a model answer that names no option: it counts as wrong (value 0) and widens the bounds.
    `answer` is the option that was read out of the response, for tasks with options.
    """

    turn: int
    criterion: str
    value: float | None
    reason: str | None = None
    invalid: bool = False
    answer: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError(f"a score without a value needs a reason (turn {self.turn}, {self.criterion})")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number as every table prints it: value with its 95% interval, from `n` graded of `total` asked.

    `low`/`high` are None where no interval is honest (n too small, no variation); `note` then says why.
    `clusters` is the number of independent units behind n.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    clusters: int | None = None
    method: str = ""
    note: str = ""
