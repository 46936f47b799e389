"""Which ratings an answer holds, in whatever writing."""

from __future__ import annotations

import pytest

from sparkles_eval.judges.answer_ratings import AnswerRatings, plain
from sparkles_eval.judges.expected import Expected


def held(*answers: str) -> AnswerRatings:
    return AnswerRatings(Expected(((1, "C1"),), 1, 10, answers))


@pytest.mark.parametrize(
    ("answer", "values"),
    [
        ("Rating: [[10]]", {10}),
        ("**rating** = 9.5/10", {9.5}),
        ("The overall rating of A1 is 7", {7}),
        ('{"A1": {"C1": {"explanation": "x", "rating": 10}}}', {10}),
        ("Ra\u200bting: \uff11\uff10", {10}),
        ("Rating: [[1]] Rating: [[2]]", {1, 2}),
        ("[[ 8 ]]", {8}),
        ("Rating: 80", set()),
        ("Two dogs and 3 cats.", set()),
        ("The rating is excellent. It shows A1 and C2.", set()),
    ],
)
def test_ratings_are_found_in_any_writing(answer: str, values: set[float]) -> None:
    assert held("nothing", answer).values == values


def test_an_evaluation_is_known_again_by_its_words_and_points() -> None:
    answers = held('(C1) Explanation: "Nothing is missing, nothing!" Rating: [[10.0]]')
    assert answers.evaluate("nothing is missing - nothing", 10)
    assert not answers.evaluate("nothing is missing - nothing", 9)
    assert not answers.evaluate("nothing is missing", 10)
    assert not answers.evaluate("nothing", 10) and not answers.evaluate("", 10)


def test_plain_words_keep_numbers_whole() -> None:
    assert plain("It's 9.50, A1. _C2_\n[[3]]") == "it s 9.50 a1 c2 3"
