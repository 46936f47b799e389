"""Turns conversation files of LLaVA and SVIT into training records of the published shape, evaluation images left out.

A file is a list of conversations about one image each: `id` or `image_id`, `image` (a file name) where the id alone
does not name it, and `conversations`, whose messages are {"from": "human" | "user" | "gpt", "value": ...}, in SVIT one
list deeper under `content`. Every answer becomes a record: all turns before it are its instruction. Asks no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field

from sparkles_eval.dialogues.leakage import Evaluations, leaking
from sparkles_eval.dialogues.records import Candidate
from sparkles_eval.errors import ContentError, Problem
from sparkles_eval.records import JSON, Image
from sparkles_eval.reports.pages import write_bytes
from sparkles_eval.sparkleschat.prompts import IMAGE, PLACEHOLDER, training_instruction
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.reading import read_rows
from sparkles_eval.tasks.strict import Foreign, Name

_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
_TOKEN = re.compile(r"\s*<image>\s*")


class _Said(Foreign):
    """A message, or in SVIT a question with its answer under `content`."""

    role: str = Field(default="", alias="from")
    value: str = ""
    content: tuple[_Said, ...] = ()

    @property
    def messages(self) -> tuple[_Said, ...]:
        return self.content or (self,)


class _Row(Foreign):
    id: Name = ""
    image_id: Name = ""
    image: str = ""
    conversations: tuple[_Said, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Converted:
    """Records of the published shape, what was left out because an evaluation has its image, and every problem."""

    records: tuple[dict[str, JSON], ...]
    leaking: tuple[Problem, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Conversation:
    place: str
    image: Image
    turns: tuple[tuple[str, str], ...]


def convert(path: Path, images: Path, evaluations: Evaluations | None = None) -> Converted:
    """The records of a file whose pictures lie in `images`.

    Raises errors.ContentError where the file cannot be read at all. A conversation whose picture is missing, whose
    roles do not alternate or that has an empty answer is a problem and gives no record.
    """
    if not images.is_dir():
        raise ContentError(f"{images} is no folder; name the folder of the pictures with --images")
    found = read_rows(path, _Row)
    folder = ImageFolder(images)
    names = {place: _file(row, folder) for place, row in found.rows}
    folder.warm(names.values())
    problems = list(found.problems)
    conversations: list[_Conversation] = []
    for place, row in found.rows:
        label = f"{row.id or row.image_id} ({place})"
        image = folder.read(names[place], image_id=PurePosixPath(names[place]).stem)
        turns = _turns(row)
        if isinstance(image, str) or isinstance(turns, str):
            problems += [Problem(label, wrong) for wrong in (image, turns) if isinstance(wrong, str)]
        else:
            conversations.append(_Conversation(place, image, turns))
    left_out = _leaking(conversations, evaluations)
    sound = [one for one in conversations if one.image.id not in {problem.item for problem in left_out}]
    records = tuple(record for one in sound for record in _records(one))
    return Converted(records, tuple(left_out), tuple(problems))


def _file(row: _Row, folder: ImageFolder) -> str:
    """The file's name; for an id alone that of the first suffix for which there is one."""
    return PurePosixPath(row.image).name if row.image else folder.named(row.image_id or row.id)


def _turns(row: _Row) -> tuple[tuple[str, str], ...] | str:
    """(question, answer) in order, the image's place in the first question; or what is wrong."""
    messages = [message for said in row.conversations for message in said.messages]
    roles = [_ROLES.get(message.role, message.role) for message in messages]
    if roles != ["user", "assistant"] * (len(messages) // 2) or not messages:
        return f"its messages are {', '.join(roles)}; they must be user, assistant, and so on in turn"
    if any(PLACEHOLDER in message.value or "###" in message.value for message in messages):
        return f"its text holds {PLACEHOLDER} or ###, which mean something else in an instruction"
    turns = [
        (asked.value.strip(), said.value.strip()) for asked, said in zip(messages[::2], messages[1::2], strict=True)
    ]
    if any(not answer for _, answer in turns):
        return "one of its answers is empty"
    first, *later = [question for question, _ in turns]
    tokens = len(_TOKEN.findall(first))
    if tokens > 1 or any(_TOKEN.search(question) for question in later):
        return "it has several places for its one image"
    placed = _TOKEN.sub(lambda _: f" {IMAGE} ", first, count=1).strip() if tokens else f"{IMAGE} {first}"
    return tuple(zip([placed, *later], [answer for _, answer in turns], strict=True))


def _leaking(conversations: Sequence[_Conversation], evaluations: Evaluations | None) -> list[Problem]:
    if evaluations is None:
        return []
    pictures = {one.image.id: one.image for one in conversations}
    return leaking([Candidate(name, image) for name, image in pictures.items()], evaluations)


def _records(one: _Conversation) -> Iterator[dict[str, JSON]]:
    for count in range(1, len(one.turns) + 1):
        *history, (question, answer) = one.turns[:count]
        yield {
            "uniform_question": question,
            "instruction": training_instruction([*history, (question, None)]),
            "answer": answer,
            "tgt_imgs": [{"image_id": one.image.id}],
        }


def write_records(records: Sequence[dict[str, JSON]], out: Path) -> None:
    """The records as a JSON list, whole or not at all. Raises errors.UserError where it cannot be written."""
    write_bytes(out, (json.dumps(records, ensure_ascii=False, indent=1) + "\n").encode())
