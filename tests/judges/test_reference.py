"""The reference judge: both readings of a choice, ROUGE-L, and agreement with what the published scripts rest on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core import Sample, Text, Turn, VerdictStatus
from sparkles_eval.core.content import content_dir
from sparkles_eval.core.errors import ContentError
from sparkles_eval.judges.base import AnsweredSample, Judge
from sparkles_eval.judges.load import load_judge
from sparkles_eval.judges.reference import choose, likenesses, make_reference_judge, plain, rouge_l
from tests.hanging import ends

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "demon" / "likeness.json").read_text())


def rate(judge: Judge, sample: Sample, *answers: str) -> tuple[float, str]:
    (call,) = judge.calls(AnsweredSample(sample, answers))
    made = judge.read(call, "")
    assert made.status is VerdictStatus.GRADED and len(made.ratings) == len(answers)
    return made.ratings[0].value, made.ratings[0].explanation


def open_question(reference: str | None) -> Sample:
    return Sample("a", (Turn((Text("What is it?"),), reference),))


def choice(target: str, *options: str) -> Sample:
    return Sample("a", (Turn((Text("Which?"),), target),), options=options, target=target)


@pytest.mark.parametrize("case", GOLDEN["rouge"])
def test_rouge_l_is_that_of_the_published_scripts(case: dict[str, str]) -> None:
    assert rouge_l(plain(case["answer"]), plain(case["reference"])) == pytest.approx(case["rouge_l_f"], abs=1e-12)


@pytest.mark.parametrize("case", GOLDEN["tfidf"])
def test_likeness_is_that_of_the_published_scripts(case: dict[str, object]) -> None:
    choices = case["choices"]
    assert isinstance(choices, list)
    found, wanted = likenesses(str(case["answer"]), choices), case["cosines"]
    assert found == (wanted if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_texts_are_made_plain() -> None:
    assert plain('  "The Cat, sat.\nOn 3.5 mats!" ') == "the cat sat on 3.5 mats"
    assert plain("well-known and/or (maybe)") == "well known and or maybe"
    assert plain("1,200 well-known") == "1200 wellknown"
    assert plain("a. " * 40).count(".") == 8


def test_an_open_answer_gets_rouge_l_on_the_scale() -> None:
    judge = load_judge("demon")
    assert rate(judge, open_question("A red dog runs"), "a red dog runs")[0] == pytest.approx(100, abs=1e-5)
    assert rate(judge, open_question("A red dog runs"), "")[0] == 0
    half, told = rate(judge, open_question("a red dog"), "the red dog sleeps well")
    assert half == pytest.approx(100 * 2 * (2 / 5) * (2 / 3) / (2 / 5 + 2 / 3), abs=1e-4) and "0.500" in told


def test_a_reference_without_words_is_not_scored() -> None:
    judge = load_judge("demon")
    for reference in (None, "", " . "):
        assert judge.check(open_question(reference)) == "turn 1 has no reference answer; judge demon needs it"


CHOICES = ("the cake rises", "the dough rests", "the pan is hot")


@pytest.mark.parametrize(
    ("answer", "strict", "paper"),
    [
        ("The dough rests", 1, 1),
        ("I think that the dough rests for an hour.", 1, 1),
        ("something else", None, 0),  # shares no word: the published rule takes the first choice
        ("", None, 0),
        ("cake or dough", None, 0),  # equally close to two
        ("hot pan", 2, 2),
    ],
)
def test_a_choice_is_the_closest_one(answer: str, strict: int | None, paper: int | None) -> None:
    assert choose(plain(answer), CHOICES, "strict") == strict
    assert choose(plain(answer), CHOICES, "paper") == paper


@pytest.mark.parametrize(
    ("answer", "strict", "paper"),
    [
        ("Image B", 1, 1),
        ("The right one is image b.", 1, None),  # the published rule looks at the first seven characters
        ("image b, not image c", None, None),
        ("image banana", None, 1),
        ("B", None, None),
    ],
)
def test_a_choice_of_images_is_read_by_its_name(answer: str, strict: int | None, paper: int | None) -> None:
    choices = [f"image {letter}" for letter in "abcd"]
    assert choose(plain(answer), choices, "strict") == strict
    assert choose(plain(answer), choices, "paper") == paper


def test_single_letters_have_no_weight_and_must_be_equal() -> None:
    assert choose("b", ("a", "b"), "strict") == 1
    assert choose("c", ("a", "b"), "paper") is None


def test_a_choice_is_right_or_wrong_and_the_protocol_decides() -> None:
    asked = choice("the cake rises", *CHOICES)
    strict, paper = load_judge("demon"), load_judge("demon", protocol="paper")
    assert rate(strict, asked, "the cake rises") == (100.0, "Closest to the right choice 'the cake rises'.")
    assert rate(strict, asked, "the pan")[0] == 0
    assert rate(strict, asked, "no idea") == (0.0, "Chooses none of the choices.")
    assert rate(paper, asked, "no idea")[0] == 100
    assert strict.card.fingerprint != paper.card.fingerprint


def test_another_kind_is_refused() -> None:
    with pytest.raises(ContentError, match="kind: facts is not reference"):
        make_reference_judge(content_dir("judges") / "facts", "strict")
    with pytest.raises(ContentError, match="a rule takes none"):
        load_judge("demon", args={"model": "x"})


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_texts_get_a_share(first: str, second: str) -> None:
    answer, reference = plain(first), plain(second)
    assert 0 <= rouge_l(answer, reference) <= 1
    if reference.replace(".", "").split():
        assert rouge_l(reference, reference) == pytest.approx(1, abs=1e-7)
    for reading in ("strict", "paper"):
        assert choose(answer, [reference, "x y z"], reading) in (None, 0, 1)


def test_a_huge_answer_ends() -> None:
    with ends():
        assert 0 < rouge_l(plain("word and more " * 100_000), plain("another word " * 100_000)) < 1
