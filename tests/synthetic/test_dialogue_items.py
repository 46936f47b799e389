"""Dialogues: images in order, facts that hold in the scenes, references that state them all."""

from __future__ import annotations

from collections import Counter

from sparkles_eval.core import Fact
from sparkles_eval.synthetic.dialogue_items import TOPICS, DialogueItem, dialogue
from sparkles_eval.synthetic.scene import NUMBERS
from sparkles_eval.synthetic.truth import SAME, caption

ITEMS = [dialogue(0, index) for index in range(200)]


def _holds(fact: Fact, item: DialogueItem) -> bool:
    """The fact's truth, worked out from the scene's list of things."""
    scene = item.scenes[int(fact.image) - 1]
    *colour, kind = fact.subject.split()
    things = [t for t in scene.things if t.kind == kind and colour in ([], [t.colour])]
    if fact.attribute == "background":
        return scene.background == fact.value
    if fact.attribute == "count":
        return len(things) == NUMBERS.index(fact.value)
    if fact.attribute == "most":
        images = [int(value[6:]) for value in (fact.value, *fact.alternatives) if value != SAME]
        counts = {image: sum(t.kind == kind for t in item.scenes[image - 1].things) for image in images}
        top = [f"IMAGE#{image}" for image in images if counts[image] == max(counts.values())]
        return fact.value == (top[0] if len(top) == 1 else SAME)
    (thing,) = things
    return fact.value == {"colour": thing.colour, "size": thing.size, "position": thing.cell}[fact.attribute]


def test_every_fact_holds_and_its_alternatives_do_not() -> None:
    for item in ITEMS:
        for question in item.questions:
            assert question.facts and len({fact.id for fact in question.facts}) == len(question.facts)
            for fact in question.facts:
                assert _holds(fact, item) and fact.value not in fact.alternatives and fact.alternatives


def test_images_stand_behind_their_names_in_order() -> None:
    for item in ITEMS:
        shown = [[piece for piece in question.pieces if isinstance(piece, int)] for question in item.questions]
        first = len(item.scenes) - 1
        assert first in (2, 3) and shown == [list(range(1, first + 1)), [first + 1]]
        for question in item.questions:
            for before, piece in zip(question.pieces, question.pieces[1:], strict=False):
                if isinstance(piece, int):
                    assert isinstance(before, str) and before.endswith(f"IMAGE#{piece}")


def test_turn_two_refers_back_and_asks_about_the_new_scene() -> None:
    for item in ITEMS:
        first, second = item.questions
        images = {fact.image for fact in second.facts}
        new = str(len(item.scenes))
        assert new in images and len(images) > 1
        (back,) = images - {new}
        assert f"IMAGE#{back}" in "".join(piece for piece in second.pieces if isinstance(piece, str))
        assert {fact.id for fact in first.facts} & {fact.id for fact in second.facts}


def test_questions_give_nothing_away() -> None:
    """No question holds a value that is asked for, but where it offers all of them ("big or small")."""
    for item in ITEMS:
        for question in item.questions:
            words = "".join(piece for piece in question.pieces if isinstance(piece, str))
            for fact in question.facts:
                if fact.attribute not in ("size", "most"):
                    assert f" {fact.value} " not in f" {words} ", words


def test_topics_take_turns_and_questions_vary() -> None:
    assert set(Counter(item.topic for item in ITEMS[: len(TOPICS) * 20]).values()) == {20}
    assert len({item.questions[0].pieces for item in ITEMS}) > 100
    assert len({item.questions[1].pieces for item in ITEMS}) > 180


def test_captions_name_every_thing() -> None:
    for item in ITEMS[:50]:
        for scene in item.scenes:
            text = caption(scene)
            assert scene.background in text.lower() and text.endswith(".")
            for thing in scene.things:
                assert f"{thing.size} {thing.colour} {thing.kind} at the {thing.cell}" in text
