"""Variance components and invalid answers: recovered where planted, clamped only with a note."""

from __future__ import annotations

import numpy as np
import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import consistency, invalid, variance


def test_unequal_repeats_recover_the_components() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(7, 1.5, (400, 1)) + rng.normal(0, 0.8, (400, 4))
    x[rng.random(x.shape) < 0.3] = np.nan
    found = variance.repeat_variance(x)
    assert (found.var_item, found.var_repeat) == pytest.approx((2.25, 0.64), rel=0.2)
    assert found.se > found.se_pooled


def test_repeats_without_items_between_them() -> None:
    noise = variance.repeat_variance([[1.0, 9.0], [9.0, 1.0], [1.0, 9.0]])
    assert noise.var_item == 0.0 and noise.note == "negative item variance set to 0"
    flat = variance.repeat_variance([[5.0, 5.0], [5.0, 5.0]])
    assert flat.share_repeat is None and flat.note == "no variation"
    with pytest.raises(UserError, match="some rated twice"):
        variance.repeat_variance([[5.0], [6.0]])


def test_the_budget_finds_all_three_components() -> None:
    rng = np.random.default_rng(1)
    items, generations, repeats = 300, 4, 3
    i = np.repeat(np.arange(items), generations * repeats)
    g = np.tile(np.repeat(np.arange(generations), repeats), items)
    y = (
        7
        + rng.normal(0, 1, items)[i]
        + rng.normal(0, 2, items * generations)[i * generations + g]
        + rng.normal(0, 0.5, i.size)
    )
    found = variance.variance_budget(y, i, g)
    assert found.var_item == pytest.approx(1, abs=0.4)
    assert found.var_generation == pytest.approx(4, rel=0.15)
    assert found.var_repeat == pytest.approx(0.25, rel=0.1)
    means = y.reshape(items, -1).mean(axis=1)
    assert found.se() == pytest.approx(means.std(ddof=1) / np.sqrt(items), rel=1e-6)
    assert found.se(items=4 * items) == pytest.approx(found.se() / 2)
    assert found.next_purchase == "items"


def test_the_budget_of_a_noisy_judge_buys_repeats() -> None:
    rng = np.random.default_rng(2)
    i = np.repeat(np.arange(200), 2)
    found = variance.variance_budget(7 + rng.normal(0, 3, 400), i, np.zeros(400))
    assert found.var_generation is None and found.next_purchase == "repeats"
    epochs = variance.variance_budget(7 + rng.normal(0, 3, 400), i, np.tile([0, 1], 200))
    assert epochs.var_repeat is None and epochs.next_purchase == "generations"
    flat = variance.variance_budget([5.0] * 4, [0, 0, 1, 1], [0, 0, 0, 0])
    assert flat.next_purchase == "nothing"
    with pytest.raises(UserError, match="scored twice"):
        variance.variance_budget([1.0, 2.0], [0, 1], [0, 0])


def test_all_invalid_and_impossible_counts() -> None:
    found = invalid.invalid_policies(20, 0, 20)
    assert (found.strict, found.excluded, found.bound_high, found.rate.value) == (0.0, None, 1.0, 1.0)
    for n, right, bad in ((0, 0, 0), (10, 8, 3), (10, -1, 0)):
        with pytest.raises(UserError, match="impossible"):
            invalid.invalid_policies(n, right, bad)


def test_retrying_flatters() -> None:
    assert invalid.retry_bias(0.0, 0.0, 1.0) == invalid.RetryBias(0.0, None, None)
    rng = np.random.default_rng(0)
    draws = rng.choice(3, p=[0.3, 0.3, 0.4], size=20_000)
    found = invalid.retry_bias(0.3, 0.3, 0.4)
    assert found.retry_until_valid == pytest.approx(np.mean(draws[draws < 2] == 0), abs=0.02)
    with pytest.raises(UserError, match="sum to 1"):
        invalid.retry_bias(0.5, 0.2, 0.2)


def test_consistency_counts_missing_items_as_failures() -> None:
    found = consistency.group_consistency([1.0, None, 1.0], ["a", "a", "b"])
    assert (found.consistency, found.sizes, found.complete.tolist()) == (0.5, {1: 1, 2: 1}, [0, 1])
    assert consistency.chance_consistency({}) is None
    assert consistency.nlvr2_group("dev-850-2-1") == "dev-850-1"
    with pytest.raises(UserError, match="split-set-pair-sentence"):
        consistency.nlvr2_group("dev-850")


def test_the_real_nlvr2_groups_have_the_known_chance_level(shared_data: object) -> None:
    import json
    from pathlib import Path

    assert isinstance(shared_data, Path)
    lines = (shared_data / "nlvr2_annotations" / "dev.json").read_text(encoding="utf-8").splitlines()
    names = [json.loads(line)["identifier"] for line in lines]
    groups = [consistency.nlvr2_group(name) for name in names]
    found = consistency.group_consistency([1.0] * len(names), groups)
    assert (len(names), found.groups) == (6982, 2018)
    assert found.chance == pytest.approx(0.1068, abs=1e-4)


def test_a_dialogue_with_an_ungraded_criterion_has_no_score() -> None:
    found = consistency.dialogue_score({"A1": {"C1": 8, "C2": 7}, "A2": {"C1": 6, "C2": None}})
    assert (found.turns, found.score) == ((7.5, None), None)
    assert consistency.dialogue_score({}).score is None
