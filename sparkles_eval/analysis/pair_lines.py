"""Describes every pair of a panel's ranked models in a sentence: difference, interval, test, and the deciding items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.ranking import PanelRanks
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.tables import Span
from sparkles_eval.core.text import format_ends, format_number, one_line

MOST = 24
"""Models of a panel whose pairs are described; of more, the best. `compare` has every pair."""


@dataclass(frozen=True, slots=True)
class PairLine:
    """Two models on the items that both have, as the ranks tested them."""

    first: str
    second: str
    """Labels of the two models."""
    first_run: str
    second_run: str
    """Their run ids."""
    words: str
    """Difference, interval, adjusted p and whether it is significant."""
    first_better: int
    second_better: int
    """Items on which each has the higher value: these decide."""
    equal: int


def pair_lines(ranks: PanelRanks, most: int = MOST) -> tuple[PairLine, ...]:
    """Every pair of the `most` best models; () where the panel's models were not tested."""
    if ranks.ranking is None:
        return ()
    matrix = ranks.ranking.matrix
    order = [matrix.labels.index(run.label) for run in ranks.ranking.ranked_runs[:most]]
    place = {side: number for number, side in enumerate(order)}
    pairs = [pair for pair in ranks.ranking.pairs if pair.first in place and pair.second in place]
    pairs.sort(key=lambda pair: sorted((place[pair.first], place[pair.second])))
    return tuple(_line(matrix, pair, flipped=place[pair.first] > place[pair.second]) for pair in pairs)


def _line(matrix: ScoreMatrix, pair: Tested, *, flipped: bool) -> PairLine:
    """The better-placed model first."""
    sides = (pair.second, pair.first) if flipped else (pair.first, pair.second)
    values = matrix.values[:, list(sides)]
    known = values[~np.isnan(values).any(axis=1)]
    first, second = (int(np.count_nonzero(known[:, a] > known[:, b])) for a, b in ((0, 1), (1, 0)))
    return PairLine(
        one_line(matrix.labels[sides[0]]),
        one_line(matrix.labels[sides[1]]),
        matrix.runs[sides[0]].run.id,
        matrix.runs[sides[1]].run.id,
        _words(matrix, pair, -1 if flipped else 1),
        first,
        second,
        len(known) - first - second,
    )


def _words(matrix: ScoreMatrix, pair: Tested, sign: int) -> str:
    if pair.difference is None:
        return pair.note or "no common items"
    seen = Span(pair.difference, pair.low, pair.high)
    one = seen if sign > 0 else seen.negated
    said = f"{format_number(one.value, matrix.unit)} points {format_ends(one.low, one.high, matrix.unit)}".rstrip()
    if pair.p_holm is None:
        return f"{said}; {pair.note or 'not tested'}"
    p = format_number(pair.p_holm, "p")
    verdict = "significant" if pair.significant else "not significant"
    return f"{said} taken alone, {f'p {p[0]} {p[1:]}' if p.startswith('<') else f'p = {p}'} after Holm: {verdict}"
