"""The strict reader: plain answers are read, doubtful ones are not, and no option but the stated one ever is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sparkles_eval.tasks.scorers.choice import confused
from sparkles_eval.tasks.scorers.rules import extract
from sparkles_eval.tasks.scorers.strict_reader import read_strict
from tests.hanging import ends
from tests.tasks.scorers.sentences import sentences

LETTERS = ("A", "B", "C", "D")
CASES = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text("utf-8").splitlines()]
SENTENCES = int(os.environ.get("SPARKLES_SENTENCES", "1000"))
"""`make simulate` asks for 50,000."""


@pytest.mark.parametrize("case", CASES, ids=[f"{number}" for number in range(len(CASES))])
def test_a_reply_is_read_as_a_careful_person_reads_it(case: dict[str, object]) -> None:
    text, options = str(case["text"]), tuple(map(str, case["options"]))  # type: ignore[call-overload]
    found = extract("strict", text, options)
    assert found.option in (case["read"], case.get("or", case["read"])), (text, found)
    assert found.option is not None or found.reason


def test_what_only_speaks_of_another_option_never_chooses_it() -> None:
    read = 0
    for made in sentences(SENTENCES, seed=11):
        found = extract("strict", made.text, made.options).option
        assert found in (made.answer, None), made
        read += found == made.answer
    assert read > 0.85 * SENTENCES, "a reader that reads nothing is no reader"


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("D seems right at first, but I would say A. D fits, but less well.", None),
        ("C matches, though not as closely.", None),
        ("B is suitable, but only partly.", None),
        ("B matches best, but not perfectly.", "B"),
        ("The answer is B, although it is not perfect.", "B"),
        ("At first A looks right, but I would choose B.", "B"),
        ("It may look like C, but the answer is D.\n- C: no", "D"),
    ],
)
def test_what_fits_less_well_is_no_answer(text: str, option: str | None) -> None:
    assert extract("strict", text, LETTERS).option == option


def test_a_table_of_options_that_are_denied_chooses_none_of_them() -> None:
    assert extract("strict", "It looks like No at first sight\n- No: no", ("Yes", "No")).option is None


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("The answer is B. Let me explain why the oth", "B"),
        ("The cup is blue. The answer is B. This is because the", "B"),
        ("B\n\nThe left image sho", "B"),
        ("\\boxed{B} because the", "B"),
        ("<answer>B</answer> as the", "B"),
        ("The answer is B", None),
        ("B", None),
        ("The answer is B, or rather", None),
        ("The answer is B. But wait, the", None),
        ("Okay, so the user wants the cup. So the answer is A. Then again, the", None),
        ("A. a red cup\nB. a blue c", None),
        ("B. a red c", None),
        ("Looking at the left ima", None),
    ],
)
def test_a_reply_that_was_cut_counts_only_for_what_it_had_stated(text: str, option: str | None) -> None:
    assert extract("strict", text, LETTERS, cut=True).option == option


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("<think>The answer is A.</think>B", "B"),
        ("[THINK]The answer is A.[/THINK]B", "B"),
        ("The answer is A.</think>The answer is B.", "B"),
        ("<think>So the answer is A. But", None),
        ("<reasoning>A</reasoning>", None),
        ("analysisIt is A.assistantfinalThe answer is B.", "B"),
    ],
)
def test_an_option_is_never_read_out_of_a_thought(text: str, option: str | None) -> None:
    found = extract("strict", text, LETTERS)
    assert found.option == option and (option or "reply is empty" in str(found.reason))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("A.", "A"), "'A.' from 'A'"),
        (("A", "A+", "A-"), "'A' from 'A-'"),
        (("1.0", "1"), "'1.0' from '1'"),
        (("1,000", "1000"), "'1,000' from '1000'"),
        (("$5", "5"), "'$5' from '5'"),
    ],
)
def test_options_that_read_alike_are_named_with_what_to_do(options: tuple[str, ...], words: str) -> None:
    assert words in confused(options) and "let the options be letters" in confused(options)


@pytest.mark.parametrize(
    "options",
    [
        ("C", "C++", "C#"),
        ("5%", "5"),
        ("+", "-"),
        ("red dog", "dog"),
        ("I", "II"),
        ("not similar", "similar"),
        ("红", "蓝"),
    ],
)
def test_options_that_can_be_told_apart_are(options: tuple[str, ...]) -> None:
    assert not confused(options)
    for index, option in enumerate(options):
        assert read_strict(option, options)[0] == index


HOSTILE = [
    "no, ",
    "wait, ",
    "A. ",
    "答",
    "question:\n",
    "\\boxed{",
    "<answer>",
    "[[",
    "' x'",
    "so so ",
    "the answer that ",
    "(A) ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_ends(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    with ends():
        extract("strict", text, LETTERS)
        extract("strict", text, LETTERS, cut=True)
