"""The simulations of `make simulate` run, give what `compare` prints, and notice what is out of bounds."""

from __future__ import annotations

from tests.analysis.simulations import Tally, faults, leaderboard_of, looks_of


def test_a_few_repeats_of_an_unequal_design() -> None:
    tally = leaderboard_of("30, 20, 15, 10", 3, models=2)
    assert len(tally.held["accuracy"]) == 6 and len(tally.held["difference"]) == 3
    assert "rank sets hold" not in tally.held, "worth 13 clusters of equal size: nothing is ranked"


def test_items_with_two_images() -> None:
    assert len(leaderboard_of("BISON 100 images", 2, models=2).held["difference"]) == 2


def test_what_is_out_of_bounds_is_named() -> None:
    bad = Tally({"accuracy": [True] * 800 + [False] * 200, "claimed, any": [True] * 150 + [False] * 850})
    assert faults(bad) == ["accuracy 0.800", "claimed, any 0.150"]
    good = Tally({"accuracy": [True] * 950 + [False] * 50, "claimed, any": [True] * 40 + [False] * 960})
    assert faults(good) == []


def test_looking_often_claims_too_much_by_the_usual_interval_only() -> None:
    tally = looks_of((50, 100, 150, 200, 250, 300), 300)
    assert tally.share("claimed at some look") > 0.1 and tally.share("claimed, always-valid") < 0.05
