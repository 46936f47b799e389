"""Pictures as classes of a style sheet and as files: each once, raster images only, sizes in words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sparkles_eval.reports.samples.sample_views import ImageView
from sparkles_eval.reports.toolkit import page_images as pictures
from sparkles_eval.reports.toolkit.page_images import embed_images, image_files, media_type, size_note
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.store import Store
from tests.reports.varied import varied


def drawn(width: int, height: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", (width, height), "teal").save(out, kind)
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with varied(tmp_path / "v.db", count=1, items=1) as opened:
        yield opened


def known(store: Store) -> list[ImageView]:
    rows = store.connection.execute("SELECT sha256, width, height FROM images ORDER BY sha256").fetchall()
    return [ImageView(row["sha256"], row["width"], row["height"], "1", "one") for row in rows]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (drawn(3, 2, "JPEG"), "image/jpeg"),
        (drawn(3, 2, "PNG"), "image/png"),
        (drawn(3, 2, "WEBP"), "image/webp"),
        (drawn(3, 2, "GIF"), "image/gif"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", None),
        (b"<!doctype html><script>x()</script>", None),
        (b"", None),
        (b"\xff\xd8\xff", None),
    ],
)
def test_only_raster_images_are_shown(data: bytes, kind: str | None) -> None:
    assert media_type(data) == kind


def test_sizes_are_said_in_words() -> None:
    picture = ImageView("0" * 64, 1024, 768, "1", "one")
    assert size_note(picture, drawn(1024, 768)) == "1,024 × 768 pixels"  # noqa: RUF001
    assert size_note(picture, drawn(160, 120)) == "1,024 × 768 pixels; this preview has 160 × 120"  # noqa: RUF001


def test_a_picture_is_one_class_however_often_it_is_shown(store: Store) -> None:
    shown = known(store)
    made = embed_images(store, [*shown, *shown])
    assert made.style.count("data:image/jpeg;base64,") == len(shown) == len({look.name for look in made.looks.values()})
    assert made.look(ImageView("f" * 64, 1, 1, "?", "unknown")) is None


def test_files_are_previews_and_originals_that_are_not_too_large(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *_ = shown = known(store)
    store.add_pixels([PixelsRow(first.sha256, data=b"<svg/>"), PixelsRow(second.sha256, data=drawn(256, 256))])
    found = {sha256: (look, files) for sha256, look, files in image_files(store, shown)}
    assert len(found) == len(shown)
    look, files = found[first.sha256]
    assert not look.full and [file.path for file in files] == [look.url] and look.url.endswith(".jpg")
    look, files = found[second.sha256]
    assert [file.path for file in files] == [look.url, look.full] and look.full.endswith("-full.png")
    monkeypatch.setattr(pictures, "MOST_EMBEDDED", 10)
    assert all(not look.full for _, look, _ in image_files(store, shown))
