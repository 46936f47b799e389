"""Draws: by weight, every sample once a round, and the same from any step on."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.training.dataset import draw_batches, micro_batches


def test_subsets_are_drawn_by_weight() -> None:
    """Ten thousand draws: a share's standard error is below half a percent."""
    drawn = Counter(draw.subset for step in islice(draw_batches([2, 1, 3], [50, 9, 70], 8, 42), 1250) for draw in step)
    shares = [drawn[number] / 10_000 for number in range(3)]
    assert all(abs(own - wanted) < 0.02 for own, wanted in zip(shares, [1 / 3, 1 / 6, 1 / 2], strict=True))


def test_every_sample_comes_once_a_round() -> None:
    items = [draw.item for step in islice(draw_batches([1], [10], 5, 0), 4) for draw in step]
    assert sorted(items[:10]) == sorted(items[10:]) == list(range(10))
    assert items[:10] != items[10:], "each round has an order of its own"


def test_the_same_from_any_step_on() -> None:
    whole = list(islice(draw_batches([2, 1], [7, 5], 3, 1), 30))
    assert list(islice(draw_batches([2, 1], [7, 5], 3, 1), 11, 30)) == whole[11:]
    assert list(islice(draw_batches([2, 1], [7, 5], 3, 2), 30)) != whole


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(1, 1000), st.integers(0, 200))
def test_micro_batches_hold_every_sample_once_within_the_bound(lengths: list[int], most: int, each: int) -> None:
    groups = micro_batches(lengths, most, each)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[index] for index in group)
        assert len(group) == 1 or len(group) * longest <= most


@given(st.lists(st.integers(1, 300), min_size=1, max_size=7), st.integers(0, 400))
def test_micro_batches_are_the_cheapest_there_are(lengths: list[int], each: int) -> None:
    """Against every way of cutting the sorted samples into groups."""

    def cost(groups: list[list[int]]) -> int:
        return sum(len(group) * max(lengths[index] for index in group) + each for group in groups)

    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    ways = []
    for cuts in range(2 ** (len(order) - 1)):
        places = [0, *(place for place in range(1, len(order)) if cuts >> (place - 1) & 1), len(order)]
        ways.append([order[begin:end] for begin, end in pairwise(places)])
    assert cost(micro_batches(lengths, 10_000, each)) == min(map(cost, ways))
