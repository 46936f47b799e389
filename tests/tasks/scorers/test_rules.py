"""What the answer rules read out of a response: the cases a person would argue about, and hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.scorers.rules import RULES, extract
from tests.hanging import ends

BISON = ("IMAGE#1", "IMAGE#2")
TRUTH = ("TRUE", "FALSE")
LETTERS = ("A", "B", "C", "D")
YES = ("yes", "no")

READ: list[tuple[tuple[str, ...], str, str]] = [
    # with and without "therefore", with mark-up
    (TRUTH, "So the answer is TRUE.", "TRUE"),
    (TRUTH, "Two dogs are visible.\n\n**FALSE**", "FALSE"),
    (TRUTH, "Therefore, the answer (TRUE or FALSE) is **TRUE**, not FALSE.", "TRUE"),
    (TRUTH, "The answer (TRUE or FALSE) is: FALSE.", "FALSE"),
    (TRUTH, "### Final answer\n`TRUE`", "TRUE"),
    (TRUTH, "Final answer: $\\boxed{\\text{FALSE}}$", "FALSE"),
    (TRUTH, "<answer>TRUE</answer>", "TRUE"),
    (TRUTH, '{"answer": "FALSE"}', "FALSE"),
    (TRUTH, '{"reasoning": "the left dog is brown, which is true", "answer": "FALSE"}', "FALSE"),
    (TRUTH, "TRUE: both images contain dogs", "TRUE"),
    (TRUTH, "False, because only one dog is visible.", "FALSE"),
    (TRUTH, "Answer - TRUE", "TRUE"),
    (TRUTH, "The answ\u200ber is TR\u200bUE.", "TRUE"),
    (TRUTH, "The answer is \uff34\uff32\uff35\uff25.", "TRUE"),
    # denials
    (TRUTH, "Therefore, it is untrue.", "FALSE"),
    (TRUTH, "Therefore, the answer is not false.", "TRUE"),
    (TRUTH, "The statement isn't true.", "FALSE"),
    (TRUTH, 'The statement "A dog sits" cannot be true and is FALSE.', "FALSE"),
    (TRUTH, "I do not think the statement is true.", "FALSE"),
    (TRUTH, "It is not the case that the statement is false.", "TRUE"),
    (TRUTH, "The answer is not TRUE but FALSE.", "FALSE"),
    (BISON, "Therefore, IMAGE#2 is not the correct match.", "IMAGE#1"),
    (BISON, "IMAGE#1 does not match the caption.", "IMAGE#2"),
    (BISON, "Therefore, not IMAGE#1.", "IMAGE#2"),
    (BISON, "I would go with IMAGE#1 rather than IMAGE#2.", "IMAGE#1"),
    (BISON, "IMAGE#2 matches the caption better than IMAGE#1.", "IMAGE#2"),
    (BISON, "So the best match is IMAGE#2, not IMAGE#1.", "IMAGE#2"),
    (BISON, "The caption does not describe IMAGE#1. I would not choose IMAGE#1.", "IMAGE#2"),
    (LETTERS, "The answer isn't A; it's C.", "C"),
    # written forms
    (BISON, "The image that best matches the caption is IMAGE#2.", "IMAGE#2"),
    (BISON, "The caption best matches IMAGE#2.", "IMAGE#2"),
    (LETTERS, "I think it's B.", "B"),
    (BISON, "The answer is image 2.", "IMAGE#2"),
    (BISON, "I choose the second image.", "IMAGE#2"),
    (BISON, "The answer is Image-1.", "IMAGE#1"),
    (BISON, "The best match is image one.", "IMAGE#1"),
    (BISON, "IMAGE#12 is odd. The answer is IMAGE#1.", "IMAGE#1"),
    (BISON, "The answer is IMAGE#1 because IMAGE#2 lacks a dog.", "IMAGE#1"),
    (BISON, "While IMAGE#2 shows cats, IMAGE#1 is the better match.", "IMAGE#1"),
    (BISON, "IMAGE#1: a brown dog on grass.\nIMAGE#2: two cats.\nThe caption speaks of cats, so IMAGE#2.", "IMAGE#2"),
    (BISON, "Looks like IMAGE#1 to me", "IMAGE#1"),
    # the last statement wins
    (TRUTH, "Therefore the claim is true. Wait, there is a third dog. Therefore, the answer is FALSE.", "FALSE"),
    (TRUTH, "The answer is TRUE.\n\nLet me double check: is the statement FALSE?", "TRUE"),
    (TRUTH, "It is true that the left image shows a dog, but the statement is false.", "FALSE"),
    (TRUTH, "If the statement is true, both show dogs. They do not. The answer is FALSE.", "FALSE"),
    (BISON, "I first thought the answer is IMAGE#1, but the answer is IMAGE#2.", "IMAGE#2"),
    (TRUTH, "<think>Perhaps the answer is FALSE.</think>TRUE", "TRUE"),
    (BISON, "**Answer: IMAGE#2**\n\nIMAGE#2 shows cats while IMAGE#1 has a dog, so IMAGE#1 has more grass.", "IMAGE#2"),
    (BISON, "IMAGE#1 is the better match. The background of IMAGE#2 is unclear.", "IMAGE#1"),
    # letters
    (LETTERS, "Answer: B", "B"),
    (LETTERS, "(B)", "B"),
    (LETTERS, "B.", "B"),
    (LETTERS, "b", "B"),
    (LETTERS, "(c) a red dog", "C"),
    (LETTERS, "B. A red dog", "B"),
    (LETTERS, "The answer is B", "B"),
    (LETTERS, "The correct option is **C**, a cat.", "C"),
    (LETTERS, "D is the best choice.", "D"),
    (LETTERS, "A dog is in a park. A cat is not. The answer is C.", "C"),
    (LETTERS, "A. a cat\nB. a dog\nC. a hen\nD. a cow\nI would pick option B.", "B"),
    (LETTERS, "I'd say B", "B"),
    (LETTERS, "Option D", "D"),
    # short words and phrases
    (YES, "Yes, there is a dog.", "yes"),
    (YES, "The answer is no.", "no"),
    (YES, "There is no dog, so the answer is yes.", "yes"),
    (("a red dog", "a dog", "no dog"), "The answer is: a red dog.", "a red dog"),
    (("a red dog", "a dog", "no dog"), "I choose no dog.", "no dog"),
    (("1", "2", "3"), "There are two dogs on the left and one on the right. The answer is 3.", "3"),
    (("1", "2", "3"), "The answer is 3", "3"),
    (("+", "-"), "+", "+"),
    (("-1", "1"), "The answer is -1.", "-1"),
]

INVALID: list[tuple[tuple[str, ...], str]] = [
    (BISON, "The answer is IMAGE#12."),
    (TRUTH, ""),
    (TRUTH, "The answer is Yes."),
    (TRUTH, "The left image shows a dog."),
    (TRUTH, "The statement is partially true."),
    (TRUTH, "Therefore, neither true nor false."),
    (TRUTH, "The answer is TRUE or FALSE."),
    (TRUTH, "The answer is TRUE for Image#2 and FALSE for Image#1."),
    (TRUTH, "The answer is TRUE. On reflection, I cannot tell whether the statement is true or false."),
    (TRUTH, "Is it TRUE?"),
    (TRUTH, "Therefore, the answer (TRUE or FALSE) is"),
    (LETTERS, "A is wrong and B is wrong."),
    (TRUTH, "The answer cannot be determined."),
    (TRUTH, 'A caption could be "the answer is TRUE".'),
    (BISON, "Both IMAGE#1 and IMAGE#2 match the caption."),
    (BISON, "It might be IMAGE#1."),
    (BISON, "Therefore, IMAGE#1 shows a dog while IMAGE#2 shows cats."),
    (BISON, "IMAGE#1 has a dog on grass. IMAGE#2 has two cats on a sofa."),
    (LETTERS, "A dog is running. A cat sleeps."),
    (LETTERS, "The answer is a dog."),
    (LETTERS, "A. a cat\nB. a dog\nC. a hen\nD. a cow"),
    (LETTERS, "The answer is N/A."),
    (YES, "There is no dog."),
    (YES, "Therefore, there is no dog in the picture."),
    (("1", "2"), "The ratio is 1.5."),
    (("A", "A."), "The answer is A."),
]


@pytest.mark.parametrize(("options", "response", "option"), READ)
def test_strict_reads_a_clear_answer(options: tuple[str, ...], response: str, option: str) -> None:
    found = extract("strict", response, options)
    assert found.option == option, found.reason


@pytest.mark.parametrize(("options", "response"), INVALID)
def test_strict_says_why_it_reads_none(options: tuple[str, ...], response: str) -> None:
    found = extract("strict", response, options)
    assert found.option is None
    assert found.reason


@pytest.mark.parametrize("response", ["Therefore, the answer is TRUE.", "so\n\ntherefore\nTRUE"])
@pytest.mark.parametrize("lead", ["", "Let's think step by step. Therefore the claim is FALSE. "])
def test_paper_reads_only_behind_the_last_therefore(lead: str, response: str) -> None:
    assert extract("paper", lead + response, TRUTH).option == "TRUE"


@pytest.mark.parametrize(
    ("options", "response", "option"),
    [
        # Trusted is one option, read is the one that occurs first: the published rule does exactly this.
        (TRUTH, "Therefore, FALSE seems unlikely; the answer is TRUE.", "FALSE"),
        (BISON, "Therefore, the answer is IMAGE #1, as IMAGE #2 has no dog", "IMAGE#1"),
        (BISON, "Therefore, it is not image #1", "IMAGE#2"),
        (TRUTH, "Therefore, it cannot be not false", "FALSE"),
        (TRUTH, "THEREFORE TRUE", "TRUE"),
        (TRUTH, "Therefore, the answer is TRUE - not FALSE", None),
        (LETTERS, "Therefore, the answer is A.", None),
    ],
)
def test_paper_keeps_its_faults(options: tuple[str, ...], response: str, option: str | None) -> None:
    assert extract("paper", response, options).option == option


@pytest.mark.parametrize("options", [("Yes", "No"), ("True", "False"), ("IMAGE#1", "IMAGE#2")])
@given(pieces=st.lists(st.sampled_from(["therefore", "the answer is", "not", "{0}", "{1}", ".", ",", "because"])))
def test_paper_reads_an_answer_the_same_with_the_end_token_that_the_original_keeps(
    options: tuple[str, str], pieces: list[str]
) -> None:
    text = " ".join(pieces).format(*options)
    assert extract("paper", text, options) == extract("paper", f"{text}</s>", options)


def test_an_unknown_rule_is_named_with_those_that_exist() -> None:
    with pytest.raises(ContentError, match="unknown answer rule 'loose'; the rules are paper, strict"):
        extract("loose", "TRUE", TRUTH)


HOSTILE = ["a", "therefore ", "not ", "(TRUE or ", '"', '" x y z ', ". ", "\n", "the answer is ", "TRUE, ", "\u200b"]
HOSTILE += ["1,1.", "-", "TRUE and FALSE, or ", "image #1 ", ")))", "'s", "if it is true "]


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("piece", HOSTILE)
def test_a_megabyte_of_hostile_text_does_not_hang_a_rule(rule: str, piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    with ends():
        extract(rule, text, TRUTH)
        extract(rule, text, BISON)


WORDS = ["the", "answer", "is", "not", "TRUE", "FALSE", "therefore", ",", ".", "(", ")", ":", "or", "and", "IMAGE#1"]
WORDS += ["IMAGE", "#2", "?", "because", "A", "B", "no", "it", "n't", "\n", "if", "than", '"', "untrue", "</think>"]


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=300)
    | st.lists(
        st.sampled_from(WORDS),
        max_size=40,
    ).map(" ".join),
    st.sampled_from([BISON, TRUTH, LETTERS, YES, ("", "x"), ("one",), ()]),
    st.sampled_from(sorted(RULES)),
)
def test_any_text_gives_an_option_or_a_reason(response: str, options: tuple[str, ...], rule: str) -> None:
    found = extract(rule, response, options)
    assert (found.option in options) if found.option is not None else found.reason
