"""Whether training data hold what an evaluation asks: images by id, bytes and look, texts word for word.

A look is a 64-bit difference hash: the picture in grey, 9 x 8 pixels, is each pixel brighter than its right neighbour?
Copies in another size or compression differ in few bits, different photographs in about 32. Knows nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from sparkles_eval.errors import Problem
from sparkles_eval.records import Image, Sample, Text
from sparkles_eval.training.data import Exchange

NEAR = 4
"""Bits in which two hashes of the same picture may differ."""
_BLANK = 8
"""Hashes with fewer set or unset bits are of nearly flat pictures, which all look alike: they prove nothing."""
_SHORTEST = 40
"""Characters of a text that can be called a copy: shorter ones ("Describe the image.") occur everywhere."""
_ID_DIGITS = 5
"""Characters of an image id that can be called the same: "1" and "2" name another image in every data set."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What training and evaluation share, and how much was compared."""

    shared: tuple[Problem, ...]
    training_images: int
    evaluation_images: int


def look(image: Image) -> int | None:
    """The 64-bit difference hash of an image's file; None where it is unreadable or too flat to tell."""
    if image.path is None:
        return None
    try:
        with Pillow.open(image.path) as opened:
            grey = opened.convert("L").resize((9, 8), Pillow.Resampling.BILINEAR)
    except (OSError, ValueError, Pillow.DecompressionBombError):
        return None
    values = np.asarray(grey, dtype=np.int16)
    bits = (values[:, :-1] > values[:, 1:]).flatten()
    if not _BLANK <= int(bits.sum()) <= 64 - _BLANK:
        return None
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def compare(exchanges: Sequence[Exchange], samples: Sequence[Sample]) -> Findings:
    """Every image and text of `samples` that also stands in the training data."""
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
    return Findings(tuple(shared), len(training), len(asked))


def _same_ids(
    training: Iterable[tuple[str, Image]], asked: Iterable[tuple[str, Image]], known: Sequence[Problem]
) -> list[Problem]:
    """Images of the same name, where the name is long enough to mean something."""
    by_id = {image.id: (record, image) for record, image in training if len(image.id) >= _ID_DIGITS}
    told = {problem.item for problem in known}
    return [
        Problem(sample, f"image id {image.id} is also used by training record {by_id[image.id][0]}")
        for sample, image in asked
        if image.id in by_id and sample not in told
    ]


def _alike(training: list[tuple[str, Image]], asked: list[tuple[str, Image]]) -> list[Problem]:
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(look, [image for _, image in training]))
        wanted = list(pool.map(look, [image for _, image in asked]))
    known = [(pair, seen) for pair, seen in zip(training, looks, strict=True) if seen is not None]
    if not known:
        return []
    table = np.array([seen for _, seen in known], dtype=np.uint64)
    problems = []
    for (sample, image), own in zip(asked, wanted, strict=True):
        if own is None:
            continue
        distances = bits_apart(table, own)
        nearest = int(distances.argmin())
        if distances[nearest] <= NEAR:
            record, twin = known[nearest][0]
            what = f"looks like {twin.relpath} of training record {record} ({distances[nearest]} of 64 bits differ)"
            problems.append(Problem(sample, f"image {image.relpath} {what}"))
    return problems


def bits_apart(table: npt.NDArray[np.uint64], value: int) -> npt.NDArray[np.uint8]:
    """Number of bits in which each entry differs from `value`."""
    different = table ^ np.uint64(value)
    bits = np.unpackbits(different.view(np.uint8).reshape(len(table), 8), axis=1)
    return np.asarray(bits.sum(axis=1), dtype=np.uint8)


def _same_texts(exchanges: Sequence[Exchange], samples: Sequence[Sample]) -> list[Problem]:
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
    """The words alone: no image places, no punctuation, no case."""
    bare = re.sub(r"<Img>.*?</Img>|<ImageHere>", " ", text)
    return " ".join(re.findall(r"\w+", bare.lower()))
