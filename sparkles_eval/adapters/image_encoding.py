"""Encodes images for requests: the file's own bytes as base64, re-encoded only where a provider's limit demands it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sparkles_eval.core import Image, Limits, pictures
from sparkles_eval.core.errors import Rejected

if TYPE_CHECKING:
    import PIL.Image

CACHE_BYTES = 16 * 2**20
"""How much encoded image data is kept at the most, over all models of the process."""

_JPEG_QUALITY = 95
_PNG = "image/png"
_JPEG = "image/jpeg"
_Key: TypeAlias = tuple[str, int | None, int | None, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as it is sent: its media type and base64 of its bytes (ASCII)."""

    media_type: str
    base64: bytes


class _Cache:
    """Least recently used first out, bounded by bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._items: OrderedDict[_Key, EncodedImage] = OrderedDict()

    def get(self, key: _Key) -> EncodedImage | None:
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: _Key, value: EncodedImage) -> None:
        if key in self._items or len(value.base64) > self._limit // 4:
            return
        self._items[key] = value
        self._size += len(value.base64)
        while self._size > self._limit:
            _, old = self._items.popitem(last=False)
            self._size -= len(old.base64)


_cache = _Cache(CACHE_BYTES)


async def encode_image(image: Image, limits: Limits) -> EncodedImage:
    """The image for one request to a model with these limits.

    The file's own bytes, unless a plain decoder would show them otherwise than a person sees them (core.pictures), its
    type is not in `limits.media_types`, its longer edge exceeds `limits.max_image_edge` (pixels) or its size
    `limits.max_image_bytes`. Then it is decoded by core.pictures and written again, the same way every time: LANCZOS to
    the edge, PNG stays PNG, JPEG becomes JPEG of quality 95, anything else PNG.
    Raises errors.Rejected where the file is missing, has changed since the task was loaded, or cannot be read.
    """
    key = (image.sha256, limits.max_image_edge, limits.max_image_bytes, limits.media_types)
    found = _cache.get(key)
    if found is not None:
        return found
    data = read_bytes(image)
    if fits(image, limits) and (seen := pictures.known(image.sha256)) is not None and not seen.odd:
        encoded = EncodedImage(image.media_type, base64.b64encode(data))
    else:
        # Pillow releases the GIL while it decodes, scales and compresses: other requests go on meanwhile.
        encoded = await asyncio.to_thread(ready, image, data, limits)
    _cache.put(key, encoded)
    return encoded


def ready(image: Image, data: bytes, limits: Limits) -> EncodedImage:
    """`encode_image` without its cache, for the file's `data`."""
    media_type = image.media_type
    if not fits(image, limits) or pictures.examined(image, data).odd:
        media_type, data = _reencode(image, data, limits)
    return EncodedImage(media_type, base64.b64encode(data))


def fits(image: Image, limits: Limits) -> bool:
    """True where a model with these limits takes the file as far as its type, edges and size go."""
    return (
        image.media_type in limits.media_types
        and (limits.max_image_edge is None or max(image.width, image.height) <= limits.max_image_edge)
        and (limits.max_image_bytes is None or image.size <= limits.max_image_bytes)
    )


def read_bytes(image: Image) -> bytes:
    """The file's bytes, as they were when the task was loaded. Raises errors.Rejected where they are not."""
    if image.path is None:
        raise Rejected(f"image {image.relpath}: its bytes are not here; run again where the data root is")
    try:
        data = image.path.read_bytes()
    except OSError as error:
        raise Rejected(f"image {image.path}: cannot be read ({error.strerror}); restore the file") from None
    if len(data) != image.size or hashlib.sha256(data).hexdigest() != image.sha256:
        raise Rejected(f"image {image.path}: the file has changed since the task was loaded; run again")
    return data


def _reencode(image: Image, data: bytes, limits: Limits) -> tuple[str, bytes]:
    try:
        return _shrink(pictures.decode(data), image, limits)
    except (OSError, ValueError) as error:
        raise Rejected(f"image {image.path}: cannot be made to fit the model's limits ({error})") from None


def _shrink(picture: PIL.Image.Image, image: Image, limits: Limits) -> tuple[str, bytes]:
    media_type = image.media_type if image.media_type in (_PNG, _JPEG) else _PNG
    if media_type not in limits.media_types:
        media_type = _JPEG if _JPEG in limits.media_types else _PNG
    longest = max(picture.size)
    edge = min(longest, limits.max_image_edge or longest)
    while True:
        data = _write(picture, edge, media_type)
        if limits.max_image_bytes is None or len(data) <= limits.max_image_bytes:
            return media_type, data
        if edge <= 16:
            raise Rejected(f"image {image.path}: does not fit into {limits.max_image_bytes} bytes at any size")
        # Bytes grow about with the square of the edge; a little less, so that few rounds are needed.
        edge = max(16, min(edge - 1, int(edge * 0.97 * (limits.max_image_bytes / len(data)) ** 0.5)))


def _write(picture: PIL.Image.Image, edge: int, media_type: str) -> bytes:
    import PIL.Image

    frame = picture
    if max(frame.size) > edge:
        scale = edge / max(frame.size)
        size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
        frame = frame.resize(size, PIL.Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if media_type == _PNG:
        frame.save(out, "PNG")
    else:
        frame.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()
