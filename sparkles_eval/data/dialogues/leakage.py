"""Finds images that an evaluation uses, by bytes, id, the VG-COCO map or appearance; they must not be offered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sparkles_eval.core import Image, Sample, Text, fingerprint
from sparkles_eval.core.errors import ContentError, DataError, Problem
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.loaders.common import CheckedRows, check_rows
from sparkles_eval.tasks.perceptual_hash import near_duplicates
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text

_ID_LENGTH = 5
"""Least characters of an id that counts as the same; "1" and "2" name other images in every data set."""
_COCO = re.compile(r"(?:.*_)?(\d{12})")
"""COCO's file names end in a padded number, which is comparable even if it is small."""


class _Mapped(Foreign):
    """The keys of a line of Visual Genome's image_data.json that are read."""

    image_id: Name
    coco_id: Name | None = None


@dataclass(frozen=True, slots=True)
class Evaluations:
    """The images and texts of evaluations."""

    names: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    texts: tuple[str, ...] = ()
    coco_ids: Mapping[str, str] = field(default_factory=dict)
    """COCO id by Visual Genome id."""

    @property
    def hash(self) -> str:
        """A hash of everything that is kept out of training."""
        return fingerprint([list(self.names), sorted({image.sha256 for image in self.images}), len(self.coco_ids)], 16)


def read_evaluations(
    against: Sequence[str], coco_map: Path | None = None, content: Sequence[Path] = ()
) -> Evaluations:  # fmt: skip
    """Load the tasks named as TASK or TASK=DATA-ROOT, and Visual Genome's image_data.json. Raises errors.UserError."""
    samples: list[Sample] = []
    for given in against:
        name, _, root = given.partition("=")
        samples += load_task(name, data_root=Path(root) if root else None, content=content).samples
    images = {image.sha256: image for sample in samples for image in sample.images}
    texts = [text for sample in samples for text in _texts(sample)]
    mapped = read_coco_map(coco_map) if coco_map else {}
    return Evaluations(tuple(against), tuple(images.values()), tuple(dict.fromkeys(texts)), mapped)


def _texts(sample: Sample) -> list[str]:
    asked = ["".join(part.text for part in turn.content if isinstance(part, Text)) for turn in sample.turns]
    return [*asked, *(turn.reference or "" for turn in sample.turns), *sample.fields.values()]


def read_coco_map(path: Path) -> dict[str, str]:
    """Read COCO ids by Visual Genome ids from Visual Genome's image_data.json. Raises errors.UserError."""
    found: CheckedRows[_Mapped] = CheckedRows()
    try:
        values = parse_json(read_text(path))
    except ValueError as error:
        raise ContentError(f"{path}: {error}") from None
    if not isinstance(values, list):
        raise ContentError(f"{path}: holds no list; Visual Genome's image_data.json is one")
    check_rows(values, _Mapped, found)
    if found.problems:
        raise DataError(str(path), found.problems, "name Visual Genome's image_data.json with --coco-map")
    return {row.image_id: row.coco_id for _, row in found.rows if row.coco_id}


def leaking(candidates: Sequence[CandidateImage], evaluations: Evaluations) -> list[Problem]:
    """The candidates that an evaluation also uses, each with how it was found."""
    if not evaluations.images:
        return []
    by_hash = {image.sha256: image for image in evaluations.images}
    by_id = {name: image for image in evaluations.images for name in _names(image, evaluations.coco_ids)}
    found: dict[str, str] = {}
    for candidate in candidates:
        coco = evaluations.coco_ids.get(candidate.id)
        if twin := by_hash.get(candidate.image.sha256):
            found[candidate.id] = f"the same file as {twin.relpath} of an evaluation"
        elif twin := next((by_id[name] for name in _called(candidate.id) if name in by_id), None):
            found[candidate.id] = f"has the id of {twin.relpath} of an evaluation"
        elif coco and (twin := by_id.get(coco.zfill(12)) or by_id.get(coco)):
            found[candidate.id] = f"is COCO image {coco}, {twin.relpath} of an evaluation"
    rest = [candidate for candidate in candidates if candidate.id not in found]
    for pair in near_duplicates(evaluations.images, [candidate.image for candidate in rest]):
        twin = evaluations.images[pair.known]
        found[rest[pair.asked].id] = f"looks like {twin.relpath} of an evaluation ({pair.bits} of 64 bits differ)"
    return [Problem(candidate.id, found[candidate.id]) for candidate in candidates if candidate.id in found]


def _names(image: Image, coco_ids: Mapping[str, str]) -> Iterator[str]:
    """The names of an evaluation's image: its id, its file, and its COCO number where it is from Visual Genome."""
    stem = Path(image.relpath).stem
    yield from _called(image.id)
    yield from _called(stem)
    if stem in coco_ids and len(stem) >= _ID_LENGTH:
        yield coco_ids[stem].zfill(12)


def _called(name: str) -> Iterator[str]:
    """The forms of a name that are long enough to compare: itself, the number at its end, COCO's padded number."""
    number = name.rsplit("_", maxsplit=1)[-1].lstrip("0")
    yield from (form for form in (name, number) if len(form) >= _ID_LENGTH)
    if coco := _COCO.fullmatch(name):
        yield coco[1]
