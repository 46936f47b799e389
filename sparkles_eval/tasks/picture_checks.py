"""Decodes pictures whole before they are asked about: damage in the middle of a file shows nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

from sparkles_eval.core import Image, pictures
from sparkles_eval.core.errors import DataError, Problem
from sparkles_eval.core.pictures import Examined
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.picture_memory import known_pictures, remember_pictures

FIRST = 1_000
"""Pictures that are decoded before anything is asked; the others are, a window ahead of their questions."""

_READERS = 4
"""Decoding releases the interpreter's lock."""


def examine_all(images: Iterable[Image]) -> dict[str, Examined]:
    """What decoding each picture shows, by SHA-256; what this or an earlier process saw is not decoded again."""
    recall(images := list(images))
    fresh = {i.sha256: i for i in images if pictures.known(i.sha256) is None and i.path is not None}
    with ThreadPoolExecutor(_READERS) as pool:
        list(pool.map(pictures.examined, fresh.values()))
    keep(fresh)
    return {image.sha256: pictures.examined(image) for image in images}


def recall(images: Iterable[Image]) -> None:
    """Take what earlier processes found of these pictures into this one."""
    asked = {image.sha256 for image in images if pictures.known(image.sha256) is None}
    for sha256, found in known_pictures(asked).items() if asked else ():
        pictures.remember(sha256, found)


def keep(hashes: Iterable[str]) -> None:
    """Keep what this process found of these pictures for later ones."""
    remember_pictures({sha256: found for sha256 in hashes if (found := pictures.known(sha256)) is not None})


def check_first(task: Task, *, skip_bad: bool, first: int = FIRST) -> Task:
    """The task, once the first pictures that it asks about have been decoded.

    Raises errors.DataError with every item that shows a damaged one; with `skip_bad` those are left out and listed in
    `Task.skipped`, as long as one sample remains.
    """
    unique = {image.sha256: image for sample in task.samples for image in sample.images}
    recall(unique.values())
    # Damage beyond the first ones costs its items alone even where an earlier run found it: so a run can be resumed.
    found = examine_all(islice(unique.values(), first))
    problems = [
        Problem(sample.id, f"{image.relpath} is damaged: {found[image.sha256].wrong}")
        for sample in task.samples
        for image in {image.sha256: image for image in sample.images}.values()
        if image.sha256 in found and found[image.sha256].wrong
    ]
    if not problems:
        return task
    bad = {problem.item for problem in problems}
    samples = tuple(sample for sample in task.samples if sample.id not in bad)
    if not skip_bad or not samples:
        fix = "replace the files, or leave these items out with --skip-bad" if samples else "replace the files"
        raise DataError(f"task {task.name}", problems, fix)
    return replace(task, samples=samples, skipped=(*task.skipped, *problems))
