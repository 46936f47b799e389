"""What each judge does by itself: its use of the scale, its repeatability, its biases, and its cost.

None of the effects proves bias alone: each is shown with its control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.judges.judge_scores import HUMAN, WHOLE, Marks
from sparkles_eval.core import Estimate
from sparkles_eval.core.samples import Cluster
from sparkles_eval.judges.panel import family
from sparkles_eval.stats.estimates import mean_estimate
from sparkles_eval.stats.judge_bias import Halo, LengthBias, SelfPreference, halo, length_bias, self_preference
from sparkles_eval.stats.judge_quality import Compression, Repeatability, compression, mark_counts, repeatability
from sparkles_eval.store.read_samples import ReplyStats, reply_stats
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Habits:
    """One judge. A field is None where the marks do not allow it."""

    name: str
    person: bool
    mean: Estimate
    scale: Compression | None
    constancy: Repeatability | None
    """Over repeats of the judge; for people over raters."""
    halo: Halo | None
    length: LengthBias | None
    control: str
    """Whose marks stand for quality in `length`; "" where nobody else marked."""
    replies: ReplyStats | None


@dataclass(frozen=True, slots=True)
class Favour:
    """How much more a judge favours its own family than another judge does, on the same dialogues."""

    judge: str
    reference: str
    family: str
    own: tuple[str, ...]
    others: tuple[str, ...]
    effect: SelfPreference | None
    n: int
    note: str = ""


def habits(store: Store, marks: Marks) -> list[Habits]:
    """Every judge of the comparison."""
    return [_habits(store, marks, number) for number in range(len(marks.markers))]


def _habits(store: Store, marks: Marks, number: int) -> Habits:
    marker, whole = marks.markers[number], marks.of(number, WHOLE)
    counts = mark_counts(np.concatenate([marks.of(number, measure) for measure in marks.measures[1:]]))
    length, control = _length(marks, number)
    return Habits(
        name=marker.name,
        person=marker.row is None,
        mean=mean_estimate(whole, marks.clusters),
        scale=compression(counts, (marks.low, marks.high)) if counts else None,
        constancy=_constancy(marks.repeats[number]),
        halo=_halo(marks, number),
        length=length,
        control=control,
        replies=reply_stats(store, marker.row.id, {answer.sample_id for answer in marks.answers})
        if marker.row
        else None,
    )


def _constancy(repeats: NDArray[np.float64]) -> Repeatability | None:
    twice = (~np.isnan(repeats)).sum(axis=1) >= 2 if repeats.size else np.zeros(0, dtype=np.bool_)
    return repeatability(repeats) if twice.any() else None


def _halo(marks: Marks, number: int) -> Halo | None:
    table = marks.values[number].T
    whole = int(np.sum(~np.isnan(table).any(axis=1)))
    return halo(table, marks.models) if whole >= 3 and table.shape[1] >= 2 else None


def _length(marks: Marks, number: int) -> tuple[LengthBias | None, str]:
    """The length effect given the quality that people see, else the other judges; and who they are.

    One noisy measurement of quality accuses an honest judge. So the effect at equal quality is there only where quality
    was measured twice: by two raters or judges, or in two repeats.
    """
    others = [other for other in range(len(marks.markers)) if other != number]
    people = [other for other in others if marks.markers[other].row is None]
    used = people or others
    halves = _halves(marks, used)
    words = np.array([answer.words for answer in marks.answers], dtype=np.float64)
    own = marks.of(number, WHOLE)
    keep = ~np.isnan(own) & ~np.isnan(halves).any(axis=0) & (words > 0)
    names = ", ".join(marks.markers[other].name for other in used)
    if keep.sum() >= 5:
        clusters = [marks.clusters[at] for at in np.flatnonzero(keep).tolist()]
        return length_bias(own[keep], words[keep], halves[0][keep], again=halves[1][keep], clusters=clusters), names
    known = ~np.isnan(own) & (words > 0)
    if known.sum() < 5:
        return None, ""
    raw = length_bias(own[known], words[known], own[known]).raw_spearman
    why = "quality was measured once: a second judge, rater or repeat is needed for the effect at equal quality"
    return LengthBias(raw, None, None, None, None, int(known.sum()), why), names


def _halves(marks: Marks, used: Sequence[int]) -> NDArray[np.float64]:
    """Two measurements of every answer: by every other of the judges, or of the raters or repeats of the only one."""
    columns = (
        [marks.of(other, WHOLE) for other in used] if len(used) > 1 else list(marks.repeats[used[0]].T) if used else []
    )
    made = np.full((2, len(marks.answers)), np.nan)
    for half in (0, 1):
        if own := columns[half::2]:
            table = np.stack(own)
            given = (~np.isnan(table)).sum(axis=0)
            made[half] = np.where(given > 0, np.nansum(table, axis=0) / np.maximum(given, 1), np.nan)
    return made


def favours(marks: Marks) -> list[Favour]:
    """Each judge that asks a model against each other judge, where both its own and other families answered."""
    found: list[Favour] = []
    names = {run.id: run.model.name for run in marks.runs}
    for number, marker in enumerate(marks.markers):
        if marker.model is None:
            continue
        kin = family(marker.model)
        own = {run for run, name in names.items() if family(name) == kin}
        others = set(names) - own
        if own and others:
            rest = [other for other in range(len(marks.markers)) if other != number]
            found.extend(_favour(marks, number, other, kin, (own, others)) for other in rest)
    return found


def _favour(marks: Marks, judge: int, reference: int, kin: str, sides: tuple[set[str], set[str]]) -> Favour:
    cells: dict[tuple[str, int, int], list[list[tuple[float, float]]]] = {}
    clusters: dict[tuple[str, int, int], Cluster] = {}
    a, b = marks.of(judge, WHOLE), marks.of(reference, WHOLE)
    for place, answer in enumerate(marks.answers):
        if not np.isnan(a[place]) and not np.isnan(b[place]):
            key = (answer.sample_id, answer.epoch, answer.turn)
            side = 0 if answer.run.id in sides[0] else 1
            cells.setdefault(key, [[], []])[side].append((float(a[place]), float(b[place])))
            clusters[key] = answer.cluster
    whole = {key: both for key, both in cells.items() if both[0] and both[1]}
    names = [tuple(sorted({r.model.name for r in marks.runs if r.id in side})) for side in sides]
    other = marks.markers[reference]
    same = other.model is not None and family(other.model) == kin
    note = f"{other.name} is of the same family" if same else ""
    effect = None
    if len(whole) >= 2:
        a_own, a_other, b_own, b_other = (
            [sum(pair[who] for pair in both[side]) / len(both[side]) for both in whole.values()]
            for who in (0, 1)
            for side in (0, 1)
        )
        effect = self_preference(a_own, a_other, b_own, b_other, [clusters[key] for key in whole])
    return Favour(marks.markers[judge].name, other.name, kin, names[0], names[1], effect, len(whole), note)


def people_of(marks: Marks) -> int | None:
    """The place of all raters together among the judges, or None."""
    return next((n for n, marker in enumerate(marks.markers) if marker.row is None and marker.name == HUMAN), None)
