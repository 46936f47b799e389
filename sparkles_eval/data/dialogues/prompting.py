"""Writes the prompts of requests: the style's prompt with demonstrations and candidate images, repairs, captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sparkles_eval.core import JSON, Conversation, Image, Message, Part, Text, fingerprint
from sparkles_eval.core.errors import ContentError
from sparkles_eval.data.dialogues.inputs import Demonstration
from sparkles_eval.data.dialogues.plan_calls import DialogueCall
from sparkles_eval.data.dialogues.records import CandidateImage, GeneratedDialogue
from sparkles_eval.data.dialogues.spec import Style, shared_file
from sparkles_eval.tasks.prompts import Markers, compile_template, render
from sparkles_eval.tasks.validation import read_text

CAPTION = "caption.md.j2"
ELIDED = "..."


class Prompter:
    """The compiled templates of a style. `seen`: the model gets the candidates' images."""

    def __init__(self, style: Style, *, seen: bool) -> None:
        """Raises errors.ContentError for a template that is missing or wrong."""
        self.spec = style.spec
        self.seen = seen
        prompt, repair = style.file(style.spec.prompt), style.file(style.spec.repair)
        self._name, self._repair_name = str(prompt), str(repair)
        source = read_text(prompt)
        self._template = compile_template(source, self._name)
        self._repair = compile_template(read_text(repair), self._repair_name)
        self.hash = fingerprint(["dialogues", source, style.spec.system, seen], 16)

    def ask(self, call: DialogueCall) -> Conversation:
        """The request of a call."""
        markers = Markers.fresh()
        offered = [
            {
                "id": candidate.id,
                "caption": candidate.caption,
                "json": _candidate(candidate.id, candidate.caption),
                "image": markers.of(number) if self.seen else "",
            }
            for number, candidate in enumerate(call.candidates)
        ]
        names: dict[str, object] = {
            "candidates": offered,
            "demonstrations": [self._shown(demonstration) for demonstration in call.demonstrations],
            "elided": bool(self.spec.elide_answers),
            "wanted": [list(turns) for turns in call.wanted],
            "length": self.spec.messages,
            "seen": self.seen,
        }
        images = [candidate.image for candidate in call.candidates] if self.seen else []
        text = render(self._template, self._name, names)
        if unnamed := [candidate.id for candidate in call.candidates if candidate.id not in text]:
            raise ContentError(
                f"{self._name}: does not name the candidates, such as {unnamed[0]}; "
                "write {% for candidate in candidates %}{{ candidate.json }}{% endfor %}"
            )
        return Conversation((Message("user", _parts(text, markers, images, self._name)),), self.spec.system)

    def ask_again(
        self, call: DialogueCall, reply: str, problems: Sequence[tuple[int, str]], wanted: Sequence[tuple[int, ...]]
    ) -> Conversation:
        """The request for corrected dialogues: the call, its reply, and the faults of each dialogue."""
        names: dict[str, object] = {
            "problems": [{"number": number, "reason": reason} for number, reason in problems],
            "wanted": [list(turns) for turns in wanted],
        }
        first = self.ask(call)
        said = Message("assistant", (Text(reply.strip() or "(no reply)"),))
        again = Message("user", (Text(render(self._repair, self._repair_name, names).strip()),))
        return Conversation((*first.messages, said, again), first.system)

    def _shown(self, demonstration: Demonstration) -> dict[str, object]:
        images = [{"id": i, "caption": text, "json": _candidate(i, text)} for i, text in demonstration.captions]
        return {"images": images, "json": self._written(demonstration.dialogue)}

    def _written(self, dialogue: GeneratedDialogue) -> str:
        messages: list[JSON] = []
        for number, message in enumerate(dialogue.messages):
            entry: dict[str, JSON] = {"role": message.role, "content": message.content}
            if message.role == "user":
                entry["images"] = list(message.images)
            elif number // 2 + 1 in self.spec.elide_answers:
                entry["content"] = ELIDED
            messages.append(entry)
        return json.dumps({"dialogue": messages}, ensure_ascii=False)

    @property
    def schema(self) -> JSON:
        """The form of the reply as a JSON schema, for models that can follow one."""
        message: JSON = {
            "type": "object",
            "properties": {
                "role": {"type": "string", "enum": ["user", "assistant"]},
                "content": {"type": "string"},
                "images": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["role", "content", "images"],
            "additionalProperties": False,
        }
        return _object("dialogues", _object("dialogue", message))


class Captioner:
    """Writes requests for the caption of one image."""

    def __init__(self, content: Sequence[Path] = ()) -> None:
        path = shared_file(CAPTION, content)
        self._name, source = str(path), read_text(path)
        self._template = compile_template(source, self._name)
        self.hash = fingerprint(["caption", source], 16)

    def ask(self, candidate: CandidateImage) -> Conversation:
        """The request for one image."""
        markers = Markers.fresh()
        text = render(self._template, self._name, {"image": markers.of(0)})
        return Conversation((Message("user", _parts(text, markers, [candidate.image], self._name)),))


def _object(name: str, item: JSON) -> JSON:
    """An object with one list."""
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": item}},
        "required": [name],
        "additionalProperties": False,
    }


def _candidate(name: str, caption: str) -> str:
    entry = {"image_id": name, "caption": caption} if caption else {"image_id": name}
    return json.dumps(entry, ensure_ascii=False)


def _parts(text: str, markers: Markers, images: Sequence[Image], where: str) -> tuple[Part, ...]:
    pieces = markers.cut(text.strip())
    placed = [piece for piece in pieces if isinstance(piece, int)]
    if sorted(placed) != list(range(len(images))):
        raise ContentError(f"{where}: places images {placed}; each must be placed exactly once by its `image`")
    return tuple(images[piece] if isinstance(piece, int) else Text(piece) for piece in pieces if piece != "")
