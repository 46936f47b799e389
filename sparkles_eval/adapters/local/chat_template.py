"""Applies a checkpoint's own processor and chat template: conversations to text, text and images to tensors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jinja2
from transformers import BatchFeature, PreTrainedTokenizerBase

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.checkpoint import Checkpoint
from sparkles_eval.adapters.local.picture_parts import PictureParts
from sparkles_eval.adapters.local.processor import load_processor
from sparkles_eval.adapters.options import TEMPLATE_KWARGS, merge, nested
from sparkles_eval.core import JSON, Conversation, Generation, Image, Message, Text
from sparkles_eval.core.errors import Rejected, UserError

if TYPE_CHECKING:
    import PIL.Image

_SWITCHES = ("enable_thinking", "thinking")
"""What templates call the switch for reasoning."""
_EFFORT = "reasoning_effort"
_PROBE = Image("", "image/png", 1, 1, 1, "")


class ChatTemplate:
    """The prompt format of one checkpoint. `processor` has a tokenizer, an image processor and a chat template."""

    def __init__(self, name: str, processor: Any) -> None:
        self._name = name
        self._processor = processor
        self.tokenizer: PreTrainedTokenizerBase = processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        # As the template writes it, where the processor does not say.
        self._mark = str(getattr(processor, "image_token", None) or "<image>")
        self._special = sorted({token for token in self.tokenizer.all_special_tokens if len(token) > 1} | {self._mark})
        self.interleaves = self._keeps_order()
        """False where the template puts images elsewhere than at their words."""

    def switches(self, generation: Generation) -> dict[str, JSON]:
        """Arguments of the template that the settings ask for. `unknown` names those that it does not have."""
        found: dict[str, JSON] = {}
        for name, value in generation.extra:
            if name.startswith(TEMPLATE_KWARGS):
                merge(found, nested(name.removeprefix(TEMPLATE_KWARGS), json.loads(value)))
        if generation.reasoning is not None:
            found[next(filter(self._knows, _SWITCHES), _SWITCHES[0])] = generation.reasoning
        if generation.reasoning_effort is not None:
            found[_EFFORT] = generation.reasoning_effort
        return found

    def unknown(self, generation: Generation) -> dict[str, str]:
        """Settings for the template that its text does not name: it would render the same with them and without."""
        missing = {name for name in self.switches(generation) if not self._knows(name)}
        gone: dict[str, str] = {}
        for name, _ in generation.extra:
            if name.startswith(TEMPLATE_KWARGS) and name.split(".")[1] in missing:
                gone[name] = "its chat template has no such argument"
        if generation.reasoning is not None and missing & set(_SWITCHES):
            gone["reasoning"] = "its chat template has no switch for it"
        if generation.reasoning_effort is not None and _EFFORT in missing:
            gone["reasoning_effort"] = "its chat template has no such argument"
        return gone

    def _knows(self, name: str) -> bool:
        own = self._processor.chat_template
        texts = own.values() if isinstance(own, dict) else (own,)
        return any(re.search(rf"\b{re.escape(name)}\b", str(text)) for text in texts)

    def check(self, conversation: Conversation) -> str | None:
        """Why the words cannot be sent: they hold a mark that means something else to this model."""
        texts = [conversation.system or "", *(message.text for message in conversation.messages)]
        found = next((token for token in self._special if any(token in text for text in texts)), None)
        return f"its own words hold {found}, which is no word to this model" if found else None

    def render(self, conversation: Conversation, switches: Mapping[str, JSON] | None = None) -> str:
        """The prompt's text, with the checkpoint's mark where images stand. Raises errors.Rejected where it cannot."""
        messages = [_plain(message) for message in conversation.messages]
        if conversation.system is not None:
            messages.insert(0, _plain(Message("system", (Text(conversation.system),))))
        try:
            write: Any = self._processor.apply_chat_template
            text = str(write(messages, add_generation_prompt=True, tokenize=False, **(switches or {})))
        except (jinja2.TemplateError, TypeError) as error:
            raise Rejected(f"{self._name}: its chat template refuses this conversation: {error}") from None
        images = len(conversation.images)
        if text.count(self._mark) != images:
            raise Rejected(f"{self._name}: its chat template shows {text.count(self._mark)} of {images} images")
        return text

    def ask(self, request: Request) -> str:
        """The prompt of a request, with the template's arguments that its settings ask for."""
        return self.render(request.conversation, self.switches(request.generation))

    def encode(self, texts: Sequence[str], pictures: Sequence[Sequence[PIL.Image.Image]]) -> BatchFeature:
        """Prompts and their pictures, in order -> a batch padded on the left."""
        begins = self.tokenizer.bos_token
        whole = any(pictures)
        encoded: BatchFeature = self._processor(
            text=list(texts),
            images=[list(row) for row in pictures] if whole else None,
            padding=True,
            # A tokenizer's own limit would cut image tokens off; too long a prompt is refused by its length instead.
            truncation=False,
            return_tensors="pt",
            # The template wrote it already: twice would be another prompt.
            add_special_tokens=not (isinstance(begins, str) and all(text.startswith(begins) for text in texts)),
        )
        return encoded

    def take_apart(self) -> PictureParts:
        """Prepare pictures apart from now on; gives what prepares them."""
        parts = self._processor.image_processor
        if not isinstance(parts, PictureParts):
            parts = self._processor.image_processor = PictureParts(parts)
        return parts

    def pad(self, ends: frozenset[int]) -> int:
        """The id that fills rows which ended."""
        own = self.tokenizer.pad_token_id
        return own if isinstance(own, int) else min(ends, default=0)

    def _keeps_order(self) -> bool:
        parts = (Text("first"), _PROBE, Text("second"), _PROBE, Text("third"))
        text = self.render(Conversation((Message("user", parts),)))
        places = [text.find(word) for word in ("first", "second", "third")]
        between = [text[places[0] : places[1]], text[places[1] : places[2]]]
        return -1 not in places and all(part.count(self._mark) == 1 for part in between)


def load_template(place: Checkpoint, pictures: Mapping[str, object] | None = None) -> ChatTemplate:
    """The processor of a checkpoint. Raises errors.UserError where it has none, or no chat template."""
    processor = load_processor(place, pictures or {})
    if not getattr(processor, "chat_template", None):
        raise UserError(f"transformers/{place.name}: has no chat template, so the format of its prompts is unknown")
    try:
        return ChatTemplate(place.name, processor)
    except Rejected as error:
        raise UserError(f"transformers/{error}") from error


def _plain(message: Message) -> dict[str, object]:
    """A message as chat templates take it; the pictures themselves are given to the processor."""
    content: list[dict[str, str]] = [
        {"type": "image"} if isinstance(part, Image) else {"type": "text", "text": part.text} for part in message.parts
    ]
    return {"role": message.role, "content": content}
