"""Looks: the same picture in another size is found, another picture is not, a flat one proves nothing."""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pillow

from sparkles_eval.core import Image
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.perceptual_hash import MAX_DISTANCE, difference_hash, near_duplicates


def stripes(file: Path, seed: int, edge: int) -> None:
    small = Pillow.new("L", (9, 8))
    small.putdata([(x * x * (seed + 3) + y * y * 31 * (seed + 1)) % 251 for y in range(8) for x in range(9)])
    small.resize((edge, edge), Pillow.Resampling.NEAREST).save(file)


def get(folder: ImageFolder, name: str) -> Image:
    found = folder.read(name)
    assert isinstance(found, Image)
    return found


def test_twins_are_found_by_their_places(tmp_path: Path) -> None:
    for seed in range(4):
        stripes(tmp_path / f"{seed}.png", seed, 270)
    stripes(tmp_path / "small.png", 2, 90)
    Pillow.new("L", (50, 50), 200).save(tmp_path / "flat.png")
    folder = ImageFolder(tmp_path)
    known = [get(folder, "flat.png"), *(get(folder, f"{seed}.png") for seed in range(4))]
    (twin,) = near_duplicates(known, [get(folder, "flat.png"), get(folder, "small.png")])
    assert (twin.known, twin.asked) == (3, 1) and twin.bits <= MAX_DISTANCE
    assert difference_hash(known[0]) is None and near_duplicates([known[0]], known) == []
