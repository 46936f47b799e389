"""Damage that only decoding shows is told before anything is asked, and remembered by the picture's hash."""

from __future__ import annotations

import io
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sparkles_eval.core import Image, pictures
from sparkles_eval.core.errors import DataError
from sparkles_eval.tasks import picture_memory
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.picture_checks import check_first, examine_all

AB = {"options": ["A", "B"], "target": "B"}


@pytest.fixture(autouse=True)
def _own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder and a process's memory of each test's own."""
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pictures, "_known", {})


def noise(number: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Pillow.effect_noise((64, 48), 50 + number).convert("RGB").save(out, kind)
    return out.getvalue()


def damaged_gif() -> bytes:
    """Its head and its end are right; its middle is gone, which no header tells."""
    return noise(0, "GIF")[:-900] + b"\0;"


@pytest.fixture
def folder(lines: Callable[..., Path]) -> Path:
    made = lines(
        {"id": "fine", "text": "?", "images": ["0.png", "1.png"], **AB},
        {"id": "hurt", "text": "?", "images": ["1.png", "damaged.gif"], **AB},
        {"id": "late", "text": "?", "images": ["2.png"], **AB},
    )
    (made / "images").mkdir(exist_ok=True)
    for number in range(3):
        (made / "images" / f"{number}.png").write_bytes(noise(number))
    (made / "images" / "damaged.gif").write_bytes(damaged_gif())
    return made


def test_a_damaged_picture_is_told_with_its_item_or_left_out(folder: Path) -> None:
    task = load_task(str(folder))
    with pytest.raises(DataError, match=r"hurt: images/damaged\.gif is damaged: .*\n.*--skip-bad"):
        check_first(task, skip_bad=False)
    kept = check_first(task, skip_bad=True)
    assert [sample.id for sample in kept.samples] == ["fine", "late"]
    assert [problem.item for problem in kept.skipped] == ["hurt"]


def test_only_the_first_pictures_are_decoded_at_once(folder: Path) -> None:
    task = load_task(str(folder))
    assert check_first(task, skip_bad=False, first=2) is task
    known = {sample.id: [pictures.known(image.sha256) for image in sample.images] for sample in task.samples}
    assert known["fine"] == [pictures.Examined()] * 2 and known["late"] == [None]
    examine_all(image for sample in task.samples for image in sample.images)
    assert check_first(task, skip_bad=False, first=2) is task, "the same command goes on where it was"


def test_what_was_decoded_is_remembered_by_its_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task(str(folder))
    images = [image for sample in task.samples for image in sample.images]
    before = examine_all(images)
    assert sum(bool(found.wrong) for found in before.values()) == 1
    monkeypatch.setattr(pictures, "_known", {})  # another process
    monkeypatch.setattr(pictures, "examine", lambda _data: pytest.fail("decoded again"))
    assert examine_all(images) == before


@pytest.mark.parametrize("how", ["gone", "junk", "folder"])
def test_a_damaged_memory_costs_time_alone(folder: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task(str(folder))
    images = [image for sample in task.samples for image in sample.images]
    before = examine_all(images)
    file = Path(os.environ["SPARKLES_CACHE"]) / "pictures.db"
    file.unlink()
    if how == "junk":
        file.write_bytes(b"no database at all" * 100)
    elif how == "folder":
        file.mkdir()
    monkeypatch.setattr(pictures, "_known", {})
    assert examine_all(images) == before


def _many(tmp_path: Path) -> tuple[Path, list[str]]:
    place, names = tmp_path / "many", [f"{number}.png" for number in range(12)]
    place.mkdir()
    for number, name in enumerate(names):
        (place / name).write_bytes(noise(number))
        os.utime(place / name, ns=(10**18, 10**18))
    return place, names


def _read(place: Path, names: list[str]) -> list[Image | str]:
    folder = ImageFolder(place)
    folder.warm(names)
    return [folder.read(name) for name in names]


def test_files_that_are_as_they_were_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_memory, "_FRESH_NS", -(10**18))  # files of this very moment may be remembered
    place, names = _many(tmp_path)
    first = _read(place, names)
    (place / "3.png").write_bytes(noise(40))
    (place / "4.png").unlink()
    read: list[Path] = []
    before = Path.read_bytes

    def noting(self: Path) -> bytes:
        read.append(self)
        return before(self)

    monkeypatch.setattr(Path, "read_bytes", noting)
    again = _read(place, names)
    assert read == [place / "3.png"]
    assert again[:3] == first[:3] and again[5:] == first[5:]
    assert isinstance(again[3], Image) and isinstance(first[3], Image) and again[3].sha256 != first[3].sha256
    assert again[4] == "missing file 4.png"


def test_a_file_that_was_written_just_now_is_not_remembered(tmp_path: Path) -> None:
    place, names = _many(tmp_path)
    _read(place, names)
    file = Path(os.environ["SPARKLES_CACHE"]) / "pictures.db"
    with sqlite3.connect(file) as db:
        count = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'files'").fetchone()[0]
        rows = db.execute("SELECT count(*) FROM files").fetchone()[0] if count else 0
    db.close()
    assert rows == 0, "its change time is now"
