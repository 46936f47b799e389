"""Is it more than luck: paired differences with their intervals, marked by Holm's adjustment.

All numbers are those of `evidence.compare`. Knows nothing of how they were got.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.tables import Cell, Head, Span
from sparkles_eval.reports.figures import draw
from sparkles_eval.reports.figures.draw import Row, Told
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.names import labels, pairs, shown
from sparkles_eval.reports.figures.subject import MOST, Subject, ranged
from sparkles_eval.reports.figures.theme import QUIET

ALL_PAIRS = 10
"""Pairs up to which each is drawn; of more, those with the best model."""


def differences(about: Subject) -> Iterator[Figure]:
    """Paired differences of the headline with their intervals, marked by Holm's adjustment."""
    made = about.comparison
    if made is None:
        return
    pairs = [pair for pair in made.pairs if pair.difference is not None]
    drawn, left = _chosen_pairs(about, pairs)
    if not drawn:
        return
    unit = "percentage points" if not about.points else "points"
    rows = [_pair_row(about, pair) for pair in drawn]
    plot = draw.forest(rows, f"difference in {_title(about)}, {unit}", size=72)
    yield draw.figure(about, _said(about, drawn, unit, left), plot)


def _chosen_pairs(about: Subject, pairs: Sequence[Tested]) -> tuple[list[Tested], str]:
    """Every pair where they are few, else those with the best run; each as the better model minus the other."""
    if len(pairs) <= ALL_PAIRS:
        return list(pairs), ""
    assert about.comparison is not None
    label = about.comparison.standings[0].label
    best = next(i for i, other in enumerate(about.comparison.matrix.labels) if other == label)
    mine = [pair for pair in pairs if best in (pair.first, pair.second)]
    drawn = sorted(mine, key=lambda pair: abs(pair.difference or 0.0))[:MOST]
    count = f"Of {len(pairs)} pairs the {len(drawn)}"
    said = f" {count} of the best model, {shown(label)}, are drawn; sparkles-eval compare has all."
    return drawn, said


def _pair_row(about: Subject, pair: Tested) -> Row:
    assert about.comparison is not None and pair.difference is not None
    names = list(labels(about.comparison.matrix.labels, 20).values())
    factor = about.factor
    low = pair.difference if pair.low is None else pair.low
    high = pair.difference if pair.high is None else pair.high
    digits = 2 if about.points else 1
    said = f"{factor * pair.difference:+.{digits}f}"
    if pair.low is not None and pair.high is not None:
        said += f" [{factor * pair.low:.{digits}f}, {factor * pair.high:.{digits}f}]"
    said = said.replace("-", "\N{MINUS SIGN}")
    star = pair.significant()
    return {
        "model": f"{names[pair.first]} \N{MINUS SIGN} {names[pair.second]}",
        "value": factor * pair.difference,
        "low": factor * low,
        "high": factor * high,
        "said": said + (" *" if star else ""),
        **draw.plain(hollow=not star),
        "shape": "diamond" if star else "circle",
        **({} if star else {"stroke": QUIET}),
    }


def _said(about: Subject, drawn: Sequence[Tested], unit: str, left: str) -> Told:
    made = about.comparison
    assert made is not None
    tests, intervals = ("; ".join(dict.fromkeys(filter(None, each))) for each in _methods(drawn))
    caption = (
        f"First minus second model on the items that both have (n = {ranged([pair.n for pair in drawn])}), in {unit}, "
        f"with 95% intervals ({intervals or 'none'}). Filled diamond and *: still different at 5% after Holm's "
        f"adjustment over {pairs(len(made.pairs))} ({tests or 'no test'}); hollow circle: not shown to differ, which "
        f"is not shown to be equal.{left}"
    )
    heads = (
        Head("first", "model"),
        Head("second", "minus"),
        Head("difference", "difference", "points" if about.points else "percent"),
        Head("n", "items", "count"),
        Head("p", "p", "p"),
        Head("p_holm", "p (Holm)", "p"),
        Head("p_bh", "p (BH)", "p"),
        Head("test", "test"),
        Head("note", "note"),
    )
    models = made.matrix.labels
    rows: list[tuple[Cell, ...]] = [
        (
            models[p.first],
            models[p.second],
            Span(p.difference, p.low, p.high),
            p.n,
            p.p,
            p.p_holm,
            p.p_bh,
            p.test,
            p.note,
        )
        for p in drawn
    ]
    told = sum(pair.significant() for pair in drawn)
    said = f"Forest plot of {len(drawn)} paired differences; {told} differ after adjustment. Numbers below."
    return Told("differences", "Paired differences", caption, said, heads, rows)


def _methods(drawn: Sequence[Tested]) -> tuple[list[str], list[str]]:
    return [pair.test for pair in drawn], [pair.interval for pair in drawn]


def _title(about: Subject) -> str:
    """Of the headline; in a sentence."""
    found = about.title_of_metric
    return found[:1].lower() + found[1:] if found.istitle() else found
