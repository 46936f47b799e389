"""Human labels beside judge labels: recovery, coverage of the plan, calibration, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import calibration, human
from sparkles_eval.stats.dawid_skene import dawid_skene


def _draw(rng: np.random.Generator, n: int, pool: int, noise: float = 0.7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = rng.normal(7, 1.5, n + pool)
    judge = truth + 1 + rng.normal(0, noise, n + pool)
    return truth[:n], judge[:n], judge[n:]


def test_ppi_is_narrower_than_humans_alone_and_unbiased() -> None:
    rng = np.random.default_rng(0)
    rows = [_draw(rng, 40, 400) for _ in range(300)]
    plus = [human.ppi_mean(*row) for row in rows]
    alone = [human.ppi_mean(*row, lam=0.0) for row in rows]
    assert np.mean([p.estimate for p in plus]) == pytest.approx(7, abs=0.05)
    assert np.mean([p.se for p in plus]) < 0.65 * np.mean([a.se for a in alone])
    assert np.mean([p.low <= 7 <= p.high for p in plus]) == pytest.approx(0.95, abs=0.03)


def test_a_useless_judge_is_not_trusted() -> None:
    y = [6.0, 7.0, 8.0, 5.0]
    constant = human.ppi_mean(y, [9.0] * 4, [9.0] * 20)
    opposite = human.ppi_mean(y, [8.0, 7.0, 6.0, 9.0], [6.0, 7.0, 8.0, 9.0])
    empty = human.ppi_mean(y, y, [])
    for found in (constant, opposite, empty):
        assert (found.lam, found.estimate) == (0.0, 6.5)
    assert constant.correlation is None and "only 4 labels" in constant.note
    with pytest.raises(UserError, match="at least two"):
        human.ppi_mean([6.0], [6.0], [5.0])
    with pytest.raises(UserError, match="lengths differ"):
        human.ppi_mean(y, [6.0], [5.0])


def test_difference_cancels_what_the_judge_adds_to_both() -> None:
    rng = np.random.default_rng(1)
    a, ja, pa = _draw(rng, 40, 110)
    found = human.ppi_difference(
        human.PairScores(a, a - 0.5), human.PairScores(ja, ja - 0.5), human.PairScores(pa, pa - 0.5)
    )
    assert found.estimate == pytest.approx(0.5) and found.se == pytest.approx(0, abs=1e-9)


def test_strata_combine_and_warn() -> None:
    rng = np.random.default_rng(2)
    strata = [human.Stratum(w, *_draw(rng, n, 100)) for w, n in ((3.0, 30), (1.0, 6))]
    found = human.stratified_ppi(strata)
    assert found.note == "1 strata with fewer than 20 labels"
    assert found.low < found.estimate < found.high
    with pytest.raises(UserError, match="weights"):
        human.combine_strata([0.0], [1.0], [1.0])


@settings(max_examples=50, deadline=None)
@given(st.floats(0.5, 3), st.floats(0.1, 1), st.floats(0, 0.95), st.integers(20, 2000))
def test_the_plan_reaches_its_half_width(sd: float, half: float, rho: float, pool: int) -> None:
    plan = human.labels_needed(sd, half, rho, pool=pool)
    if plan.with_judge is None:
        worth = human.effective_labels(pool, pool, rho)
        assert 1.959964 * sd / np.sqrt(worth) > half - 1e-9
    else:
        worth = human.effective_labels(plan.with_judge, pool, rho)
        assert 1.959964 * sd / np.sqrt(worth) <= half + 1e-6
        assert plan.with_judge <= plan.classic


def test_labels_in_a_pool_of_150() -> None:
    worth = [round(human.effective_labels(50, 150, rho)) for rho in (0.5, 0.7, 0.8, 0.9)]
    assert worth == [60, 74, 87, 109]
    with pytest.raises(UserError, match="pool"):
        human.effective_labels(60, 50, 0.5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)), min_size=1, max_size=40))
def test_isotonic_is_monotone_keeps_the_mean_and_no_swap_improves_it(rows: list[tuple[int, int]]) -> None:
    f, y = np.array(rows, dtype=float).T
    found = calibration.isotonic(f, y)
    assert np.all(np.diff(found.fit) >= -1e-12)
    assert found(f).mean() == pytest.approx(y.mean())
    best = np.sum((y - found(f)) ** 2)
    other = np.maximum.accumulate([y[f <= x].mean() for x in found.x])
    assert best <= np.sum((y - np.interp(f, found.x, other)) ** 2) + 1e-9


def test_calibration_outside_its_range_and_across_folds() -> None:
    curve = calibration.isotonic([5.0, 7.0], [4.0, 6.0])
    assert curve([1.0, 6.0, 10.0]) == pytest.approx([4.0, 5.0, 6.0])
    assert calibration.linear([7.0, 7.0], [4.0, 6.0]) == calibration.Linear(0.0, 5.0)
    rng = np.random.default_rng(0)
    y, f, pool = _draw(rng, 60, 200)
    fitted = calibration.cross_fit(f, y, pool)
    assert fitted.method == "isotonic" and fitted.labelled.shape == (60,) and fitted.unlabelled.shape == (200,)
    assert fitted.unlabelled.mean() == pytest.approx(7, abs=0.4)
    assert calibration.cross_fit(f[:20], y[:20], pool).method == "linear"
    with pytest.raises(UserError, match="folds"):
        calibration.cross_fit([1.0, 2.0], [1.0, 2.0], pool)
    with pytest.raises(UserError, match="label some"):
        calibration.isotonic([], [])


def test_rogan_gladen_covers_clips_and_refuses() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        true = rng.binomial(1, 0.6, 150)
        p = rng.binomial(1, np.where(true, 0.9, 0.2)).mean()
        found, _ = calibration.rogan_gladen(
            p, rng.binomial(60, 0.9) / 60, rng.binomial(60, 0.8) / 60, n=150, n_positive=60, n_negative=60
        )
        assert found.low is not None and found.high is not None
        hits += found.low <= 0.6 <= found.high
    assert hits / 400 == pytest.approx(0.95, abs=0.03)
    clipped, _ = calibration.rogan_gladen(0.05, 0.9, 0.8, n=100, n_positive=50, n_negative=50)
    assert clipped.value == 0.0 and "before clipping" in clipped.note
    with pytest.raises(UserError, match="no better than a coin"):
        calibration.rogan_gladen(0.5, 0.5, 0.5, n=100, n_positive=50, n_negative=50)


def test_panel_reliability_edges() -> None:
    assert calibration.panel_reliability(0.6, 1) == pytest.approx(0.6)
    with pytest.raises(UserError, match="no sense"):
        calibration.panel_reliability(0.6, 0)


def test_dawid_skene_recovers_judges_and_names_its_limits() -> None:
    rng = np.random.default_rng(6)
    truth = rng.binomial(1, 0.4, 800)
    se, sp = np.array([0.95, 0.9, 0.8, 0.7, 0.6]), np.array([0.9, 0.95, 0.8, 0.7, 0.9])
    votes = rng.binomial(1, np.where(truth[:, None] == 1, se, 1 - sp)).astype(float)
    votes[rng.random(votes.shape) < 0.1] = np.nan
    votes[0] = np.nan
    found = dawid_skene(votes)
    assert found.sensitivity == pytest.approx(se, abs=0.07) and found.specificity == pytest.approx(sp, abs=0.07)
    assert np.isnan(found.posterior[0]) and found.note == ""
    assert "check by hand" in dawid_skene([[1, 1, 0], [0, 0, 0]]).note
    unanimous = dawid_skene([[1, 1, 1]] * 5)
    assert unanimous.prevalence == 1.0 and unanimous.posterior == pytest.approx(np.ones(5))
    with pytest.raises(UserError, match="0 or 1"):
        dawid_skene([[2, 1]])
