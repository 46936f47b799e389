"""Formats measures, intervals, costs and tokens for people (single numbers: `core.text`)."""

from __future__ import annotations

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.core import Estimate
from sparkles_eval.core.text import NO_VALUE, format_ends, format_number, format_usd, format_with_ends
from sparkles_eval.store.spending import Sum
from sparkles_eval.tasks.metrics import Unit


def format_interval(estimate: Estimate, unit: Unit) -> str:
    """ "[48.7, 64.3]", or "" where no interval is honest."""
    return format_ends(estimate.low, estimate.high, unit)


def format_measure(measure: Measure | None) -> str:
    """A value with its interval, such as "56.7 [48.7, 64.3]"."""
    if measure is None:
        return NO_VALUE
    estimate = measure.estimate
    return format_with_ends(estimate.value, estimate.low, estimate.high, measure.column.unit)


def format_headline(measure: Measure) -> str:
    """The same where no column says the unit: "56.7% [48.7, 64.3]"."""
    value, space, ends = format_measure(measure).partition(" ")
    return (
        f"{value}{'%' if measure.column.unit == 'percent' and measure.estimate.value is not None else ''}{space}{ends}"
    )


def format_range(low: Measure | None, high: Measure | None) -> str:
    """The two ends of a range, such as "53.3 to 61.3"; one number where they are the same."""
    if low is None or high is None:
        return NO_VALUE
    ends = [format_number(m.estimate.value, m.column.unit) for m in (low, high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def format_dollars(cost: Sum) -> str:
    """ "$1.23", "unknown", or "at least $1.23" where only some of it is known. Nothing asked is nothing spent."""
    if cost.unknown == 0:
        return format_usd(cost.known)
    return "unknown" if cost.unknown == cost.count else f"at least {format_usd(cost.known)}"


def format_tokens(count: Sum) -> str:
    """ "12,345", "unknown", or "at least 12,345"."""
    if count.count and count.unknown == count.count:
        return "unknown"
    return f"{'at least ' if count.unknown else ''}{int(count.known):,}"
