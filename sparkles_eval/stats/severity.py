"""Severity and leniency of judges: estimates them, and takes them out of the models' scores."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, IntArray, Labels, Values, codes, floats, same_length
from sparkles_eval.stats.clusters import connected_clusters

__all__ = ["Severity", "leniency", "severity"]


def leniency(answers: Labels, judges: Labels, scores: Values) -> dict[Hashable, float]:
    """Points above the average judge, by judge; they sum to 0. Missing scores are left out.

    Least squares of score = level of the answer + leniency of the judge, the levels taken out first: with n_a marks on
    answer a, (diag(counts) - sum_a c_a c_a' / n_a) leniency = sum_a (marks - mean_a). Assumes additivity. Source:
    Linacre 1989; Frisch and Waugh 1933. Raises UserError where the judges fall apart into sets that share no answer.
    """
    y = floats(scores, "leniency")
    same_length("leniency", y, answers, judges)
    keep = np.flatnonzero(~np.isnan(y)).tolist()
    y = y[keep]
    rows, n_rows = codes([answers[i] for i in keep])
    names = [judges[i] for i in keep]
    columns, n_columns = codes(names)
    known = list(dict.fromkeys(names))
    part = connected_clusters(rows, columns) if keep else np.zeros(0, dtype=np.int64)
    if keep and int(part.max()) > 0:
        sets = [sorted({str(names[i]) for i in np.flatnonzero(part == code).tolist()}) for code in np.unique(part)]
        raise UserError(
            f"leniency: the judges fall into sets that marked no answer in common "
            f"({'; '.join(', '.join(who) for who in sets)}); kind judges and good answers cannot be separated; "
            "let all of them mark some of the same answers"
        )
    counts = np.zeros((n_rows, n_columns))
    sums = np.zeros((n_rows, n_columns))
    np.add.at(counts, (rows, columns), 1.0)
    np.add.at(sums, (rows, columns), y)
    marks = counts.sum(axis=1)
    normal = np.diag(counts.sum(axis=0)) - counts.T @ (counts / marks[:, None])
    right = sums.sum(axis=0) - counts.T @ (sums.sum(axis=1) / marks)
    # The least-norm solution is the one whose entries sum to 0: adding a constant to all changes no residual.
    solution = np.linalg.lstsq(normal, right, rcond=1e-10)[0]
    return dict(zip(known, solution.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Severity:
    """Least-squares fit of score = quality of the model + leniency of the judge (+ ease of the item)."""

    quality: Mapping[Hashable, float]
    """Score of each model from the average judge (on the average item)."""
    leniency: Mapping[Hashable, float]
    """Points above the average judge; sums to 0."""
    naive: Mapping[Hashable, float]
    """Plain means of the models: biased where models met different judges."""
    residual_sd: float | None
    """What the additive model leaves; None without spare observations."""
    n: int


def severity(models: Labels, judges: Labels, scores: Values, items: Labels | None = None) -> Severity:
    """Fits additive quality and leniency; `items` adds an effect per item. Missing scores are left out.

    Assumes additivity: a judge's favour for one model is bias, not leniency (see judge_bias.self_preference).
    Source: Linacre 1989 (the facets model, here on the raw scale). Raises UserError where models, judges and items fall
    apart into sets that never meet: quality and leniency then cannot be separated, and the message names the sets.
    """
    y = floats(scores, "severity")
    same_length("severity", y, models, judges, *([] if items is None else [items]))
    keep = np.flatnonzero(~np.isnan(y))
    if not keep.size:
        raise UserError("severity: no scores; give at least one per model and judge")
    facets = [[labels[i] for i in keep.tolist()] for labels in (models, judges, *([] if items is None else [items]))]
    _refuse_disconnected(facets[0], facets[1])
    y = y[keep]
    names: list[list[Hashable]] = []
    places: list[IntArray] = []
    for facet in facets:
        seen: dict[Hashable, int] = {}
        places.append(np.array([seen.setdefault(label, len(seen)) for label in facet], dtype=np.int64))
        names.append(list(seen))
    blocks = [_indicators(places[0], len(names[0]))]
    blocks += [_sum_to_zero(_indicators(p, len(n))) for p, n in zip(places[1:], names[1:], strict=True)]
    design = np.hstack(blocks)
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if int(rank) < design.shape[1]:
        raise UserError(
            "severity: items, models and judges are not linked well enough to separate their effects; "
            "let each judge mark some answers of the same models on the same items, or fit without items"
        )
    spare = y.size - design.shape[1]
    rest = y - design @ solution
    first = len(names[0])
    effects = solution[first : first + len(names[1]) - 1]
    leniency = np.append(effects, -effects.sum())
    sizes = np.bincount(places[0])
    naive = np.bincount(places[0], weights=y) / sizes
    return Severity(
        quality=dict(zip(names[0], solution[:first].tolist(), strict=True)),
        leniency=dict(zip(names[1], leniency.tolist(), strict=True)),
        naive=dict(zip(names[0], naive.tolist(), strict=True)),
        residual_sd=float(np.sqrt(rest @ rest / spare)) if spare > 0 else None,
        n=y.size,
    )


def _refuse_disconnected(models: list[Hashable], judges: list[Hashable]) -> None:
    part = connected_clusters(models, judges)
    count = int(part.max()) + 1
    if count == 1:
        return
    sets = []
    for code in range(count):
        inside = np.flatnonzero(part == code).tolist()
        who = [sorted({str(labels[i]) for i in inside}) for labels in (models, judges)]
        sets.append(f"{', '.join(who[0])} (judged by {', '.join(who[1])})")
    raise UserError(
        f"severity: models and judges fall into {count} sets that never meet: {'; '.join(sets)}. "
        "Kind judges and good models cannot be separated; let one judge mark models of each set"
    )


def _indicators(places: IntArray, count: int) -> FloatArray:
    design = np.zeros((places.size, count))
    design[np.arange(places.size), places] = 1.0
    return design


def _sum_to_zero(indicators: FloatArray) -> FloatArray:
    """Effect coding: the last level is minus the sum of the others."""
    return np.asarray(indicators[:, :-1] - indicators[:, -1:], dtype=np.float64)
