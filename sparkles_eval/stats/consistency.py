"""Scores that benchmarks define: NLVR2 consistency with its chance level, and the SparklesEval mean. No intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import IntArray, Labels, Values, codes, floats, same_length

__all__ = [
    "DialogueScore",
    "GroupConsistency",
    "chance_consistency",
    "dialogue_score",
    "group_consistency",
    "nlvr2_group",
]


@dataclass(frozen=True, slots=True)
class GroupConsistency:
    """Share of groups with every item right. `sizes` counts groups by their number of items."""

    consistency: float | None
    groups: int
    consistent: int
    sizes: Mapping[int, int]
    chance: float | None
    """What a guesser with `p` per item gets on groups of these sizes."""
    complete: IntArray
    """1 for a consistent group, 0 otherwise, in order of first appearance."""


def group_consistency(values: Values, groups: Labels, *, chance: float = 0.5) -> GroupConsistency:
    """Is a sentence answered right on all its image pairs?

    `values`: 1 right, 0 wrong, None for a missing item, which makes its group inconsistent, as an invalid answer does.
    Source: Suhr et al. 2019, "A Corpus for Reasoning about Natural Language Grounded in Photographs".
    Trap: subsets have smaller groups, and so a higher consistency, than the full set: read it beside `sizes` and
    `chance`. No items: consistency None.
    """
    right = floats(values, "group_consistency")
    same_length("group_consistency", right, groups)
    if right.size == 0:
        return GroupConsistency(None, 0, 0, {}, None, np.zeros(0, dtype=np.int64))
    group, count = codes(groups)
    sizes = np.bincount(group, minlength=count)
    hits = np.bincount(group, weights=np.nan_to_num(right) == 1, minlength=count)
    done = (hits == sizes).astype(np.int64)
    levels, frequency = np.unique(sizes, return_counts=True)
    histogram = {int(size): int(times) for size, times in zip(levels, frequency, strict=True)}
    level = chance_consistency(histogram, chance)
    return GroupConsistency(float(done.mean()), count, int(done.sum()), histogram, level, done)


def chance_consistency(sizes: Mapping[int, int], p: float = 0.5) -> float | None:
    """Consistency of a guesser that is right with probability p on each item: sum over groups of p^size / G.

    On the NLVR2 development set a coin flip has .1068, not .5. No groups: None.
    """
    groups = sum(sizes.values())
    return sum(times * p**size for size, times in sizes.items()) / groups if groups else None


def nlvr2_group(identifier: str) -> str:
    """The official consistency group of an NLVR2 identifier `split-set-pair-sentence`: all but the pair.

    It is not the sentence's text: the same text can stand under two set ids. Raises UserError for other shapes.
    """
    fields = identifier.split("-")
    if len(fields) != 4:
        raise UserError(f"NLVR2 identifier {identifier!r}: expected split-set-pair-sentence, such as dev-850-0-1")
    return f"{fields[0]}-{fields[1]}-{fields[3]}"


@dataclass(frozen=True, slots=True)
class DialogueScore:
    """Mean over criteria of each turn, and the mean over turns. None where a criterion was not graded."""

    turns: tuple[float | None, ...]
    score: float | None


def dialogue_score(turns: Mapping[str, Mapping[str, float | None]]) -> DialogueScore:
    """SparklesEval score of one dialogue: mean of C1..C3 per turn, then mean of the turns (Huang et al. 2023).

    The judge's own overall rating is not an input. A missing criterion makes its turn and the dialogue None: the mean
    of what is left would reward answers that break the judge.
    """
    means: list[float | None] = []
    for ratings in turns.values():
        given = [value for value in ratings.values() if value is not None]
        means.append(sum(given) / len(given) if given and len(given) == len(ratings) else None)
    known = [mean for mean in means if mean is not None]
    whole = bool(means) and len(known) == len(means)
    return DialogueScore(tuple(means), sum(known) / len(known) if whole else None)
