"""Writes SparklesChat's prompts and training texts, and reads its answers.

Protocol (published code of Huang et al. 2023): every message is `Role: text###`, an image is `<Img><ImageHere></Img>`
at its place, evaluation begins with a system text and ends with the open role `Assistant:`, training has no system
text.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.core import Conversation, Image, Message

SYSTEM = (
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it to you. "
    "Please answer my questions."
)
"""The published system text. It is part of the model's input format: evaluation used it, training did not."""

SEPARATOR = "###"
PLACEHOLDER = "<ImageHere>"
IMAGE = f"<Img>{PLACEHOLDER}</Img>"
EMOJIS = ("\N{WHITE MEDIUM STAR}", "\N{SPARKLES}")
"""Characters that a person may type in a chat at the place of an image."""

_ROLES = {"user": "Human", "assistant": "Assistant"}


def message_text(message: Message) -> str:
    """The text of a message with `IMAGE` at the places of its images."""
    return "".join(IMAGE if isinstance(part, Image) else part.text for part in message.parts)


def chat_prompt(conversation: Conversation, system: str | None = None) -> str:
    """The evaluation prompt of a conversation that ends with a user's message.

    The system text is the conversation's own, else `system`, else the published one; "" leaves it out.
    """
    if not conversation.messages or conversation.messages[-1].role != "user":
        raise ValueError("a prompt needs a conversation that ends with a user's message")
    first = conversation.system if conversation.system is not None else SYSTEM if system is None else system
    spoken = [f"{_role(message)}: {message_text(message)}" for message in conversation.messages]
    return SEPARATOR.join([first, *spoken, "Assistant:"])


def user_prompt(text: str, system: str = SYSTEM) -> str:
    """The evaluation prompt of one user text, in which images are already written as `IMAGE`."""
    return SEPARATOR.join([system, f"Human: {text}", "Assistant:"])


def training_instruction(turns: Sequence[tuple[str, str | None]]) -> str:
    """The text before the trained answer, from (question, answer) of every turn with None as the last answer.

    One dialogue of two turns gives two samples: its first turn alone, and both turns with the loss on the last answer.
    """
    if not turns or turns[-1][1] is not None or any(answer is None for _, answer in turns[:-1]):
        raise ValueError("a training instruction needs turns whose last answer, and only that, is None")
    spoken = [f"###Human: {question}###Assistant: {answer or ''}" for question, answer in turns]
    return "".join(spoken)


def segments(prompt: str) -> list[str]:
    """The texts between images, one more than there are images. Each is tokenized by itself."""
    return prompt.split(PLACEHOLDER)


def expand_emojis(text: str) -> str:
    """A chat text with every star or sparkles emoji replaced by `IMAGE`."""
    for emoji in EMOJIS:
        text = text.replace(emoji, IMAGE)
    return text


def clean_answer(text: str) -> str:
    """The answer in a model's output: up to the first separator, after the last role mark, stripped."""
    return text.split(SEPARATOR, maxsplit=1)[0].rsplit("Assistant:", maxsplit=1)[-1].strip()


def _role(message: Message) -> str:
    if message.role not in _ROLES:
        raise ValueError(f"SparklesChat knows user and assistant messages, not {message.role!r}")
    return _ROLES[message.role]
