"""States what a panel shows in one sentence, which follows the printed intervals and rank sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.ranking import PanelRanks, RankedRun, ranked_entries
from sparkles_eval.analysis.summary import Entry, Panel
from sparkles_eval.core.text import format_with_ends, one_line

_NAMED = 2
"""Models beside the first that a sentence names; of more it gives the number."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A sentence on a panel's models. `leads`: one model is alone on rank 1."""

    words: str
    leads: bool = False


def conclusion(panel: Panel, ranks: PanelRanks) -> Conclusion:
    """Who leads a panel, or why nobody does: "gpt-4o leads with 85.3% [80.9, 88.9]; ranks 2 to 4 not separable".

    A model leads only where its rank set is 1 alone. Models whose rank sets overlap are named as not separable.
    """
    scored = ranked_entries(panel)
    apart = sum(bool(entry.coverage.unranked) for entry in panel.entries if not entry.reference)
    left_out = f"; {apart} without a rank, too little graded" if apart else ""
    if not scored:
        return Conclusion(f"no model is ranked{left_out}")
    best = max(scored, key=_value)
    if len(scored) == 1:
        return Conclusion(f"{_with_value(best)}; one model, nothing to rank{left_out}")
    ranked = [(entry, ranks.by_run[entry.run.id]) for entry in scored if entry.run.id in ranks.by_run]
    stands = [(entry, run) for entry, run in ranked if run.rank_low is not None]
    if len(stands) < 2:
        return Conclusion(f"{_with_value(best, 'has ')}, the highest value; {ranks.note or 'not ranked'}{left_out}")
    words, leads = _ranked(stands)
    return Conclusion(words + left_out, leads)


def _ranked(stands: Sequence[tuple[Entry, RankedRun]]) -> tuple[str, bool]:
    first = max((pair for pair in stands if pair[1].rank_low == 1), key=lambda pair: _value(pair[0]))
    entry, run = first
    groups = list(_groups([other for _, other in stands]))
    higher = [other for other, _ in stands if _value(other) > _value(entry)]
    aside = f" ({_named(higher)} higher, but not on the items that both have)" if higher else ""
    if run.rank_high == 1:
        rest = "; ".join(filter(None, map(_overlap, groups))) or (
            "the other ranks are clear" if len(stands) > 2 else ""
        )
        return "; ".join(filter(None, (f"{_with_value(entry, 'leads with ')}{aside}", rest))), True
    alike = [other for other, ranked in stands if other is not entry and set(ranked.letters) & set(run.letters)]
    rest = "; ".join(filter(None, map(_overlap, groups[1:])))
    said = f"{_with_value(entry, 'has ')}{aside}, not separable from {_named(alike)} (rank 1 to {run.rank_high})"
    return "; ".join(filter(None, (said, rest))), False


def _groups(ranked: Sequence[RankedRun]) -> Iterator[list[RankedRun]]:
    """Models whose rank sets overlap, directly or through others, the best first."""
    group: list[RankedRun] = []
    reach = 0
    for run in sorted(ranked, key=lambda one: (one.rank_low or 0, one.rank_high or 0)):
        if group and (run.rank_low or 0) > reach:
            yield group
            group, reach = [], 0
        group.append(run)
        reach = max(reach, run.rank_high or 0)
    if group:
        yield group


def _overlap(group: Sequence[RankedRun]) -> str:
    """What to say of the ranks of a group; "" for a model with a rank of its own."""
    low, high = min(run.rank_low or 0 for run in group), max(run.rank_high or 0 for run in group)
    if low == high:
        return ""
    whole = all((run.rank_low, run.rank_high) == (low, high) for run in group)
    return f"ranks {low} to {high} {'not' if whole else 'only partly'} separable"


def _value(entry: Entry) -> float:
    value = entry.headline.estimate.value if entry.headline else None
    return float("-inf") if value is None else value


def _with_value(entry: Entry, verb: str = "") -> str:
    """ "gpt-4o 85.3% [80.9, 88.9]"."""
    assert entry.headline is not None
    estimate, unit = entry.headline.estimate, entry.headline.column.unit
    text = format_with_ends(estimate.value, estimate.low, estimate.high, unit)
    number, space, ends = text.partition(" ")
    return f"{one_line(entry.label)} {verb}{number}{'%' if unit == 'percent' else ''}{space}{ends}"


def _named(entries: Sequence[Entry]) -> str:
    """ "a and b", or "4 others"."""
    return (
        " and ".join(one_line(entry.label) for entry in entries) if len(entries) <= _NAMED else f"{len(entries)} others"
    )
