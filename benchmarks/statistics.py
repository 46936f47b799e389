"""Times the statistics engine and prints Markdown rows: 50 models x 7,000 items, 10,000 resamples, all 1,225 pairs.

scipy.stats.bootstrap is timed in the same run on ONE model with the percentile method, over items (it has no clusters
and no many-model form), so its time for 50 models is that time multiplied by 50; the row says so.

    python -m benchmarks.statistics        (or: python benchmarks/statistics.py)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import numpy as np
from scipy import stats

from sparkles_eval.stats import mcnemar, pairwise, ranks, resample

MODELS, ITEMS, RESAMPLES = 50, 7_000, 10_000
SETS, GROUPS = 1_054, 2_018
"""Image sets and sentence groups of the NLVR2 development set."""


def _seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """Fastest of `repeats`, as other work on the machine only ever adds time."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def _row(job: str, seconds: float, target: str = "") -> None:
    print(f"| {job} | {seconds:.4f} | {target} |")


def main() -> None:
    """Prints the table."""
    rng = np.random.default_rng(0)
    right = (rng.random((ITEMS, MODELS)) < np.linspace(0.45, 0.75, MODELS)).astype(np.float64)
    scores = rng.integers(6, 61, (ITEMS, MODELS)) / 6
    sets, groups = rng.integers(0, SETS, ITEMS), rng.integers(0, GROUPS, ITEMS)
    print(f"{os.cpu_count()} cores, numpy {np.__version__}, B = {RESAMPLES:,}, {MODELS} models x {ITEMS:,} items\n")
    print("| job | seconds (best of 3) | target |\n| --- | ---: | --- |")

    def clustered(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return resample.bootstrap_means(resample.cluster_totals(table, labels), resamples=RESAMPLES)

    ours = _seconds(lambda: clustered(right, sets))
    _row(f"clustered bootstrap, accuracy, {SETS:,} clusters", ours, "<= 1.0 s")
    _row(f"clustered bootstrap, accuracy, {GROUPS:,} clusters", _seconds(lambda: clustered(right, groups)), "<= 1.0 s")
    _row(f"clustered bootstrap, scores in sixths, {SETS:,} clusters", _seconds(lambda: clustered(scores, sets)))
    items = _seconds(lambda: clustered(right, np.arange(ITEMS)), 1)
    _row("bootstrap over single items", items)
    means = clustered(right, sets)
    _row("percentile intervals of all 1,225 pairs", _seconds(lambda: resample.pair_intervals(means)))
    _row("all 1,225 pairs, analytic clustered t", _seconds(lambda: pairwise.pair_tests(right, sets)), "<= 0.1 s")
    _row("all 1,225 pairs, 10,000 sign flips, n = 150", _seconds(lambda: pairwise.pair_sign_flips(scores[:150])))
    _row("rank sets and letters of 50 models, 450 items", _seconds(lambda: ranks.rank_sets(scores[:450])))
    counts = mcnemar.paired_counts(right[:, 0], right[:, 1])
    _row("McNemar and intervals of one pair", _seconds(lambda: (mcnemar.mcnemar(counts.only_a, counts.only_b),
                                                               mcnemar.paired_difference(counts))))  # fmt: skip

    one = _seconds(
        lambda: stats.bootstrap(
            (right[:, 0],), np.mean, n_resamples=RESAMPLES, method="percentile", batch=500, rng=np.random.default_rng(0)
        ),
        1,
    )
    _row("scipy.stats.bootstrap, ONE model, percentile, single items (measured)", one)
    _row("the same x 50 models (multiplied, not measured)", one * MODELS)
    print(f"\nRatio, 50 models: scipy (one measured x {MODELS}) / clustered engine = {one * MODELS / ours:.0f}; ")
    print(f"like for like over single items: {one * MODELS / items:.0f}.")


if __name__ == "__main__":
    main()
