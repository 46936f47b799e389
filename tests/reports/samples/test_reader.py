"""Where in an answer the option stands that was read out of it."""

from __future__ import annotations

import pytest

from sparkles_eval.reports.samples.reader import answer_span
from tests.hanging import ends


@pytest.mark.parametrize(
    ("text", "option", "rule", "found"),
    [
        ("Therefore, the answer is IMAGE#1.", "IMAGE#1", "strict", "IMAGE#1"),
        ("IMAGE#1 is red. I choose image 2, not image 1... so Image #2!", "IMAGE#2", "strict", "Image #2"),
        ("the answer is IMAGE#12", "IMAGE#1", "strict", ""),
        ("It is untrue.", "TRUE", "strict", ""),
        ("**True**", "True", "strict", "True"),
        ("A cat. The answer is A", "A", "strict", "A"),
        ("a cat is a cat", "A", "strict", ""),
        ("true at first. Therefore true, that is true", "True", "paper", "true"),
        ("it is +", "+", "strict", "+"),
        ("", "True", "strict", ""),
        ("anything", " ", "strict", ""),
    ],
)
def test_the_place_of_an_option(text: str, option: str, rule: str, found: str) -> None:
    span = answer_span(text, option, rule)
    assert (text[span[0] : span[1]] if span else "") == found


def test_the_last_place_counts_and_by_the_paper_rule_the_first_behind_therefore() -> None:
    text = "True. Therefore True, as said: True"
    assert answer_span(text, "True", "strict") == (31, 35) and answer_span(text, "True", "paper") == (16, 20)


def test_a_long_text_is_read_in_linear_time() -> None:
    with ends():
        assert answer_span("image #" * 200_000, "IMAGE#1", "strict") is None
        assert answer_span("a" * 1_000_000, "aaaa bbbb", "strict") is None
