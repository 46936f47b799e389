"""Reads training dialogues, in their published form or as whole dialogues, and reports all their problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.core import Image
from sparkles_eval.core.errors import ContentError, DataError, Problem
from sparkles_eval.sparkleschat.prompts import PLACEHOLDER, training_instruction
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.common import CheckedRows, check_rows, read_rows
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text
from sparkles_eval.training.recipes import SubsetSpec


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """One training sample: the text before the answer, the answer, and the images in that text."""

    id: str
    subset: str
    instruction: str
    answer: str
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class TrainingSubset:
    """The valid samples of one annotation file, and its weight in the draw."""

    name: str
    weight: float
    exchanges: tuple[TrainingSample, ...]


class _Picture(Foreign):
    image_id: Name


class _Message(Foreign):
    role: str
    content: str
    images: tuple[_Picture, ...] = ()


class _Row(Foreign):
    """The keys of a record that are read. `fix_answer`, the published correction of an answer, replaces it."""

    question: str = ""
    uniform_question: str = ""
    instruction: str = ""
    answer: str = ""
    fix_answer: str = ""
    tgt_imgs: tuple[_Picture, ...] = ()
    dialogue: tuple[_Message, ...] = ()
    image_id: Name = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A record before its images are read."""

    instruction: str
    answer: str
    image_ids: tuple[str, ...]


def read_subsets(specs: Sequence[SubsetSpec], root: Path, *, skip_bad: bool = False) -> list[TrainingSubset]:
    """Read every subset of a recipe from the data folder.

    Raises errors.DataError with every problem of all files at once (missing annotation files, missing images, another
    number of image places than images, empty answers); with `skip_bad` only where a subset has no sound record left.
    """
    if not root.is_dir():
        raise DataError("training data", [Problem("", f"{root} is no folder")], "name the data folder with --data")
    folders: dict[str, ImageFolder] = {}
    subsets: list[TrainingSubset] = []
    problems: list[Problem] = []
    empty: list[Problem] = []
    for spec in specs:
        place = root / spec.annotations
        if not place.is_file():
            empty.append(Problem(spec.name, f"missing file {spec.annotations}"))
            continue
        images = folders.setdefault(spec.images, ImageFolder(root / spec.images, root))
        exchanges, wrong = _read(spec, place, images)
        problems += wrong
        subsets.append(TrainingSubset(spec.name, spec.weight, tuple(exchanges)))
        if not exchanges:
            empty.append(Problem(spec.name, "has no record that can be used"))
    if empty or (problems and not skip_bad):
        fix = "fix them, or leave these records out with --skip-bad" if not empty else f"looked in {root}"
        raise DataError("training data", [*empty, *problems], fix)
    return subsets


def _read(spec: SubsetSpec, place: Path, images: ImageFolder) -> tuple[list[TrainingSample], list[Problem]]:
    rows = _rows(place, captions=bool(spec.questions))
    problems = [Problem(f"{spec.name} {problem.item}", problem.what) for problem in rows.problems]
    turns: list[tuple[str, _Turn]] = []
    for number, (where, row) in enumerate(rows.rows):
        name = f"{spec.name} {where}"
        if spec.questions:
            found = _caption(row, spec.questions[number % len(spec.questions)])
        else:
            found = _dialogue(row.dialogue) if row.dialogue else _record(row)
        if isinstance(found, str):
            problems.append(Problem(name, found))
            continue
        turns += [(name if len(found) == 1 else f"{name} turn {number}", turn) for number, turn in enumerate(found, 1)]
    images.warm(images.named(image_id) for _, turn in turns for image_id in turn.image_ids)
    exchanges = []
    for name, turn in turns:
        wrong = _faults(turn)
        seen = [images.read(images.named(image_id), image_id=image_id) for image_id in turn.image_ids]
        wrong += [reason for reason in dict.fromkeys(seen) if isinstance(reason, str)]
        problems += [Problem(name, reason) for reason in wrong]
        if not wrong:
            pictures = tuple(image for image in seen if isinstance(image, Image))
            exchanges.append(TrainingSample(name, spec.name, turn.instruction, turn.answer, pictures))
    return exchanges, problems


def _rows(place: Path, *, captions: bool) -> CheckedRows[_Row]:
    """A file's records; captions may be inside one object, as they are published."""
    text = read_text(place) if captions else ""
    if not text.lstrip().startswith("{") or '"annotations"' not in text:
        return read_rows(place, _Row)
    try:
        whole = parse_json(text)
    except ValueError as error:
        raise ContentError(f"{place}: {error}") from None
    listed = whole.get("annotations") if isinstance(whole, dict) else None
    if not isinstance(listed, list):
        raise ContentError(f"{place}: its annotations are no list of captions")
    found: CheckedRows[_Row] = CheckedRows()
    check_rows(listed, _Row, found)
    return found


def _caption(row: _Row, question: str) -> list[_Turn] | str:
    if not row.image_id:
        return "has no image_id; a caption is {image_id, caption}"
    return [_Turn(training_instruction([(question, None)]), row.caption, (row.image_id,))]


def _record(row: _Row) -> list[_Turn] | str:
    question = row.uniform_question or row.question
    if not (row.instruction or question):
        return "has neither instruction nor question"
    instruction = row.instruction or training_instruction([(question, None)])
    return [_Turn(instruction, row.fix_answer or row.answer, tuple(image.image_id for image in row.tgt_imgs))]


def _dialogue(messages: Sequence[_Message]) -> list[_Turn] | str:
    roles = [message.role for message in messages]
    if roles != ["user", "assistant"] * (len(messages) // 2) or not messages:
        return f"its messages are {', '.join(roles)}; they must be user, assistant, and so on in turn"
    turns: list[_Turn] = []
    history: list[tuple[str, str | None]] = []
    image_ids: tuple[str, ...] = ()
    for asked, answered in zip(messages[::2], messages[1::2], strict=True):
        image_ids += tuple(image.image_id for image in asked.images)
        turns.append(_Turn(training_instruction([*history, (asked.content, None)]), answered.content, image_ids))
        history.append((asked.content, answered.content))
    return turns


def _faults(turn: _Turn) -> list[str]:
    faults = []
    places = turn.instruction.count(PLACEHOLDER)
    if places != len(turn.image_ids):
        faults.append(f"its text has {places} places for images ({PLACEHOLDER}), and {len(turn.image_ids)} are named")
    if PLACEHOLDER in turn.answer:
        faults.append(f"its answer holds {PLACEHOLDER}, which only a question may")
    if not turn.answer.strip():
        faults.append("its answer is empty")
    return faults
