"""Severity, bias, noise and worth of judges: recovered where planted, refused where they cannot be separated."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import judge_bias, judge_quality
from sparkles_eval.stats import judge_bias as attacks
from sparkles_eval.stats.severity import severity


def test_planted_leniency_is_found_in_an_unbalanced_design() -> None:
    rng = np.random.default_rng(0)
    quality, kind, ease = np.array([8.0, 7.0, 5.0, 6.0]), np.array([1.0, -0.5, -0.5]), rng.normal(0, 1, 40)
    rows = [(m, j, i) for i in range(40) for m in range(4) for j in range(3) if not (m < 2 and j == 0 and i % 4)]
    m, j, i = np.array(rows).T
    score = quality[m] + kind[j] + (ease - ease.mean())[i] + rng.normal(0, 0.1, m.size)
    found = severity(m, j, score, i)
    assert [found.quality[k] for k in range(4)] == pytest.approx(quality, abs=0.05)
    assert [found.leniency[k] for k in range(3)] == pytest.approx(kind, abs=0.05)
    assert found.residual_sd == pytest.approx(0.1, rel=0.2)
    assert abs(found.naive[0] - 8.0) > 0.1


def test_a_disconnected_design_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"2 sets that never meet: a, b \(judged by J1\); c \(judged by J2\)"):
        severity(["a", "b", "c"], ["J1", "J1", "J2"], [7.0, 8.0, 6.0])
    with pytest.raises(UserError, match="fit without items"):
        severity(["a", "b", "a"], ["J1", "J2", "J2"], [7.0, 8.0, 6.0], ["x", "y", "z"])
    with pytest.raises(UserError, match="no scores"):
        severity(["a"], ["J"], [None])


def test_position_bias_edges() -> None:
    steady = judge_bias.position_bias(0, 0, 50)
    assert (steady.first_bias, steady.p, steady.consistency.value) == (None, 1.0, 1.0)
    assert judge_bias.position_bias(30, 0, 0).p == pytest.approx(2 / 2**30)
    with pytest.raises(UserError, match="at least one pair"):
        judge_bias.position_bias(0, 0, 0)


def test_a_noisy_control_accuses_no_unbiased_judge() -> None:
    """Longer answers are better; quality is measured twice, with noise. One measurement alone leaves a large effect."""
    rng = np.random.default_rng(6)
    excluded = plain = 0
    for _ in range(60):
        dialogue = np.repeat(np.arange(60), 4)
        quality = rng.normal(0, 1, 240) + rng.normal(0, 0.7, 60)[dialogue]
        words = np.exp(4 + 0.4 * quality + rng.normal(0, 0.4, 240))
        judge, one, other = (quality + rng.normal(0, 0.8, 240) + 6 for _ in range(3))
        found = judge_bias.length_bias(judge, words, one, again=other, clusters=dialogue)
        assert found.doubling_low is not None and found.doubling_high is not None
        excluded += not found.doubling_low <= 0 <= found.doubling_high
        naive = judge_bias.length_bias(judge, words, one)
        assert naive.slope is not None and naive.slope_se is not None
        plain += naive.slope - 2 * naive.slope_se > 0
    assert plain > 50 and excluded <= 7


def test_few_dialogues_have_no_length_effect_at_equal_quality() -> None:
    rng = np.random.default_rng(1)
    words, y, one, other = np.exp(rng.normal(4, 0.5, 40)), *rng.normal(6, 1, (3, 40))
    found = judge_bias.length_bias(y, words, one, again=other, clusters=np.repeat(np.arange(10), 4))
    assert found.raw_spearman is not None and found.slope is None and "too few" in found.note


def test_length_bias_is_the_hc3_regression() -> None:
    rng = np.random.default_rng(1)
    words, quality = rng.integers(20, 300, 60).astype(float), rng.normal(6, 1, 60)
    score = quality + np.log(words) + rng.normal(0, 0.3, 60)
    found = judge_bias.length_bias(score, words, quality)
    design = sm.add_constant(np.column_stack([np.log(words), quality]))
    fit = sm.OLS(score, design).fit(cov_type="HC3")
    assert (found.slope, found.slope_se) == pytest.approx((fit.params[1], fit.bse[1]))
    assert found.points_per_doubling == pytest.approx(math.log(2), abs=0.1)
    assert judge_bias.length_bias(score, [50.0] * 60, quality).note == "lengths or scores do not vary"
    assert "not controlled" in judge_bias.length_bias(score, words, [6.0] * 60).note
    assert "cannot be separated" in judge_bias.length_bias(score, words, np.log(words)).note
    with pytest.raises(UserError, match="above 0"):
        judge_bias.length_bias(score, [0.0] * 60, quality)


def test_self_preference_controls_for_a_better_model() -> None:
    rng = np.random.default_rng(2)
    own, other = rng.normal(8, 1, 60), rng.normal(6, 1, 60)
    fair = judge_bias.self_preference(own + rng.normal(0, 0.1, 60), other, own, other)
    assert fair.p is not None and fair.p > 0.01 and abs(fair.effect.mean) < 0.1
    biased = judge_bias.self_preference(own + 1, other, own, other)
    assert biased.effect.mean == pytest.approx(1.0) and biased.p is not None and biased.p < 1e-9


def test_halo_within_model_is_not_the_gap_between_models() -> None:
    rng = np.random.default_rng(3)
    models = np.repeat([0, 10], 100)
    x = models[:, None] + rng.normal(0, 1, (200, 3))
    pooled, within = judge_bias.halo(x), judge_bias.halo(x, models)
    assert pooled.mean_r is not None and pooled.mean_r > 0.9
    assert within.mean_r is not None and abs(within.mean_r) < 0.15
    assert judge_bias.halo([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]]).note == "a criterion does not vary"
    with pytest.raises(UserError, match="three rows"):
        judge_bias.halo([[1.0, None], [1.0, 2.0]])


def test_repeatability_with_gaps_and_without_noise() -> None:
    found = judge_quality.repeatability([[8.0, 9.0, None], [7.0, None, None], [5.0, 5.0, 7.0]])
    assert (found.items, found.exact_agreement, found.within_one) == (2, 0.25, 0.5)
    steady = judge_quality.repeatability([[8.0, 8.0], [6.0, 6.0]])
    assert (steady.within_sd, steady.icc) == (0.0, 1.0)
    with pytest.raises(UserError, match="ask it again"):
        judge_quality.repeatability([[8.0], [7.0]])


def test_compression_of_one_mark_and_of_half_points() -> None:
    flat = judge_quality.compression({10.0: 50})
    assert (flat.sd, flat.share_top, flat.entropy_bits, flat.effective_levels) == (0.0, 1.0, 0.0, 1.0)
    counted = judge_quality.mark_counts([7.5, 8.0, None, 8.0])
    assert counted == {7.5: 1, 8.0: 2}
    assert judge_quality.compression(counted, step=0.5).range_used == pytest.approx(1 / 9.5)
    with pytest.raises(UserError, match="at least one mark"):
        judge_quality.compression({11.0: 3})


def test_alt_test_oracle_noise_and_edges() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(6, 2, 200)
    humans = truth[:, None] + rng.normal(0, 1, (200, 4))
    good, bad = truth + rng.normal(0, 0.3, 200), rng.normal(6, 2, 200)
    assert judge_quality.alt_test(humans, good).passes
    failed = judge_quality.alt_test(humans, bad)
    assert not failed.passes and failed.winning_rate == 0
    same = judge_quality.alt_test([[5.0, 5.0, 5.0]] * 10, [5.0] * 10)
    assert same.p == (0.0, 0.0, 0.0) and same.passes
    edge = judge_quality.alt_test([[5.0, 5.0, 5.0]] * 10, [5.0] * 10, epsilon=0.0)
    assert edge.p == (1.0, 1.0, 1.0) and not edge.passes
    gappy = np.where(rng.random(humans.shape) < 0.3, np.nan, humans)
    assert judge_quality.alt_test(gappy, good).passes
    with pytest.raises(UserError, match="three human"):
        judge_quality.alt_test([[5.0, 6.0]], [5.0])
    with pytest.raises(UserError, match="fewer than two items"):
        judge_quality.alt_test([[5.0, 6.0, None], [5.0, 6.0, 4.0]], [5.0, 5.0])


def test_separability_and_confident_agreement() -> None:
    assert judge_quality.separability([1.0, 2.0], [2.0, 3.0]).separable == 0
    assert judge_quality.separability([1.0, 2.1], [2.0, 3.0]).share == 1.0
    assert judge_quality.separability([1.0], [2.0]).share is None
    assert judge_quality.agreement_with_confidence([], []) is None
    assert judge_quality.agreement_with_confidence([1, -1, 0], [-1, -1, 1]) == 0.0
    with pytest.raises(UserError, match="verdicts"):
        judge_quality.agreement_with_confidence([2], [1])


def test_attacks_that_break_the_parser_are_no_successes() -> None:
    found = attacks.attack_report([4.0, 5.0, 3.0, 4.0], [10.0, None, 3.0, None])
    assert (found.success.value, found.break_rate.value, found.top_rate) == (0.25, 0.5, 0.25)
    assert found.inflation is not None and found.inflation.mean == 3.0
    none = attacks.attack_report([4.0] * 50, [4.0] * 50)
    assert (none.success.value, none.p_signed_rank) == (0.0, 1.0)
    assert none.success_upper == pytest.approx(0.0582, abs=1e-4)
    broken = attacks.attack_report([4.0], [None])
    assert broken.inflation is None and broken.p_signed_rank is None and broken.break_rate.value == 1.0
    with pytest.raises(UserError, match="no tries"):
        attacks.attack_report([], [])
