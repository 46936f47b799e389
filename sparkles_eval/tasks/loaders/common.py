"""Helpers of all loaders: arguments, paths, checked rows of JSON, and images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from sparkles_eval.core import Image
from sparkles_eval.core.errors import ContentError, DataError, Problem
from sparkles_eval.tasks.base import Source
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.validation import parse_json, read_text, validation_messages

M = TypeVar("M", bound=BaseModel)

_IDS = ("id", "evaluation_id", "identifier", "bison_id")


@dataclass(slots=True)
class CheckedRows(Generic[M]):
    """The valid rows of a file, each with its place ("line 3"), and the problems of the others."""

    rows: list[tuple[str, M]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def check_args(source: Source, known: Iterable[str]) -> None:
    """Refuse arguments that the loader does not know. Raises errors.ContentError with those that it does."""
    names = sorted(known)
    unknown = sorted(set(source.args) - set(names))
    if unknown:
        takes = f"it takes {', '.join(names)}" if names else "it takes none"
        raise ContentError(f"task {source.task}: unknown --task-arg {', '.join(unknown)}; {takes}")


def data_root(source: Source) -> Path:
    """The user's `--data-root`, an existing folder. Raises errors.DataError with the fix."""
    if source.data_root is None:
        raise nothing_loadable(
            source.task, "its data are not part of sparkles-eval; name their folder with --data-root"
        )
    root = source.data_root.expanduser()
    if not root.is_dir():
        raise nothing_loadable(source.task, f"--data-root {root} is no folder")
    return root


def find_path(source: Source, what: str, given: str | None, usual: Sequence[Path], *, folder: bool = False) -> Path:
    """A file or folder of the data: the one that the user named (`given`), else the first of `usual` that exists.

    A relative path is looked up in the data root, then in the current directory. Raises errors.DataError.
    """
    if given:
        named = Path(given).expanduser()
        places = [source.data_root.expanduser() / named] if source.data_root else []
        places.append(named)
    else:
        places = list(usual)
    for place in places:
        if place.is_dir() if folder else place.is_file():
            return place
    looked = ", ".join(str(place) for place in dict.fromkeys(places))
    raise nothing_loadable(source.task, f"no {what} at {looked}; name another place with --task-arg {what}=PATH")


def nothing_loadable(task: str, what: str) -> DataError:
    """The error for data that cannot be loaded at all; `what` ends with the fix."""
    return DataError(f"task {task}", [Problem("", what)], "the task's card says how to get the data")


def image_folder(base: Path, root: Path) -> ImageFolder:
    """The images of `base` with paths relative to `root`, or to `base` where that is outside of `root`."""
    place, home = base.absolute(), root.absolute()
    inside = place.is_relative_to(home) and ".." not in place.relative_to(home).parts
    return ImageFolder(base, root if inside else base)


def read_rows(path: Path, model: type[M]) -> CheckedRows[M]:
    """Read the rows of a JSON list or of a JSON-lines file (blank lines are skipped).

    Raises errors.ContentError where the file cannot be read at all.
    """
    text = read_text(path)
    found: CheckedRows[M] = CheckedRows()
    if text.lstrip()[:1] == "[":
        try:
            value = parse_json(text)
        except ValueError as error:
            raise ContentError(f"{path}: {error}") from None
        assert isinstance(value, list)
        check_rows(value, model, found)
        return found
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            raw = parse_json(line)
        except ValueError as error:
            found.problems.append(Problem(f"line {number}", str(error).replace("(line 1, ", "(")))
            continue
        _check(raw, model, f"line {number}", found)
    return found


def check_rows(values: Sequence[object], model: type[M], found: CheckedRows[M]) -> None:
    """Check each entry of a list against `model` and add it to `found`."""
    for number, raw in enumerate(values, 1):
        _check(raw, model, f"entry {number}", found)


def _check(raw: object, model: type[M], place: str, found: CheckedRows[M]) -> None:
    try:
        found.rows.append((place, model.model_validate(raw)))
    except ValidationError as error:
        label = next((str(raw[key]) for key in _IDS if key in raw), "") if isinstance(raw, dict) else ""
        item = f"{label} ({place})" if label else place
        found.problems.extend(Problem(item, line) for line in validation_messages(error, model))


@dataclass(slots=True)
class ImageReader:
    """Reads the images of items from a folder and collects their problems."""

    folder: ImageFolder
    problems: list[Problem] = field(default_factory=list)

    def read(self, item: str, wanted: Iterable[tuple[str, str, str | None]]) -> list[Image] | None:
        """The images given as (file name, id, caption), in order; None, with the problems noted, if one is unusable."""
        found = [self.folder.read(name, image_id=image_id, caption=caption) for name, image_id, caption in wanted]
        reasons = list(dict.fromkeys(reason for reason in found if isinstance(reason, str)))
        self.problems.extend(Problem(item, reason) for reason in reasons)
        return None if reasons else [image for image in found if isinstance(image, Image)]
