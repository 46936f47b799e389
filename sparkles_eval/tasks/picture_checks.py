"""Decodes pictures completely before questions about them are sent, which finds damage in the middle of a file."""

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
"""Pictures that are decoded before a run starts; the others are decoded shortly before their questions are sent."""

_READERS = 4
"""Decoding releases the interpreter's lock."""


def examine_all(images: Iterable[Image]) -> dict[str, Examined]:
    """What decoding each picture shows, by SHA-256; pictures that were decoded earlier are not decoded again."""
    recall(images := list(images))
    fresh = {i.sha256: i for i in images if pictures.known(i.sha256) is None and i.path is not None}
    with ThreadPoolExecutor(_READERS) as pool:
        list(pool.map(pictures.examined, fresh.values()))
    keep(fresh)
    return {image.sha256: pictures.examined(image) for image in images}


def recall(images: Iterable[Image]) -> None:
    """Load what earlier processes found in these pictures."""
    asked = {image.sha256 for image in images if pictures.known(image.sha256) is None}
    for sha256, found in known_pictures(asked).items() if asked else ():
        pictures.remember(sha256, found)


def keep(hashes: Iterable[str]) -> None:
    """Keep what this process found in these pictures for later ones."""
    remember_pictures({sha256: found for sha256 in hashes if (found := pictures.known(sha256)) is not None})


def check_first(task: Task, *, skip_bad: bool, first: int = FIRST) -> Task:
    """Decode the first pictures of a task, and return the task.

    Raises errors.DataError with every sample that has a damaged picture; with `skip_bad` these are left out and listed
    in `Task.skipped`, as long as one sample remains.
    """
    unique = {image.sha256: image for sample in task.samples for image in sample.images}
    recall(unique.values())
    # Damage beyond the first pictures costs only its samples, even where an earlier run found it: a run can resume.
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
