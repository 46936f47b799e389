"""Finds evaluation data in training data: images by id, bytes and appearance, texts word for word.

Appearance is compared by tasks.perceptual_hash, which finds copies in another size or compression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkles_eval.core import Image, Sample, Text
from sparkles_eval.core.errors import Problem
from sparkles_eval.tasks.perceptual_hash import near_duplicates
from sparkles_eval.training.training_data import TrainingSample

_SHORTEST = 40
"""Least characters of a text that counts as a copy; shorter ones ("Describe the image.") occur everywhere."""
_ID_DIGITS = 5
"""Least characters of an image id that counts as the same; "1" and "2" name other images in every data set."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """What training and evaluation share, and how much was compared."""

    shared: tuple[Problem, ...]
    training_images: int
    evaluation_images: int


def find_contamination(exchanges: Sequence[TrainingSample], samples: Sequence[Sample]) -> Contamination:
    """Find every image and text of `samples` that is also in the training data."""
    training = {image.sha256: (exchange.id, image) for exchange in exchanges for image in exchange.images}
    asked = {image.sha256: (sample.id, image) for sample in samples for image in sample.images}
    shared = [
        Problem(
            sample, f"image {image.relpath} is {training[digest][1].relpath} of training record {training[digest][0]}"
        )
        for digest, (sample, image) in asked.items()
        if digest in training
    ]
    shared += _same_ids(training.values(), asked.values(), shared)
    shared += _alike([pair for digest, pair in training.items() if digest not in asked], list(asked.values()))
    shared += _same_texts(exchanges, samples)
    return Contamination(tuple(shared), len(training), len(asked))


def _same_ids(
    training: Iterable[tuple[str, Image]], asked: Iterable[tuple[str, Image]], known: Sequence[Problem]
) -> list[Problem]:
    """Images of the same name, where the name is long enough to mean something."""
    by_id = {image.id: (record, image) for record, image in training if len(image.id) >= _ID_DIGITS}
    reported = {problem.item for problem in known}
    return [
        Problem(sample, f"image id {image.id} is also used by training record {by_id[image.id][0]}")
        for sample, image in asked
        if image.id in by_id and sample not in reported
    ]


def _alike(training: list[tuple[str, Image]], asked: list[tuple[str, Image]]) -> list[Problem]:
    problems = []
    for pair in near_duplicates([image for _, image in training], [image for _, image in asked]):
        (record, twin), (sample, image) = training[pair.known], asked[pair.asked]
        what = f"looks like {twin.relpath} of training record {record} ({pair.bits} of 64 bits differ)"
        problems.append(Problem(sample, f"image {image.relpath} {what}"))
    return problems


def _same_texts(exchanges: Sequence[TrainingSample], samples: Sequence[Sample]) -> list[Problem]:
    known: dict[str, str] = {}
    for exchange in exchanges:
        for text in (*re.split(r"###\w+:", exchange.instruction), exchange.answer):
            known.setdefault(_plain(text), exchange.id)
    problems = []
    for sample in samples:
        words = ["".join(part.text for part in turn.content if isinstance(part, Text)) for turn in sample.turns]
        references = [turn.reference or "" for turn in sample.turns]
        copied = [text for text in map(_plain, [*words, *references]) if len(text) >= _SHORTEST and text in known]
        if copied:
            problems.append(
                Problem(sample.id, f"its text stands in training record {known[copied[0]]}: {copied[0][:60]}")
            )
    return problems


def _plain(text: str) -> str:
    """The words in lower case, without image places and punctuation."""
    bare = re.sub(r"<Img>.*?</Img>|<ImageHere>", " ", text)
    return " ".join(re.findall(r"\w+", bare.lower()))
