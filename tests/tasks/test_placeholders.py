"""Marks for images in other tools' spellings are places, or the text is refused; words are words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.tasks.placeholders import left_over, places

SPELLINGS = [
    "<image {}>",
    "<image_{}>",
    "<image{}>",
    "<Image {}>",
    "<IMAGE-{}>",
    "<image#{}>",
    "<img_{}>",
    "<|image_{}|>",
    "<|image {}|>",
    "<picture {}>",
    "[image {}]",
    "[IMG_{}]",
    "[Image#{}]",
    "{{image_{}}}",
    "{{{{image {}}}}}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("first", [1, 0])
def test_a_numbered_mark_is_the_place_of_its_image(spelling: str, first: int) -> None:
    second, one = spelling.format(first + 1), spelling.format(first)
    cut = places(f"Is {second} darker than {one}?", 2)
    assert cut.words == ("Is ", " darker than ", "?") and cut.images == (1, 0)


@pytest.mark.parametrize(
    "mark",
    [
        "<image>",
        "<Image>",
        "<IMAGE>",
        "<image/>",
        "<img>",
        "<|image|>",
        "<|image_pad|>",
        "<image_token>",
        "<image_placeholder>",
        "<ImageHere>",
        "<Img><ImageHere></Img>",
        "[IMG]",
        "[image]",
        "{image}",
        "{{image}}",
        "<|image_placeholder|>",
        "<IMG_CONTEXT>",
    ],
)
def test_marks_without_numbers_are_places_in_order(mark: str) -> None:
    cut = places(f"{mark} or {mark}", 2)
    assert cut.words == ("", " or ", "") and cut.images == (0, 1)


@pytest.mark.parametrize(
    ("text", "count", "why"),
    [
        ("<image>", 2, "1 <image> in the text for 2 images"),
        ("Is it <image 1>?", 2, r"1 mark \("),
        ("<image 1> <image 1>", 2, "do not name each of 2 images once"),
        ("<image 1> <image 3>", 2, "do not name each"),
        ("<image 1> <image>", 2, "1 <image> in the text"),
        ("<Image> <image 1>", 2, "do not name each"),
        ("<image 1>", 0, r"1 mark \("),
        ("Compare <image 1>. <image>", 1, "stands beside <image>"),
        ("[IMG] and [IMG]", 1, "2 marks"),
    ],
)
def test_marks_that_do_not_fit_the_images_are_refused_with_the_mend(text: str, count: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        places(text, count)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("What is this?", 2),
        ("IMAGE#1 or IMAGE#2?", 2),
        ("Is image 1 darker than image 2?", 2),
        ("Say {image} in Python, [img] in BBCode.", 0),
        ("a < image > b? No: x <images> y", 0),
        ("", 1),
    ],
)
def test_words_stay_words_behind_the_images(text: str, count: int) -> None:
    cut = places(text, count) if "< image >" not in text else None
    if cut is not None:
        assert cut.words == ("",) * count + (text,) and cut.images == tuple(range(count))


def test_labels_in_brackets_beside_our_own_mark_are_words() -> None:
    assert places("[Image 1]: <image>\n[Image 2]: <image>", 2).words == ("[Image 1]: ", "\n[Image 2]: ", "")


def test_what_is_left_over_is_named_as_written() -> None:
    assert left_over(["fine", "a <Image_2> here"]) == "<Image_2>"
    assert left_over(["IMAGE#1 is [image 1], x < y, <images>, <imagine>"]) is None


@given(st.lists(st.text(alphabet="ab <>[]{}|_12image", max_size=12), max_size=6), st.integers(0, 3))
def test_any_text_is_cut_completely_or_refused(pieces: list[str], count: int) -> None:
    text = "<image 1>".join(pieces)
    try:
        cut = places(text, count)
    except ValueError:
        return
    assert len(cut.words) == count + 1 and sorted(cut.images) == list(range(count))
