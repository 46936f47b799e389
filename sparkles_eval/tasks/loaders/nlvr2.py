"""Loads NLVR2: a statement on two images, true or false.

`source=official`: the published 150 items, evaluation/NLVR2/{annotations,images} under `--data-root`.
`source=full`: the whole set of Suhr et al. 2019, JSON lines and an image folder under `--data-root`; any split, the
balanced or unbalanced part of it, and the linguistic categories with which 800 sentences of dev are labelled.
An identifier reads `split-set-pair-sentence`: a consistency group is an identifier without the pair, a cluster a set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import field_validator

from sparkles_eval.core import Sample, Text, Turn
from sparkles_eval.core.errors import ContentError, Problem
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.common import ImageReader, check_args, data_root, find_path, image_folder, read_rows
from sparkles_eval.tasks.validation import Foreign, Name, read_text

OPTIONS = ("True", "False")
ARGS = ("annotations", "categories", "images", "source", "split", "subset", "subset_file")


class Nlvr2Names(NamedTuple):
    """What an identifier contains: the consistency group, the cluster, and the two file names."""

    group: str
    cluster: str
    left: str
    right: str


def names(identifier: str) -> Nlvr2Names:
    """Parse an identifier `split-set-pair-sentence`. Raises ValueError for anything else."""
    parts = identifier.rsplit("-", 3)
    if len(parts) != 4 or not all(parts):
        raise ValueError(f"{identifier!r} is not split-set-pair-sentence")
    split, group, pair, sentence = parts
    stem = f"{split}-{group}-{pair}"
    return Nlvr2Names(f"{split}-{group}-{sentence}", f"{split}-{group}", f"{stem}-img0.png", f"{stem}-img1.png")


class Nlvr2Row(Foreign):
    """One item; the published 150 have an `evaluation_id`, train has the `directory` of its images."""

    identifier: str
    sentence: str
    label: Literal["True", "False"]
    evaluation_id: Name | None = None
    directory: Name | None = None

    @field_validator("identifier")
    @classmethod
    def _four_parts(cls, value: str) -> str:
        names(value)
        return value

    @property
    def id(self) -> str:
        return self.identifier if self.evaluation_id is None else self.evaluation_id


class _Identified(Foreign):
    """A row of a subset file, of which only the identifier is used."""

    identifier: str


def load(source: Source) -> Loaded:
    """Load every item of the chosen part.

    Arguments: `source` (official, full), `split` (dev), `subset` (balanced, unbalanced), `subset_file`, `categories`,
    `annotations`, `images` (paths).
    """
    check_args(source, ARGS)
    root, args = data_root(source), source.args
    split = args.get("split", "dev")
    full = args.get("source", "official") == "full"
    if not full and (extra := sorted({"split", "subset", "subset_file"} & args.keys())):
        raise ContentError(f"task {source.task}: {', '.join(extra)} can be chosen with source=full only")
    home = root / "evaluation" / "NLVR2"
    files = [home / "annotations" / "sparkles_evaluation_nlvr2_annotations.json"]
    folders = [home / "images"]
    if full:
        files = [root / folder / f"{split}.json" for folder in ("", "data", "annotations")]
        folders = [root / name for name in ("images", f"images/{split}", split)]
    file = find_path(source, "annotations", args.get("annotations"), files)
    images = find_path(source, "images", args.get("images"), folders, folder=True)
    found = read_rows(file, Nlvr2Row)
    rows, problems = [row for _, row in found.rows], found.problems
    if "subset" in args or "subset_file" in args:
        rows = _subset(source, root, split, rows, problems)
    categories = args.get("categories")
    tags = read_categories(find_path(source, "categories", categories, [])) if categories else {}
    if tags and not any(row.sentence in tags for row in rows):
        raise ContentError(f"{categories}: none of its {len(tags)} sentences is one of {file}; is it for this split?")
    folder = image_folder(images, root)
    pictures = ImageReader(folder)
    places = [_image_names(row, split, folder) for row in rows]
    folder.warm(name for pair in places for name in pair)
    made = [_sample(row, pair, tags, pictures) for row, pair in zip(rows, places, strict=True)]
    sound = tuple(sample for sample in made if sample is not None)
    return Loaded(sound, (*problems, *pictures.problems), folder.root)


def _subset(source: Source, root: Path, split: str, rows: list[Nlvr2Row], problems: list[Problem]) -> list[Nlvr2Row]:
    """The rows that the subset's file lists, in the annotation's order."""
    subset = source.args.get("subset", "balanced")
    usual = [
        root / folder / f"{subset}_{split}.json" for folder in ("", subset, "data", f"data/{subset}", "annotations")
    ]
    file = find_path(source, "subset_file", source.args.get("subset_file"), usual)
    listed = read_rows(file, _Identified)
    problems.extend(Problem(problem.item, f"{file.name}: {problem.what}") for problem in listed.problems)
    wanted = dict.fromkeys(row.identifier for _, row in listed.rows)
    kept = [row for row in rows if row.identifier in wanted]
    have = {row.identifier for row in kept}
    problems.extend(
        Problem(name, f"is in {file.name} but not in the annotations") for name in wanted if name not in have
    )
    return kept


def read_categories(path: Path) -> dict[str, tuple[str, ...]]:
    """Linguistic categories by sentence, from blocks of a sentence and its `- category` or `* category` lines."""
    found: dict[str, tuple[str, ...]] = {}
    for block in read_text(path).replace("\r\n", "\n").split("\n\n"):
        lines = [line.strip() for line in block.strip().split("\n") if line.strip()]
        if not lines:
            continue
        sentence, labels = lines[0], lines[1:]
        if any(label[:2] not in ("* ", "- ") for label in labels):
            raise ContentError(
                f"{path}: under {sentence!r}, every line must be `* category`; blank lines part sentences"
            )
        found[sentence] = tuple(label[2:].strip() for label in labels)
    return found


def _image_names(row: Nlvr2Row, split: str, folder: ImageFolder) -> tuple[str, str]:
    """The paths of the two files: side by side, by split, or (train) by directory; the plain names if not found."""
    plain = names(row.identifier)
    homes = ["", f"{split}/"]
    if row.directory is not None:
        homes += [f"{row.directory}/", f"{split}/{row.directory}/", f"images/{split}/{row.directory}/"]
    home = next((home for home in homes if folder.has(home + plain.left)), "")
    return home + plain.left, home + plain.right


def _sample(
    row: Nlvr2Row, places: Sequence[str], tags: dict[str, tuple[str, ...]], pictures: ImageReader
) -> Sample | None:
    parts = names(row.identifier)
    wanted = [(path, Path(name).stem, None) for path, name in zip(places, (parts.left, parts.right), strict=True)]
    found = pictures.read(row.id, wanted)
    if found is None:
        return None
    left, right = found
    content = (Text("IMAGE#1"), left, Text(" IMAGE#2"), right, Text(f" {row.sentence}"))
    return Sample(
        row.id,
        (Turn(content),),
        {"sentence": row.sentence, "identifier": row.identifier},
        OPTIONS,
        row.label,
        group=parts.group,
        cluster=parts.cluster,
        tags=tags.get(row.sentence, ()),
    )
