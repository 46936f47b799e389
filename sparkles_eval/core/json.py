"""Converts samples and conversations to JSON and back; an image is written as its SHA-256.

Keys, the store and exports all use this form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sparkles_eval.core import JSON, Conversation, Fact, Image, Part, Sample, Text, Turn, fingerprint
from sparkles_eval.core.pictures import reading_of
from sparkles_eval.core.strict_record import Strict

FindImage = Callable[[str], Image]
"""Gives the image with a SHA-256 (the store knows size, type and path; the JSON has id and caption)."""


def _part_json(part: Part) -> JSON:
    if isinstance(part, Text):
        return part.text
    return {"image": part.sha256, "id": part.id, "caption": part.caption}


def _turn_json(turn: Turn) -> JSON:
    facts: list[JSON] = [
        {
            "id": fact.id,
            "image": fact.image,
            "subject": fact.subject,
            "attribute": fact.attribute,
            "value": fact.value,
            "alternatives": list(fact.alternatives),
        }
        for fact in turn.facts
    ]
    own = {"options": list(turn.options), "targets": list(turn.targets)}
    return {
        "content": [_part_json(part) for part in turn.content],
        "reference": turn.reference,
        "facts": facts,
        **_where_given(own),
    }


def _where_given(lists: Mapping[str, list[str]]) -> dict[str, JSON]:
    """Lists that later versions added; empty ones are left out, so that older samples keep their hashes."""
    return {name: list(values) for name, values in lists.items() if values}


def sample_json(sample: Sample) -> JSON:
    """All of a sample as JSON; an image is {"image": sha256, "id", "caption"} at its place among the words."""
    return {
        "id": sample.id,
        "turns": [_turn_json(turn) for turn in sample.turns],
        "fields": dict(sample.fields),
        "options": list(sample.options),
        "target": sample.target,
        "group": sample.group,
        "cluster": sample.cluster,
        "tags": list(sample.tags),
        **_where_given({"accepted": list(sample.accepted)}),
    }


def sample_key(sample: Sample) -> str:
    """Hash of everything that a model or judge could see of a sample, images by their bytes."""
    return fingerprint(sample_json(sample))


def question_of(sample: Any) -> str:
    """What a sample (as `sample_json` writes it) asks, as text to compare by: the same for the same question under
    another id, with another target, or with other captions of its images.

    Raises KeyError and TypeError for what is no sample.
    """
    turns = [
        [[part if isinstance(part, str) else [part["image"]] for part in turn["content"]], turn.get("options")]
        for turn in sample["turns"]
    ]
    return json.dumps([turns, sample["fields"], sample["options"]], sort_keys=True)


def conversation_json(conversation: Conversation, *, upright: bool = True) -> JSON:
    """What a model was asked: {"system", "messages": [{"role", "parts": [text | {"image": sha256}]}]}.

    Ids and captions of images are left out: the model does not see them, so they must not change a request's key. An
    image that core.pictures changes while reading (turns upright, ...) has the entry `reading`, unless the model gets
    it unchanged (`upright` False).
    """

    def part(piece: Part) -> JSON:
        if isinstance(piece, Text):
            return piece.text
        reading = reading_of(piece) if upright else ""
        return {"image": piece.sha256, "reading": reading} if reading else {"image": piece.sha256}

    messages: list[JSON] = [
        {"role": message.role, "parts": [part(piece) for piece in message.parts]} for message in conversation.messages
    ]
    return {"system": conversation.system, "messages": messages}


class _Image(Strict):
    image: str
    id: str = ""
    caption: str | None = None


class _Fact(Strict):
    id: str
    image: str
    subject: str
    attribute: str
    value: str
    alternatives: tuple[str, ...] = ()


class _Turn(Strict):
    content: tuple[str | _Image, ...]
    reference: str | None = None
    facts: tuple[_Fact, ...] = ()
    options: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class _Sample(Strict):
    id: str
    turns: tuple[_Turn, ...]
    fields: dict[str, str]
    options: tuple[str, ...]
    target: str | None
    group: str
    cluster: str
    tags: tuple[str, ...]
    accepted: tuple[str, ...] = ()


def read_sample(text: str, find: FindImage) -> Sample:
    """The sample in a JSON text that `sample_json` made. Raises pydantic.ValidationError on anything else."""
    raw = _Sample.model_validate_json(text)

    def part(piece: str | _Image) -> Part:
        if isinstance(piece, str):
            return Text(piece)
        return replace(find(piece.image), id=piece.id, caption=piece.caption)

    turns = tuple(
        Turn(
            tuple(part(p) for p in turn.content),
            turn.reference,
            tuple(Fact(**f.model_dump()) for f in turn.facts),
            turn.options,
            turn.targets,
        )
        for turn in raw.turns
    )
    return Sample(raw.id, turns, raw.fields, raw.options, raw.target, raw.group, raw.cluster, raw.tags, raw.accepted)
