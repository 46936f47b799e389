"""Loads BISON: a caption and two images, one of which it describes.

`source=official`: the published 150 items, evaluation/BISON/{annotations,images} under `--data-root`.
`source=full`: the whole set of Hu et al. 2019 (54,253 items), its annotation file and the COCO val2014 folder. Every
item of the annotation file counts, answered or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError, model_validator

from sparkles_eval.core import Sample, Text, Turn
from sparkles_eval.core.errors import ContentError
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.loaders.common import (
    CheckedRows,
    ImageReader,
    check_args,
    check_rows,
    data_root,
    find_path,
    image_folder,
    read_rows,
)
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text, validation_messages

OPTIONS = ("IMAGE#1", "IMAGE#2")
_FULL_NAMES = ("bison_annotations.cocoval2014.json", "bison_annotations.json")


class BisonCandidate(Foreign):
    """One of the two images."""

    image_id: Name
    image_filename: str


class BisonRow(Foreign):
    """One item; the published 150 have an `evaluation_id`, the full set only the `bison_id`."""

    bison_id: Name
    caption: str
    true_image_id: Name
    image_candidates: tuple[BisonCandidate, ...]
    evaluation_id: Name | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> BisonRow:
        ids = [candidate.image_id for candidate in self.image_candidates]
        if len(ids) != 2 or ids[0] == ids[1]:
            raise ValueError(f"two different image_candidates are needed, there are {', '.join(ids) or 'none'}")
        if self.true_image_id not in ids:
            raise ValueError(f"label not an option: true_image_id {self.true_image_id} is none of {', '.join(ids)}")
        return self

    @property
    def id(self) -> str:
        return self.bison_id if self.evaluation_id is None else self.evaluation_id


class BisonFile(Foreign):
    """The file of the full set, with its rows under `data`."""

    data: list[object]


def load(source: Source) -> Loaded:
    """Load every item. Arguments: `source` (official, full), `annotations`, `images` (paths)."""
    check_args(source, ("annotations", "images", "source"))
    root = data_root(source)
    if source.args.get("source", "official") == "full":
        files = [root / folder / name for folder in ("", "annotations") for name in _FULL_NAMES]
        folders = [root / name for name in ("val2014", "images/val2014", "images")]
    else:
        home = root / "evaluation" / "BISON"
        files = [home / "annotations" / "sparkles_evaluation_bison_annotations.json"]
        folders = [home / "images"]
    file = find_path(source, "annotations", source.args.get("annotations"), files)
    images = find_path(source, "images", source.args.get("images"), folders, folder=True)
    rows = read_annotations(file)
    folder = image_folder(images, root)
    pictures = ImageReader(folder)
    items = [row for _, row in rows.rows]
    folder.warm(candidate.image_filename for row in items for candidate in row.image_candidates)
    made = [_sample(row, cluster, pictures) for row, cluster in zip(items, clusters(items), strict=True)]
    sound = tuple(sample for sample in made if sample is not None)
    return Loaded(sound, (*rows.problems, *pictures.problems), folder.root)


def read_annotations(path: Path) -> CheckedRows[BisonRow]:
    """Rows of a BISON file, published (a list) or full (a list under `data`)."""
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        return read_rows(path, BisonRow)
    found: CheckedRows[BisonRow] = CheckedRows()
    try:
        check_rows(BisonFile.model_validate(parse_json(text)).data, BisonRow, found)
    except ValidationError as error:
        raise ContentError(f"{path}: {'; '.join(validation_messages(error, BisonFile))}") from None
    except ValueError as error:
        raise ContentError(f"{path}: {error}") from None
    return found


def clusters(rows: Sequence[BisonRow]) -> list[str]:
    """The cluster of each row: the connected component of rows that share images (union-find).

    Where one component holds more than half of the rows, it is too large to be useful; each row then has two units, its
    images, and depends on every row that shows either (see `core.samples.read_cluster`).
    """
    parent: dict[str, str] = {}

    def top(image: str) -> str:
        parent.setdefault(image, image)
        while parent[image] != image:
            parent[image] = image = parent[parent[image]]
        return image

    for row in rows:
        first, second = (top(candidate.image_id) for candidate in row.image_candidates)
        low, high = sorted((first, second))
        parent[high] = low  # the smallest name stands for the component, whatever the order of the rows
    tops = [top(row.true_image_id) for row in rows]
    if tops and 2 * max(Counter(tops).values()) > len(rows):
        return ["||".join(sorted(f"image-{one.image_id}" for one in row.image_candidates)) for row in rows]
    return [f"image-{name}" for name in tops]


def _sample(row: BisonRow, cluster: str, pictures: ImageReader) -> Sample | None:
    wanted = [(candidate.image_filename, candidate.image_id, None) for candidate in row.image_candidates]
    found = pictures.read(row.id, wanted)
    if found is None:
        return None
    first, second = found
    content = (Text("IMAGE#1"), first, Text(" IMAGE#2"), second, Text(f" {row.caption}"))
    target = OPTIONS[0] if row.image_candidates[0].image_id == row.true_image_id else OPTIONS[1]
    fields = {"caption": row.caption, "bison_id": row.bison_id}
    return Sample(row.id, (Turn(content),), fields, OPTIONS, target, cluster=cluster)
