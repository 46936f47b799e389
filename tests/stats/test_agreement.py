"""Agreement of judges: identities, published data, invariances, and what is undefined."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import agreement, correlation

marks = st.integers(1, 10).map(float)
two_judges = st.lists(st.tuples(marks, marks), min_size=3, max_size=40)


@settings(max_examples=40, deadline=None)
@given(two_judges)
def test_kappas_agree_with_statsmodels_on_the_full_scale(rows: list[tuple[float, float]]) -> None:
    a, b = np.array(rows).T
    found = agreement.weighted_kappa(a, b)
    if found.quadratic is None:
        assert found.note
        return
    table = np.zeros((10, 10))
    for x, y in rows:
        table[int(x) - 1, int(y) - 1] += 1
    for value, weights in ((found.quadratic, "quadratic"), (found.linear, "linear"), (found.unweighted, None)):
        kwargs = {} if weights is None else {"wt": weights}
        assert value == pytest.approx(cohens_kappa(table, return_results=False, **kwargs), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_alpha_is_symmetric_and_follows_its_definition(seed: int) -> None:
    """Interval alpha from its definition over all pairs of marks, item by item."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 6, (3, 12)).astype(float)
    x[rng.random(x.shape) < 0.2] = np.nan
    columns = [column[~np.isnan(column)] for column in x.T]
    columns = [column for column in columns if column.size > 1]
    pool = np.concatenate(columns)
    seen = sum(np.sum((c[:, None] - c[None, :]) ** 2) / (c.size - 1) for c in columns) / pool.size
    chance = np.sum((pool[:, None] - pool[None, :]) ** 2) / (pool.size * (pool.size - 1))
    found = agreement.krippendorff(x, "interval")
    assert found.value == pytest.approx(1 - seen / chance)
    assert agreement.krippendorff(x[::-1], "ordinal").value == pytest.approx(agreement.krippendorff(x).value)
    assert agreement.krippendorff(x * 10, "nominal").value == agreement.krippendorff(x, "nominal").value


def test_alpha_undefined() -> None:
    assert "every mark is the same" in agreement.krippendorff([[5.0, 5.0], [5.0, 5.0]]).note
    for empty in ([[5.0, None], [None, 4.0]], [[None, None], [None, None]], []):
        assert agreement.krippendorff(empty).note == "no item has two marks"
    assert agreement.krippendorff([[5.0, 6.0, 7.0]] * 2).value == 1.0


def test_icc_drops_gaps_and_severity_separates_the_two_forms() -> None:
    x = np.array([[5.0, 7.0], [6.0, 8.0], [7.0, 9.0], [8.0, 10.0]])
    found = agreement.icc([*x.tolist(), [4.0, None]])
    assert found.dropped == 1
    assert found.icc_3_1 == pytest.approx(1.0)
    assert found.icc_2_1 is not None and found.icc_2_1 < 0.6
    assert agreement.icc([[5.0, 5.0], [5.0, 5.0]]).note == "items do not vary"
    with pytest.raises(UserError, match="common items"):
        agreement.icc([[5.0, None], [6.0, None]])


def test_bland_altman_slope_is_linear_regression() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(7, 1, 30), rng.normal(6, 2, 30)
    found = agreement.bland_altman(a, b)
    expected = stats.linregress((a + b) / 2, a - b)
    assert (found.slope, found.slope_p) == pytest.approx((expected.slope, expected.pvalue))
    same = agreement.bland_altman([7.0, 8.0, 9.0], [6.0, 7.0, 8.0])
    assert (same.bias, same.sd, same.bias_low, same.slope_p) == (1.0, 0.0, None, None)
    with pytest.raises(UserError, match="three"):
        agreement.bland_altman([1.0, None, 2.0], [1.0, 2.0, 3.0])


@settings(max_examples=40, deadline=None)
@given(two_judges)
def test_correlations_agree_with_scipy(rows: list[tuple[float, float]]) -> None:
    a, b = np.array(rows).T
    found = correlation.correlations(a, b)
    if found.spearman is None:
        assert "same score" in found.note
        return
    assert found.spearman == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found.pearson == pytest.approx(stats.pearsonr(a, b).statistic)


def test_exact_kendall_with_ties_counts_permutations() -> None:
    x, y = [1.0, 2.0, 2.0, 4.0, 5.0], [1.0, 3.0, 2.0, 5.0, 5.0]
    found = correlation.kendall_test(x, y)
    seen = abs(stats.kendalltau(x, y).statistic)
    p = np.mean([abs(stats.kendalltau(x, order).statistic) >= seen - 1e-9 for order in itertools.permutations(y)])
    assert found.exact and found.p == pytest.approx(p)
    assert correlation.kendall_test([1.0, 1.0], [1.0, 2.0]).tau is None
    assert not correlation.kendall_test([1.0, 1.0, *range(2, 12)], list(range(12))).exact


def test_within_model_skill_is_not_the_gap_between_models() -> None:
    """Two judges that only know which model wrote the answer: pooled r is high, within-model r is about 0."""
    rng = np.random.default_rng(0)
    models = np.repeat(np.arange(6), 100)
    a, b = models + rng.normal(0, 0.5, 600), models + rng.normal(0, 0.5, 600)
    a[0] = np.nan
    found = correlation.judge_correlations(a, b, models)
    assert found.pooled.spearman is not None and found.pooled.spearman > 0.85
    assert found.within_model.spearman is not None and abs(found.within_model.spearman) < 0.1
    assert found.system.spearman == pytest.approx(1.0)
    assert found.system_test.p == pytest.approx(2 / 720)
    assert found.within_model.n == 599
