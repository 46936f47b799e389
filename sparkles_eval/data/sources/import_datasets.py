"""Imports other data sets: NLVR of 2017 as a task, conversation files of LLaVA and SVIT as training records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import yaml
from pydantic import Field

from sparkles_eval.core import JSON, Image
from sparkles_eval.core.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.core.files import write_output
from sparkles_eval.data.dialogues.leakage import Evaluations, leaking
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.sparkleschat.prompts import IMAGE, PLACEHOLDER, training_instruction
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.common import read_rows
from sparkles_eval.tasks.spec import FILE, valid_name
from sparkles_eval.tasks.validation import Foreign, Name

_ORDERS = 6
"""Pictures of one scene: its three boxes in each order."""
_PROMPT = """{{ content }}

Is this statement about the picture true? "{{ sentence }}"
Answer with one word, True or False.
"""


class _StatementRow(Foreign):
    identifier: str
    sentence: str
    label: Literal["true", "false"]
    directory: Name = ""


@dataclass(frozen=True, slots=True)
class ImportedTask:
    """The imported task's folder, its number of samples, and the problems of the others."""

    folder: Path
    samples: int
    problems: tuple[Problem, ...]


def import_nlvr1(
    annotations: Path, images: Path, out: Path, split: str = "dev", *, skip_bad: bool = False
) -> ImportedTask:
    """Write the task's folder: task.yaml, prompt, samples. The pictures stay where they are, and task.yaml says where.

    Each statement is asked about every picture in all six orders of its boxes, as the official metric counts them: the
    share of right answers, and of statements with none but right ones (`metrics_images.py` of the data set).
    Raises errors.DataError with every problem (with `skip_bad` the sound statements are written all the same),
    errors.ContentError where nothing is left, and errors.UserError where `out` exists or cannot be one.
    """
    if out.exists():
        raise UserError(f"{out} is there already; name a new folder with --out")
    if not valid_name(out.name):
        raise UserError(f"--out {out}: a task is called by its folder; use lower case letters, digits, '.', '_', '-'")
    found = read_rows(annotations, _StatementRow)
    folder = ImageFolder(images)
    problems = list(found.problems)
    lines: list[str] = []
    for place, row in found.rows:
        statement = row.identifier.split("-")[0]
        for order in range(_ORDERS):
            name = f"{split}-{row.identifier}-{order}.png"
            homes = [name, f"{row.directory}/{name}"]
            file = next((home for home in homes if folder.has(home)), homes[-1])
            picture = folder.read(file)
            if isinstance(picture, str):
                problems.append(Problem(f"{row.identifier} ({place})", picture))
                continue
            sample = {
                "id": f"{split}-{row.identifier}-{order}",
                "images": [file],
                "fields": {"sentence": row.sentence},
                "options": ["True", "False"],
                "target": row.label.capitalize(),
                "group": statement,
                "cluster": statement,
            }
            lines.append(json.dumps(sample, ensure_ascii=False))
    if problems and not skip_bad:
        raise DataError(str(annotations), problems, "fix them, or leave these statements out with --skip-bad")
    if not lines:
        raise ContentError(f"{annotations}: none of its {len(found.rows)} statements has its picture in {images}")
    write_output(out / "samples.jsonl", ("\n".join(lines) + "\n").encode())
    write_output(out / "prompt.md.j2", _PROMPT.encode())
    write_output(out / FILE, yaml.safe_dump(_spec(out.name, split, images), sort_keys=False).encode())
    return ImportedTask(out, len(lines), tuple(problems))


def _spec(name: str, split: str, images: Path) -> dict[str, object]:
    return {
        "name": name,
        "version": 2,  # 1 had the first order of the boxes alone
        "title": f"NLVR (2017), {split}",
        "description": "Statements that people wrote about pictures of three boxes with coloured shapes.",
        "loader": "jsonl",
        "args": {"samples": "samples.jsonl", "images": str(images.expanduser().resolve())},
        "protocols": {"strict": {"prompt": "prompt.md.j2", "answer": "strict", "generation": {"temperature": 0}}},
        "metrics": ["accuracy", "consistency", "validity"],
        "homepage": "https://lil.nlp.cornell.edu/nlvr/",
        "licence": "CC BY 4.0 (Suhr et al. 2017)",
    }


_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}
_TOKEN = re.compile(r"\s*<image>\s*")


class _Turn(Foreign):
    """A message, or in SVIT a question with its answer under `content`."""

    role: str = Field(default="", alias="from")
    value: str = ""
    content: tuple[_Turn, ...] = ()

    @property
    def messages(self) -> tuple[_Turn, ...]:
        return self.content or (self,)


class _ConversationRow(Foreign):
    id: Name = ""
    image_id: Name = ""
    image: str = ""
    conversations: tuple[_Turn, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class ConvertedRecords:
    """Records of the published form, those left out because an evaluation uses their image, and all problems."""

    records: tuple[dict[str, JSON], ...]
    leaking: tuple[Problem, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Conversation:
    place: str
    image: Image
    turns: tuple[tuple[str, str], ...]


def convert_conversations(path: Path, images: Path, evaluations: Evaluations | None = None) -> ConvertedRecords:
    """Convert a conversation file to training records; `images` is the folder of its pictures.

    Raises errors.ContentError where the file cannot be read at all. A conversation whose picture is missing, whose
    roles do not alternate or that has an empty answer is a problem and gives no record.
    """
    if not images.is_dir():
        raise ContentError(f"{images} is no folder; name the folder of the pictures with --images")
    found = read_rows(path, _ConversationRow)
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
    return ConvertedRecords(records, tuple(left_out), tuple(problems))


def _file(row: _ConversationRow, folder: ImageFolder) -> str:
    """The file's name; for an id alone, the first existing file with a known suffix."""
    return PurePosixPath(row.image).name if row.image else folder.named(row.image_id or row.id)


def _turns(row: _ConversationRow) -> tuple[tuple[str, str], ...] | str:
    """(question, answer) in order, with the image's place in the first question; or the problem in words."""
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
    return leaking([CandidateImage(name, image) for name, image in pictures.items()], evaluations)


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
    """Write the records as a JSON list, completely or not at all. Raises errors.UserError."""
    write_output(out, (json.dumps(records, ensure_ascii=False, indent=1) + "\n").encode())
