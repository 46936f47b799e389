"""Parses the dialogues of a model's reply in any of the shapes that models write, and checks the form of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.data.dialogues.image_mentions import Named, name_images
from sparkles_eval.data.dialogues.json_repair import CutString, JsonArray, JsonObject, Node, find_json
from sparkles_eval.data.dialogues.records import DialogueMessage, GeneratedDialogue, Rejection, Speaker
from sparkles_eval.data.dialogues.spec import StyleSpec
from sparkles_eval.sparkleschat.prompts import PLACEHOLDER, SEPARATOR

_ROLE_KEYS = ("role", "from", "speaker", "author", "who")
_TEXT_KEYS = ("content", "text", "message", "value", "utterance", "says", "caption")
_IMAGE_KEYS = ("images", "image_ids", "tgt_imgs", "image_id", "image")
_ID_KEYS = ("image_id", "id", "image", "name")
_ROLES: dict[str, Speaker] = {
    "user": "user",
    "human": "user",
    "person": "user",
    "questioner": "user",
    "question": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "gpt-4": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "answer": "assistant",
}
_SUFFIX = re.compile(r"\.(?:jpe?g|png|webp|gif)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message as it was written. None: the part is missing. `cut`: the reply ends in the middle of it."""

    role: str | None
    content: str | None
    images: tuple[str, ...] | None
    cut: bool = False

    @property
    def speaker(self) -> Speaker | None:
        return _ROLES.get((self.role or "").strip().rstrip(":").lower())


@dataclass(frozen=True, slots=True)
class ParsedDialogue:
    """A dialogue as it was written. `cut`: the reply ends before its end."""

    messages: tuple[ParsedMessage, ...]
    cut: bool = False


def parse_dialogues(text: str, length: int) -> list[ParsedDialogue]:
    """Every dialogue in a reply, in order. Single messages are joined to dialogues of `length` messages."""
    found: list[ParsedDialogue] = []
    loose: list[ParsedMessage] = []
    for node in find_json(text):
        messages = _messages(node) if isinstance(node, JsonObject) else []
        if messages:
            loose += messages
        else:
            found += _gathered(loose, length)
            loose = []
            found += _inside(node, length)
    return found + _gathered(loose, length)


def _inside(node: Node, length: int) -> Iterator[ParsedDialogue]:
    if isinstance(node, JsonArray):
        spoken = [_messages(item) if isinstance(item, JsonObject) else [] for item in node.items]
        objects = [item for item in node.items if isinstance(item, JsonObject | JsonArray)]
        if objects and sum(map(bool, spoken)) == len(objects):
            messages = tuple(message for one in spoken for message in one)
            if len(messages) >= 2 * length and len(messages) % length == 0:  # several dialogues in one list
                yield from _gathered(messages, length)
            else:
                yield ParsedDialogue(messages, node.cut)
            return
        for item in node.items:
            yield from _inside(item, length)
    elif isinstance(node, JsonObject):
        if alone := _messages(node):
            yield ParsedDialogue(tuple(alone), node.cut)
            return
        for _, value in node.members:
            yield from _inside(value, length)


def _gathered(messages: Sequence[ParsedMessage], length: int) -> list[ParsedDialogue]:
    """Split messages into dialogues of `length`; the last one has the rest."""
    return [
        ParsedDialogue(tuple(messages[at : at + length]), messages[min(at + length, len(messages)) - 1].cut)
        for at in range(0, len(messages), length)
    ]


def _messages(node: JsonObject) -> list[ParsedMessage]:
    """The message that an object is, or the messages of a pair; none where it is something else."""
    if node.has(*_ROLE_KEYS) and (node.cut or node.has(*_TEXT_KEYS)):
        text = node.get(*_TEXT_KEYS)
        if isinstance(text, JsonArray) and any(
            isinstance(item, JsonObject) and item.has(*_ROLE_KEYS) for item in text.items
        ):
            return []
        return [_message(_scalar(node.get(*_ROLE_KEYS)), text, node)]
    pairs = [(key, value) for key, value in node.members if key.strip().lower() in _ROLES]
    if pairs and all(isinstance(value, str | CutString | JsonObject) for _, value in pairs):
        return [
            _message(key, value.get(*_TEXT_KEYS) if isinstance(value, JsonObject) else value, _of(value, node))
            for key, value in pairs
        ]
    if node.has("content", "text", "utterance") and not node.has("image_id", "title"):
        text = node.get("content", "text", "utterance")
        if isinstance(text, str | CutString):
            return [_message(None, text, node)]
    return []


def _of(value: Node, whole: JsonObject) -> JsonObject:
    return value if isinstance(value, JsonObject) else whole


def _message(role: str | None, text: Node, node: JsonObject) -> ParsedMessage:
    cut = isinstance(text, CutString) or (node.cut and text is None) or (isinstance(text, JsonArray) and text.cut)
    listed = _names(node.get(*_IMAGE_KEYS)) if node.has(*_IMAGE_KEYS) else None
    return ParsedMessage(role, _content_text(text), listed, cut)


def _content_text(node: Node) -> str | None:
    """A message's text; of a list of parts, the texts of those that have one."""
    if isinstance(node, CutString):
        node = node.text
    if isinstance(node, str):
        # Halves of a character are replaced, since no file or store can hold them.
        return node.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if isinstance(node, JsonArray):
        parts = [
            _content_text(item.get("text", "content") if isinstance(item, JsonObject) else item) for item in node.items
        ]
        return "".join(part for part in parts if part) or None
    return None


def _scalar(node: Node) -> str | None:
    if isinstance(node, CutString):
        return node.text
    return str(node) if isinstance(node, str | int | float) and not isinstance(node, bool) else None


def _names(node: Node) -> tuple[str, ...]:
    """The image names in a value: one or several, as numbers, texts, or objects with an id."""
    if isinstance(node, JsonObject):
        listed = node.get(*_ID_KEYS)
        return _names(listed) if listed is not None else tuple(n for _, value in node.members for n in _names(value))
    if isinstance(node, JsonArray):
        return tuple(name for item in node.items for name in _names(item))
    text = _scalar(node)
    if text is None:
        return ()
    return tuple(name for part in re.split(r"[,;\s]+", text) if (name := _bare(part)))


def _bare(name: str) -> str:
    """The id in "IMAGE#12", "#12", "images/12.jpg"."""
    plain = re.sub(r"^(?:images?|img)?[\s_]*#", "", name.strip().strip("\"'<>[]()"), flags=re.IGNORECASE)
    return _SUFFIX.sub("", plain.rsplit("/", maxsplit=1)[-1])


_LONGEST_SHOWN, _LONGEST_KEPT = 120, 20_000
"""Characters of a reply without a dialogue that are quoted in the reason and kept for inspection."""


@dataclass(frozen=True, slots=True)
class ReplyDialogue:
    """One dialogue of a reply: `dialogue` if its form is right, else `rejection`; `draft` is what was written."""

    draft: ParsedDialogue
    dialogue: GeneratedDialogue | None = None
    rejection: Rejection | None = None


class _Wrong(ValueError):
    """The form of a dialogue is wrong; carries the rejection."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


def read_reply(text: str, offered: Sequence[str], spec: StyleSpec) -> list[ReplyDialogue]:
    """Every dialogue in a reply, right or wrong, in order; a single rejection where there is none."""
    found = parse_dialogues(text, spec.messages)
    if not found:
        begins = " ".join(text.split())[:_LONGEST_SHOWN]
        what = f"it begins: {begins}" if begins else "it is empty"
        said = ParsedDialogue((ParsedMessage("reply", text[:_LONGEST_KEPT], None),)) if begins else ParsedDialogue(())
        return [ReplyDialogue(said, rejection=Rejection("format", f"no dialogue can be read in the reply; {what}"))]
    return [check_form(draft, offered, spec) for draft in found]


def check_form(draft: ParsedDialogue, offered: Sequence[str], spec: StyleSpec) -> ReplyDialogue:
    """Check the form of a dialogue. Never raises."""
    try:
        return ReplyDialogue(draft, dialogue=_checked(draft, offered, spec))
    except _Wrong as wrong:
        return ReplyDialogue(draft, rejection=wrong.rejection)


def _checked(draft: ParsedDialogue, offered: Sequence[str], spec: StyleSpec) -> GeneratedDialogue:
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
    messages: list[DialogueMessage] = []
    for number, (speaker, text) in enumerate(zip(speakers, named, strict=True), 1):
        new: tuple[str, ...] = ()
        if speaker == "user":
            wanted = text.known if listed is None else listed[number - 1]
            new = _brought(number, [image for image in dict.fromkeys(wanted) if image not in given], text)
            _counted(number, len(new), spec)
            given += new
        _only_given(number, text, given)
        messages.append(DialogueMessage(speaker, text.text, new))
    return GeneratedDialogue(tuple(messages))


def _whole(draft: ParsedDialogue, spec: StyleSpec) -> None:
    """Check that every message is complete, and that their number is right."""
    count = len(draft.messages)
    broken = next((number for number, message in enumerate(draft.messages, 1) if message.cut), None)
    if broken is not None or (draft.cut and count < spec.messages):
        where = f"in message {broken}" if broken else f"after {count} of {spec.messages} messages"
        raise _Wrong(Rejection("cut-off", f"the reply ends {where}"))
    if count != spec.messages:
        raise _Wrong(Rejection("messages", f"its messages are {count}; they must be {spec.messages}"))


def _in_turn(draft: ParsedDialogue) -> list[Speaker]:
    """The speakers, user first; where no message names its speaker, they alternate."""
    expected: list[Speaker] = ["user" if number % 2 == 0 else "assistant" for number in range(len(draft.messages))]
    if all(message.role is None for message in draft.messages):
        return expected
    for number, (message, speaker) in enumerate(zip(draft.messages, expected, strict=True), 1):
        if message.speaker != speaker:
            said = f"is by {message.role!r}" if message.role is not None else "does not say who speaks"
            raise _Wrong(Rejection("messages", f"message {number} {said}; it must be by {speaker}"))
    return expected


def _listed(
    draft: ParsedDialogue, speakers: Sequence[Speaker], offered: Sequence[str]
) -> list[tuple[str, ...]] | None:  # fmt: skip
    """The candidates that each message lists; None where no user's message lists any, and mentions count instead."""
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


def as_json(draft: ParsedDialogue) -> list[dict[str, object]]:
    """What was written, for the store and for people to read."""
    return [_message_json(message) for message in draft.messages]


def _message_json(message: ParsedMessage) -> dict[str, object]:
    return {"role": message.role or "", "content": message.content or "", "images": list(message.images or ())}
