"""What people report of reasoning models, limits and odd bodies: `run`, `verify` and `submit` over real HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.running import Done, here, rows
from tests.end_to_end.scripted import Script, ScriptedServer, completion


def ran(script: Script, store: Path, *more: str, args: tuple[str, ...] = (), n: int = 2) -> tuple[Done, ScriptedServer]:
    task = ["-t", "nlvr2-mini", "--task-arg", f"n={n}", "--no-report", "--store", str(store)]
    with ScriptedServer(script) as server:
        return here("run", *task, *server.model(*args), *more), server


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.mark.parametrize("tokens", [2**64, -5_000_000, 3.5, "n/a", 10**400])
def test_an_absurd_count_of_tokens_costs_no_reply(store: Path, tmp_path: Path, tokens: object) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": tokens}
    done, _ = ran(lambda *_: completion("TRUE", usage=usage), store)
    assert done.code == 0, done.shown
    assert rows(store, "SELECT DISTINCT text, input_tokens, output_tokens FROM responses") == [("TRUE", None, None)]
    assert here("verify", str(store)).code == 0
    assert here("submit", "--store", str(store), "--out", str(tmp_path / "b.zip")).code == 0


def test_a_failed_reply_was_paid_for(store: Path) -> None:
    """A server gives up in the middle and says what it had counted; the next attempt is whole."""
    used = {"prompt_tokens": 100, "completion_tokens": 20}

    def script(body: Mapping[str, Any], number: int) -> Mapping[str, Any]:
        return completion("It is TR", "error", used) if number == 0 else completion("TRUE", usage=used)

    prices = ("price_in=10", "price_out=10")
    done, _ = ran(script, store, "--max-attempts", "3", "--max-connections", "1", args=prices, n=1)
    assert done.code == 0, done.shown
    found = rows(store, "SELECT status, input_tokens, output_tokens, cost_usd FROM responses ORDER BY id")
    assert [row[0] for row in found] == ["api_error", "ok"]
    assert found[0][1:] == found[1][1:] == (100, 20, pytest.approx(0.0012))
    assert "$0.0024" in done.shown or "$0.002" in done.shown


def test_reasoning_that_took_the_whole_budget_is_loud_and_asked_once(store: Path) -> None:
    """`content` null, all tokens in `reasoning_content`: a valid reply without an answer, whatever is asked again."""
    used = {"prompt_tokens": 9, "completion_tokens": 500, "completion_tokens_details": {"reasoning_tokens": 500}}
    body = completion(None, "length", used, reasoning_content="First I look at both. TRUE would mean that")
    done, server = ran(lambda *_: body, store, "--generation", "max_tokens=500", n=4)
    assert len(server.bodies) == 4
    line = "4 of 4 replies were cut off at the token limit (max_tokens=500), 4 of them while still reasoning"
    assert line in done.shown and "--generation max_tokens=2000" in done.shown
    assert rows(store, "SELECT DISTINCT answer, invalid, reason FROM scores") == [
        (None, 1, "cut off (length): the reply is empty")
    ]


def test_a_thought_that_the_prompt_opened_and_the_limit_cut_is_no_answer(store: Path) -> None:
    """No mark at all is left in the text, which ends while an option is being turned over."""
    done, _ = ran(lambda *_: completion("Okay, two dogs on the left. So TRUE. But the right one", "length"), store)
    assert rows(store, "SELECT DISTINCT answer, invalid FROM scores") == [(None, 1)]
    assert "cut off at the token limit" in done.shown


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("ANSWER: $TRUE$", "True"),
        ("**ANSWER: TRUE**", "True"),
        ("ANSWER: None of the above", None),
        ("ANSWER: Don't know", None),
    ],
)
def test_marked_up_answers_are_read_and_words_that_hold_letters_are_not(store: Path, said: str, value: str) -> None:
    ran(lambda *_: completion(said), store, n=1)
    assert rows(store, "SELECT answer FROM scores") == [(value,)]


def test_a_long_explanation_behind_the_answer_changes_nothing(store: Path) -> None:
    text = (
        "The correct answer is **TRUE**. Here's why: FALSE would need a second dog, and TRUE is correct because there "
        "is one.\n\n* FALSE: wrong, since only one is shown\n* TRUE: right"
    )
    ran(lambda *_: completion(text), store, n=1)
    assert rows(store, "SELECT answer FROM scores") == [("True",)]


def test_reasoning_goes_back_only_to_families_that_want_it(store: Path) -> None:
    """Qwen's templates drop earlier thoughts, others want them: both can be asked, and are different runs."""

    def script(body: Mapping[str, Any], _: int) -> Mapping[str, Any]:
        return completion("They are red.", reasoning_content="PRIVATE: both look red")

    task = ["-t", "sparkleseval-mini", "--task-arg", "n=1", "--no-report", "--store", str(store)]
    for args, seen in (((), False), (("keep_reasoning=true",), True)):
        with ScriptedServer(script) as server:
            here("run", *task, *server.model(*args))
            assert len(server.bodies) == 2
            earlier = [str(m["content"]) for m in server.bodies[1]["messages"] if m["role"] == "assistant"]
            assert len(earlier) == 1 and "They are red." in earlier[0]
            assert ("PRIVATE" in earlier[0]) is seen
    assert rows(store, "SELECT count(*) FROM runs") == [(2,)]
    assert rows(store, "SELECT DISTINCT text, reasoning FROM responses") == [
        ("They are red.", "PRIVATE: both look red")
    ]
    assert here("verify", str(store)).code == 0
