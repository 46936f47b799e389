"""Finds dialogues in what was read of a reply, in whichever shape a model put them. Judges none of them.

Read are lists of messages under any name or none, lists of lists, several objects one after the other, messages one
after the other, role and text in any order and under the names that models use, and pairs such as {"user": ...,
"assistant": ...}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.dialogues.loose import Arr, Half, Node, Obj, values
from sparkles_eval.dialogues.records import Speaker

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
class DraftMessage:
    """A message as it was written. None: nothing of the kind is there. `cut`: the reply ends in the middle of it."""

    role: str | None
    content: str | None
    images: tuple[str, ...] | None
    cut: bool = False

    @property
    def speaker(self) -> Speaker | None:
        return _ROLES.get((self.role or "").strip().rstrip(":").lower())


@dataclass(frozen=True, slots=True)
class Draft:
    """A dialogue as it was written. `cut`: the reply ends before its end."""

    messages: tuple[DraftMessage, ...]
    cut: bool = False


def drafts(text: str, length: int) -> list[Draft]:
    """Every dialogue in a reply, in order. Messages that stand alone are put together, `length` to a dialogue."""
    found: list[Draft] = []
    loose: list[DraftMessage] = []
    for node in values(text):
        messages = _messages(node) if isinstance(node, Obj) else []
        if messages:
            loose += messages
        else:
            found += _gathered(loose, length)
            loose = []
            found += _inside(node, length)
    return found + _gathered(loose, length)


def _inside(node: Node, length: int) -> Iterator[Draft]:
    if isinstance(node, Arr):
        spoken = [_messages(item) if isinstance(item, Obj) else [] for item in node.items]
        objects = [item for item in node.items if isinstance(item, Obj | Arr)]
        if objects and sum(map(bool, spoken)) == len(objects):
            messages = tuple(message for one in spoken for message in one)
            if len(messages) >= 2 * length and len(messages) % length == 0:  # dialogues run into one list
                yield from _gathered(messages, length)
            else:
                yield Draft(messages, node.cut)
            return
        for item in node.items:
            yield from _inside(item, length)
    elif isinstance(node, Obj):
        if alone := _messages(node):
            yield Draft(tuple(alone), node.cut)
            return
        for _, value in node.members:
            yield from _inside(value, length)


def _gathered(messages: Sequence[DraftMessage], length: int) -> list[Draft]:
    """Messages one after the other as dialogues of `length`; the last one has what is left."""
    return [
        Draft(tuple(messages[at : at + length]), messages[min(at + length, len(messages)) - 1].cut)
        for at in range(0, len(messages), length)
    ]


def _messages(node: Obj) -> list[DraftMessage]:
    """The message that an object is, or the messages of a pair; none where it is something else."""
    if node.has(*_ROLE_KEYS) and (node.cut or node.has(*_TEXT_KEYS)):
        text = node.get(*_TEXT_KEYS)
        if isinstance(text, Arr) and any(isinstance(item, Obj) and item.has(*_ROLE_KEYS) for item in text.items):
            return []
        return [_message(_scalar(node.get(*_ROLE_KEYS)), text, node)]
    pairs = [(key, value) for key, value in node.members if key.strip().lower() in _ROLES]
    if pairs and all(isinstance(value, str | Half | Obj) for _, value in pairs):
        return [
            _message(key, value.get(*_TEXT_KEYS) if isinstance(value, Obj) else value, _of(value, node))
            for key, value in pairs
        ]
    if node.has("content", "text", "utterance") and not node.has("image_id", "title"):
        text = node.get("content", "text", "utterance")
        if isinstance(text, str | Half):
            return [_message(None, text, node)]
    return []


def _of(value: Node, whole: Obj) -> Obj:
    return value if isinstance(value, Obj) else whole


def _message(role: str | None, text: Node, node: Obj) -> DraftMessage:
    cut = isinstance(text, Half) or (node.cut and text is None) or (isinstance(text, Arr) and text.cut)
    listed = _names(node.get(*_IMAGE_KEYS)) if node.has(*_IMAGE_KEYS) else None
    return DraftMessage(role, _text(text), listed, cut)


def _text(node: Node) -> str | None:
    """A message's words; of a list of parts the words of those that have some."""
    if isinstance(node, Half):
        node = node.text
    if isinstance(node, str):
        # Halves of a character, which no file and no store can hold, are replaced.
        return node.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if isinstance(node, Arr):
        parts = [_text(item.get("text", "content") if isinstance(item, Obj) else item) for item in node.items]
        return "".join(part for part in parts if part) or None
    return None


def _scalar(node: Node) -> str | None:
    if isinstance(node, Half):
        return node.text
    return str(node) if isinstance(node, str | int | float) and not isinstance(node, bool) else None


def _names(node: Node) -> tuple[str, ...]:
    """The image names in whatever lists them: one or several, as numbers, as texts, as objects with an id."""
    if isinstance(node, Obj):
        listed = node.get(*_ID_KEYS)
        return _names(listed) if listed is not None else tuple(n for _, value in node.members for n in _names(value))
    if isinstance(node, Arr):
        return tuple(name for item in node.items for name in _names(item))
    text = _scalar(node)
    if text is None:
        return ()
    return tuple(name for part in re.split(r"[,;\s]+", text) if (name := _bare(part)))


def _bare(name: str) -> str:
    """The id in "IMAGE#12", "#12", "images/12.jpg"."""
    plain = re.sub(r"^(?:images?|img)?[\s_]*#", "", name.strip().strip("\"'<>[]()"), flags=re.IGNORECASE)
    return _SUFFIX.sub("", plain.rsplit("/", maxsplit=1)[-1])
