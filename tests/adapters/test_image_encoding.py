"""Which bytes of an image are sent: its own, unless a limit stands against it."""

from __future__ import annotations

import base64
import io
import tracemalloc
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from sparkles_eval.adapters import image_encoding
from sparkles_eval.adapters.image_encoding import CACHE_BYTES, encode_image
from sparkles_eval.core import Limits
from sparkles_eval.core.errors import Rejected
from tests.adapters.making import image, image_bytes


def opened(encoded: image_encoding.EncodedImage) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(base64.b64decode(encoded.base64)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
async def test_within_the_limits_the_files_own_bytes_are_sent(tmp_path: Path, kind: str) -> None:
    data = image_bytes(kind=kind)
    limits = Limits(max_image_edge=40, max_image_bytes=len(data))
    encoded = await encode_image(image(tmp_path, data), limits)
    assert base64.b64decode(encoded.base64) == data and encoded.media_type == f"image/{kind.lower()}"


@pytest.mark.parametrize(("kind", "sent"), [("JPEG", "JPEG"), ("PNG", "PNG"), ("GIF", "PNG"), ("WEBP", "PNG")])
async def test_a_longer_edge_is_resized_to_the_limit(tmp_path: Path, kind: str, sent: str) -> None:
    encoded = await encode_image(image(tmp_path, image_bytes(400, 100, kind)), Limits(max_image_edge=128))
    assert opened(encoded).size == (128, 32) and opened(encoded).format == sent
    assert encoded.media_type == f"image/{sent.lower()}"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
async def test_too_many_bytes_are_brought_under_the_limit(tmp_path: Path, kind: str) -> None:
    record = image(tmp_path, image_bytes(400, 300, kind))
    limit = record.size // 3
    encoded = await encode_image(record, Limits(max_image_bytes=limit))
    size = len(base64.b64decode(encoded.base64))
    assert size <= limit and size > limit // 3 and opened(encoded).format == kind


async def test_resizing_gives_the_same_bytes_every_time(tmp_path: Path) -> None:
    record = image(tmp_path, image_bytes(300, 200))
    first = image_encoding._reencode(
        record, record.path.read_bytes() if record.path else b"", Limits(max_image_edge=64)
    )
    second = image_encoding._reencode(
        record, record.path.read_bytes() if record.path else b"", Limits(max_image_edge=64)
    )
    assert first == second


async def test_a_type_that_is_not_taken_is_converted_without_loss(tmp_path: Path) -> None:
    record = image(tmp_path, image_bytes(kind="GIF"))
    encoded = await encode_image(record, Limits(media_types=("image/png", "image/jpeg")))
    with PIL.Image.open(record.path or "") as read:
        before = read.convert("RGB")
    assert encoded.media_type == "image/png" and opened(encoded).convert("RGB").tobytes() == before.tobytes()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
async def test_every_kind_of_pixel_can_be_resized(tmp_path: Path, mode: str) -> None:
    encoded = await encode_image(image(tmp_path, image_bytes(90, 60, "PNG", mode)), Limits(max_image_edge=30))
    assert opened(encoded).size == (30, 20)


@pytest.mark.parametrize("limits", [Limits(), Limits(max_image_edge=100)], ids=["whole", "resized"])
async def test_a_photograph_is_sent_upright_without_a_tag(tmp_path: Path, limits: Limits) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    PIL.Image.effect_noise((300, 200), 50).save(out, "JPEG", exif=exif)
    encoded = await encode_image(image(tmp_path, out.getvalue()), limits)
    assert opened(encoded).height > opened(encoded).width and 0x0112 not in opened(encoded).getexif()


async def test_a_file_that_is_gone_or_changed_is_refused(tmp_path: Path) -> None:
    record = image(tmp_path, image_bytes(33, 44))
    assert record.path is not None
    data = record.path.read_bytes()
    record.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Rejected, match="has changed"):
        await encode_image(record, Limits())
    record.path.unlink()
    with pytest.raises(Rejected, match="restore the file"):
        await encode_image(record, Limits())
    with pytest.raises(Rejected, match="data root"):
        await encode_image(replace(record, path=None), Limits())


async def test_a_file_that_is_no_image_cannot_be_resized(tmp_path: Path) -> None:
    record = replace(image(tmp_path, image_bytes()), width=9000, height=10)
    broken = (record.path.read_bytes() if record.path else b"")[:200]
    (tmp_path / "broken.jpg").write_bytes(broken)
    import hashlib

    record = replace(record, path=tmp_path / "broken.jpg", size=len(broken), sha256=hashlib.sha256(broken).hexdigest())
    with pytest.raises(Rejected, match="cannot be made to fit"):
        await encode_image(record, Limits(max_image_edge=100))


async def test_a_second_request_reads_no_file_again_and_memory_stays_bounded(tmp_path: Path) -> None:
    first = image(tmp_path, image_bytes(61, 47), "first.jpg")
    before = await encode_image(first, Limits())
    assert first.path is not None
    first.path.unlink()
    assert await encode_image(first, Limits()) is before, "known bytes are not read again"
    noise = image_bytes(600, 400, "PNG")
    tracemalloc.start()
    for i in range(200):
        # Trailing bytes make each a file of its own; no decoder minds them.
        await encode_image(image(tmp_path, noise + bytes([i]), "many.png"), Limits())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(noise) * 200 > 2 * CACHE_BYTES and held < 1.2 * CACHE_BYTES
