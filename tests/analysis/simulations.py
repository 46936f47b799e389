"""How often what is printed holds: simulated leaderboards through `compare`, human estimates and audits.

`python -m tests.analysis.simulations [NAME ...] [--repeats N]` prints a table and fails where a number is out of its
bounds: intervals within 1.5 points of 95% (or above, where so said), claims about equal models in 6% at most.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.humans.estimate import human_report
from sparkles_eval.analysis.judges.audit_tables import findings
from sparkles_eval.analysis.metrics import Rows, estimate
from sparkles_eval.analysis.ranking import Ranking, ranking
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.core import Estimate
from sparkles_eval.core.samples import read_cluster
from sparkles_eval.stats.arrays import FloatArray
from sparkles_eval.stats.distributions import normal_cdf
from sparkles_eval.stats.sequential import confidence_sequence
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RULE, RUN, fill

LOW, HIGH, CLAIMS = 0.935, 0.985, 0.06


@dataclass
class Tally:
    """Counts of what held, by what was printed."""

    held: dict[str, list[bool]] = field(default_factory=dict)

    def add(self, what: str, holds: bool | None) -> None:
        if holds is not None:
            self.held.setdefault(what, []).append(holds)

    def share(self, what: str) -> float:
        return sum(self.held[what]) / len(self.held[what])


@dataclass(frozen=True)
class Design:
    """Items: `labels` gives their clusters anew for every repeat."""

    labels: Callable[[np.random.Generator], list[str]]
    missing: int = 0
    """Wrong answers of the first model that are not there."""
    judged: bool = False


def _sizes(*sizes: int) -> Callable[[np.random.Generator], list[str]]:
    return lambda _: [f"c{n}" for n, size in enumerate(sizes) for _ in range(size)]


def _graph(images: int, items: int) -> Callable[[np.random.Generator], list[str]]:
    def labels(rng: np.random.Generator) -> list[str]:
        weights = rng.gamma(2.0, 1.0, images)
        found = [rng.choice(images, 2, replace=False, p=weights / weights.sum()).tolist() for _ in range(items)]
        return [f"image-{min(pair)}||image-{max(pair)}" for pair in found]

    return labels


DESIGNS: dict[str, Design] = {
    "independent": Design(_sizes(*[1] * 150)),
    "balanced 40x4": Design(_sizes(*[4] * 40)),
    "balanced 120x4": Design(_sizes(*[4] * 120)),
    "one of 60": Design(_sizes(60, *[1] * 12, *[2] * 12, *[3] * 18)),
    "30, 20, 15, 10": Design(_sizes(30, 20, 15, 10, *[1] * 25, *[2] * 25)),
    "BISON 100 images": Design(_graph(100, 300)),
    "BISON 700 images": Design(_graph(700, 1000)),
    "BISON published, 1:50": Design(_graph(774, 1085)),
    "15 missing of 150": Design(_sizes(*[1] * 150), missing=15),
    "scores 40x4": Design(_sizes(*[4] * 40), judged=True),
    "scores, one of 60": Design(_sizes(60, *[1] * 12, *[2] * 12, *[3] * 18), judged=True),
}


def scores(rng: np.random.Generator, design: Design, models: int) -> tuple[list[FloatArray], list[str]]:
    """Equal models on the same items: a quarter of the variance each shared and own by unit, the rest by item."""
    labels = design.labels(rng)
    units = [label.split("||") for label in labels]
    names = {name: at for at, name in enumerate(dict.fromkeys(name for own in units for name in own))}
    member = np.array([[names[own[0]], names[own[-1]]] for own in units])
    crossed = member[:, 0] != member[:, 1]

    def by_unit(variance: float) -> FloatArray:
        effects = rng.normal(0, np.sqrt(variance), len(names))
        both = (effects[member[:, 0]] + effects[member[:, 1]]) / np.sqrt(2)
        return np.asarray(np.where(crossed, both, effects[member[:, 0]]), dtype=np.float64)

    shared = by_unit(0.15) + rng.normal(0, np.sqrt(0.25), len(labels))
    latent = [shared + by_unit(0.15) + rng.normal(0, np.sqrt(0.45), len(labels)) for _ in range(models)]
    if design.judged:
        return [np.clip(np.rint(7 + 1.5 * one), 1, 10) for one in latent], labels
    return [(one > -0.25).astype(np.float64) for one in latent], labels


def leaderboard_of(name: str, repeats: int, models: int = 4) -> Tally:
    """Accuracies, differences, claims and rank sets that `compare` prints of equal models."""
    design, tally = DESIGNS[name], Tally()
    rng = np.random.default_rng(17)
    truth = normal_cdf(0.25)
    if design.judged:
        drawn = np.clip(np.rint(7 + 1.5 * np.random.default_rng(0).normal(0, 1, 2_000_000)), 1, 10)
        truth = float(drawn.mean())
    found, labels = scores(rng, design, models)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "s.db") as store:
        given = {f"m{n}": list(one) for n, one in enumerate(found)}
        run = replace(RUN, total=len(labels))
        fill(store, given, clusters=labels, judge=RATER if design.judged else RULE, run=run)
        (first,) = compare(store, *given).comparisons
    again = _ranked(first.matrix, found, labels)
    assert (again.pairs, again.ranked_runs) == (first.pairs, first.ranked_runs), "the same as is printed"
    for _ in range(repeats):
        found, labels = scores(rng, design, models)
        if design.missing:
            found[0][np.flatnonzero(found[0] == 0)[: design.missing]] = np.nan
        made = _ranked(first.matrix, found, labels)
        for row in made.ranked_runs[0 if not design.missing else models :]:
            tally.add("accuracy", _covers(row.estimate, truth))
        for pair in made.pairs:
            if not design.missing:
                tally.add("difference", None if pair.low is None else bool(pair.low <= 0 <= (pair.high or 0)))
            tally.add("claimed, a pair", pair.significant)
        tally.add("claimed, any", any(pair.significant for pair in made.pairs))
        ranked = [row for row in made.ranked_runs if row.rank_low is not None]
        if ranked:
            whole = all(row.rank_low == 1 and row.rank_high == len(ranked) for row in ranked)
            tally.add("rank sets hold", whole)
    return tally


def _ranked(matrix: ScoreMatrix, found: Sequence[FloatArray], labels: Sequence[str]) -> Ranking:
    """What `compare` makes of these values, without writing them to a store first."""
    keys = tuple(matrix.rows.keys[at] if at < len(matrix.rows.keys) else f"more {at}" for at in range(len(labels)))
    clusters = tuple(read_cluster(label) for label in labels)
    rows = Rows(keys, tuple(f"item-{at}" for at in range(len(labels))), clusters, tuple(labels))
    columns = []
    for column, own in zip(matrix.columns, found, strict=True):
        values = [None if np.isnan(value) else float(value) for value in own]
        options = len(column.run.run.task.options)
        made = estimate(matrix.metric, values, rows, rows.sizes, options, single=True)
        columns.append(replace(column, rows=rows, values=own, estimate=made))
    return ranking(columns)


def _covers(found: Estimate, truth: float) -> bool | None:
    return None if found.low is None or found.high is None else found.low <= truth <= found.high


def human_of(labelled: int, repeats: int) -> Tally:
    """Means and differences that `human estimate` prints: 150 dialogues, a judge that correlates .7 with people."""
    tally, rng = Tally(), np.random.default_rng(18)
    for _ in range(repeats):
        quality = {name: np.clip(rng.normal(6, 1.2, 150), 2, 10) for name in ("a", "b")}
        judge = {name: [*np.clip(q + 0.8 + rng.normal(0, 1.2, 150), 1, 10)] for name, q in quality.items()}
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "s.db") as store:
            ids = fill(store, judge, judge=RATER, run=replace(RUN, total=150))
            runs = read_runs.runs(store)
            keys = {ids[name]: [p.sample_id for p in read_runs.places(store, ids[name])] for name in judge}
            rows = tuple(
                SheetRow(f"{at:04d}{name}", ids[name], keys[ids[name]][at], 0)
                for name in judge
                for at in range(labelled)
            )
            sheet = Sheet("ada", RUN.task, 0, 1, 10, RATER.criteria, rows)
            add_sheet(store, sheet)
            given = [
                HumanRating("ada", ids[n], keys[ids[n]][at], 0, turn, c.id, float(quality[n][at]), "", sheet.id)
                for n in judge
                for at in range(labelled)
                for turn in (1, 2)
                for c in RATER.criteria
            ]
            add_ratings(store, given)
            report = human_report(store, read_runs.judges(store, runs[0].id)[0])
        for model in report.models:
            assert model.joined is not None
            tally.add("mean", model.joined.low <= 6 <= model.joined.high)
        (pair,) = report.pairs
        assert pair.joined is not None
        tally.add("difference", pair.joined.low <= 0 <= pair.joined.high)
    return tally


def audit_of(noise: float, dialogues: int, repeats: int) -> Tally:
    """Pages of an honest, noisy judge on which it is accused of anything."""
    from tests.analysis.judges.test_audit_verdicts import audit, honest, probes_of

    tally, probes = Tally(), probes_of(dialogues)
    for seed in range(repeats):
        found = findings(audit(probes, honest(noise), seed, dialogues))
        accused = [one for one in found if (one.group == "tricks") == (one.verdict in ("no", "barely"))]
        accused = [one for one in accused if one.group == "tricks" or one.verdict == "no"]
        tally.add("accused, a page", bool(accused))
        tally.add("told", float(np.mean([one.verdict != "undecided" for one in found])) > 0.5)
    return tally


def looks_of(looks: Sequence[int], repeats: int) -> Tally:
    """Claims about equal models that are looked at again and again, by the usual and the always-valid interval."""
    tally, rng = Tally(), np.random.default_rng(19)
    for _ in range(repeats):
        d = rng.choice([-1.0, 0.0, 1.0], looks[-1], p=[0.2, 0.6, 0.2])
        plain = always = False
        for n in looks:
            mean, se = float(d[:n].mean()), float(d[:n].std(ddof=1)) / np.sqrt(n)
            plain = plain or abs(mean) > 1.96 * se
            low, high = confidence_sequence(mean, se, n)
            always = always or not low <= 0 <= high
        tally.add("claimed at some look", plain)
        tally.add("claimed, always-valid", always)
    return tally


def everything(repeats: int) -> dict[str, Callable[[], Tally]]:
    """Every simulation by name."""
    made: dict[str, Callable[[], Tally]] = {name: lambda n=name: leaderboard_of(n, repeats) for name in DESIGNS}  # type: ignore[misc]
    made |= {f"human, {n} labels": lambda n=n: human_of(n, repeats) for n in (20, 50)}  # type: ignore[misc]
    made |= {
        f"audit, noise {noise}, {n} dialogues": lambda s=noise, n=n: audit_of(s, n, repeats)  # type: ignore[misc]
        for noise in (0.5, 1.0)
        for n in (30, 50)
    }
    return made | {"six looks": lambda: looks_of((50, 100, 150, 200, 250, 300), 10 * repeats)}


def faults(tally: Tally) -> list[str]:
    """What is out of its bounds, with three standard errors of the simulation to spare beyond them."""
    found = []
    for what, held in tally.held.items():
        share, n = tally.share(what), len(held)
        room = 3 * np.sqrt(max(share * (1 - share), 0.01) / n)
        if what in ("accuracy", "difference", "mean", "rank sets hold") and share + room < LOW:
            found.append(f"{what} {share:.3f}")
        if what.startswith(("claimed, ", "accused")) and share - room > CLAIMS:
            found.append(f"{what} {share:.3f}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is named, or everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--repeats", type=int, default=300)
    asked = parser.parse_args(arguments)
    bad = 0
    for name, run in everything(asked.repeats).items():
        if asked.names and not any(name.startswith(one) for one in asked.names):
            continue
        tally = run()
        said = ", ".join(f"{what} {tally.share(what):.3f}" for what in tally.held)
        wrong = faults(tally)
        bad += bool(wrong)
        print(f"{name}: {said}{'  OUT OF BOUNDS: ' + '; '.join(wrong) if wrong else ''}", flush=True)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
