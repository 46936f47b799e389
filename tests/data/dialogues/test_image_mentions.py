"""Mentions of images: whole names, in every way that people write them, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.data.dialogues.image_mentions import MARK, after_first, name_images, valid_id
from tests.hanging import ends

IDS = st.from_regex(r"[A-Za-z0-9]([\w]{0,6}[A-Za-z0-9])?", fullmatch=True).filter(valid_id)
WORDS = st.text("abc XYZ,;!?()'\n\N{EM DASH}", max_size=20)


@pytest.mark.parametrize(
    ("text", "known", "unknown"),
    [
        ("IMAGE#14", ["14"], []),
        ("IMAGE#1417", ["1417"], []),
        ("IMAGE#141 and IMAGE#4", [], ["141", "4"]),
        ("Image #14, image 14 and IMAGE_14", ["14", "14", "14"], []),
        ("images #14 and #1417", ["14", "1417"], []),
        ("IMAGE#14's light, (IMAGE#14). IMAGE#14: **IMAGE#14**, _IMAGE#14_", ["14"] * 5, []),
        ("IMAGE#14-like", ["14"], []),
        ("IMAGE#14-2 and IMAGE#14.5", [], ["14-2", "14.5"]),
        ("IMAGE#14.The next", ["14"], []),
        ("#1 choice, #sunset, image 2 of 3, 14 people", [], []),
        ("imagery#14 xIMAGE#14 a#14", [], []),
        ("IMAGE#IMG_2031.", ["IMG_2031"], []),
        ("IMAGE#img_2031", ["IMG_2031"], []),
        ("IMAGE#99", [], ["99"]),
    ],
)
def test_what_counts(text: str, known: list[str], unknown: list[str]) -> None:
    found = name_images(text, ["14", "1417", "IMG_2031"])
    assert (list(found.known), list(found.unknown)) == (known, unknown)


def test_a_word_behind_image_is_no_name() -> None:
    found = name_images("The image of a lake: compare image a with Image #a and IMAGE#of.", ["a", "of", "lake"])
    assert found.known == ("a", "of")
    assert found.text == "The image of a lake: compare image a with IMAGE#a and IMAGE#of."
    assert after_first(found.text, ["of"], ["a", "of"], lambda _: "<>").endswith("IMAGE#of<>.")


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, IDS), max_size=6), WORDS, st.lists(IDS, max_size=4))
def test_every_mention_is_found_whole_and_in_order(parts: list[tuple[str, str]], end: str, others: list[str]) -> None:
    text = "".join(f"{words} {MARK}{name} " for words, name in parts) + end
    ids = {name.lower(): name for name in [*others, *(name for _, name in parts)]}
    found = name_images(text, ids.values())
    assert list(found.known) == [ids[name.lower()] for _, name in parts] and found.unknown == ()
    assert name_images(found.text, ids.values()) == found, "written once, it is written"


@settings(deadline=None)
@given(st.text(max_size=80), st.lists(IDS, max_size=3))
def test_no_text_is_lost_but_for_places_of_images(text: str, ids: list[str]) -> None:
    found = name_images(text.replace("<", ""), ids)
    assert len(found.known) + len(found.unknown) <= len(text)
    assert "".join(found.text.lower().split()).count(MARK.lower()) >= len(found.known)


@settings(deadline=None)
@given(st.lists(IDS, min_size=1, max_size=4, unique_by=str.lower))
def test_places_stand_behind_the_first_mention_of_each(ids: list[str]) -> None:
    text = " and ".join(f"{MARK}{name}" for name in [*ids, *ids])
    placed = after_first(text, ids, ids, lambda name: f"<{name}>")
    expected = [f"{MARK}{name}<{name}>" for name in ids] + [f"{MARK}{name}" for name in ids]
    assert placed == " and ".join(expected)


def test_only_new_images_get_a_place() -> None:
    text = "IMAGE#14 beside IMAGE#14b and IMAGE#1"
    assert after_first(text, ["14"], ["14", "14b", "1"], lambda _: "!") == "IMAGE#14! beside IMAGE#14b and IMAGE#1"


def test_copied_places_are_taken_out() -> None:
    found = name_images("See IMAGE#1<Img><ImageHere></Img> and IMAGE#2 <Img>x</Img><image>.", ["1", "2"])
    assert found.text == "See IMAGE#1 and IMAGE#2."


@pytest.mark.parametrize("piece", ["<Img>", "IMAGE# ", "IMAGE#a", "image ", "a.", "IMAGE#" + "a" * 5_000])
def test_no_text_takes_long(piece: str) -> None:
    with ends():
        name_images(piece * (200_000 // len(piece)), ["a", "b.c", "aa"])


@pytest.mark.parametrize("name", ["", "-1", "a b", "a/b", "../x", "x" * 65, "1.", "é", "a#b", "<b>"])
def test_names_that_no_image_may_have(name: str) -> None:
    assert not valid_id(name)
