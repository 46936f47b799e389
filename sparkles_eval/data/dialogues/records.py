"""Records of generated dialogues: candidate images, messages, dialogues and rejections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core import Image

Speaker: TypeAlias = Literal["user", "assistant"]
Fault: TypeAlias = Literal[
    "format",
    "cut-off",
    "messages",
    "marks",
    "candidates",
    "mentions",
    "image-count",
    "not-given",
    "near-duplicate",
    "short-answer",
    "gives-away",
    "leakage",
    "safety",
]
"""Reasons for rejecting a dialogue: the first eight concern its form, the others its quality."""

FAULTS: dict[Fault, str] = {
    "format": "no dialogue could be read in the reply",
    "cut-off": "the reply ended in the middle of it",
    "messages": "messages missing, too many, empty or not in turn",
    "marks": "a mark that means something else in training, such as ###",
    "candidates": "an image that was not offered",
    "mentions": "an image that its message does not mention",
    "image-count": "another number of images than the style allows",
    "not-given": "an image is mentioned that was not given",
    "near-duplicate": "nearly the questions of an earlier dialogue",
    "short-answer": "an answer of fewer words than the style asks for",
    "gives-away": "a question that tells what its image shows",
    "leakage": "it holds what an evaluation asks",
    "safety": "a word of the safety list",
}
"""Each fault in one line."""


@dataclass(frozen=True, slots=True)
class CandidateImage:
    """An image that dialogues may use: its name, and a detailed caption where there is one."""

    id: str
    image: Image
    caption: str = ""


@dataclass(frozen=True, slots=True)
class DialogueMessage:
    """One message. `content` names images as `IMAGE#id`; `images` are those that come with it, in order of mention."""

    role: Speaker
    content: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedDialogue:
    """Messages of user and assistant in turn, a user's first."""

    messages: tuple[DialogueMessage, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        return tuple(message.content for message in self.messages if message.role == "user")

    @property
    def answers(self) -> tuple[str, ...]:
        return tuple(message.content for message in self.messages if message.role == "assistant")

    @property
    def images(self) -> tuple[str, ...]:
        """Every image in order."""
        return tuple(image for message in self.messages for image in message.images)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a dialogue was rejected: the kind of fault, and the details in words."""

    fault: Fault
    reason: str
