"""Panels: how they are named, who may vote, and that the order of votes never shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import JudgeCard
from sparkles_eval.judges.panel import JudgePanel, PanelRule, absent, combine, family, read_panel

CARD = JudgeCard(
    "a", 1, "A", (Criterion("C1", "One"), Criterion("C2", "Two")), 1, 10, "captions", "fa", "openai/gpt-4o"
)
OTHER = replace(CARD, name="b", fingerprint="fb", model="anthropic/claude-x", sees="images")

votes = st.dictionaries(st.text(min_size=1, max_size=8), st.floats(1, 10), min_size=1, max_size=7)


@given(votes=votes, rule=st.sampled_from(["mean", "median"]), shift=st.floats(-2, 2), data=st.data())
def test_the_order_of_votes_makes_no_difference(
    votes: dict[str, float], rule: PanelRule, shift: float, data: st.DataObject
) -> None:
    leniency = {name: shift * place for place, name in enumerate(sorted(votes))}
    shuffled = {name: votes[name] for name in data.draw(st.permutations(list(votes)))}
    made = combine(votes, rule, 1, leniency, (1, 10))
    assert made == combine(shuffled, rule, 1, leniency, (1, 10))
    assert made.value is not None and 1 <= made.value <= 10


@given(votes=votes)
def test_without_leniency_the_score_lies_among_the_votes(votes: dict[str, float]) -> None:
    for rule in ("mean", "median"):
        value = combine(votes, "median" if rule == "median" else "mean", 1, {}, (1, 10)).value
        assert value is not None
        assert min(votes.values()) - 1e-9 <= value <= max(votes.values()) + 1e-9


def test_a_missing_vote_does_not_move_the_score_by_who_is_missing() -> None:
    kind = {"kind": 1.0, "strict": -1.0}
    whole = combine({"kind": 8, "strict": 6}, "mean", 1, kind, (1, 10)).value
    assert whole == combine({"strict": 6}, "mean", 1, kind, (1, 10)).value == 7
    assert combine({"kind": 8}, "median", 1, kind, (1, 10)).value == 8


def test_below_the_quorum_there_is_no_score_but_a_reason() -> None:
    made = combine({"a": 5.0}, "mean", 2, {}, (1, 10))
    assert (made.value, made.reason) == (None, "1 vote, the panel's quorum is 2")
    assert combine({}, "median", 1, {}, (1, 10)).value is None


def test_a_panel_is_the_same_in_any_order_of_its_members() -> None:
    one = read_panel("panel:b, a", {})
    assert one == read_panel("panel:a,b,a", {}) and one.members == ("a", "b") and one.needed == 2
    panel = JudgePanel(one, (CARD, OTHER))
    assert panel.fingerprint == JudgePanel(one, (OTHER, CARD)).fingerprint
    assert (panel.name, panel.sees) == ("panel:a,b", "several")
    assert panel.fingerprint != JudgePanel(read_panel("panel:a,b", {"rule": "median"}), (CARD, OTHER)).fingerprint
    assert panel.fingerprint != JudgePanel(read_panel("panel:a,b", {"family": "out"}), (CARD, OTHER)).fingerprint


def test_same_family_is_left_out_on_request() -> None:
    panel = JudgePanel(read_panel("panel:a,b", {"family": "out", "quorum": "1"}), (CARD, OTHER))
    assert not panel.may_vote(CARD, "openai/gpt-5-mini")
    assert panel.may_vote(OTHER, "openai/gpt-5-mini")
    assert JudgePanel(read_panel("panel:a,b", {}), (CARD, OTHER)).may_vote(CARD, "openai/gpt-5-mini")
    assert absent(("a", "b"), {"b": 1.0}) == ["a"]


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("openai/gpt-4o", "OpenAI"),
        ("openai/o3-mini", "OpenAI"),
        ("anthropic/claude-sonnet-4-5", "Anthropic"),
        ("google/gemini-2.0-flash", "Google"),
        ("openai/Qwen2.5-VL-7B-Instruct", "Qwen"),
        ("meta/Meta-Llama-3-8B", "Llama"),
        ("openai/llava:7b", "Llama"),
        ("openai/foo-7b", "foo"),
        ("7b", "7b"),
    ],
)
def test_families_by_name(model: str, maker: str) -> None:
    assert family(model) == maker


@pytest.mark.parametrize(
    ("selector", "args", "told"),
    [
        ("panel:a", {}, "two members"),
        ("panel:", {}, "two members"),
        ("panel:a,panel:b", {}, "panel itself"),
        ("panel:a,b", {"rule": "max"}, "mean or median"),
        ("panel:a,b", {"quorum": "3"}, "1 to 2"),
        ("panel:a,b", {"quorum": "-1"}, "1 to 2"),
        ("panel:a,b", {"family": "no"}, "in or out"),
        ("panel:a,b", {"weight": "2"}, "family, quorum, rule"),
    ],
)
def test_what_cannot_be_a_panel(selector: str, args: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_panel(selector, args)


def test_members_must_rate_the_same() -> None:
    with pytest.raises(UserError, match="same criteria on the same scale"):
        JudgePanel(read_panel("panel:a,b", {}), (CARD, replace(OTHER, high=5)))
    with pytest.raises(UserError, match="same criteria on the same scale"):
        JudgePanel(read_panel("panel:a,b", {}), (CARD, replace(OTHER, criteria=(Criterion("T", "Tone"),))))
