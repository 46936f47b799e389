"""Taking an output apart: every family's marks of reasoning, closed or not, and hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.reply_parts import marks_among, opens_reasoning, take_apart, with_reasoning
from tests.hanging import ends

CLOSED = [
    ("<think>", "</think>"),
    ("<Think>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ('<think time="3">', "</think>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|channel>thought", "<channel|>"),
    ("analysis", "assistantfinal"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("Here is my thought process:", "Here is my response:"),
]


@pytest.mark.parametrize(("begin", "end"), CLOSED)
def test_a_closed_thought_is_set_apart(begin: str, end: str) -> None:
    parts = take_apart(f"{begin}So it is A.{end}\n\nThe answer is B.")
    assert (parts.answer, parts.reasoning, parts.unclosed) == ("The answer is B.", "So it is A.", False)


@pytest.mark.parametrize(("begin", "end"), CLOSED)
def test_a_thought_that_never_ends_leaves_no_answer(begin: str, end: str) -> None:
    parts = take_apart(f"{begin}So it is A. But")
    assert (parts.answer, parts.reasoning, parts.unclosed) == ("", "So it is A. But", True)


@pytest.mark.parametrize(("begin", "end"), CLOSED[:-3])
def test_a_thought_that_the_prompt_opened_ends_with_its_closing_mark(begin: str, end: str) -> None:
    assert take_apart(f"So it is A.{end}B").answer == "B"
    assert opens_reasoning(f"<|assistant|>{begin}\n") and not opens_reasoning(f"{begin}{end}\n")
    assert take_apart("So it is A. But", opened=True).answer == ""


def test_fields_of_reasoning_are_kept_once() -> None:
    parts = take_apart("<think>x</think>B", ["why", "why", None, " "])
    assert (parts.answer, parts.reasoning) == ("B", "why\n\nx")


@pytest.mark.parametrize(
    "text", ["B", " B \n", "a <b> c", "analysis of the picture", "I think [think] so", "1 < 2", ""]
)
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    assert take_apart(text).answer == text


@pytest.mark.parametrize("end", ["<|im_end|>", "</s>", "<|eot_id|>", "<end_of_turn>", "</s></s>\n"])
def test_marks_of_a_turns_end_are_taken_off(end: str) -> None:
    assert take_apart(f"B{end}").answer == "B"


def test_a_decoder_keeps_the_marks_that_tell_thought_from_answer() -> None:
    assert marks_among(["[THINK]", "[/THINK]", "</s>", "<|end|>"]) == {"[THINK]", "[/THINK]"}
    assert "<|end|>" in marks_among(["<|channel|>", "<|end|>", "<pad>"])


def test_reasoning_goes_back_in_front_of_its_answer() -> None:
    assert take_apart(with_reasoning("B", "why")).reasoning == "why" and with_reasoning("B", None) == "B"


PIECES = [*(mark for pair in CLOSED for mark in pair), "<", "</", "◁", "text ", "\n", "</s>", "<|im_end|>"]


@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_of_marks_ends(piece: str) -> None:
    with ends():
        take_apart(piece * (1_000_000 // len(piece)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join) | st.text(max_size=200))
def test_an_answer_taken_apart_again_is_itself(text: str) -> None:
    answer = take_apart(text).answer
    assert take_apart(answer).answer == answer
