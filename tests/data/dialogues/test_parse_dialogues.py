"""Validation in general: sound dialogues pass however they are written, and each fault is called by its name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.data.dialogues.parse_dialogues import (
    ParsedDialogue,
    ParsedMessage,
    check_form,
    parse_dialogues,
    read_reply,
)
from sparkles_eval.data.dialogues.records import FAULTS, GeneratedDialogue
from sparkles_eval.data.dialogues.spec import StyleSpec, TurnSpec

OFFERED = ("12", "14", "1417", "31", "7")
WORDS = st.text("abcdefgh '\",.!?\N{EM DASH}\n", min_size=1, max_size=30).filter(str.strip)


def style(*images: tuple[int, ...]) -> StyleSpec:
    return StyleSpec(name="own", title="own", turns=tuple(TurnSpec(images=one) for one in images), candidates=5)


@st.composite
def sound(draw: st.DrawFn) -> tuple[StyleSpec, list[dict[str, object]]]:
    """A style of one to three turns and messages that fit it, images in any order."""
    left = list(draw(st.permutations(OFFERED)))
    turns = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
    turns = [max(1, turns[0]), *(min(count, 1) for count in turns[1:])]
    messages: list[dict[str, object]] = []
    for count in turns:
        images, left = left[:count], left[count:]
        text = draw(WORDS) + "".join(f" IMAGE#{image} {draw(WORDS)}" for image in images)
        listed = list(draw(st.permutations(images)))
        messages += [{"role": "user", "content": text, "images": listed}, {"role": "assistant", "content": draw(WORDS)}]
    return style(*((count,) for count in turns)), messages


@pytest.mark.parametrize("mark", ["### First image", "so.###Assistant: yes", "<Image<ImageHere>Here>"])
def test_marks_of_the_training_form_are_no_words(mark: str) -> None:
    told = [("user", "See IMAGE#12."), ("assistant", mark)]
    reply = json.dumps([{"role": role, "content": text} for role, text in told])
    (read,) = read_reply(reply, OFFERED, style((1,)))
    assert read.rejection is not None and read.rejection.fault == "marks"
    assert read.rejection.reason.startswith("message 2 holds")


@settings(deadline=None)
@given(sound(), st.sampled_from(["json", "indented", "python", "fenced", "lines"]))
def test_a_sound_dialogue_is_kept_word_for_word(made: tuple[StyleSpec, list[dict[str, object]]], form: str) -> None:
    spec, messages = made
    reply = {
        "json": json.dumps({"dialogues": [{"dialogue": messages}]}),
        "indented": json.dumps(messages, indent=1),
        "python": repr([messages]),
        "fenced": f"Here:\n```json\n{json.dumps(messages)}\n```",
        "lines": "\n".join(map(json.dumps, messages)),
    }[form]
    (read,) = read_reply(reply, OFFERED, spec)
    assert read.dialogue is not None, read.rejection
    assert [message.content for message in read.dialogue.messages] == [str(m["content"]).strip() for m in messages]
    keeps_the_rules(read.dialogue, spec)


def keeps_the_rules(dialogue: GeneratedDialogue, spec: StyleSpec) -> None:
    """What every kept dialogue is, whatever the reply was."""
    assert len(dialogue.messages) == spec.messages
    assert [message.role for message in dialogue.messages] == ["user", "assistant"] * len(spec.turns)
    given_: list[str] = []
    for place, message in enumerate(dialogue.messages):
        assert message.content.strip() and "###" not in message.content
        if message.role == "user":
            assert len(message.images) in spec.turns[place // 2].images
            assert all(image in OFFERED and image not in given_ for image in message.images)
            places = [message.content.index(f"IMAGE#{image}") for image in message.images]
            assert places == sorted(places)
            given_ += message.images
        else:
            assert message.images == ()
    assert len(set(given_)) == len(given_)


MESSAGE = st.builds(
    ParsedMessage,
    role=st.sampled_from([None, "user", "assistant", "Human", "gpt", "system", ""]),
    content=st.none()
    | WORDS
    | st.sampled_from(["See IMAGE#12.", "IMAGE#14 and IMAGE#12", "IMAGE#99!", "#1417", "### A heading"]),
    images=st.none() | st.lists(st.sampled_from([*OFFERED, "99", ""]), max_size=3).map(tuple),
    cut=st.booleans(),
)


@settings(deadline=None)
@given(st.builds(ParsedDialogue, st.lists(MESSAGE, max_size=6).map(tuple), st.booleans()))
def test_any_draft_is_kept_by_the_rules_or_set_aside_with_a_reason(draft: ParsedDialogue) -> None:
    spec = style((0, 1, 2), (1,))
    read = check_form(draft, OFFERED, spec)
    assert (read.dialogue is None) != (read.rejection is None)
    if read.dialogue is not None:
        keeps_the_rules(read.dialogue, spec)
    if read.rejection is not None:
        assert read.rejection.fault in FAULTS and read.rejection.reason


@settings(deadline=None)
@given(st.text(max_size=200) | st.text("{}[]\"':,role user content IMAGE#12\n", max_size=300))
def test_any_reply_is_read(reply: str) -> None:
    spec = style((1, 2), (1,))
    found = read_reply(reply, OFFERED, spec)
    assert found
    for read in found:
        assert (read.dialogue is None) != (read.rejection is None)


@settings(deadline=None)
@given(sound(), st.data())
def test_a_cut_dialogue_is_never_taken_for_a_whole_one(
    made: tuple[StyleSpec, list[dict[str, object]]], data: st.DataObject
) -> None:
    spec, messages = made
    text = json.dumps({"dialogue": messages})
    end = text.rindex('"')  # of the last text
    for read in read_reply(text[: data.draw(st.integers(0, end))], OFFERED, spec):
        assert read.dialogue is None and read.rejection is not None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_messages_one_after_the_other_are_put_together(count: int) -> None:
    lines = "\n".join(json.dumps({"role": role, "content": "x"}) for role in ["user", "assistant"] * 2 * count)
    assert [len(draft.messages) for draft in parse_dialogues(lines, 4)] == [4] * count
