"""Writes numbers, intervals, costs and times as people read them, in one style."""

from __future__ import annotations

from datetime import datetime

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.core import Estimate
from sparkles_eval.store.read_runs import Sum
from sparkles_eval.tasks.metrics import Unit

NONE = "\N{EN DASH}"
"""Stands where there is no number; never 0."""


def format_number(value: float | None, unit: Unit) -> str:
    """A share as per cent with one decimal, points with two."""
    if value is None:
        return NONE
    return f"{100 * value:.1f}" if unit == "percent" else f"{value:.2f}"


def format_interval(estimate: Estimate, unit: Unit) -> str:
    """ "[48.7, 64.3]", or "" where no interval is honest."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{format_number(estimate.low, unit)}, {format_number(estimate.high, unit)}]"


def format_measure(measure: Measure | None) -> str:
    """A value with its interval, such as "56.7 [48.7, 64.3]"."""
    if measure is None:
        return NONE
    unit = measure.column.unit
    return f"{format_number(measure.estimate.value, unit)} {format_interval(measure.estimate, unit)}".rstrip()


def format_range(low: Measure | None, high: Measure | None) -> str:
    """The two ends of a range, such as "53.3 to 61.3"; one number where they are the same."""
    if low is None or high is None:
        return NONE
    ends = [format_number(m.estimate.value, m.column.unit) for m in (low, high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def format_count(n: int, total: int) -> str:
    """Graded of asked, such as "148 of 150"."""
    return f"{n:,} of {total:,}"


def format_dollars(cost: Sum) -> str:
    """ "$1.23", "unknown", or "at least $1.23" where only some of it is known. Nothing asked is nothing spent."""
    if cost.unknown == 0:
        return _format_money(cost.known)
    return "unknown" if cost.unknown == cost.count else f"at least {_format_money(cost.known)}"


def _format_money(value: float) -> str:
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 0.995 else f"${value:.4f}" if value >= 0.0001 else "under $0.0001"


def format_tokens(count: Sum) -> str:
    """ "12,345", "unknown", or "at least 12,345"."""
    if count.count and count.unknown == count.count:
        return "unknown"
    return f"{'at least ' if count.unknown else ''}{int(count.known):,}"


def format_duration(value: float) -> str:
    """ "0.8 s", "3 min 20 s", "2 h 05 min"."""
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_time(text: str) -> str:
    """A stored time as people read it: "2025-03-01 14:05 UTC"."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def format_plain(value: float) -> str:
    """A rating or a setting without needless zeros: "9", "7.5"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
