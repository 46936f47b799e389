"""Final answers are found, and normalisation is SQuAD's where its users have no complaint."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.tasks.scorers.text import final_answer, normalise


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris", "Paris"),
        ("The answer is Paris.", "Paris"),
        ("**Final answer:** Paris", "Paris"),
        ("Answer: Rome\nNo. Answer: Paris", "Paris"),
        ("Correct answer:\n\nParis\nIt lies in France.", "Paris"),
        (r"So \boxed{\text{Paris}}.", "Paris"),
        ("the answer", "the answer"),
        ("Answer:", "Answer:"),
        ("an answer is good", "good"),
        ("e.g. ...", "e.g. ..."),
    ],
)
def test_what_is_said_to_be_the_answer(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@given(st.text(alphabet=string.ascii_letters + string.punctuation.replace("-", "") + " \n", max_size=60))
def test_without_numbers_it_is_squads(text: str) -> None:
    """The definition of Rajpurkar et al. 2016: lower case, ASCII punctuation away, articles away, single spaces."""
    plain = "".join(mark for mark in text.lower() if mark not in string.punctuation)
    expected = " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())
    found = normalise(text)
    assert found == expected or (not expected and set(found.split()) <= {"a", "an", "the"})
