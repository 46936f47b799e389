"""Finds copies of an image in another size or compression, by 64-bit difference hashes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparkles_eval.core import Image
from sparkles_eval.core.pictures import decode

MAX_DISTANCE = 4
"""Bits by which two hashes of the same picture may differ."""
_BLANK = 8
"""Hashes with fewer set or unset bits come from nearly flat pictures, which all look alike, and are not compared."""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two pictures that look alike: their positions in the two lists, and how many bits differ."""

    known: int
    asked: int
    bits: int


def difference_hash(image: Image) -> int | None:
    """The 64-bit difference hash of an image's file; None where it is unreadable or too flat to compare."""
    from PIL.Image import Resampling

    if image.path is None:
        return None
    try:
        grey = decode(image.path.read_bytes()).convert("L").resize((9, 8), Resampling.BILINEAR)
    except (OSError, ValueError):
        return None
    values = np.asarray(grey, dtype=np.int16)
    bits = (values[:, :-1] > values[:, 1:]).flatten()
    if not _BLANK <= int(bits.sum()) <= 64 - _BLANK:
        return None
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hamming_distances(table: npt.NDArray[np.uint64], value: int) -> npt.NDArray[np.uint8]:
    """The number of bits by which each entry differs from `value`."""
    different = table ^ np.uint64(value)
    bits = np.unpackbits(different.view(np.uint8).reshape(len(table), 8), axis=1)
    return np.asarray(bits.sum(axis=1), dtype=np.uint8)


def near_duplicates(known: Sequence[Image], asked: Sequence[Image]) -> list[NearDuplicate]:
    """For each picture of `asked`, the most similar one of `known`, if it is a copy of the same picture."""
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(difference_hash, known))
        wanted = list(pool.map(difference_hash, asked))
    places = [place for place, seen in enumerate(looks) if seen is not None]
    if not places:
        return []
    table = np.array([looks[place] for place in places], dtype=np.uint64)
    found = []
    for place, own in enumerate(wanted):
        if own is None:
            continue
        distances = hamming_distances(table, own)
        nearest = int(distances.argmin())
        if distances[nearest] <= MAX_DISTANCE:
            found.append(NearDuplicate(places[nearest], place, int(distances[nearest])))
    return found
