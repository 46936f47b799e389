"""Verifies a store or bundle: every number must follow from the rows that it rests on.

Checks the file, hashes, requests, what was read out of replies, and what the metrics make of it.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from sparkles_eval.analysis.metrics import unknown
from sparkles_eval.analysis.run_scores import RunScores, read_scores
from sparkles_eval.publishing.discrepancies import Discrepancy, Verification, shown_value
from sparkles_eval.publishing.hashes import BAD_ROW, StoredSamples, check_answers, check_hashes
from sparkles_eval.publishing.integrity import check_integrity
from sparkles_eval.publishing.open_store import open_readonly
from sparkles_eval.publishing.recompute import Recomputed, recompute_scores
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store

MOST = 1000
"""Findings after which a check stops."""
_COUNTED = ("runs", "samples", "requests", "answers", "verdicts", "scores", "estimates")


def verify_file(path: Path, *, most: int = MOST, plugins: Sequence[Path] = ()) -> Verification:
    """Check a store file; nothing is written to it. Raises errors.StoreError for what is no store or is newer."""
    with open_readonly(path) as store:
        return verify(store, most=most, plugins=plugins)


def verify(store: Store, *, most: int = MOST, plugins: Sequence[Path] = ()) -> Verification:
    """Check an open store: its shape first, and only where that is sound what its rows mean."""
    found = list(islice(check_integrity(store), most))
    if found:
        return Verification(tuple(found), cut=len(found) == most)
    samples, done = StoredSamples(store), Recomputed()
    checks = chain(
        check_hashes(store, samples),
        check_answers(store, samples),
        recompute_scores(store, samples, done, plugins),
        check_estimates(store, done),
    )
    found = list(islice(_readable(checks), most))
    counts = {
        name: int(store.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - our own names
        for name in _COUNTED
    }
    unchecked, superseded = tuple(done.unchecked), tuple(done.superseded)
    return Verification(tuple(found), unchecked, counts, superseded, cut=len(found) == most)


def _readable(checks: Iterable[Discrepancy]) -> Iterator[Discrepancy]:
    """Findings to the end, or to the first row that no check can read: somebody made it up."""
    try:
        yield from checks
    except (*BAD_ROW, sqlite3.Error) as error:
        yield Discrepancy("", "", f"rows that cannot be read ({type(error).__name__}: {shown_value(str(error))})")


_ESTIMATE = ("value", "low", "high", "n", "total", "clusters")
_CLUSTERED = ("Wilson, clustered", "Clopper-Pearson, clustered", "t, clustered", "t, stratified")


def _made_earlier(read: RunScores, method: str | None) -> bool:
    """True where earlier versions made another interval by that method, or none: of clusters, and of several epochs."""
    sizes = Counter(place.cluster for place in read.places)
    if read.run.run.epochs > 1 and (not method or method == "t"):
        return True
    return method in _CLUSTERED and max(sizes.values(), default=0) > 1


def check_estimates(store: Store, done: Recomputed) -> Iterator[Discrepancy]:
    """Every metric that the view `leaderboard` shows and its scores do not give.

    What cannot be worked out here, for want of a plugin, is added to `done` in a sentence, and so is an
    interval that an earlier version made by another rule.
    """
    for run in read_runs.runs(store):
        for judge in read_runs.judges(store, run.id, every=True):
            rows = store.connection.execute(
                "SELECT * FROM estimates WHERE run_id = ? AND judge_id = ? AND basis = ?",
                (run.id, judge.id, read_runs.scores_version(store, run.id, judge.id)),
            ).fetchall()
            if not rows:
                continue
            read = read_scores(store, run, judge)
            made = {metric.name: read.measure(metric).estimate for metric in read.metrics if not unknown(metric)}
            lacking = {metric.name for metric in read.metrics if unknown(metric)}
            done.unchecked += [
                f"run_id {run.id}: the metric {shown_value(name)} is unknown here" for name in sorted(lacking)
            ]
            for row in rows:
                place = f"run_id {run.id}, judge {shown_value(judge.name)}, metric {shown_value(row['metric'])}"
                estimate = made.get(row["metric"])
                if row["metric"] in lacking:
                    continue
                if estimate is None:
                    yield Discrepancy("estimates", place, "is no metric of this task")
                    continue
                differing = [name for name in _ESTIMATE if not _close(row[name], getattr(estimate, name))]
                if differing and set(differing) <= {"low", "high"} and _made_earlier(read, row["method"]):
                    how = row["method"] or "none"
                    done.superseded.append(f"{place}: an interval that an earlier version made, as {how}")
                    continue
                for name in differing:
                    yield Discrepancy(
                        "estimates", place, f"{name} is {row[name]}, its scores give {getattr(estimate, name)}"
                    )


def _close(stored: float | None, made: float | None) -> bool:
    if stored is None or made is None:
        return stored is made
    return math.isclose(stored, made, rel_tol=1e-9, abs_tol=1e-9)
