"""Statements: the truth of every item is right, groups share a sentence, and no wording leans to a label."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from sparkles_eval.synthetic import statements as say
from sparkles_eval.synthetic.nlvr2_items import PAIRS, judged
from sparkles_eval.synthetic.scene import Description, Scene, Thing

ITEMS = [judged(0, index) for index in range(9 * PAIRS * 12)]


def _grid(scene: Scene, kind: str | None = None, colour: str | None = None) -> list[Thing]:
    return [t for t in scene.things if kind in (None, t.kind) and colour in (None, t.colour)]


def _truth(statement: say.Statement, left: Scene, right: Scene) -> bool:  # noqa: PLR0911 - one return a form
    """The truth worked out a second time, straight from the lists of things."""
    sides = {"left": left, "right": right}
    if isinstance(statement, say.Every):
        things = _grid(sides[statement.side], statement.kind)
        return bool(things) and all(t.colour == statement.colour for t in things)
    if isinstance(statement, say.InCell):
        here = [t for t in sides[statement.side].things if t.cell == statement.cell]
        return bool(here) and (here[0].kind, here[0].colour) == (statement.what.kind, statement.what.colour)
    if isinstance(statement, say.Related):
        grid = sides[statement.side].things
        (one,) = [t for t in grid if (t.kind, t.colour) == (statement.first.kind, statement.first.colour)]
        (two,) = [t for t in grid if (t.kind, t.colour) == (statement.second.kind, statement.second.colour)]
        (row, column), (other_row, other_column) = one.cell.split(), two.cell.split()
        return {
            "above": (row, other_row) == ("top", "bottom") and column == other_column,
            "below": (row, other_row) == ("bottom", "top") and column == other_column,
            "left of": (column, other_column) == ("left", "right") and row == other_row,
            "right of": (column, other_column) == ("right", "left") and row == other_row,
        }[statement.relation]
    if isinstance(statement, say.Alike):
        (one,), (two,) = (_grid(scene, statement.kind) for scene in (left, right))
        return one.colour == two.colour
    counts = [len(_grid(scene, statement.what.kind, statement.what.colour)) for scene in (left, right)]
    match statement:
        case say.Has():
            number = counts[0 if statement.side == "left" else 1]
            return number == statement.number or (number > statement.number and not statement.exactly)
        case say.Shared():
            return (
                sum(bool(number) for number in counts) == {"neither": 0, "exactly one": 1, "both": 2}[statement.images]
            )
        case say.Compare():
            return {"more": counts[0] > counts[1], "fewer": counts[0] < counts[1], "same": counts[0] == counts[1]}[
                statement.order
            ]
        case say.Twice():
            first, second = counts if statement.side == "left" else counts[::-1]
            return second > 0 and first == second + second
        case say.Total():
            return sum(counts) == statement.number


def test_truth_is_right() -> None:
    for item in ITEMS:
        assert item.truth == _truth(item.statement, item.left, item.right), item.sentence
        assert item.truth == say.evaluate(item.statement, item.left, item.right)


def test_a_group_is_one_sentence_half_true() -> None:
    groups = defaultdict(list)
    for item in ITEMS:
        groups[item.group].append(item)
    for members in groups.values():
        assert len(members) == PAIRS and len({member.sentence for member in members}) == 1
        assert sum(member.truth for member in members) == PAIRS // 2
        assert len({(member.left, member.right) for member in members}) == PAIRS


def test_words_alone_are_worth_nothing() -> None:
    """Even who knows every sentence's more frequent label is right on exactly half of the items."""
    labels: dict[str, Counter[bool]] = defaultdict(Counter)
    for item in ITEMS:
        for key in (item.sentence, item.type, *item.sentence.rstrip(".").split()):
            labels[key][item.truth] += 1
    assert all(counter[True] == counter[False] for counter in labels.values())
    assert set(Counter(item.type for item in ITEMS).values()) == {len(ITEMS) // 9}


def test_labels_balance_for_any_number_of_items() -> None:
    for number in range(1, 200):
        true = sum(item.truth for item in ITEMS[:number])
        assert abs(2 * true - number) <= 1


def test_the_order_of_labels_tells_nothing() -> None:
    orders = Counter(tuple(item.truth for item in ITEMS[at : at + PAIRS]) for at in range(0, len(ITEMS), PAIRS))
    assert len(orders) == 4 and max(orders.values()) < len(ITEMS) // PAIRS // 2


_LEFT = Scene((Thing("star", "red", "big", "top left"), Thing("cup", "blue", "small", "bottom left")), "meadow")
_RIGHT = Scene((Thing("star", "red", "small", "top right"), Thing("star", "blue", "big", "bottom right")), "beach")


@pytest.mark.parametrize(
    ("statement", "words", "truth"),
    [
        (say.Has("left", Description("star"), 1, True), "The left image contains exactly one star.", True),
        (say.Has("right", Description("star"), 1, True), "The right image contains exactly one star.", False),
        (say.Has("right", Description("star"), 1, False), "The right image contains at least one star.", True),
        (say.Shared("both", Description("star", "red")), "Both images contain a red star.", True),
        (say.Shared("exactly one", Description("cup")), "Exactly one image contains a cup.", True),
        (say.Shared("neither", Description("fish", "orange")), "Neither image contains an orange fish.", True),
        (
            say.Compare("more", Description("star")),
            "There are more stars in the left image than in the right image.",
            False,
        ),
        (
            say.Compare("fewer", Description("star")),
            "There are fewer stars in the left image than in the right image.",
            True,
        ),
        (
            say.Compare("same", Description("star", "red")),
            "The left image contains as many red stars as the right image.",
            True,
        ),
        (
            say.Twice("right", Description("star")),
            "The right image contains twice as many stars as the left image.",
            True,
        ),
        (
            say.Twice("right", Description("fish")),
            "The right image contains twice as many fish as the left image.",
            False,
        ),
        (say.Total(Description("star"), 3), "There are exactly three stars in the two images together.", True),
        (say.Total(Description("cup"), 1), "There is exactly one cup in the two images together.", True),
        (say.Every("left", "star", "red"), "Every star in the left image is red.", True),
        (say.Every("right", "star", "red"), "Every star in the right image is red.", False),
        (say.Every("left", "fish", "red"), "Every fish in the left image is red.", False),
        (
            say.InCell("right", Description("star", "blue"), "bottom right"),
            "There is a blue star at the bottom right of the right image.",
            True,
        ),
        (
            say.Related("left", Description("star"), "above", Description("cup")),
            "In the left image, a star is above a cup.",
            True,
        ),
        (
            say.Related("left", Description("star"), "left of", Description("cup")),
            "In the left image, a star is to the left of a cup.",
            False,
        ),
        (say.Alike("star"), "The star in the left image has the same colour as the star in the right image.", True),
    ],
)
def test_each_form(statement: say.Statement, words: str, truth: bool) -> None:
    assert say.sentence(statement, 0) == words
    assert say.evaluate(statement, _LEFT, _RIGHT) is truth
