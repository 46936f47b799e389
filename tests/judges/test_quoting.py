"""The audit's scripted judges: what a rubric with a canary, one without, and the published reading make of them."""

from __future__ import annotations

import pytest

from sparkles_eval.core import Image, Model, Sample, Text, Turn
from sparkles_eval.judges.audit import Probe, load_answers, make_probes
from sparkles_eval.judges.base import Judge
from sparkles_eval.judges.load import load_judge
from sparkles_eval.judges.quoting import COPYING, QUOTING, Rehearsal, rehearse
from tests.judges.test_rubric import made_of

MODEL = Model("openai/gpt-4o", "openai", "gpt-4o")
BARE = "{% for turn in turns %}{{ turn.question }}{{ turn.answer }}{% endfor %}"


def probes(judge: Judge) -> list[Probe]:
    image = Image("0" * 64, "image/png", 1, 1, 1, "a.png", caption="a red cup")
    turns = tuple(Turn((Text("What is this? "), image), reference=said) for said in ("A red cup.", "It is red."))
    return make_probes([Sample("one", turns)], judge.card, load_answers())


def found(judge: Judge) -> dict[str, Rehearsal]:
    return {one.judge: one for one in rehearse(judge, probes(judge))}


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("name", ["sparkles", "sparkles-vision"])
def test_the_shipped_rubrics_hear_the_honest_and_not_the_copying(name: str, structured: bool) -> None:
    both = found(load_judge(name, adapter_model=MODEL, structured=structured))
    assert both[QUOTING].own == both[QUOTING].replies >= 11
    assert both[COPYING].unreadable == both[COPYING].replies >= 11


def test_without_a_canary_nothing_is_forged_but_verdicts_are_lost() -> None:
    both = found(made_of(BARE))
    assert both[QUOTING].forged == both[COPYING].forged == 0
    assert both[QUOTING].unreadable > 0 and both[QUOTING].own > 0


def test_the_published_reading_takes_an_answers_ratings_for_the_judges() -> None:
    both = found(load_judge("sparkles", protocol="paper", adapter_model=MODEL))
    assert both[QUOTING].forged > 0 and both[COPYING].forged > 0


def test_a_rule_reads_no_replies() -> None:
    rule = load_judge("demon")
    assert rehearse(rule, probes(rule)) == ()
