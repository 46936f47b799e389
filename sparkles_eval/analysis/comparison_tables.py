"""The tables of a comparison: models, pairs, effect sizes, further tests, margins, losses, published numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from sparkles_eval.analysis.chance_tests import p_of_guessing
from sparkles_eval.analysis.comparison import Comparison, sentences
from sparkles_eval.analysis.looks import at_every_look
from sparkles_eval.analysis.pair_details import POWER, Detail
from sparkles_eval.analysis.tables import Cell, ColumnUnit, Head, Span, Table
from sparkles_eval.stats.estimates import FEW

Row: TypeAlias = tuple[Cell, ...]


def tables(comparisons: Sequence[Comparison]) -> list[Table]:
    """The tables of every comparison; names are numbered where there are several."""
    found: list[Table] = []
    for number, comparison in enumerate(comparisons, 1):
        suffix = f"-{number}" if len(comparisons) > 1 else ""
        found += [
            replace(table, name=table.name + suffix, title=_marked(comparison, table.title))
            for table in _tables(comparison)
        ]
    return found


def _marked(comparison: Comparison, title: str) -> str:
    mark = "MIXED CONDITIONS, not the models alone: " if comparison.mixed else ""
    return f"{mark}{comparison.title}: {title}"


def _tables(comparison: Comparison) -> list[Table]:
    made = [_models(comparison), _pairs(comparison)]
    if any(comparison.details):
        made.append(_effects_table(comparison))
    if any(known and known.fourfold for known in comparison.details):
        made.append(_fourfold_table(comparison))
    if comparison.margin is not None and any(known and known.margin for known in comparison.details):
        made.append(_margins(comparison))
    if any(tested.lost for tested in comparison.pairs):
        made.append(_lost(comparison))
    if comparison.totals:
        made.append(_published(comparison))
    return made


# --- tables -------------------------------------------------------------------------------------------------------


def _models(comparison: Comparison) -> Table:
    unit = comparison.matrix.unit
    rule = unit == "percent"
    columns = zip(comparison.matrix.labels, comparison.matrix.columns, strict=True)
    guessed = {label: p_of_guessing(column) for label, column in columns if column.chance is not None}
    heads = [
        Head("model", "model"),
        Head("value", f"{comparison.matrix.metric.name} [95%]", unit),
        Head("graded", "graded", "count"),
        Head("asked", "of", "count"),
        Head("clusters", "clusters", "count"),
        *([Head("invalid", "invalid", "count")] if rule else []),
        *([Head("p_chance", "p, guessing", "p")] if guessed else []),
        Head("rank_low", "rank from", "count"),
        Head("rank_high", "to", "count"),
        Head("letters", "letters"),
        Head("reference", "stands beside"),
        Head("note", "note"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for row in comparison.ranked_runs:
        estimate = row.estimate
        cells: list[Cell] = [row.label, Span.of(estimate), estimate.n, estimate.total, estimate.clusters]
        cells += [row.invalid] if rule else []
        cells += [guessed.get(row.label)] if guessed else []
        cells += [row.rank_low, row.rank_high, row.letters, "reference" if row.reference else "", estimate.note]
        rows.append(tuple(cells))
    notes = [f"differs: {factor}" for factor in comparison.mixed]
    if guessed:
        level = 100 * max(column.chance or 0.0 for column in comparison.matrix.columns)
        notes.append(f"p, guessing: two-sided, of a model that guesses and gets {level:.1f}%; not adjusted for several")
    if any(row.letters for row in comparison.ranked_runs):
        notes.append("runs that share a letter are not distinguished (Holm, 5%); rank sets hold together with 95%")
    elif len(comparison.ranked_runs) > 1:
        notes.append(f"fewer than {FEW} independent units in some pair: no ranks are claimed")
    notes += comparison.warnings
    return _kept("models", "models", heads, rows, notes)


def _kept(
    name: str, title: str, heads: Sequence[Head], rows: Sequence[tuple[Cell, ...]], notes: Sequence[str]
) -> Table:
    """The table without text columns that are empty throughout."""
    keep = [
        place
        for place, head in enumerate(heads)
        if head.unit != "text" or not rows or any(row[place] not in ("", None) for row in rows)
    ]
    cells = tuple(tuple(row[place] for place in keep) for row in rows)
    return Table(name, title, tuple(heads[place] for place in keep), cells, tuple(notes))


def _pairs(comparison: Comparison) -> Table:
    unit, labels = comparison.matrix.unit, comparison.matrix.labels
    many = any(pair.family > 1 for pair in comparison.pairs)
    unscored = any(pair.unscored is not None for pair in comparison.pairs)
    heads = [
        Head("a", "A"),
        Head("b", "B"),
        Head("paired", "paired", "count"),
        Head("lost", "lost", "count"),
        Head("clusters", "clusters", "count"),
        Head("difference", "A - B [95%]", unit),
        *([Head("together", "all pairs\ntogether [95%]", unit)] if many else []),
        *([Head("always", "at every\nlook [95%]", unit)] if comparison.looks else []),
        Head("interval", "interval"),
        Head("p", "p", "p"),
        Head("test", "test"),
        Head("p_holm", "Holm", "p"),
        Head("p_bh", "BH", "p"),
        *([Head("unscored", "A - B, missing\nat worst, at best", unit)] if unscored else []),
        Head("note", "note"),
    ]
    rows: list[tuple[Cell, ...]] = [
        (
            labels[pair.first],
            labels[pair.second],
            pair.n,
            pair.lost,
            pair.clusters,
            Span(pair.difference, pair.low, pair.high),
            *([Span(pair.difference, *(pair.together or (None, None)))] if many else []),
            *([Span(pair.difference, *(at_every_look(pair) or (None, None)))] if comparison.looks else []),
            pair.interval,
            pair.p,
            pair.test,
            pair.p_holm,
            pair.p_bh,
            *(
                [Span(None if pair.unscored is None else pair.difference, *(pair.unscored or (None, None)))]
                if unscored
                else []
            ),
            pair.note,
        )
        for pair in comparison.pairs
    ]
    notes = sentences(comparison)
    if len(comparison.pairs) > 1:
        count = comparison.pairs[0].family
        notes.append(
            f"Holm for claims, BH (false discovery rate) for looking around; both count the {count:,} pairs of this "
            "command, a report those of each of its tables"
        )
    if comparison.looks:
        totals = ", ".join(map(str, comparison.looks))
        notes.append(
            f"these models were seen before on {totals} of these samples: six looks at the usual interval find a "
            "difference between equal models in 15% of cases"
        )
    if not comparison.details:
        notes.append("name up to five models to see effect sizes, further tests and sentences for each pair")
    return _kept("pairs", "pairs", heads, rows, notes)


_NAMES: tuple[tuple[str, str, ColumnUnit], ...] = (("a", "A", "text"), ("b", "B", "text"))
_EFFECTS: tuple[tuple[str, str, ColumnUnit], ...] = (
    *_NAMES,
    ("smallest", f"smallest found\nwith {100 * POWER:.0f}% power", "points"),
    ("d_z", "d_z", "number"),
    ("g_z", "g_z", "number"),
    ("cliff_delta", "Cliff δ", "number"),
    ("paired_delta", "paired δ", "number"),
    ("se_paired", "SE paired", "points"),
    ("se_unpaired", "unpaired", "points"),
    ("correlation", "r", "number"),
    ("p_t", "p, t", "p"),
    ("p_permutation", "p, sign flips", "p"),
)
_FOURFOLD: tuple[tuple[str, str, ColumnUnit], ...] = (
    *_NAMES,
    ("both", "both right", "count"),
    ("only_a", "only A", "count"),
    ("only_b", "only B", "count"),
    ("neither", "neither", "count"),
    ("p_exact", "McNemar exact p", "p"),
    ("p_mid", "mid-p", "p"),
    ("bonett_price", "Bonett-Price [95%]", "percent"),
    ("newcombe", "Newcombe [95%]", "percent"),
)


def _effects_table(comparison: Comparison) -> Table:
    unit = comparison.matrix.unit
    heads = [Head(name, title, unit if kind == "points" else kind) for name, title, kind in _EFFECTS]
    rows = _rows(comparison, len(heads), _effects)
    notes = ("d_z grows with how alike the models are over items: read the difference in points first",)
    return Table("effects", "effect sizes", tuple(heads), rows, notes)


def _fourfold_table(comparison: Comparison) -> Table:
    heads = tuple(Head(*column) for column in _FOURFOLD)
    rows = _rows(comparison, len(heads), _fourfold)
    independent = comparison.matrix.independent
    notes = () if independent else ("these take items as independent; the table of pairs minds the clusters",)
    return Table("mcnemar", "right or wrong, item by item", heads, rows, notes)


def _rows(
    comparison: Comparison, width: int, cells: Callable[[Detail], tuple[Cell, ...]]
) -> tuple[tuple[Cell, ...], ...]:
    """A row for each pair: its names, then what `cells` makes of its detail."""
    labels = comparison.matrix.labels
    none: tuple[Cell, ...] = (None,) * (width - 2)
    return tuple(
        (labels[pair.first], labels[pair.second], *(cells(known) if known else none))
        for pair, known in zip(comparison.pairs, comparison.details, strict=True)
    )


def _effects(known: Detail) -> tuple[Cell, ...]:
    effects, clustered = known.effects, known.clustered
    return (
        known.smallest,
        effects.d_z,
        effects.g_z,
        effects.cliff_delta,
        effects.within_delta,
        clustered.mean.se,
        clustered.se_unpaired,
        clustered.correlation,
        clustered.p if clustered.t is not None else None,
        known.permutation.p_two_sided if known.permutation else None,
    )


def _fourfold(known: Detail) -> tuple[Cell, ...]:
    if known.fourfold is None:
        return (None,) * (len(_FOURFOLD) - 2)
    counts, tests = known.fourfold.counts, known.fourfold.tests
    both, other = known.fourfold.bonett_price, known.fourfold.newcombe
    return (
        counts.both,
        counts.only_a,
        counts.only_b,
        counts.neither,
        tests.exact,
        tests.mid_p,
        Span(both.value, both.low, both.high),
        Span(other.value, other.low, other.high),
    )


def _margins(comparison: Comparison) -> Table:
    labels, unit = comparison.matrix.labels, comparison.matrix.unit
    heads = [
        Head("a", "A"),
        Head("b", "B"),
        Head("margin", "margin", unit),
        Head("difference", "A - B", unit),
        Head("lower_bound", "lower end", unit),
        Head("p", "p, A not worse", "p"),
        Head("verdict", "A no worse"),
        Head("p_equivalence", "p, equivalent", "p"),
        Head("equivalent", "within it"),
        Head("note", "note"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for pair, known in zip(comparison.pairs, comparison.details, strict=True):
        if known is None or known.margin is None:
            continue
        found = known.margin
        names = labels[pair.first], labels[pair.second]
        numbers = found.margin, found.difference, found.low, found.p
        rows.append((*names, *numbers, found.no_worse, found.p_equivalence, found.equivalent, found.note))
    together = " (of all pairs together)" if comparison.pairs and comparison.pairs[0].family > 1 else ""
    notes = [
        f"shown, where the whole 95% interval{together} is above minus the margin; shown not, where none of it is",
        "the margin must have been chosen before the data were seen; equivalence takes both sides",
    ]
    return _kept("non-inferiority", "is A no worse than B by more than the margin?", heads, rows, notes)


def _lost(comparison: Comparison) -> Table:
    heads = (Head("a", "A"), Head("b", "B"), Head("items", "items", "count"), Head("reason", "why not paired"))
    labels = comparison.matrix.labels
    rows: list[tuple[Cell, ...]] = []
    for pair in comparison.pairs[:45]:
        for reason, count in comparison.matrix.lost(pair.first, pair.second).most_common(6):
            rows.append((labels[pair.first], labels[pair.second], count, reason))
    notes = ("answers that fail are not missing at random: read the difference beside how many were lost",)
    return Table("lost", "items that could not be paired", heads, tuple(rows), notes)


def _published(comparison: Comparison) -> Table:
    unit = comparison.matrix.unit
    heads = (
        Head("model", "model"),
        Head("value", comparison.matrix.metric.name, unit),
        Head("reference", "PUBLISHED, totals only"),
        Head("published", "published [95%]", unit),
        Head("difference", "difference", unit),
        Head("p_low", "p at best", "p"),
        Head("p_high", "p at worst", "p"),
        Head("said", "what the totals allow"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (row.model, row.value, row.reference, row.published, row.difference, row.p_low, row.p_high, row.said)
        for row in comparison.totals
    )
    notes = (
        f"published: {comparison.source}",
        "these rows have no items: nothing is paired, and they stand outside ranks and adjusted p-values",
    )
    return Table("published", "beside published numbers", heads, rows, notes)
