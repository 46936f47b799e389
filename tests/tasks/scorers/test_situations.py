"""What users of evaluation tools reported of scorers, each as the plain case that it comes down to."""

from __future__ import annotations

import pytest

from sparkles_eval.core import Sample, Text, Turn
from sparkles_eval.tasks.scorers.registry import make_scorer
from tests.tasks.scorers.asking import replied


def value(scorer: str, answer: str, *targets: str, **options: object) -> float | None:
    sample = Sample("s", (Turn((Text("?"),), targets=targets),))
    return make_scorer(scorer, options).score(replied(answer), sample, 1).value


def test_numbers_are_right_in_whatever_form_they_are_written() -> None:
    """open-compass/VLMEvalKit#1602 and #1313: right answers in another form than the target's scored 0."""
    for answer, target in (("977,633", "977633"), ("27 percent", "27%"), ("10", "10 years"), ("2%", "2")):
        assert value("numeric", answer, target) == 1.0, answer
    assert value("numeric", "161,886", "$161,886") == value("exact_match", "begins", "begins.") == 1.0
    assert value("numeric", "1.4 million", "1.4 billion") == 0.0


def test_a_full_stop_behind_a_short_answer_costs_nothing() -> None:
    """open-compass/VLMEvalKit#948: 25.7 became 59.2 when trailing full stops were taken off by hand."""
    assert value("exact_match", "Yes.", "Yes") == value("numeric", "1995.", "1995") == value("f1", "No.", "no") == 1.0


@pytest.mark.parametrize("scorer", ["exact_match", "f1"])
def test_a_number_keeps_its_point_and_its_sign(scorer: str) -> None:
    """huggingface/lighteval#1273, UKGovernmentBEIS/inspect_ai#4620: punctuation was stripped out of numbers."""
    assert value(scorer, "(3.14)", "3.14") == value(scorer, "3.14.", "3.14") == value(scorer, "\u22125", "-5") == 1.0
    assert value(scorer, "314", "3.14") == value(scorer, "10", "1.0") == value(scorer, "5", "-5") == 0.0


def test_a_tolerance_does_not_make_years_right() -> None:
    """google-research/pix2struct#35: 2008 is within five percent of 2010."""
    assert value("numeric", "2008", "2010", tolerance=0.05) == 0.0
    assert value("numeric", "1,950", "2,000", tolerance=0.05) == 1.0


def test_several_accepted_answers_are_compared_together() -> None:
    """EvolvingLMMs-Lab/lmms-eval#363: each reference was scored by itself, and the score made 0 or 1."""
    assert value("anls", "12/15/89", "Dec 15", "12/15/88") == 0.875


def test_the_threshold_is_applied_and_lengths_are_those_of_what_is_compared() -> None:
    """mistralai/mistral-evals#19: the threshold was 0; modelscope/evalscope#1649: raw lengths, normalised distance."""
    assert value("anls", "completely unrelated text here", "x") == 0.0
    assert value("anls", "kitten", "sitting") == pytest.approx(4 / 7)
    assert value("anls", "  12/15/89 \n\n", "12/15/88") == 0.875
