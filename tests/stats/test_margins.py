"""What published totals allow: bounds that hold for every table they could have come from."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import margins
from sparkles_eval.stats.mcnemar import mcnemar


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.data())
def test_every_possible_table_lies_in_the_range(n: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    found = margins.mcnemar_range(a, b, n)
    tables = [(x, x - (a - b)) for x in range(n + 1) if x - (a - b) >= 0 and x <= a and x - (a - b) <= b and x <= n - b]
    p = [mcnemar(*t).exact for t in tables]
    assert (found.min_p, found.max_p) == pytest.approx((min(p), max(p)))
    significant = [sum(t) for t in tables if mcnemar(*t).exact < 0.05]
    assert found.max_discordant_exact == (max(significant) if significant else None)


def test_nlvr2_as_published() -> None:
    found = margins.mcnemar_range(87, 77, 150)
    assert (found.min_counts, found.max_counts, found.independent_counts) == ((10, 0), (73, 63), (42, 32))
    assert found.max_p == pytest.approx(0.4404, abs=1e-4)
    assert found.max_discordant_exact == 20


def test_worst_cases() -> None:
    sure = margins.worst_case_difference(8.56, 3.91, 150, (1, 10))
    assert sure.significant and sure.smallest_t == pytest.approx(7.5588, abs=1e-4)
    assert not margins.worst_case_difference(9.26, 8.56, 150, (1, 10)).significant
    assert margins.worst_case_difference(10, 1, 5, (1, 10)).smallest_t == math.inf
    assert margins.worst_case_difference(10, 10, 5, (1, 10)).smallest_t == 0.0
    with pytest.raises(UserError, match="outside the scale"):
        margins.largest_sd(11, (1, 10))
    with pytest.raises(UserError, match="two items"):
        margins.worst_case_difference(5, 6, 1, (1, 10))
    with pytest.raises(UserError, match="impossible"):
        margins.mcnemar_range(8, 3, 7)


def test_touching_intervals_are_far_from_five_percent() -> None:
    assert margins.touching_intervals_p() == pytest.approx(0.00557, abs=1e-5)
    assert margins.touching_intervals_p(se_ratio=1e-9) == pytest.approx(0.05, abs=1e-6)
