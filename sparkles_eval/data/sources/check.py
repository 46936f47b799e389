"""Checks a data folder before a run: finds its data sets and all their problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.core import JSON, Image, Sample
from sparkles_eval.core.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.tasks.images import outside_links
from sparkles_eval.tasks.load import load_task, repeated
from sparkles_eval.tasks.picture_checks import examine_all
from sparkles_eval.training.recipes import MiniRecipe, Recipe
from sparkles_eval.training.training_data import read_subsets

_SPLITS = ("dev", "test1", "test2", "train")


@dataclass(frozen=True, slots=True)
class TaskToCheck:
    """A task to check, with its arguments."""

    task: str
    args: Mapping[str, str]
    detected: bool = False
    """True where it was found in the folder and not named by the user, so that any fault is one of the data."""

    @property
    def label(self) -> str:
        return " ".join([self.task, *(f"{name}={value}" for name, value in sorted(self.args.items()))])


@dataclass(frozen=True, slots=True)
class CheckedData:
    """One data set: how many samples are valid, and the problems of the rest."""

    label: str
    sound: int
    images: int
    """Number of different pictures, by their bytes."""
    labels: Mapping[str, int]
    """How often each right answer occurs, where there are options."""
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    """Facts that are not mistakes but worth knowing."""

    def as_json(self) -> dict[str, JSON]:
        """The result as JSON, for other programs."""
        return {
            "label": self.label,
            "sound": self.sound,
            "images": self.images,
            "labels": dict(self.labels),
            "problems": [{"item": problem.item, "what": problem.what} for problem in self.problems],
            "notes": list(self.notes),
        }


def detect_data(root: Path) -> list[TaskToCheck]:
    """Find the data sets of a folder by the usual places of their files.

    Raises errors.UserError for a folder that does not exist or holds none.
    """
    if not root.is_dir():
        raise UserError(f"{root} is no folder; name the data folder")
    found = [
        TaskToCheck(task, {}, detected=True)
        for task, folder in (("sparkleseval", "SparklesEval"), ("bison", "BISON"), ("nlvr2", "NLVR2"))
        if (root / "evaluation" / folder / "annotations").is_dir()
    ]
    found += [
        TaskToCheck("nlvr2", {"source": "full", "split": split}, detected=True)
        for split in _SPLITS
        if any(_is_nlvr2(root / place / f"{split}.json") for place in ("", "data", "annotations"))
    ]
    if any(root.glob("bison_annotations*.json")) or any(root.glob("annotations/bison_annotations*.json")):
        found.append(TaskToCheck("bison", {"source": "full"}, detected=True))
    sets = sorted(path.parts[-3] for path in root.glob("*/core/core.json"))
    found += [TaskToCheck("demon", {"dataset": name}, detected=True) for name in sets]
    if not found:
        raise UserError(
            f"{root}: no data set found at its usual place; name one with --task, or a training recipe with --recipe "
            "(NLVR of 2017 becomes a task by `data import nlvr1`)"
        )
    return found


def _is_nlvr2(path: Path) -> bool:
    """False for a file of NLVR (2017), which has the same name; `data import nlvr1` makes it a task."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b'"directory"' not in file.readline(100_000)


def check_task(wanted: TaskToCheck, root: Path, *, decode: bool = True, content: Sequence[Path] = ()) -> CheckedData:
    """Find all problems of a task's data. Raises errors.ContentError where the user's task or arguments are wrong."""
    try:
        task = load_task(wanted.task, args=wanted.args, data_root=root, content=content, skip_bad=True)
    except DataError as error:
        return CheckedData(wanted.label, 0, 0, {}, tuple(error.problems))
    except ContentError as error:
        if not wanted.detected:
            raise
        return CheckedData(wanted.label, 0, 0, {}, (Problem("", str(error)),))
    pictures = {image.sha256: image for sample in task.samples for image in sample.images}
    problems = [*task.skipped, *(_damaged(pictures.values()) if decode else ())]
    labels: dict[str, int] = {}
    for sample in task.samples:
        if sample.target is not None:
            labels[sample.target] = labels.get(sample.target, 0) + 1
    most = dict(sorted(labels.items(), key=lambda item: -item[1])[:20])
    linked = outside_links((image for sample in task.samples for image in sample.images), task.root)
    notes = (*repeated(task.samples), *([linked] if linked else ()), *_notes(task.samples))
    return CheckedData(wanted.label, len(task.samples), len(pictures), most, tuple(problems), notes)


def check_training(name: str, recipe: Recipe, root: Path, *, decode: bool = True) -> CheckedData:
    """Find all problems of the data that a recipe names. Raises errors.UserError for a recipe that draws its own."""
    if isinstance(recipe, MiniRecipe):
        raise UserError(f"recipe {name} draws its own data; there is no folder to check")
    problems: list[Problem] = []
    sound = 0
    pictures: dict[str, Image] = {}
    for spec in recipe.subsets:
        try:
            read = read_subsets([spec], root)
        except DataError as error:
            problems += error.problems
            try:
                read = read_subsets([spec], root, skip_bad=True)
            except DataError:
                continue
        for subset in read:
            sound += len(subset.exchanges)
            pictures |= {image.sha256: image for exchange in subset.exchanges for image in exchange.images}
    if decode:
        problems += _damaged(pictures.values())
    return CheckedData(f"recipe {name}", sound, len(pictures), {}, tuple(problems))


def _damaged(images: Iterable[Image]) -> list[Problem]:
    """Pictures that cannot be decoded completely; damage in the middle of a file shows only there."""
    listed = list(images)
    found = examine_all(listed)
    return [Problem(image.relpath, f"is damaged: {wrong}") for image in listed if (wrong := found[image.sha256].wrong)]


def _notes(samples: Sequence[Sample]) -> Iterable[str]:
    names: dict[str, set[str]] = {}
    for sample in samples:
        for image in sample.images:
            names.setdefault(image.sha256, set()).add(image.relpath)
        shown = [image.sha256 for image in sample.images]
        if len(set(shown)) < len(shown):
            yield f"{sample.id} shows one picture twice"
    same = {tuple(sorted(places)) for places in names.values() if len(places) > 1}
    if same:
        example = " and ".join(next(iter(sorted(same)))[:2])
        yield f"{len(same):,} pictures stand under several names, such as {example}"
