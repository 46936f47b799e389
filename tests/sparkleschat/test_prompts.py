"""Prompt strings, segments and answers as the published code makes them."""

from __future__ import annotations

from typing import Any

import pytest

from sparkles_eval.core import Conversation, Image, Message, Part, Text
from sparkles_eval.sparkleschat import prompts

PICTURE = Image(sha256="0" * 64, media_type="image/png", width=1, height=1, size=1, relpath="a.png")


def parts(text: str) -> tuple[Part, ...]:
    """A text with placeholders -> the parts that a task would make of it."""
    out: list[Part] = []
    for number, piece in enumerate(text.split(prompts.IMAGE)):
        out += [PICTURE, Text(piece)] if number else [Text(piece)]
    return tuple(out)


def test_golden_prompts_and_segments(protocol: dict[str, list[dict[str, Any]]]) -> None:
    for case in protocol["eval"]:
        assert prompts.user_prompt(case["user_text"]) == case["prompt"]
        assert prompts.segments(case["prompt"]) == case["segments"]


def test_golden_history_equals_the_published_single_message(protocol: dict[str, list[dict[str, Any]]]) -> None:
    """The original wrote both turns into one message; a real history must give the same string."""
    case = protocol["eval"][1]
    first, rest = case["user_text"].split("###Assistant: ")
    answer, second = rest.split("###Human: ")
    said = (Message("user", parts(first)), Message("assistant", (Text(answer),)), Message("user", parts(second)))
    assert prompts.chat_prompt(Conversation(said)) == case["prompt"]


def test_golden_training_instructions(protocol: dict[str, list[dict[str, Any]]]) -> None:
    turn_one, turn_two = protocol["train"][0], protocol["train"][1]
    question = turn_one["instruction"].removeprefix("###Human: ").removesuffix("###Assistant: ")
    assert prompts.training_instruction([(question, None)]) == turn_one["instruction"]
    following = "And how does IMAGE#303<Img><ImageHere></Img> differ from both?"
    both = [(question, turn_one["answer"]), (following, None)]
    assert prompts.training_instruction(both) == turn_two["instruction"]


def test_golden_answers_end_at_the_separator() -> None:
    assert prompts.clean_answer("The left one.###Human: and then?") == "The left one."
    assert prompts.clean_answer(" ###") == ""
    assert prompts.clean_answer("Human: x Assistant: y Assistant:  z \n###") == "z"
    assert prompts.clean_answer("no mark at all ") == "no mark at all"


def test_system_texts() -> None:
    asked = (Message("user", (Text("hi"),)),)
    assert prompts.chat_prompt(Conversation(asked, system="Be brief.")) == "Be brief.###Human: hi###Assistant:"
    assert prompts.chat_prompt(Conversation(asked), system="") == "###Human: hi###Assistant:"
    assert prompts.chat_prompt(Conversation(asked)).startswith("Give the following image:")


def test_what_is_no_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="ends with a user's message"):
        prompts.chat_prompt(Conversation((Message("assistant", (Text("hi"),)),)))
    said = (Message("system", (Text("x"),)), Message("user", (Text("y"),)))
    with pytest.raises(ValueError, match="not 'system'"):
        prompts.chat_prompt(Conversation(said))
    with pytest.raises(ValueError, match="last answer"):
        prompts.training_instruction([("q", "a")])


def test_emojis_stand_for_images() -> None:
    assert prompts.expand_emojis("compare ✨ with ⭐") == f"compare {prompts.IMAGE} with {prompts.IMAGE}"
