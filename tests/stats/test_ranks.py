"""Many models: multiplicity, rank sets, letters, Friedman and all pairs, against statsmodels and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import multiplicity, paired, pairwise, ranks

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(max_examples=15, deadline=None)  # statsmodels collects garbage at every call
@given(p_values)
def test_adjustments_agree_with_statsmodels(p: list[float]) -> None:
    for function, method in (
        (multiplicity.holm, "holm"),
        (multiplicity.benjamini_hochberg, "fdr_bh"),
        (multiplicity.benjamini_yekutieli, "fdr_by"),
        (multiplicity.bonferroni, "bonferroni"),
    ):
        assert function(p) == pytest.approx(multipletests(p, method=method)[1], abs=1e-12)


def test_missing_p_values_stay_out_of_the_family() -> None:
    found = multiplicity.holm([0.01, None, 0.04])
    assert found[[0, 2]] == pytest.approx([0.02, 0.04]) and np.isnan(found[1])
    assert multiplicity.adjust([0.01, None, 0.2]).significant.tolist() == [True, False, False]
    assert multiplicity.holm([]).size == 0
    with pytest.raises(UserError, match="outside"):
        multiplicity.holm([1.2])


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.data())
def test_letters_say_exactly_what_differs(k: int, data: st.DataObject) -> None:
    every = list(itertools.combinations(range(k), 2))
    chosen = data.draw(st.lists(st.sampled_from(every), unique=True))
    order = data.draw(st.permutations(range(k)))
    letters = ranks.compact_letters(order, ranks.significance_matrix(k, chosen))
    for i, j in every:
        assert bool(set(letters[i]) & set(letters[j])) == ((i, j) not in chosen)


def test_many_letters_run_past_the_alphabet() -> None:
    k = 60
    letters = ranks.compact_letters(range(k), ~np.eye(k, dtype=np.bool_))
    assert letters[0] == "a" and letters[26] == "A" and letters[52] == "a1"


def test_rank_sets_of_clear_and_equal_models() -> None:
    rng = np.random.default_rng(0)
    item = rng.normal(0, 1, (200, 1))
    clear = ranks.rank_sets(item + np.array([2.0, 1.0, 0.0]) + rng.normal(0, 0.5, (200, 3)))
    assert (clear.rank_low, clear.rank_high, clear.letters) == ((1, 2, 3), (1, 2, 3), ("a", "b", "c"))
    equal = ranks.rank_sets(np.repeat(item, 3, axis=1))
    assert (equal.rank_low, equal.rank_high, equal.letters) == ((1, 1, 1), (3, 3, 3), ("a", "a", "a"))
    assert all(pair.p == 1.0 for pair in equal.pairs)


def test_models_without_common_items_are_not_compared() -> None:
    found = ranks.rank_sets([[1.0, None, 1.0], [0.0, None, 1.0], [None, 1.0, 1.0], [None, 0.0, 0.0]])
    first = found.pairs[0]
    assert (first.n, first.lost, first.p, first.note) == (0, 4, None, "no common items")
    assert found.rank_high == (3, 3, 3)
    empty = ranks.rank_sets([[1.0, None], [0.0, None]])
    assert empty.means == (0.5, None)
    with pytest.raises(UserError, match="two models"):
        ranks.rank_sets([[1.0], [2.0]])
    with pytest.raises(UserError, match="one per item"):
        ranks.rank_sets([[1.0, 2.0]], ["a", "b"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_all_pairs_equal_one_pair_at_a_time(seed: int, gaps: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 11, (40, 4)).astype(float)
    group = rng.integers(0, 12, 40)
    if gaps:
        x[rng.random(x.shape) < 0.2] = np.nan
    found = pairwise.pair_tests(x, group)
    for index, (i, j) in enumerate(itertools.combinations(range(4), 2)):
        keep = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
        one = paired.clustered_difference(x[keep, i], x[keep, j], group[keep])
        assert found.n[index] == keep.sum()
        assert found.difference[index] == pytest.approx(one.mean.mean)
        assert found.p[index] == pytest.approx(one.p)
        assert found.low[index] == pytest.approx(one.mean.low)


def test_pairs_in_one_cluster_or_without_variation() -> None:
    assert np.isnan(pairwise.pair_tests([[1.0, 0.0], [0.0, 1.0]], ["a", "a"]).p[0])
    constant = pairwise.pair_tests([[10.0, 1.0]] * 12)
    assert constant.p[0] == pytest.approx(2 / 2**12) and np.isnan(constant.low[0])
