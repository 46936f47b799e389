"""Pictures are read once, from inside their folder, and every unusable file gets its reason."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from sparkles_eval.core import Image
from sparkles_eval.core.errors import DataError
from sparkles_eval.tasks.image_headers import MAX_PIXELS, ImageHeader, read_header
from sparkles_eval.tasks.images import ImageFolder, image_bytes, outside_links, thumbnail

Options = dict[str, int]
VARIANTS: list[tuple[str, str, Options]] = [
    ("JPEG", "RGB", {}),
    ("JPEG", "L", {}),
    ("JPEG", "CMYK", {}),
    ("JPEG", "RGB", {"progressive": True, "quality": 95}),
    ("PNG", "RGBA", {}),
    ("PNG", "P", {}),
    ("PNG", "I;16", {}),
    ("GIF", "P", {}),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGB", {"lossless": True}),
    ("WEBP", "RGBA", {"lossless": True}),
]


def encode(kind: str, mode: str = "RGB", options: Options | None = None, size: tuple[int, int] = (61, 37)) -> bytes:
    noise = Pillow.frombytes("L", size, hashlib.shake_128(b"noise").digest(size[0] * size[1]))
    picture = noise.convert("I").convert(mode) if mode == "I;16" else noise.convert("RGB").convert(mode)
    out = io.BytesIO()
    picture.save(out, kind, **(options or {}))
    return out.getvalue()


SOUND = [encode(*variant) for variant in VARIANTS]


@pytest.mark.parametrize(("kind", "mode", "options"), VARIANTS)
def test_the_header_says_what_a_full_decoder_says(kind: str, mode: str, options: Options) -> None:
    data = encode(kind, mode, options)
    assert read_header(data) == ImageHeader(f"image/{kind.lower()}", 61, 37)


@pytest.mark.parametrize(("kind", "mode", "options"), VARIANTS)
def test_a_file_that_ends_too_early_is_truncated_wherever_it_is_cut(kind: str, mode: str, options: Options) -> None:
    data = encode(kind, mode, options)
    for share in (0.3, 0.6, 0.9, 0.99):
        found = read_header(data[: int(len(data) * share)])
        assert isinstance(found, str) and "truncated" in found, (share, found)


@pytest.mark.parametrize(("kind", "mode", "options"), VARIANTS)
def test_bytes_behind_the_end_are_tolerated(kind: str, mode: str, options: Options) -> None:
    assert isinstance(read_header(encode(kind, mode, options) + b"\r\ntrailing bytes of some camera"), ImageHeader)


def test_a_thumbnail_inside_exif_does_not_hide_a_truncated_jpeg() -> None:
    inner = encode("JPEG", size=(16, 16))
    segment = b"Exif\x00\x00" + inner
    whole = encode("JPEG")
    data = whole[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]
    assert read_header(data) == ImageHeader("image/jpeg", 61, 37)
    assert "truncated" in str(read_header(data[:-200]))


@given(st.sampled_from(VARIANTS), st.binary(max_size=64), st.integers(0, 80), st.integers(0, 3000))
def test_arbitrary_bytes_never_raise(variant: tuple[str, str, Options], patch: bytes, at: int, end: int) -> None:
    data = SOUND[VARIANTS.index(variant)]
    assert isinstance(read_header((data[:at] + patch + data[at + len(patch) :])[:end]), ImageHeader | str)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty: 0 bytes"),
        (b"<!DOCTYPE html><html>not found</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"BM" + bytes(60), "BMP"),
        (b"hello world", "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xff\xd8\xff" + b"\xff\x01" * 50_000, "damaged"),
    ],
)
def test_what_is_no_usable_image_says_what_it_is(data: bytes, reason: str) -> None:
    assert reason in str(read_header(data))


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    data = bytearray(encode("PNG"))
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    assert "too large: 100000 x 100000" in str(read_header(bytes(data)))
    assert MAX_PIXELS < 100_000**2


def test_a_picture_is_known_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    data = encode("JPEG")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "left.png").write_bytes(data)
    found = ImageFolder(tmp_path / "images", tmp_path).read("left.png", image_id="left", caption="noise")
    assert isinstance(found, Image)
    assert (found.media_type, found.width, found.height, found.size) == ("image/jpeg", 61, 37, len(data))
    assert (found.relpath, found.id, found.caption) == ("images/left.png", "left", "noise")
    assert image_bytes(found) == data


def test_each_file_is_opened_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode("PNG"))
    folder = ImageFolder(tmp_path)
    first = folder.read("a.png", image_id="1")
    (tmp_path / "a.png").unlink()
    second = folder.read("a.png", image_id="2")
    assert isinstance(first, Image) and isinstance(second, Image)
    assert (first.sha256, first.id, second.id) == (second.sha256, "1", "2")


def test_many_pictures_at_once_give_what_one_by_one_gives(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(20)]
    for index, name in enumerate(names):
        (tmp_path / name).write_bytes(encode("PNG", size=(10 + index, 9)))
    warm, cold = ImageFolder(tmp_path), ImageFolder(tmp_path)
    warm.warm([*names, "gone.png"])
    assert [warm.read(name) for name in names] == [cold.read(name) for name in names]
    assert warm.read("gone.png") == "missing file gone.png"


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "..", "in/../../secret.png"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    base = tmp_path / "images"
    base.mkdir()
    (tmp_path / "secret.png").write_bytes(encode("PNG"))
    (base / "in").symlink_to(tmp_path)
    assert "leaves the data folder" in str(ImageFolder(base, tmp_path).read(name))


def test_links_on_the_disk_are_followed_and_named(tmp_path: Path) -> None:
    """As a hub's cache (files that are links to blobs) and clusters (folders that are links to a disk) have them."""
    base, disk = tmp_path / "images", tmp_path / "blobs"
    base.mkdir()
    disk.mkdir()
    (disk / "0f3a").write_bytes(encode("PNG"))
    (disk / "notes").write_text("root:x:0:0")
    (base / "a.png").symlink_to("../blobs/0f3a")
    (base / "far").symlink_to(disk)
    (base / "b.png").symlink_to(base / "own.png")
    (base / "own.png").write_bytes(encode("PNG"))
    (base / "notes.png").symlink_to(disk / "notes")
    folder = ImageFolder(base, tmp_path)
    found = [folder.read(name) for name in ("a.png", "far/0f3a", "b.png", "own.png")]
    images = [image for image in found if isinstance(image, Image)]
    assert len(images) == 4 and {image.sha256 for image in images} == {images[0].sha256}
    assert [image.relpath for image in images[:2]] == ["images/a.png", "images/far/0f3a"], "as the data name them"
    note = outside_links(images, base)
    few = "images/a.png, images/far/0f3a"
    assert note == f"2 pictures are links that lead out of the data folder and are followed, such as {few}"
    assert outside_links(images[2:], base) is None
    assert "blobs" not in str(folder.read("notes.png")) and isinstance(folder.read("notes.png"), str), "is no picture"


@pytest.mark.parametrize("target", ["gone.png", "loop.png", "/dev/zero", "."])
def test_a_link_to_what_is_no_picture_says_so(tmp_path: Path, target: str) -> None:
    (tmp_path / "loop.png").symlink_to(target)
    assert isinstance(ImageFolder(tmp_path).read("loop.png"), str)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(encode("PNG"))
    (tmp_path / "images").symlink_to(tmp_path / "disk")
    assert isinstance(ImageFolder(tmp_path / "images", tmp_path).read("a.png"), Image)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("gone.png", "missing file"), ("", "no usable file name"), ("a\0b", "no usable file name"), ("sub", "a folder")],
)
def test_what_is_no_file_says_so(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "sub").mkdir()
    assert reason in str(ImageFolder(tmp_path).read(name))


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a plain file" in str(ImageFolder(tmp_path).read("pipe.png"))


def test_bytes_that_are_gone_name_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data-root"):
        image_bytes(Image("0" * 64, "image/png", 1, 1, 1, "a.png"))
    with pytest.raises(DataError, match="--data-root"):
        image_bytes(Image("0" * 64, "image/png", 1, 1, 1, "a.png", path=tmp_path / "a.png"))


@pytest.mark.parametrize(("kind", "mode", "options"), VARIANTS)
def test_a_preview_is_small_and_keeps_its_shape(kind: str, mode: str, options: Options) -> None:
    preview = thumbnail(encode(kind, mode, options, (640, 320)))
    with Pillow.open(io.BytesIO(preview)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (160, 80))
    assert len(preview) < 10_000


def test_a_preview_stands_upright_on_white() -> None:
    clear = Pillow.new("RGBA", (200, 100), (255, 0, 0, 0))
    exif = clear.getexif()
    exif[0x0112] = 6  # turn a quarter to the right
    out = io.BytesIO()
    clear.save(out, "PNG", exif=exif)
    with Pillow.open(io.BytesIO(thumbnail(out.getvalue()))) as shown:
        assert shown.size == (80, 160)
        pixel = shown.getpixel((10, 10))
    assert isinstance(pixel, tuple) and min(pixel) > 250


def test_a_picture_that_cannot_be_decoded_has_no_preview() -> None:
    data = bytearray(encode("PNG"))
    data[45:60] = bytes(15)
    assert thumbnail(bytes(data)) == b""
    assert thumbnail(b"no picture") == b""
