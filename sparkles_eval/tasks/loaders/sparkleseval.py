"""Loads SparklesEval: two-turn dialogues on several images, in the published folder layout.

Layout under `--data-root`: evaluation/SparklesEval/annotations/sparkles_evaluation_sparkleseval_annotations.json (one
JSON list) and evaluation/SparklesEval/images/<image_id>.jpg (Huang et al. 2023, arXiv 2308.16463).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import model_validator

from sparkles_eval.core import Image, Part, Sample, Text, Turn
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.loaders.common import ImageReader, check_args, data_root, find_path, image_folder, read_rows
from sparkles_eval.tasks.validation import Foreign, Name

PLACEHOLDER = "<Img><ImageHere></Img>"
_NAMED = re.compile(r"IMAGE#(\w+)$")


class SparklesImage(Foreign):
    """An image of a message, with the words that describe it to a judge."""

    image_id: Name
    caption: str | None = None


class SparklesMessage(Foreign):
    """One message; a user's has a placeholder for each of its images, in order."""

    role: str
    content: str
    images: tuple[SparklesImage, ...] = ()

    @model_validator(mode="after")
    def _one_placeholder_each(self) -> SparklesMessage:
        words = self.content.split(PLACEHOLDER)
        if len(words) - 1 != len(self.images):
            raise ValueError(f"{len(words) - 1} placeholders for {len(self.images)} images")
        for before, picture in zip(words, self.images, strict=False):
            named = _NAMED.search(before)
            if named and named[1] != picture.image_id:
                raise ValueError(f"IMAGE#{named[1]} stands where the list of images has {picture.image_id}")
        return self


class SparklesDialogue(Foreign):
    """One item: user and assistant messages in turn, a user's first."""

    evaluation_id: Name
    dialogue: tuple[SparklesMessage, ...]

    @model_validator(mode="after")
    def _roles_alternate(self) -> SparklesDialogue:
        check_roles(self.dialogue)
        return self


def load(source: Source) -> Loaded:
    """Load every dialogue; the assistant's messages become references. Arguments: `annotations`, `images` (paths)."""
    check_args(source, ("annotations", "images", "source"))
    root = data_root(source)
    home = root / "evaluation" / "SparklesEval"
    usual = home / "annotations" / "sparkles_evaluation_sparkleseval_annotations.json"
    file = find_path(source, "annotations", source.args.get("annotations"), [usual])
    images = find_path(source, "images", source.args.get("images"), [home / "images"], folder=True)
    rows = read_rows(file, SparklesDialogue)
    folder = image_folder(images, root)
    pictures = ImageReader(folder)
    folder.warm(folder.named(picture.image_id) for _, row in rows.rows for m in row.dialogue for picture in m.images)
    made = [sample for _, row in rows.rows if (sample := _sample(row, pictures)) is not None]
    return Loaded(tuple(made), (*rows.problems, *pictures.problems), folder.root)


def _sample(row: SparklesDialogue, pictures: ImageReader) -> Sample | None:
    turns = turns_of(row.evaluation_id, row.dialogue, pictures)
    return None if turns is None else Sample(row.evaluation_id, turns, cluster=row.evaluation_id)


def check_roles(dialogue: Sequence[SparklesMessage]) -> None:
    """Check that user and assistant messages alternate, a user's first. Raises ValueError, as pydantic expects."""
    roles = [message.role for message in dialogue]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2):
        raise ValueError(f"roles must be user, assistant, user, assistant, ...; they are {', '.join(roles) or 'none'}")
    if any(message.images for message in dialogue[1::2]):
        raise ValueError("an assistant message has images")


def turns_of(item: str, dialogue: Sequence[SparklesMessage], pictures: ImageReader) -> tuple[Turn, ...] | None:
    """The user's messages as turns, with the assistant's as references; None, with the problem noted, if an image
    cannot be used.
    """
    turns: list[Turn] = []
    sound = True
    for index in range(0, len(dialogue), 2):
        message = dialogue[index]
        reference = dialogue[index + 1].content if index + 1 < len(dialogue) else None
        wanted = [(pictures.folder.named(p.image_id), p.image_id, p.caption) for p in message.images]
        found = pictures.read(item, wanted)
        if found is None:
            sound = False
        else:
            turns.append(Turn(place(message.content.split(PLACEHOLDER), found), reference))
    return tuple(turns) if sound else None


def place(words: Sequence[str], images: Sequence[Image]) -> tuple[Part, ...]:
    """Alternate words and images: words[0], images[0], words[1], ...; empty words are left out."""
    parts: list[Part] = []
    for index, text in enumerate(words):
        if text:
            parts.append(Text(text))
        if index < len(images):
            parts.append(images[index])
    return tuple(parts)
