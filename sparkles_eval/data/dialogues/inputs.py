"""Reads the inputs of dialogues: images with their detailed captions, and demonstration dialogues."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from sparkles_eval.core import Image
from sparkles_eval.core.errors import ContentError, DataError, Problem
from sparkles_eval.data.dialogues.image_mentions import name_images, valid_id
from sparkles_eval.data.dialogues.records import CandidateImage, DialogueMessage, GeneratedDialogue, Speaker
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.common import CheckedRows, check_rows, read_rows
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text, validation_messages

SUFFIXES = (".jpg", ".png", ".jpeg", ".webp", ".gif")
"""File suffixes that are tried, in this order, after an image's id."""
IMAGE_FOLDERS = ("VG_100K", "VG_100K_2", "image", "images")
"""Folders inside the image folder that are searched too: Visual Genome and cc_sbu_align use them."""


class _Line(Foreign):
    """A line of our own form, or an annotation of cc_sbu_align's."""

    image: str = ""
    id: Name = ""
    image_id: Name = ""
    caption: str = ""


class _Annotations(Foreign):
    annotations: tuple[_Line, ...]


class _SpokenMessage(Foreign):
    """One message of SVIT: {"from", "value"}."""

    value: str = ""


class _Talk(Foreign):
    content: tuple[_SpokenMessage, ...] = ()
    value: str = ""


class _Described(Foreign):
    image_id: Name
    conversations: tuple[_Talk, ...]

    @property
    def caption(self) -> str:
        """The last message, which is the description; the one before it is the question."""
        said = [message.value for talk in self.conversations for message in (talk.content or (talk,))]
        return said[-1] if said else ""


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image that the data names and that is not read yet. `file` is "" where only its id is known."""

    id: str
    file: str
    caption: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A dialogue that shows the form; its images with their captions."""

    dialogue: GeneratedDialogue
    captions: tuple[tuple[str, str], ...]

    @property
    def first_images(self) -> int:
        """How many images its first turn has."""
        return len(self.dialogue.messages[0].images)


def read_image_rows(images: Path, captions: Path | None) -> tuple[list[ImageRow], list[Problem]]:
    """Every image that the data names, with its caption, and the problems of the others.

    Raises errors.DataError or errors.ContentError where nothing can be read at all.
    """
    if not images.is_dir():
        raise DataError(
            "images", [Problem("", f"{images} is no folder")], "name the folder of the images with --images"
        )
    if captions is None:
        rows = [ImageRow(called, name, "") for name, called in _named(_files(images)).items()]
        problems: list[Problem] = []
    else:
        rows, problems = _described(captions)
    sound: list[ImageRow] = []
    seen: dict[str, str] = {}
    for row in rows:
        if not valid_id(row.id):
            what = "cannot be an image's name in a text; give it an `id` of letters, digits, '_', '-' and '.'"
            problems.append(Problem(row.id or row.file, what))
        elif row.id.lower() in seen:
            problems.append(Problem(row.id, f"stands twice ({seen[row.id.lower()]}, {row.file or row.id})"))
        else:
            seen[row.id.lower()] = row.file or row.id
            sound.append(row)
    if not sound:
        place = captions or images
        raise DataError("images", [*problems, Problem("", f"{place} names no image that can be used")])
    return sound, problems


def _files(folder: Path) -> list[str]:
    """Every image below a folder, without hidden files (macOS writes "._a.jpg" next to "a.jpg")."""
    inside = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    names = (path.relative_to(folder) for path in inside)
    return sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))


def _named(files: Iterable[str]) -> dict[str, str]:
    """The id of each file's image: its name, or with its folder's name or a hash where several have that name."""
    names = {file: _slug(Path(file).stem) for file in files}
    names |= {file: _slug(str(Path(file).with_suffix(""))) for file in _alike(names)}
    return names | {file: _hashed(file) for file in _alike(names)}


def _alike(names: Mapping[str, str]) -> list[str]:
    """The files whose names are not unique."""
    times = Counter(name.lower() for name in names.values())
    return [file for file, name in names.items() if times[name.lower()] > 1]


def _slug(stem: str) -> str:
    """The name as an allowed id: without accents, other characters as "_"; its hash where nothing is left."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "_", plain).strip("_.-")
    return name if valid_id(name) or not stem else _hashed(stem)


def _hashed(name: str) -> str:
    return f"image-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:10]}"


def _described(path: Path) -> tuple[list[ImageRow], list[Problem]]:
    text = read_text(path)
    if text.lstrip()[:1] == "{" and '"annotations"' in text[:10_000]:
        return _aligned(path, text)
    if text.lstrip()[:1] == "[" and '"conversations"' in text[:10_000]:
        found = _list(path, text)
        return [ImageRow(row.image_id, "", row.caption) for _, row in found.rows], found.problems
    lines = read_rows(path, _Line)
    problems = list(lines.problems)
    rows = []
    for place, line in lines.rows:
        name = line.id or line.image_id or _slug(Path(line.image).stem)
        if not name:
            problems.append(Problem(place, "has neither image nor id"))
        else:
            rows.append(ImageRow(name, line.image, line.caption))
    return rows, problems


def _aligned(path: Path, text: str) -> tuple[list[ImageRow], list[Problem]]:
    try:
        found = _Annotations.model_validate(parse_json(text))
    except ValueError as error:
        said = validation_messages(error, _Annotations) if isinstance(error, ValidationError) else [str(error)]
        raise ContentError(f"{path}: {'; '.join(said[:5])}") from None
    return [ImageRow(row.image_id or row.id, row.image, row.caption) for row in found.annotations], []


def _list(path: Path, text: str) -> CheckedRows[_Described]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise ContentError(f"{path}: {error}") from None
    found: CheckedRows[_Described] = CheckedRows()
    assert isinstance(values, list)
    check_rows(values, _Described, found)
    return found


class CandidateImages:
    """Finds and reads the images that rows name in the image folder."""

    def __init__(self, images: Path) -> None:
        self._folder = ImageFolder(images)

    def read(self, rows: Sequence[ImageRow]) -> tuple[list[CandidateImage], list[Problem]]:
        """The rows' images, and the problems of those that cannot be used."""
        names = [self._name(row) for row in rows]
        self._folder.warm(names)
        found: list[CandidateImage] = []
        problems: list[Problem] = []
        for row, name in zip(rows, names, strict=True):
            image = self._folder.read(name, image_id=row.id, caption=row.caption or None)
            if isinstance(image, Image):
                found.append(CandidateImage(row.id, image, row.caption.strip()))
            else:
                problems.append(Problem(row.id, image))
        return found, problems

    def _name(self, row: ImageRow) -> str:
        return next((name for name in _places(row) if self._folder.has(name)), row.file or f"{row.id}{SUFFIXES[0]}")


def _places(row: ImageRow) -> Iterator[str]:
    names = [row.file] if row.file else [f"{row.id}{suffix}" for suffix in SUFFIXES]
    yield from names
    yield from (f"{folder}/{name}" for folder in IMAGE_FOLDERS for name in names)


# --- demonstrations ----------------------------------------------------------------------------------


class _Picture(Foreign):
    image_id: Name
    caption: str = ""


class _Turn(Foreign):
    role: Speaker
    content: str
    images: tuple[_Picture, ...] = ()


class _Whole(Foreign):
    """A whole dialogue in the published form, as training reads it."""

    dialogue: tuple[_Turn, ...]


def read_demonstrations(path: Path, messages: int) -> list[Demonstration]:
    """Read the dialogues with this number of messages from a file in the training form.

    Raises errors.DataError with every problem, or where none has that many messages.
    """
    found = read_rows(path, _Whole)
    problems = list(found.problems)
    made: list[Demonstration] = []
    others = 0
    for _, row in found.rows:
        if len(row.dialogue) == messages:
            made.append(_demonstration(row.dialogue))
        else:
            others += 1
    if problems or not made:
        if others and not made:
            problems.append(Problem("", f"{others} dialogues, none of {messages} messages as the style has them"))
        fix = f"name a file with dialogues of {messages} messages with --demonstrations, or leave the style's out"
        raise DataError(f"demonstrations {path}", problems or [Problem("", "there is none")], fix)
    return made


def _demonstration(turns: Iterable[_Turn]) -> Demonstration:
    listed = list(turns)
    captions = {picture.image_id: picture.caption for turn in listed for picture in turn.images}
    messages = tuple(
        DialogueMessage(turn.role, name_images(turn.content, captions).text, tuple(p.image_id for p in turn.images))
        for turn in listed
    )
    return Demonstration(GeneratedDialogue(messages), tuple(captions.items()))
