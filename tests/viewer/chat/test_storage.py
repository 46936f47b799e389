"""Pictures that a browser sends or a person names: kept once, known by their bytes, refused where they are none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.viewer.chat import storage
from tests.viewer.chat.making import album, drawn


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("GIF", ".gif"), ("WEBP", ".webp")])
def test_a_picture_is_kept_by_its_bytes(tmp_path: Path, kind: str, suffix: str) -> None:
    data, kept = drawn("red", kind=kind), album(tmp_path)
    image = kept.add(data, "../../evil.exe")
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert image.path is not None and image.path.read_bytes() == data
    assert image.path == tmp_path / "album" / f"{image.sha256}{suffix}"
    assert kept.add(data) is image and kept.get(image.sha256) is image
    assert kept.preview(image.sha256).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "SVG"),
        (b"<!doctype html><script>x()</script>", "web page"),
        (drawn("red")[:60], "truncated"),
        (drawn("red")[:40] + b"\x00" * 200 + drawn("red")[-12:], "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    kept = album(tmp_path)
    with pytest.raises(UserError, match=why):
        kept.add(data, "mine.png")
    assert not list((tmp_path / "album").iterdir())


def test_there_are_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = album(tmp_path)
    monkeypatch.setattr(storage, "LARGEST_IMAGE", 500)
    monkeypatch.setattr(storage, "MOST_IMAGES", 1)
    small = drawn("red", 16)
    kept.add(small)
    kept.add(small)
    with pytest.raises(UserError, match="there are 1 pictures already"):
        kept.add(drawn("blue", 16))
    with pytest.raises(UserError, match="more than 0 MiB"):
        kept.add(b"x" * 501)
    (tmp_path / "large.png").write_bytes(b"x" * 501)
    with pytest.raises(UserError, match=r"large\.png: more than"):
        kept.read(tmp_path / "large.png")


def test_a_file_that_is_not_there_and_a_hash_that_nobody_added(tmp_path: Path) -> None:
    kept = album(tmp_path)
    with pytest.raises(UserError, match=r"none\.png: cannot be read"):
        kept.read(tmp_path / "none.png")
    for sha in ("0" * 64, "../../etc/passwd"):
        with pytest.raises(UserError, match="not here any more"):
            kept.preview(sha)
