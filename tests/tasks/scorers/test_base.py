"""What a scorer gives becomes a score; what it fails at, or a model failed at, does not look like one."""

from __future__ import annotations

import math

import pytest

from sparkles_eval.core import Sample, Status, Text, Turn
from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.scorers import Outcome, Question, scorer
from sparkles_eval.tasks.scorers.registry import make_scorer, stored_scorer
from tests.tasks.scorers.asking import question, replied

SAMPLE = Sample("s", (Turn((Text("?"),)),), target="Paris")


def test_a_decorated_function_is_a_scorer_with_options() -> None:
    @scorer("longer", title="Longer")
    def longer(answer: str, question: Question, *, than: int = 3) -> Outcome:
        """Right where the answer is long enough.

        More words for readers of the code.
        """
        return Outcome(float(len(answer) > than))

    assert (longer.name, longer.version, longer.title) == ("longer", 1, "Longer")
    assert longer.description == "Right where the answer is long enough."
    assert longer("four", question("x")).value == 1.0
    assert longer.bind({}).score(replied("four"), SAMPLE, 1).value == 1.0
    bound = longer.bind({"than": 4})
    assert (bound.name, bound.id, bound.rule) == ("longer(than=4)", "longer@1(than=4)", "longer(than=4)")
    assert bound.score(replied("four"), SAMPLE, 1).value == 0.0
    assert longer.bind({"than": 3}).id == "longer@1", "a default that is written down changes nothing"


def test_a_later_version_is_part_of_the_rule() -> None:
    @scorer("second", version=2)
    def second(answer: str, question: Question) -> Outcome:
        """Wrong."""
        return Outcome(0.0)

    assert (second.bind({}).rule, second.bind({}).id, second.bind({}).name) == ("second@2", "second@2", "second")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("numeric", {"tolerances": 1}, "unknown key 'tolerances' (did you mean 'tolerance'?); allowed: tolerance, abs"),
        ("numeric", {"tolerance": "much"}, "tolerance: 'much' is not a number"),
        ("numeric", {"tolerance": -1}, "tolerance: input should be greater than or equal to 0"),
        ("numeric", {"tolerance": math.nan}, "tolerance: input should be"),
        ("numeric", {"years": "some"}, "years: 'some' is not one of 'exact' or 'tolerant'"),
        ("choice", {"reader": "mine"}, "reader: 'mine' is not one of 'strict' or 'paper'"),
        ("strict", {"x": 1}, "it takes no options"),
        (
            "numerik",
            {},
            "unknown scorer 'numerik' (did you mean 'numeric'?); known: choice, lettered, exact_match, numeric, anls",
        ),
    ],
)
def test_unknown_scorers_and_options_are_told_with_what_there_is(
    name: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(ContentError) as caught:
        make_scorer(name, options)
    assert told in str(caught.value)


def test_a_function_that_cannot_be_a_scorer_is_told() -> None:
    def none(answer: str, question: Question) -> Outcome:
        return Outcome(0.0)

    def needy(answer: str, question: Question, *, limit: int) -> Outcome:
        """Wrong."""
        return Outcome(0.0)

    with pytest.raises(ContentError, match="no docstring"):
        scorer("none")(none)
    with pytest.raises(ContentError, match="'limit' must stand behind"):
        scorer("needy")(needy)
    with pytest.raises(ContentError, match="lower case letters"):
        scorer("My scorer")(needy)
    with pytest.raises(ContentError, match="versions are counted from 1"):
        scorer("needy", version=0)(needy)


@pytest.mark.parametrize("value", [2.0, -0.1, math.nan, math.inf])
def test_a_value_off_the_scale_is_no_score(value: float) -> None:
    @scorer("off")
    def off(answer: str, question: Question) -> Outcome:
        """Off the scale."""
        return Outcome(value)

    score = off.bind({}).score(replied("x"), SAMPLE, 1)
    assert score.value is None and "which is not from 0 to 1" in str(score.reason)


def test_a_scorer_that_fails_gives_no_score_but_its_reason() -> None:
    @scorer("broken")
    def broken(answer: str, question: Question) -> Outcome:
        """Fails."""
        raise KeyError("x" * 9000)

    score = broken.bind({}).score(replied("x"), SAMPLE, 1)
    assert score.value is None and str(score.reason).startswith("scorer broken: KeyError: 'xxx")
    assert len(str(score.reason)) <= 200


@pytest.mark.parametrize("name", ["exact_match", "contains", "f1", "anls"])
@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (Status.TRUNCATED, "Paris", "cut off (token limit): the reply was cut off"),
        (Status.REFUSED, "I won't say Paris", "refused: token limit"),
        (Status.OK, "  ", "an empty answer"),
        (Status.OK, "<think>Paris", "an empty answer"),
    ],
)
def test_what_was_not_answered_whole_is_invalid(name: str, status: Status, text: str, reason: str) -> None:
    """A reply that is cut off may equal a target that the whole one would not: "New York" of "New York Times"."""
    score = make_scorer(name, {}).score(replied(text, status, "token limit"), SAMPLE, 1)
    assert (score.value, score.invalid, score.reason) == (0.0, True, reason)


def test_an_id_in_a_store_finds_its_scorer_again_or_none() -> None:
    for made in (
        make_scorer("numeric", {"tolerance": 0.05, "years": "tolerant"}),
        make_scorer("exact_match", {"ignore_case": False}),
        make_scorer("choice", {"reader": "paper"}),
        make_scorer("f1", {}),
    ):
        found = stored_scorer(made.id)
        assert found is not None and found.id == made.id and found.options == made.options
    for other in (
        "numeric@2", "numeric@1(tolerance=0.0)", "numeric@1(tolerance=)", "numeric@1(tolerance=1e999)", "numeric",
        "nobody@1", "choice@1", "numeric@1(x=1)", "numeric@1(" + "tolerance=1, " * 500, "numeric@1([)", "numeric@1()",
    ):  # fmt: skip
        assert stored_scorer(other) is None, other


def test_the_choice_is_stored_as_it_always_was() -> None:
    assert make_scorer("choice", {}).id == make_scorer("strict", {}).id == "strict@2"
    assert make_scorer("choice", {"reader": "paper"}).rule == "paper"
