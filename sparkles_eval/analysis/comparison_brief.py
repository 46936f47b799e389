"""A comparison in brief: the ranks, each model against the best one, and the conclusion in two sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sparkles_eval.analysis.comparison import Comparison, sentences
from sparkles_eval.analysis.pair_details import POWER
from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.ranking import RankedRun
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core.text import NO_VALUE, format_number, format_with_ends
from sparkles_eval.stats.estimates import FEW


def brief_tables(comparisons: Sequence[Comparison]) -> list[Table]:
    """A table for each comparison; names are numbered where there are several."""
    made = [_table(comparison) for comparison in comparisons]
    if len(made) == 1:
        return made
    return [replace(table, name=f"{table.name}-{number}") for number, table in enumerate(made, 1)]


def rank_text(run: RankedRun) -> str:
    """ "1", "2-4", or a dash for what is not ranked."""
    if run.rank_low is None or run.rank_high is None:
        return NO_VALUE
    return str(run.rank_low) if run.rank_low == run.rank_high else f"{run.rank_low}-{run.rank_high}"


def _table(comparison: Comparison) -> Table:
    unit = comparison.matrix.unit
    heads = (
        Head("rank", "rank"),
        Head("model", "model"),
        Head("value", f"{comparison.matrix.metric.name} [95%]", unit),
        Head("graded", "graded", "count"),
        Head("difference", "minus the best [95%]", unit),
        Head("p_holm", "p (Holm)", "p"),
    )
    best = _best(comparison)
    rows = tuple(_row(comparison, run, best) for run in comparison.ranked_runs)
    notes = [*(f"differs: {factor}" for factor in comparison.mixed), *conclusion(comparison), *comparison.warnings]
    if len(rows) > 2:
        notes.append("intervals of differences are of each pair alone, p is adjusted over all pairs")
    mark = "MIXED CONDITIONS, not the models alone: " if comparison.mixed else ""
    return Table("brief", f"{mark}{comparison.title}", heads, rows, tuple(notes))


def _best(comparison: Comparison) -> RankedRun:
    """The first model; the first of all where there are only baselines."""
    return next((run for run in comparison.ranked_runs if not run.reference), comparison.ranked_runs[0])


def _row(comparison: Comparison, run: RankedRun, best: RankedRun) -> tuple[Cell, ...]:
    pair, sign = _pair(comparison, run.label, best.label)
    difference: Cell = None
    if pair is not None and pair.difference is not None:
        seen = Span(pair.difference, pair.low, pair.high)
        difference = seen if sign > 0 else seen.negated
    rank = "reference" if run.reference else rank_text(run)
    return (rank, run.label, Span.of(run.estimate), run.estimate.n, difference, pair.p_holm if pair else None)


def _pair(comparison: Comparison, first: str, second: str) -> tuple[Tested | None, int]:
    """The pair of two models, and 1 or -1 for which of them it takes first."""
    labels = comparison.matrix.labels
    for pair in comparison.pairs:
        names = (labels[pair.first], labels[pair.second])
        if names == (first, second):
            return pair, 1
        if names == (second, first):
            return pair, -1
    return None, 1


def conclusion(comparison: Comparison) -> tuple[str, ...]:
    """Who leads and how sure that is, and the smallest difference that so many items can detect.

    Of two models it is what a paper can quote.
    """
    if len(comparison.pairs) == 1 and comparison.details:
        return tuple(sentences(comparison))
    return tuple(_sentences(comparison))


def _sentences(comparison: Comparison) -> Iterator[str]:
    best, unit = _best(comparison), comparison.matrix.unit
    others = [run for run in comparison.ranked_runs if run is not best and (best.reference or not run.reference)]
    estimate = best.estimate
    value = format_with_ends(estimate.value, estimate.low, estimate.high, unit) + (" %" if unit == "percent" else "")
    pairs = [(run, *_pair(comparison, best.label, run.label)) for run in others]
    open_ = [run.label for run, pair, _ in pairs if pair is None or not pair.significant]
    if not others:
        against = [run for run in comparison.ranked_runs if run is not best]
        open_ = [one.label for one in against if (found := _pair(comparison, best.label, one.label)[0]) is None
                 or not found.significant]  # fmt: skip
        others = against
    if any(pair.n and not pair.ranked for pair in comparison.pairs):
        yield f"{best.label} has the highest value, {value}; fewer than {FEW} independent units: no ranking is claimed."
    elif not open_:
        yield f"{best.label} leads with {value}, significantly above every other model shown (Holm, 5%)."
    elif len(open_) == len(others):
        yield f"{best.label} has the highest value, {value}, but is not significantly above any other (Holm, 5%)."
    else:
        names = ", ".join(open_[:4]) + (f" and {len(open_) - 4} more" if len(open_) > 4 else "")
        yield f"{best.label} leads with {value}; it is not significantly above {names} (Holm, 5%)."
    for run, pair, _ in pairs:
        if pair is not None and pair.on_what_is_there and not pair.robust:
            yield f"Against {run.label} it leads on what is there; with the missing ones at worst it no longer does."
    if comparison.looks:
        totals = ", ".join(f"{total:,}" for total in comparison.looks)
        yield f"Seen before on {totals} of these samples: --full has the intervals that hold at every look."
    smallest = [known.smallest for known in comparison.details if known and known.smallest is not None]
    if smallest:
        least, most = (format_number(one, unit) for one in (min(smallest), max(smallest)))
        span = least if least == most else f"{least} to {most}"
        yield (
            f"Differences below {span} points cannot be detected reliably with these items ({100 * POWER:.0f}% power)."
        )
