"""Captions: each fits exactly one of two scenes that differ in one attribute, and targets are balanced."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from sparkles_eval.synthetic.bison_items import ATTRIBUTES, BisonItem, choice, fits
from sparkles_eval.synthetic.scene import CELLS, COLOURS, KINDS, NUMBERS, SIZES, Scene, Thing

ITEMS = [choice(0, index) for index in range(600)]

_KINDS = {form: word.name for word in KINDS for form in (word.name, word.plural)}


def _true_in_words(caption: str, scene: Scene) -> bool:
    """The caption's truth, read from its words alone by another way than the generator's claims."""
    text = caption.lower().rstrip(".")
    if counted := re.search(r"exactly (\w+) (.+)$", text):
        *colour, noun = counted[2].split()
        found = [t for t in scene.things if t.kind == _KINDS[noun] and colour in ([], [t.colour])]
        return len(found) == NUMBERS.index(counted[1])
    for part in re.split(r" and (?=an? )| with (?=an? )", text):
        words = part.split()
        cell = next((word.name for word in CELLS if word.name in part), None)
        colour = next((word.name for word in COLOURS if word.name in words), None)
        size = next((word.name for word in SIZES if word.name in words), None)
        kind = next((_KINDS[word] for word in words if word in _KINDS), None)
        if kind and not any(
            thing.kind == kind
            and cell in (None, thing.cell)
            and colour in (None, thing.colour)
            and size in (None, thing.size)
            for thing in scene.things
        ):
            return False
    return True


def test_each_caption_fits_its_scene_alone() -> None:
    for item in ITEMS:
        assert [fits(item.claims, scene) for scene in item.scenes] == [item.target == 0, item.target == 1]


def test_the_words_say_what_the_claims_say() -> None:
    for item in ITEMS:
        told = [_true_in_words(item.caption, scene) for scene in item.scenes]
        assert told == [item.target == 0, item.target == 1], item.caption


def _differences(item: BisonItem) -> tuple[list[Thing], list[Thing]]:
    first, second = (set(scene.things) for scene in item.scenes)
    return sorted(first - second, key=str), sorted(second - first, key=str)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_scenes_differ_in_that_attribute_only(attribute: str) -> None:
    name = {"position": "cell"}.get(attribute, attribute)
    for item in ITEMS:
        if item.attribute != attribute:
            continue
        one, two = _differences(item)
        assert item.scenes[0].background == item.scenes[1].background
        assert item.scenes[0].variant == item.scenes[1].variant
        if attribute == "count":
            assert sorted((len(one), len(two))) == [0, 1]
        else:
            assert len(one) == len(two) == 1
            fields = ("kind", "colour", "size", "cell", "dx", "dy", "tilt")
            assert [f for f in fields if getattr(one[0], f) != getattr(two[0], f)] == [name]


def test_targets_are_balanced_for_any_number_of_items() -> None:
    for number in range(1, len(ITEMS) + 1):
        counts = Counter(item.target for item in ITEMS[:number])
        assert abs(counts[0] - counts[1]) <= 1
    per_attribute = Counter((item.attribute, item.target) for item in ITEMS)
    assert set(per_attribute.values()) == {60}


def test_captions_vary() -> None:
    assert len({item.caption for item in ITEMS}) > 450
    openings = {item.caption.split()[0] for item in ITEMS}
    assert openings >= {"There", "The", "A", "At"}
