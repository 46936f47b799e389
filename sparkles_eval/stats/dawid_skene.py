"""The Dawid-Skene model by EM: weighs binary judges without gold labels.

It needs about 5 judges and 100 items, and errors that are independent given the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import BoolArray, FloatArray, ValueTable, table

__all__ = ["DawidSkene", "dawid_skene"]


@dataclass(frozen=True, slots=True)
class DawidSkene:
    """Posterior of each item and what each judge is worth. `note` warns of too little data or switched labels."""

    prevalence: float
    posterior: FloatArray
    """P(item is 1); NaN for an item that nobody judged."""
    sensitivity: FloatArray
    """Per judge: P(says 1 | is 1); NaN for a judge without votes there."""
    specificity: FloatArray
    majority: FloatArray
    """Share of votes for 1 per item, where it starts from."""
    iterations: int
    note: str = ""


def dawid_skene(votes: ValueTable, *, tolerance: float = 1e-12, max_iterations: int = 10_000) -> DawidSkene:
    """EM over each judge's confusion matrix, from vote shares, without smoothing. `votes`: items x judges, 0/1/None.

    Source: Dawid and Skene 1979. Traps: with 3 judges and 10 items it collapses onto one judge; labels can switch; it
    believes in independent errors, which language models do not have. Raises UserError for other values or no votes.
    """
    x = table(votes, "dawid_skene")
    given = ~np.isnan(x)
    if x.ndim != 2 or not given.any() or not np.isin(x[given], (0.0, 1.0)).all():
        raise UserError("dawid_skene: give items x judges with votes 0 or 1, and None where a judge did not vote")
    counts = given.sum(axis=1)
    judged = counts > 0
    yes = np.where(given, x, 0.0)
    majority = np.where(judged, yes.sum(axis=1) / np.maximum(counts, 1), np.nan)
    posterior = majority[judged]
    seen, said = given[judged], yes[judged]
    rounds = 0
    for rounds in range(1, max_iterations + 1):  # noqa: B007 (the count is reported)
        prevalence, se, sp = _maximise(posterior, seen, said)
        updated = _expect(prevalence, se, sp, seen, said)
        change = float(np.max(np.abs(updated - posterior)))
        posterior = updated
        if change < tolerance:
            break
    prevalence, se, sp = _maximise(posterior, seen, said)
    whole = np.full(x.shape[0], np.nan)
    whole[judged] = posterior
    notes = []
    if x.shape[1] < 5 or posterior.size < 100:
        notes.append(f"{x.shape[1]} judges on {posterior.size} items: fewer than 5 judges or 100 items, check by hand")
    both = (se + sp)[~np.isnan(se + sp)]
    if both.size and float(both.mean()) < 1:
        notes.append("labels may have switched: the judges come out worse than coins")
    return DawidSkene(prevalence, whole, se, sp, majority, rounds, "; ".join(notes))


def _maximise(posterior: FloatArray, seen: BoolArray, said: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        se = (posterior @ said) / (posterior @ seen)
        sp = ((1 - posterior) @ (seen - said)) / ((1 - posterior) @ seen)
    return float(posterior.mean()), np.asarray(se, dtype=np.float64), np.asarray(sp, dtype=np.float64)


def _expect(prevalence: float, se: FloatArray, sp: FloatArray, seen: BoolArray, said: FloatArray) -> FloatArray:
    """P(1 | votes). A rate of exactly 0 rules a class out; the tiny floor only keeps its logarithm finite."""
    floor = 1e-300
    logs = [np.log(np.maximum(np.nan_to_num(rate, nan=0.5), floor)) for rate in (se, 1 - se, sp, 1 - sp)]
    denied = seen - said
    one = np.log(max(prevalence, floor)) + said @ logs[0] + denied @ logs[1]
    nought = np.log(max(1 - prevalence, floor)) + denied @ logs[2] + said @ logs[3]
    return np.asarray(1 / (1 + np.exp(np.clip(nought - one, -700, 700))), dtype=np.float64)
