"""Dependence among items: unbiased variances, and degrees of freedom for clusters and for items with two units."""

from __future__ import annotations

import numpy as np
import pytest

from sparkles_eval.stats.dependence import dependence


def test_equal_clusters_are_cr1_with_one_degree_less_than_clusters() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(12), 5)
    y = rng.normal(size=60) + rng.normal(size=12)[labels]
    found = dependence(labels)
    sums = np.bincount(labels, weights=y - y.mean())
    assert (found.units, found.freedom, found.effective) == pytest.approx((12, 11, 12))
    assert found.covariance((y - y.mean())[:, None])[0, 0] == pytest.approx(sums @ sums * 12 / 11 / 60**2)


def test_freedom_is_that_of_the_quadratic_form() -> None:
    """(trace V)^2 / trace(V^2) from the matrices themselves, for clusters and for pairs of units."""
    rng = np.random.default_rng(1)
    sizes = [9, 1, 1, 2, 3, 4]
    plain = [n for n, size in enumerate(sizes) for _ in range(size)]
    pairs = [frozenset(rng.choice(9, 2, replace=False).tolist()) for _ in range(20)]
    mixed = [*pairs[:12], *[frozenset({2}), 3, 3]]
    for labels in (plain, pairs, mixed):
        found, n = dependence(labels), len(labels)
        sets = [label if isinstance(label, frozenset) else {label} for label in labels]
        near = np.array([[float(bool(one & other)) for other in sets] for one in sets])
        centre = np.eye(n) - 1 / n
        weights = np.ones(n)
        if labels is plain:
            weights = 1 / np.sqrt(1 - np.array([sizes[label] for label in plain]) / n)
        form = centre @ (near * np.outer(weights, weights)) @ centre
        assert found.freedom == pytest.approx(np.trace(form) ** 2 / np.trace(form @ form))
        assert found.crossed == (labels is not plain)
        y = rng.normal(size=n)
        e = y - y.mean()
        scale = 1.0 if labels is plain else n / np.trace(form)
        assert found.covariance(e[:, None])[0, 0] == pytest.approx(
            scale * (e @ (form if labels is plain else near) @ e) / n**2
        )


def test_unequal_clusters_are_worth_fewer() -> None:
    one_of_60 = [*[0] * 60, *range(1, 13), *np.repeat(range(13, 25), 2), *np.repeat(range(25, 43), 3)]
    assert dependence(one_of_60).effective == pytest.approx(6.7, abs=0.05)
    assert dependence([0] * 100 + list(range(1, 31))).effective < 3
    assert dependence(["same"] * 4).effective == 1
    for count in range(2, 60):
        assert dependence(np.repeat(np.arange(count), 3)).effective == count, "no rounding below a bound such as 30"


def test_more_than_two_units_are_what_connects_them() -> None:
    found = dependence([frozenset("abc"), frozenset("cd"), frozenset("ef"), "g"])
    assert (found.crossed, found.units) == (False, 3)
