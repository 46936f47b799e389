"""What becomes of a protocol's wishes on their way to a model."""

from __future__ import annotations

import pytest

from sparkles_eval.adapters.options import Sampling, given, merge_fields, override, read_sampling
from sparkles_eval.core import JSON, Generation
from sparkles_eval.core.errors import UserError

PAPER = Generation(temperature=1.0, top_p=0.9, max_tokens=1000, seed=2023)


def test_nothing_special_sends_what_was_asked() -> None:
    assert Sampling().effective(PAPER) == PAPER


def test_the_users_settings_go_over_the_protocols() -> None:
    asked = Generation(temperature=0.2, stop=("END",))
    assert Sampling(asked).effective(PAPER) == override(PAPER, asked)
    assert override(PAPER, asked) == Generation(0.2, 0.9, None, 1000, 2023, ("END",))


def test_zero_is_a_setting() -> None:
    assert Sampling(Generation(temperature=0.0, seed=0)).effective(PAPER).temperature == 0.0
    assert given(Generation(temperature=0.0, seed=0)) == ("temperature", "seed")


def test_what_is_not_taken_is_left_out() -> None:
    settings = {"not_sent": "temperature,top_p,seed,stop"}
    sampling = read_sampling("m", settings, Generation())
    assert sampling.effective(override(PAPER, Generation(stop=("x",)))) == Generation(max_tokens=1000)


def test_thinking_gets_room_beside_the_answer() -> None:
    settings = {"reasoning_tokens": "8000", "max_tokens": "16000"}
    sampling = read_sampling("m", settings, Generation())
    assert sampling.effective(PAPER).max_tokens == 9000
    assert sampling.effective(Generation()).max_tokens == 16000
    asked = read_sampling("m", settings, Generation(max_tokens=50))
    assert asked.effective(PAPER).max_tokens == 50, "the user's own limit is sent as it is"


def test_asking_for_what_is_not_taken_is_refused() -> None:
    with pytest.raises(UserError, match="does not take temperature"):
        read_sampling("m", {"not_sent": "temperature"}, Generation(temperature=0.0))
    with pytest.raises(UserError, match="'heat' is no generation setting"):
        read_sampling("m", {"not_sent": "heat"}, Generation())


def test_room_that_the_user_names_goes_on_top_of_the_users_limit() -> None:
    sampling = read_sampling("m", {"reasoning_tokens": "8000"}, Generation(max_tokens=50), asks_room=True)
    assert sampling.effective(PAPER).max_tokens == 8050
    budget = Sampling(Generation(max_tokens=50, reasoning_budget=2000), reasoning_tokens=8000)
    assert budget.effective(PAPER).max_tokens == 2050, "a budget is the room"
    off = Sampling(Generation(reasoning=False), reasoning_tokens=8000)
    assert off.effective(PAPER).max_tokens == 1000, "no room where nothing is reasoned"


def test_further_fields_are_merged_by_their_names() -> None:
    base = Generation(extra=(("extra_body.a.b", "1"), ("extra_body.a.c", "2"), ("extra_body.d", "3")))
    over = Generation(extra=(("extra_body.a", '{"e": 4}'),))
    assert override(base, over).extra == (("extra_body.a", '{"e": 4}'), ("extra_body.d", "3"))
    body: dict[str, JSON] = {"a": {"kept": True}, "model": "m"}
    merge_fields(body, (*override(base, Generation()).extra, ("chat_template_kwargs.x", "false")))
    assert body == {
        "a": {"kept": True, "b": 1, "c": 2},
        "d": 3,
        "model": "m",
        "chat_template_kwargs": {"x": False},
    }


def test_not_sent_reaches_the_new_settings_and_leaves_further_fields() -> None:
    extra = (("extra_body.a", "1"),)
    sampling = read_sampling("m", {"not_sent": "presence_penalty,reasoning"}, Generation(extra=extra))
    assert sampling.effective(Generation(presence_penalty=1.5, reasoning=True)) == Generation(extra=extra)
