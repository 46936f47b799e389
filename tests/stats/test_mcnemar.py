"""McNemar and the intervals of a paired difference against statsmodels, and their edges."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import mcnemar as m

cell = st.integers(0, 80)


@settings(max_examples=60, deadline=None)
@given(cell, cell)
def test_p_values_agree_with_statsmodels(b: int, c: int) -> None:
    found = m.mcnemar(b, c)
    if b == c:
        assert found == m.McNemar(1.0, 1.0, 1.0, 1.0)
        return
    table = [[5, b], [c, 5]]
    assert found.exact == pytest.approx(reference(table, exact=True).pvalue, abs=1e-10)
    assert found.chi2 == pytest.approx(reference(table, exact=False, correction=False).pvalue, abs=1e-10)
    assert found.chi2_corrected == pytest.approx(reference(table, exact=False, correction=True).pvalue, abs=1e-10)
    assert found.mid_p < found.exact
    assert m.mcnemar(c, b) == found


@settings(max_examples=80, deadline=None)
@given(cell, cell, cell, cell)
def test_intervals_hold_the_difference_and_mirror(a: int, b: int, c: int, d: int) -> None:
    if a + b + c + d == 0:
        return
    found = m.paired_difference(m.PairedCounts(a, b, c, d))
    other = m.paired_difference(m.PairedCounts(a, c, b, d))
    for one, swapped in (
        (found.wald, other.wald),
        (found.bonett_price, other.bonett_price),
        (found.newcombe, other.newcombe),
    ):
        assert one.low is not None and one.high is not None and swapped.low is not None and swapped.high is not None
        assert -1 <= one.low <= one.high <= 1
        assert (one.low, one.high) == pytest.approx((-swapped.high, -swapped.low), abs=1e-9)
    assert found.newcombe.low is not None and found.newcombe.high is not None
    assert found.newcombe.low - 1e-9 <= found.difference <= found.newcombe.high + 1e-9


def test_no_disagreement_still_has_width() -> None:
    found = m.paired_difference(m.PairedCounts(40, 0, 0, 10))
    assert found.wald.low == found.wald.high == 0
    assert found.bonett_price.low is not None and found.bonett_price.low < -0.02
    assert found.newcombe.low is not None and found.newcombe.low < 0


def test_counts_from_columns() -> None:
    assert m.paired_counts([1, 1, 0, 0, 1], [1, 0, 1, 0, 0]) == m.PairedCounts(1, 2, 1, 1)
    with pytest.raises(UserError, match="paired_scores"):
        m.paired_counts([7.5], [1.0])
    with pytest.raises(UserError, match="no common items"):
        m.paired_difference(m.PairedCounts(0, 0, 0, 0))
    with pytest.raises(UserError, match="0 or more"):
        m.mcnemar(-1, 3)


def test_independent_difference_agrees_with_statsmodels() -> None:
    found = m.independent_difference(85, 150, 60, 140)
    assert found.p_z == pytest.approx(proportions_ztest([85, 60], [150, 140])[1])
    low, high = confint_proportions_2indep(85, 150, 60, 140, method="newcomb")
    assert (found.newcombe.low, found.newcombe.high) == pytest.approx((low, high), abs=1e-6)
    assert m.independent_difference(5, 5, 5, 5).p_z == 1.0
