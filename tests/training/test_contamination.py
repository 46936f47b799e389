"""Contamination: the same bytes, the same picture in another size, the same id, the same words; nothing else."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from sparkles_eval.core import Image, Sample, Text, Turn
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.perceptual_hash import difference_hash
from sparkles_eval.training.contamination import find_contamination
from sparkles_eval.training.training_data import TrainingSample

LONG = "The two dogs on the beach are chasing a yellow ball into the water."


def picture(file: Path, seed: int, edge: int = 256, quality: int = 95) -> None:
    """Forty random rectangles: different seeds look different."""
    rng = Random(seed)  # noqa: S311
    drawn = Pillow.new("RGB", (256, 256), (120, 120, 120))
    brush = ImageDraw.Draw(drawn)
    for _ in range(40):
        x, y = rng.randint(0, 220), rng.randint(0, 220)
        colour = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        brush.rectangle([x, y, x + rng.randint(10, 90), y + rng.randint(10, 90)], fill=colour)
    drawn.resize((edge, edge)).save(file, quality=quality)


@pytest.fixture
def shelf(tmp_path: Path) -> ImageFolder:
    for seed in range(6):
        picture(tmp_path / f"{seed}.jpg", seed)
    picture(tmp_path / "small.jpg", 3, edge=150, quality=60)
    return ImageFolder(tmp_path)


def get(shelf: ImageFolder, name: str, image_id: str = "") -> Image:
    found = shelf.read(f"{name}.jpg", image_id=image_id)
    assert isinstance(found, Image)
    return found


def trained(image: Image, question: str = "What is this?", answer: str = "A picture.") -> TrainingSample:
    return TrainingSample("record", "subset", f"###Human: {question}###Assistant: ", answer, (image,))


def asked(image: Image, words: str = "And this?") -> Sample:
    return Sample("item", (Turn((Text(words), image)),))


def test_unlike_pictures_share_nothing(shelf: ImageFolder) -> None:
    found = find_contamination(
        [trained(get(shelf, str(seed), f"{seed}")) for seed in range(3)], [asked(get(shelf, "4", "1"))]
    )
    assert found.shared == () and (found.training_images, found.evaluation_images) == (3, 1)


def test_the_same_file_is_found(shelf: ImageFolder) -> None:
    (problem,) = find_contamination([trained(get(shelf, "1"))], [asked(get(shelf, "1"))]).shared
    assert problem.item == "item" and "record" in problem.what


def test_a_smaller_copy_is_found(shelf: ImageFolder) -> None:
    """Three fifths of the edge and heavy compression."""
    (problem,) = find_contamination([trained(get(shelf, "3"))], [asked(get(shelf, "small"))]).shared
    assert "looks like 3.jpg" in problem.what


def test_the_same_id_is_found_where_ids_mean_something(shelf: ImageFolder) -> None:
    found = find_contamination([trained(get(shelf, "1", "2331287"))], [asked(get(shelf, "4", "2331287"))])
    assert "image id 2331287" in found.shared[0].what


@pytest.mark.parametrize("place", ["question", "answer"])
def test_the_same_words_are_found(shelf: ImageFolder, place: str) -> None:
    record = trained(get(shelf, "1"), **{place: f"{LONG.upper()} "})
    (problem,) = find_contamination([record], [asked(get(shelf, "4"), LONG)]).shared
    assert "its text stands in training record" in problem.what


def test_short_words_and_flat_pictures_prove_nothing(tmp_path: Path, shelf: ImageFolder) -> None:
    Pillow.new("RGB", (64, 64), (200, 200, 200)).save(tmp_path / "flat.jpg")
    Pillow.new("RGB", (64, 64), (10, 10, 10)).save(tmp_path / "dark.jpg")
    assert difference_hash(get(shelf, "flat")) is None
    found = find_contamination([trained(get(shelf, "flat"), "And this?")], [asked(get(shelf, "dark"), "And this?")])
    assert found.shared == ()
