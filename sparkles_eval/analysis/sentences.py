"""Says in plain English what a comparison shows, in sentences that a paper could quote.

Every sentence names the items, the interval, the test and its p-value; none says more than they allow. Knows nothing
of stores or tables.
"""

from __future__ import annotations

import numpy as np

from sparkles_eval.analysis.compare import Comparison
from sparkles_eval.analysis.pair_details import POWER, Detail
from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.tables import Unit
from sparkles_eval.stats.estimates import FEW


def sentences(comparison: Comparison) -> list[str]:
    """One text for each pair that is told in full."""
    details = comparison.details
    return [_sentence(comparison, tested, known) for tested, known in zip(comparison.pairs, details, strict=False)]


def _sentence(comparison: Comparison, pair: Tested, known: Detail | None) -> str:
    frame = comparison.frame
    a, b = frame.labels[pair.first], frame.labels[pair.second]
    task = frame.columns[0].run.task.title or frame.columns[0].run.task.name
    if known is None or pair.difference is None:
        return f"{task}: {a} and {b} have no scored item in common."
    what = f"{pair.n:,} items" if frame.metric != "consistency" else f"{pair.n:,} groups"
    clusters = f" in {pair.clusters:,} clusters" if pair.clusters < pair.n else ""
    mean_a, mean_b = _means(comparison, pair)
    said = f"On {task} ({what}{clusters}), {a} reaches {mean_a} and {b} {mean_b}"
    if comparison.mixed:
        said = f"Under differing conditions, on {task} ({what}{clusters}), {a} reaches {mean_a} and {b} {mean_b}"
    return " ".join([f"{said}: {_difference(pair, frame.unit)}.", *_limits(pair, known, frame.unit, what)])


def _means(comparison: Comparison, pair: Tested) -> tuple[str, str]:
    """Means over the items that both have."""
    values = comparison.frame.values[:, [pair.first, pair.second]]
    first, second = values[~np.isnan(values).any(axis=1)].mean(axis=0).tolist()
    return _value(first, comparison.frame.unit), _value(second, comparison.frame.unit)


def _value(value: float, unit: Unit) -> str:
    return f"{100 * value:.1f}%" if unit == "percent" else f"{value:.2f}"


def _points(value: float, unit: Unit) -> str:
    """Differences of shares and of judge points, without a sign where they round to 0."""
    text = f"{100 * value:.1f}" if unit == "percent" else f"{value:.2f}"
    return text.removeprefix("-") if not text.strip("-0.") else text.replace("-", "\N{MINUS SIGN}")


def _difference(pair: Tested, unit: Unit) -> str:
    assert pair.difference is not None
    parts = [f"a difference of {_points(pair.difference, unit)} points"]
    if pair.low is not None and pair.high is not None:
        ends = f"{_points(pair.low, unit)} to {_points(pair.high, unit)}"
        parts.append(f"95% CI {ends}, {pair.interval}")
    if pair.p is None:
        return f"{parts[0]}; {pair.note}"
    p = "p < .001" if pair.p < 0.001 else f"p = {pair.p:.3f}".replace("0.", ".", 1)
    many = pair.p_holm is not None and pair.p_holm > pair.p
    adjusted = f", {_p(pair.p_holm)} after Holm" if many and pair.p_holm is not None else ""
    inside = f"({'; '.join([*parts[1:], f'{pair.test}, {p}{adjusted}'])})"
    verdict = "which is significant" if pair.significant() else "which is not significant"
    if pair.difference == 0 and pair.p == 1:
        verdict = "none at all"
    return f"{parts[0]} {inside}, {verdict}"


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".", 1)


def _limits(pair: Tested, known: Detail, unit: Unit, what: str) -> list[str]:
    """What so many items could and could not show."""
    said = []
    if known.smallest is not None:
        said.append(
            f"With {what}, true differences below {_points(known.smallest, unit)} points cannot be told from noise "
            f"reliably ({100 * POWER:.0f}% power)."
        )
    elif pair.clusters > 1 and unit == "percent":
        said.append(f"With {what} on which they differ so seldom, no difference would be found reliably.")
    if not pair.ranked and pair.clusters > 1:
        said.append(f"Fewer than {FEW} independent units: this ranks nothing.")
    if known.non_inferior is not None:
        found = known.non_inferior
        verdict = "is no worse" if found.non_inferior else "is not shown to be no worse"
        margin = f"by a margin of {_points(found.margin, unit)} points ({_p(found.p)}, one-sided)"
        said.append(f"The first {verdict} {margin}.")
    if pair.lost:
        said.append(f"{pair.lost:,} could not be paired.")
    return said
