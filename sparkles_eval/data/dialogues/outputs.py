"""Writes a set's folder: dialogues, rejected ones, training records with their images and recipe, statistics."""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sparkles_eval.analysis.tables import Table
from sparkles_eval.core import JSON, Image
from sparkles_eval.core.content import find_file
from sparkles_eval.core.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.core.files import write_output
from sparkles_eval.core.pictures import decode
from sparkles_eval.data.dialogues.image_mentions import after_first
from sparkles_eval.data.dialogues.records import CandidateImage, DialogueMessage, GeneratedDialogue
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue
from sparkles_eval.reports.toolkit.table_files import json_text, markdown_text
from sparkles_eval.sparkleschat.prompts import IMAGE, training_instruction
from sparkles_eval.tasks.images import image_bytes
from sparkles_eval.tasks.validation import read_text

DIALOGUES, REJECTED, RECIPE = "dialogues.jsonl", "rejected.jsonl", "recipe.yaml"
LEFT_OUT = "left_out.jsonl"
ANNOTATIONS, IMAGES, FIGURES = "annotations", "images", "figures"
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,79}")
_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png"}
"""Kinds of images that training reads; others are written as PNG."""
_WEIGHTS = {1: 2.0}
"""Weight of a turn's records in the draw: the first turn counts twice as much as a later one (published)."""


@dataclass(frozen=True, slots=True)
class RecordGroup:
    """Training records of one turn with one number of images, and the file that they are in."""

    turn: int
    images: int
    file: str
    records: int


def valid_name(name: str) -> str:
    """Check the name with which a set's files begin. Raises errors.UserError for one that is not allowed."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--name {name!r}: use letters, digits, '_', '-' and '.', 80 at the most")
    return name


def write_set(
    out: Path,
    name: str,
    items: Sequence[StoredDialogue],
    candidates: Iterable[CandidateImage],
    content: Sequence[Path] = (),
) -> list[RecordGroup]:
    """Write dialogues, rejected ones, training records with their images, and a recipe that trains on them.

    Raises errors.UserError where a file cannot be written, errors.DataError where an image is missing.
    """
    known = {candidate.id: candidate for candidate in candidates}
    kept = [(item.id, item.dialogue) for item in items if item.dialogue]
    captions = {image: candidate.caption for image, candidate in known.items()}
    lines = [_line({"id": name_, "dialogue": training_form(dialogue, captions)}) for name_, dialogue in kept]
    write_output(out / DIALOGUES, "".join(lines).encode())
    write_output(out / REJECTED, "".join(_line(_rejected(item)) for item in items if item.rejection).encode())
    groups = _write_records(out, name, [dialogue for _, dialogue in kept], captions)
    _write_images(out / IMAGES, {image for _, dialogue in kept for image in dialogue.images}, known)
    if groups:
        write_output(out / RECIPE, _recipe(name, groups, content).encode())
    else:
        (out / RECIPE).unlink(missing_ok=True)
    return groups


def training_form(dialogue: GeneratedDialogue, captions: Mapping[str, str]) -> list[JSON]:
    """A dialogue in the training form: image places after their first mention, images with their captions."""
    messages: list[JSON] = []
    for message in dialogue.messages:
        entry: dict[str, JSON] = {"role": message.role, "content": placed_text(message, dialogue.images)}
        if message.role == "user":
            entry["images"] = [_picture(image, captions) for image in message.images]
        messages.append(entry)
    return messages


def placed_text(message: DialogueMessage, ids: Sequence[str]) -> str:
    """A message's text with the place of each new image after its first mention (published)."""
    return after_first(message.content, message.images, ids, lambda _: IMAGE) if message.images else message.content


def _picture(image: str, captions: Mapping[str, str]) -> dict[str, JSON]:
    return {"image_id": image, "caption": captions.get(image, "")}


def _rejected(item: StoredDialogue) -> dict[str, JSON]:
    assert item.rejection is not None  # only such items are written
    messages: list[JSON] = [{"role": m.role, "content": m.content, "images": list(m.images)} for m in item.messages]
    return {
        "id": item.id,
        "fault": item.rejection.fault,
        "reason": item.rejection.reason,
        "repaired": item.repaired,
        "messages": messages,
    }


def _line(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


# --- training records --------------------------------------------------------------------------------


def records(dialogue: GeneratedDialogue, captions: Mapping[str, str]) -> list[tuple[int, int, dict[str, JSON]]]:
    """(turn, images so far, record) of every turn, in the published shape."""
    found = []
    turns: list[tuple[str, str | None]] = []
    images: list[str] = []
    for number, (asked, answered) in enumerate(zip(dialogue.messages[::2], dialogue.messages[1::2], strict=True), 1):
        question = placed_text(asked, dialogue.images)
        images += asked.images
        record: dict[str, JSON] = {
            "uniform_question": question,
            "instruction": training_instruction([*turns, (question, None)]),
            "answer": answered.content,
            "tgt_imgs": [_picture(image, captions) for image in images],
        }
        found.append((number, len(images), record))
        turns.append((question, answered.content))
    return found


def _write_records(
    out: Path, name: str, dialogues: Sequence[GeneratedDialogue], captions: Mapping[str, str]
) -> list[RecordGroup]:
    grouped: dict[tuple[int, int], list[dict[str, JSON]]] = defaultdict(list)
    for dialogue in dialogues:
        for turn, images, record in records(dialogue, captions):
            grouped[turn, images].append(record)
    groups = []
    for (turn, images), rows in sorted(grouped.items()):
        file = f"{ANNOTATIONS}/{name}_turn{turn}_{images}img.json"
        write_output(out / file, (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode())
        groups.append(RecordGroup(turn, images, file, len(rows)))
    written = {out / group.file for group in groups}
    for old in (out / ANNOTATIONS).glob(f"{name}_turn*_*img.json") if (out / ANNOTATIONS).is_dir() else ():
        if old not in written:
            old.unlink()
    return groups


def _write_images(folder: Path, wanted: set[str], known: Mapping[str, CandidateImage]) -> None:
    missing = sorted(wanted - set(known))
    if missing:
        raise DataError("images", [Problem(name, "is in a dialogue and not among the images") for name in missing])
    for name in sorted(wanted):
        image = known[name].image
        place = folder / f"{name}{_ENDINGS.get(image.media_type, '.png')}"
        if not (place.is_file() and image.media_type in _ENDINGS and place.stat().st_size == image.size):
            write_output(place, _readable(image))


def _readable(image: Image) -> bytes:
    """The image's bytes, as PNG where training does not read its kind."""
    data = image_bytes(image)
    if image.media_type in _ENDINGS:
        return data
    made = io.BytesIO()
    try:
        decode(data).save(made, "PNG")
    except (OSError, ValueError) as error:
        raise DataError("images", [Problem(image.id, f"cannot be written as PNG: {error}")]) from None
    return made.getvalue()


def _recipe(name: str, groups: Sequence[RecordGroup], content: Sequence[Path]) -> str:
    """The published recipe on these files."""
    path = find_file("recipes", "sparkleschat-7b.yaml", content)
    if path is None:
        raise ContentError("recipes/sparkleschat-7b.yaml is missing; reinstall sparkles-eval")
    recipe = yaml.safe_load(read_text(path))
    recipe["title"] = f"SparklesChat on {name}"
    recipe["subsets"] = [
        {
            "name": Path(group.file).stem,
            "weight": _WEIGHTS.get(group.turn, 1.0),
            "annotations": group.file,
            "images": IMAGES,
        }
        for group in groups
    ]
    head = f"# Trains on this folder: sparkles-eval train {RECIPE} --data . --model MODEL --out RUN\n"
    head += "# All but the subsets is the published training; for few dialogues fewer steps will do.\n"
    return head + str(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))


def write_left_out(out: Path, problems: Mapping[str, Sequence[Problem]]) -> None:
    """Write the images that were not offered, by reason; no file where there are none."""
    lines = [
        _line({"image_id": problem.item, "why": why, "reason": problem.what})
        for why, listed in problems.items()
        for problem in listed
    ]
    if lines:
        write_output(out / LEFT_OUT, "".join(lines).encode())
    else:
        (out / LEFT_OUT).unlink(missing_ok=True)


# --- numbers -----------------------------------------------------------------------------------------


def write_tables(out: Path, tables: Sequence[Table]) -> None:
    """Write the tables as statistics.json and statistics.md."""
    write_output(out / "statistics.json", json_text(tables).encode())
    write_output(out / "statistics.md", "\n".join(map(markdown_text, tables)).encode())
