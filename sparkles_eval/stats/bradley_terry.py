"""The Bradley-Terry model: one scale from pairwise verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import BoolArray, FloatArray, ValueTable, complete_table

__all__ = ["BradleyTerry", "bradley_terry"]


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """Log strengths that sum to 0, with standard errors under that constraint, and the same on the Elo scale."""

    log_strength: FloatArray
    se: FloatArray
    elo: FloatArray
    """1000 + 400 / ln(10) * log_strength."""

    def beats(self, i: int, j: int) -> float:
        """P(model i is preferred to model j)."""
        return 1 / (1 + math.exp(float(self.log_strength[j] - self.log_strength[i])))


def bradley_terry(wins: ValueTable, *, penalty: float = 0.0) -> BradleyTerry:
    """Strengths with P(i beats j) = pi_i / (pi_i + pi_j) from wins[i][j]; a tie is half a win for both.

    Maximum likelihood by Newton's method (the likelihood is concave in the logs). Assumes one dimension and independent
    verdicts. Source: Bradley and Terry 1952; Hunter 2004; Ford 1957 (existence). Raises UserError where the win graph
    is not strongly connected: some group never loses to the rest, and its strength would be infinite; a `penalty`
    above 0 (times half the sum of squared log strengths) makes it finite. Traps: bootstrap items, not verdicts, for
    intervals; do not make wins out of 1-10 scores for a headline.
    """
    w = complete_table(wins, "bradley_terry").copy()
    k = w.shape[0]
    if w.shape != (k, k) or k < 2 or np.any(w < 0) or penalty < 0:
        raise UserError("bradley_terry: give a square table of wins, 0 or more, of at least two models")
    np.fill_diagonal(w, 0.0)
    if penalty == 0 and not _strongly_connected(w > 0):
        raise UserError(
            "bradley_terry: some models never lose to (or never meet) the others, so their strength has no finite "
            "estimate; add comparisons, leave those models out, or pass a small penalty such as 0.1"
        )
    games = w + w.T
    theta = np.zeros(k)
    for _ in range(200):
        win = 1 / (1 + np.exp(np.clip(theta[None, :] - theta[:, None], -700, 700)))
        gradient = np.sum(w - games * win, axis=1) - penalty * theta
        information = _information(games * win * (1 - win)) + penalty * np.eye(k)
        step = np.linalg.pinv(information) @ gradient
        step *= min(1.0, 2.0 / max(float(np.max(np.abs(step))), 1e-300))
        theta = theta + step - (theta + step).mean()
        if float(np.max(np.abs(step))) < 1e-12:
            break
    win = 1 / (1 + np.exp(np.clip(theta[None, :] - theta[:, None], -700, 700)))
    covariance = np.linalg.pinv(_information(games * win * (1 - win)) + penalty * np.eye(k))
    return BradleyTerry(theta, np.sqrt(np.diag(covariance)), 1000 + 400 / math.log(10) * theta)


def _information(weights: FloatArray) -> FloatArray:
    np.fill_diagonal(weights, 0.0)
    return np.diag(weights.sum(axis=1)) - weights


def _strongly_connected(beats: BoolArray) -> bool:
    return all(_reached(graph).all() for graph in (beats, beats.T))


def _reached(graph: BoolArray) -> BoolArray:
    seen = np.zeros(graph.shape[0], dtype=np.bool_)
    frontier = seen.copy()
    frontier[0] = True
    while frontier.any():
        seen |= frontier
        frontier = graph[frontier].any(axis=0) & ~seen
    return seen
