"""Loads data sets of the DEMON benchmark (Li et al. 2024, arXiv:2308.04152; first called I4).

A data set is a folder `NAME/core/` with `core.json` and `images/` under `--data-root`. core.json holds
`metadata.task_instruction` (a list that items point into) and `data`: items with `sample_id`, `task_instruction_id`,
`response` and `task_instance` (`context` with `{image#1}` or `{table#1}` where images belong, `images_path`, and for
choices `choice_list`). Items of one data set form a group, so that a category's score can be the mean over its sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from sparkles_eval.core import Image, Part, Sample, Text, Turn
from sparkles_eval.core.errors import ContentError, Problem
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.loaders.common import (
    CheckedRows,
    ImageReader,
    check_args,
    check_rows,
    data_root,
    image_folder,
    nothing_loadable,
)
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text

CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "dialogue": ("MMCoQA", "ALFRED"),
    "storytelling": ("AESOP", "DiDeMoSV", "FlintstonesSV", "PororoSV", "VIST"),
    "relation": ("IEdit", "Spot-the-Diff", "Birds-to-Words", "CLEVR-Change"),
    "cloze": ("COMICS_Dialogue", "COMICS_Panel", "RecipeQA_VisualCloze", "RecipeQA_TextCloze"),
    "knowledge": ("WebQA", "TQA", "MultiModalQA"),
    "text-rich": ("SlideVQA", "OCR-VQA", "DocVQA"),
    "multi-image": (
        "Fashion200K",
        "NLVR2",
        "nuscenes",
        "VizWiz",
        "MIT-States_StateCoherence",
        "MIT-States_PropertyCoherence",
        "VISION",
        "RecipeQA_ImageCoherence",
    ),
}
"""The seven categories and their data sets, as the published scripts group them."""

_PLACE = re.compile(r"\{(?:image|table)#(\d{1,4})\}")


class DemonInstance(Foreign):
    """What is shown and asked."""

    context: str
    images_path: tuple[str, ...] = Field(min_length=1)
    choice_list: tuple[Name, ...] = ()


class DemonRow(Foreign):
    """One item of a core.json."""

    sample_id: Name
    task_instruction_id: Name
    task_instance: DemonInstance
    response: Name


def load(source: Source) -> Loaded:
    """Load the items of one `dataset`, or of all data sets of a `category`, none of which may be missing."""
    check_args(source, ("category", "dataset"))
    root = data_root(source)
    samples: list[Sample] = []
    problems: list[Problem] = []
    for category, name in _wanted(source, root):
        found = _read_set(source, root, category, name)
        samples += found.samples
        problems += found.problems
    return Loaded(tuple(samples), tuple(problems), root)


def _wanted(source: Source, root: Path) -> list[tuple[str, str]]:
    """(category, data set) pairs. A category needs all its sets, else its score is not the published one."""
    known = {name.lower(): (category, name) for category, names in CATEGORIES.items() for name in names}
    if dataset := source.args.get("dataset"):
        if "/" in dataset or "\\" in dataset or dataset.startswith("."):
            raise ContentError(f"task {source.task}: --task-arg dataset={dataset} is no folder's name")
        return [known.get(dataset.lower(), ("other", dataset))]
    category = source.args.get("category", "")
    if category not in CATEGORIES:
        raise ContentError(
            f"task {source.task}: name a category or one data set: --task-arg category={'|'.join(CATEGORIES)} or "
            "--task-arg dataset=NLVR2"
        )
    missing = [name for name in CATEGORIES[category] if not _folder(root, name).is_dir()]
    if missing:
        raise nothing_loadable(
            source.task,
            f"category {category}: no folder of {', '.join(missing)} in {root}; add them, or take the sets that are "
            "there one by one with --task-arg dataset=NAME",
        )
    return [(category, name) for name in CATEGORIES[category]]


def _folder(root: Path, name: str) -> Path:
    """A data set's folder; upper and lower case in its name do not matter."""
    exact = root / name / "core"
    if exact.is_dir():
        return exact
    return next((path / "core" for path in sorted(root.iterdir()) if path.name.lower() == name.lower()), exact)


def _read_set(source: Source, root: Path, category: str, name: str) -> Loaded:
    folder = _folder(root, name)
    file = folder / "core.json"
    if not file.is_file():
        raise nothing_loadable(source.task, f"no core.json of {name} in {folder}")
    try:
        raw = parse_json(read_text(file))
    except ValueError as error:
        raise ContentError(f"{file}: {error}") from None
    instructions, items = _parts(raw, file)
    rows: CheckedRows[DemonRow] = CheckedRows()
    check_rows(items, DemonRow, rows)
    pictures = ImageReader(image_folder(folder / "images", root))
    pictures.folder.warm(path for _, row in rows.rows for path in row.task_instance.images_path)
    problems = [Problem(f"{name} {problem.item}", problem.what) for problem in rows.problems]
    samples: list[Sample] = []
    for _, row in rows.rows:
        made = _sample(row, name, category, instructions, pictures)
        if isinstance(made, Sample):
            samples.append(made)
        elif made is not None:
            problems.append(made)
    return Loaded(tuple(samples), (*problems, *pictures.problems), root)


def _parts(raw: object, file: Path) -> tuple[dict[str, str], list[object]]:
    """Instructions by their id as text, and the items."""
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    instructions = metadata.get("task_instruction") if isinstance(metadata, dict) else None
    items = raw.get("data") if isinstance(raw, dict) else None
    if isinstance(instructions, list):
        instructions = {str(place): text for place, text in enumerate(instructions)}
    if not isinstance(instructions, dict) or not isinstance(items, list):
        raise ContentError(f"{file}: is no core.json; it has `metadata.task_instruction` and a list `data`")
    return {str(key): str(text) for key, text in instructions.items()}, items


def _sample(
    row: DemonRow, name: str, category: str, instructions: Mapping[str, str], pictures: ImageReader
) -> Sample | Problem | None:
    """The sample, or its problem, or None where `pictures` has noted the problem."""
    item, instance = f"{name}/{row.sample_id}", row.task_instance
    instruction = instructions.get(row.task_instruction_id)
    if instruction is None:
        return Problem(item, f"task_instruction_id {row.task_instruction_id} is none of the {len(instructions)} known")
    if not row.response.strip():
        return Problem(item, "has no response, with which answers are compared")
    choices = tuple(dict.fromkeys(instance.choice_list))
    if choices and row.response not in choices:
        return Problem(item, f"label not an option: {row.response!r} is none of the {len(choices)} choices")
    wanted = [(path, str(number), None) for number, path in enumerate(instance.images_path, 1)]
    images = pictures.read(item, wanted)
    if images is None:
        return None
    listed = "Choice list:['" + "', '".join(choices) + "']. Your answer is:" if choices else ""
    return Sample(
        item,
        (Turn(tuple(_content(instruction + instance.context + listed, images)), row.response),),
        {},
        choices,
        row.response if choices else None,
        group=name,
        tags=(category, name),
    )


def _content(text: str, images: Sequence[Image]) -> Iterator[Part]:
    """Text with each image at the first place that names it; images that are not named come first, in their order."""
    named = {int(found[1]) for found in _PLACE.finditer(text)}
    yield from (image for number, image in enumerate(images, 1) if number not in named)
    placed: set[int] = set()
    done = 0
    words = ""
    for found in _PLACE.finditer(text):
        number = int(found[1])
        words += text[done : found.start()]
        done = found.end()
        if number in placed or not 1 <= number <= len(images):
            words += f"image {number}"
            continue
        placed.add(number)
        if words:
            yield Text(words)
        words = ""
        yield images[number - 1]
    if words + text[done:]:
        yield Text(words + text[done:])
