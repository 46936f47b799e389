"""The effect of invalid answers on an accuracy, under each policy for counting them. Works on counts."""

from __future__ import annotations

from dataclasses import dataclass

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.intervals import Interval, wilson

__all__ = ["InvalidPolicies", "RetryBias", "invalid_policies", "retry_bias"]


@dataclass(frozen=True, slots=True)
class InvalidPolicies:
    """One accuracy under each way of treating invalid answers, and bounds that hold under all of them."""

    strict: float
    """Invalid is wrong: right / n. The default everywhere."""
    chance_credit: float
    """Invalid earns what guessing would: (right + invalid / options) / n."""
    excluded: float | None
    """right / (n - invalid); None when all are invalid. Flatters models that answer only when sure."""
    bound_low: float
    bound_high: float
    rate: Interval
    """Share of invalid answers, with its Wilson interval."""


def invalid_policies(n: int, right: int, invalid: int, *, options: int = 2, alpha: float = 0.05) -> InvalidPolicies:
    """Is a low score inability or bad formatting?

    Bounds [right / n, (right + invalid) / n] need no assumption at all. Source: Manski 2003, "Partial Identification
    of Probability Distributions". Raises UserError for n = 0 or counts that do not fit.
    """
    if n <= 0 or right < 0 or invalid < 0 or right + invalid > n or options < 1:
        raise UserError(
            f"invalid_policies: {right} right and {invalid} invalid of {n} with {options} options is impossible; "
            "give right + invalid <= n, n >= 1, options >= 1"
        )
    return InvalidPolicies(
        strict=right / n,
        chance_credit=(right + invalid / options) / n,
        excluded=right / (n - invalid) if invalid < n else None,
        bound_low=right / n,
        bound_high=(right + invalid) / n,
        rate=wilson(invalid, n, alpha=alpha),
    )


@dataclass(frozen=True, slots=True)
class RetryBias:
    """What asking again until an answer is valid does. Fields are None where no answer is ever valid."""

    strict: float
    retry_until_valid: float | None
    expected_calls: float | None


def retry_bias(right: float, wrong: float, invalid: float) -> RetryBias:
    """Accuracy that retrying until valid reports, against the strict one, for the three outcome probabilities.

    Retrying reports P(right | valid) = right / (right + wrong) and takes 1 / (right + wrong) calls on average: at
    .30/.30/.40 it reads .50 where the model answers 30% of questions. Raises UserError unless they sum to 1.
    """
    if min(right, wrong, invalid) < 0 or abs(right + wrong + invalid - 1) > 1e-6:
        raise UserError(f"retry_bias: {right}, {wrong}, {invalid} are not probabilities that sum to 1")
    valid = right + wrong
    if valid == 0:
        return RetryBias(right, None, None)
    return RetryBias(right, right / valid, 1 / valid)
