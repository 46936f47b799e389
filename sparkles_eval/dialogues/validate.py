"""Decides which dialogues of a reply are right in form, and says of each other one what is wrong with it.

Rules (published): messages in the style's number, roles in turn, every image a candidate, each mentioned as a whole
word in the message that brings it, images in order of mention. Knows nothing of models, files or quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.dialogues.drafts import Draft, DraftMessage, drafts
from sparkles_eval.dialogues.mentions import Named, name_images
from sparkles_eval.dialogues.records import Dialogue, Message, Rejection, Speaker
from sparkles_eval.dialogues.spec import StyleSpec
from sparkles_eval.sparkleschat.prompts import PLACEHOLDER, SEPARATOR

_SHOWN, _KEPT = 120, 20_000
"""Characters of a reply without a dialogue that its reason quotes, and that are kept to be looked at."""


@dataclass(frozen=True, slots=True)
class Read:
    """One dialogue of a reply: `dialogue` where it is right in form, else `rejection`; `draft` is what was written."""

    draft: Draft
    dialogue: Dialogue | None = None
    rejection: Rejection | None = None


class _Wrong(ValueError):
    """A dialogue is not right; carries the rejection."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


def read_reply(text: str, offered: Sequence[str], spec: StyleSpec) -> list[Read]:
    """Every dialogue in a reply, right or wrong, in order; one that says why where there is none."""
    found = drafts(text, spec.messages)
    if not found:
        begins = " ".join(text.split())[:_SHOWN]
        what = f"it begins: {begins}" if begins else "it is empty"
        said = Draft((DraftMessage("reply", text[:_KEPT], None),)) if begins else Draft(())
        return [Read(said, rejection=Rejection("format", f"no dialogue can be read in the reply; {what}"))]
    return [check(draft, offered, spec) for draft in found]


def check(draft: Draft, offered: Sequence[str], spec: StyleSpec) -> Read:
    """Whether a dialogue is right in form. Never raises."""
    try:
        return Read(draft, dialogue=_checked(draft, offered, spec))
    except _Wrong as wrong:
        return Read(draft, rejection=wrong.rejection)


def _checked(draft: Draft, offered: Sequence[str], spec: StyleSpec) -> Dialogue:
    _whole(draft, spec)
    speakers = _in_turn(draft)
    named = [name_images(message.content or "", offered) for message in draft.messages]
    for number, text in enumerate(named, 1):
        if not text.text.strip():
            raise _Wrong(Rejection("messages", f"message {number} is empty"))
        if mark := next((mark for mark in (SEPARATOR, PLACEHOLDER) if mark in text.text), None):
            what = f"message {number} holds {mark}, which means something else in training; write plain text"
            raise _Wrong(Rejection("marks", what))
    listed = _listed(draft, speakers, offered)
    given: list[str] = []
    messages: list[Message] = []
    for number, (speaker, text) in enumerate(zip(speakers, named, strict=True), 1):
        new: tuple[str, ...] = ()
        if speaker == "user":
            wanted = text.known if listed is None else listed[number - 1]
            new = _brought(number, [image for image in dict.fromkeys(wanted) if image not in given], text)
            _counted(number, len(new), spec)
            given += new
        _only_given(number, text, given)
        messages.append(Message(speaker, text.text, new))
    return Dialogue(tuple(messages))


def _whole(draft: Draft, spec: StyleSpec) -> None:
    """Every message has its end, and there are as many as there should be."""
    count = len(draft.messages)
    broken = next((number for number, message in enumerate(draft.messages, 1) if message.cut), None)
    if broken is not None or (draft.cut and count < spec.messages):
        where = f"in message {broken}" if broken else f"after {count} of {spec.messages} messages"
        raise _Wrong(Rejection("cut-off", f"the reply ends {where}"))
    if count != spec.messages:
        raise _Wrong(Rejection("messages", f"its messages are {count}; they must be {spec.messages}"))


def _in_turn(draft: Draft) -> list[Speaker]:
    """Who speaks, user first; where no message says who, they are taken to be in turn."""
    expected: list[Speaker] = ["user" if number % 2 == 0 else "assistant" for number in range(len(draft.messages))]
    if all(message.role is None for message in draft.messages):
        return expected
    for number, (message, speaker) in enumerate(zip(draft.messages, expected, strict=True), 1):
        if message.speaker != speaker:
            said = f"is by {message.role!r}" if message.role is not None else "does not say who speaks"
            raise _Wrong(Rejection("messages", f"message {number} {said}; it must be by {speaker}"))
    return expected


def _listed(
    draft: Draft, speakers: Sequence[Speaker], offered: Sequence[str]
) -> list[tuple[str, ...]] | None:  # fmt: skip
    """The candidates that each message lists; None where no user's message lists any: then the mentions count."""
    if not any(message.images for message, who in zip(draft.messages, speakers, strict=True) if who == "user"):
        return None
    by_name = {image.lower(): image for image in offered}
    found: list[tuple[str, ...]] = []
    for number, (message, who) in enumerate(zip(draft.messages, speakers, strict=True), 1):
        names = (message.images or ()) if who == "user" else ()
        unknown = [name for name in names if name.lower() not in by_name]
        if unknown:
            raise _Wrong(Rejection("candidates", f"message {number} lists image {unknown[0][:60]}, not a candidate"))
        found.append(tuple(by_name[name.lower()] for name in names))
    return found


def _brought(number: int, images: Sequence[str], text: Named) -> tuple[str, ...]:
    """The new images of a message in order of mention."""
    for image in images:
        if image not in text.known:
            raise _Wrong(Rejection("mentions", f"message {number} brings image {image} and does not mention it"))
    return tuple(sorted(images, key=text.known.index))


def _counted(number: int, count: int, spec: StyleSpec) -> None:
    allowed = spec.turns[(number - 1) // 2].images
    if count not in allowed:
        may = " or ".join(map(str, sorted(set(allowed))))
        raise _Wrong(Rejection("image-count", f"message {number} brings {count} new images; it must be {may}"))


def _only_given(number: int, text: Named, given: Sequence[str]) -> None:
    early = next((image for image in text.known if image not in given), None) or next(iter(text.unknown), None)
    if early is not None:
        raise _Wrong(
            Rejection("not-given", f"message {number} mentions image {early[:60]}, which was not given by then")
        )


def as_json(draft: Draft) -> list[dict[str, object]]:
    """What was written, for the store and for a person to look at."""
    return [_message_json(message) for message in draft.messages]


def _message_json(message: DraftMessage) -> dict[str, object]:
    return {"role": message.role or "", "content": message.content or "", "images": list(message.images or ())}
