"""The statistics engine: 50 models x 7,000 items, 10,000 clustered resamples, and all 1,225 pairs.

`python -m benchmarks.statistics [--quick] [--write]`. Knows nothing of stores: the scores are drawn here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from benchmarks.results import Figure, circumstances, command_line, table
from sparkles_eval.stats import bootstrap, pairwise, ranks

TITLE = "Statistics"
MODELS, ITEMS, RESAMPLES = 50, 7_000, 10_000
SETS, GROUPS = 1_054, 2_018
"""Image sets and sentence groups of the NLVR2 development set."""


def _seconds(job: Callable[[], object], repeats: int) -> float:
    """Fastest of `repeats`, as other work on the machine only ever adds time."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def _scipy_one_model(right: np.ndarray) -> object:
    rng = np.random.default_rng(0)
    return stats.bootstrap((right,), np.mean, n_resamples=RESAMPLES, method="percentile", batch=500, rng=rng)


def report(quick: bool) -> str:
    """Measure and give the section's Markdown. Milliseconds throughout; the ratios to scipy stand in the words."""
    repeats = 1 if quick else 3
    rng = np.random.default_rng(0)
    right = (rng.random((ITEMS, MODELS)) < np.linspace(0.45, 0.75, MODELS)).astype(np.float64)
    scores = rng.integers(6, 61, (ITEMS, MODELS)) / 6
    sets, groups = rng.integers(0, SETS, ITEMS), rng.integers(0, GROUPS, ITEMS)
    means = bootstrap.bootstrap_means(bootstrap.cluster_totals(right, sets), resamples=RESAMPLES)

    def timed(job: Callable[[], object]) -> float:
        return 1e3 * _seconds(job, repeats)

    def boot(values: np.ndarray, labels: np.ndarray) -> float:
        return timed(lambda: bootstrap.bootstrap_means(bootstrap.cluster_totals(values, labels), resamples=RESAMPLES))

    one = 1e3 * _seconds(lambda: _scipy_one_model(right[:, 0]), 1)
    clustered, single = boot(right, sets), boot(right, np.arange(ITEMS))
    figures = [
        Figure(f"bootstrap, accuracy, {SETS:,} clusters", clustered, "ms", MODELS * one, at_most=1000),
        Figure(f"bootstrap, accuracy, {GROUPS:,} clusters", boot(right, groups), "ms", MODELS * one, at_most=1000),
        Figure(f"bootstrap, scores in sixths, {SETS:,} clusters", boot(scores, sets), "ms", MODELS * one),
        Figure("bootstrap, accuracy, every item a cluster", single, "ms", MODELS * one),
        Figure("percentile intervals of 1,225 pairs", timed(lambda: bootstrap.pair_intervals(means)), "ms"),
        Figure("1,225 pairs, clustered t", timed(lambda: pairwise.pair_tests(right, sets)), "ms", at_most=100),
        Figure("rank sets and letters, n = 450", timed(lambda: ranks.rank_sets(scores[:450])), "ms"),
    ]
    words = (
        f"{MODELS} models x {ITEMS:,} items, {RESAMPLES:,} resamples; fastest of {repeats}. The floor is "
        f"`scipy.stats.bootstrap` (percentile, single items) on ONE model, measured once in this run ({one:.0f} ms) "
        f"and multiplied by {MODELS}, as it knows neither clusters nor many models. It takes "
        f"{MODELS * one / clustered:.0f} times as long as the clustered bootstrap, and {MODELS * one / single:.0f} "
        "times as long like for like (every item a cluster)."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.statistics", {TITLE: report})
