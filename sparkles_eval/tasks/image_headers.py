"""Reads an image's type, width and height from its bytes, and checks that the file is not cut short."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

CHECKS = 2
"""Increased when `read_header` refuses more than before: files that were remembered as sound are then read again."""
MAX_PIXELS = 89_478_485
"""A larger image is refused: decoded, it fills a quarter of a gigabyte (the size at which Pillow warns)."""

_MAX_SEGMENTS = 10_000
"""Marker segments before a JPEG's picture; real files have a dozen, hostile ones millions."""


class ImageHeader(NamedTuple):
    """What the first bytes of an image say. Width and height in pixels, before any EXIF rotation."""

    media_type: str
    width: int
    height: int


_TRUNCATED = "truncated: the file ends before the picture does"
_DAMAGED = "damaged: its header cannot be read"

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"BM", "a BMP image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
)


def read_header(data: bytes) -> ImageHeader | str:
    """The header of a JPEG, PNG, GIF or WebP image, or in words why these bytes cannot be used."""
    if not data:
        return "empty: 0 bytes"
    for matches, read in _READERS:
        if matches(data):
            found = read(data)
            found = _checked(found) if isinstance(found, ImageHeader) else found
            return found if isinstance(found, str) else _png_damage(data) or found
    return _not_an_image(data)


def _checked(header: ImageHeader) -> ImageHeader | str:
    if header.width == 0 or header.height == 0:
        return f"damaged: it says that it is {header.width} x {header.height} pixels"
    if header.width * header.height > MAX_PIXELS:
        return f"too large: {header.width} x {header.height} pixels, at most {MAX_PIXELS:,} are read"
    return header


def _not_an_image(data: bytes) -> str:
    for magic, what in _FOREIGN:
        if data.startswith(magic):
            return f"{what}, which few models take; convert it to JPEG, PNG, GIF or WebP"
    if data[4:12] in (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "an AVIF or HEIC image, which few models take; convert it to JPEG, PNG, GIF or WebP"
    if data.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the image itself; run `git lfs pull` where it came from"
    start = data[:256].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "not an image but a web page (a failed download?)"
    if start.startswith((b"<svg", b"<?xml")):
        return "a drawing in SVG or XML; convert it to PNG"
    return f"not an image: it starts with {data[:8]!r}"


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff")


def _jpeg(data: bytes) -> ImageHeader | str:
    at, width, height = 2, -1, -1
    for _ in range(_MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return _TRUNCATED
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte before the marker
            at += 1
            continue
        if marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # a marker without a length
            at += 2
            continue
        if marker == 0xD9:
            return _DAMAGED
        if marker == 0xDA:
            # FF D9 cannot occur in the picture data (FF is followed by 00 there), but it may in an EXIF thumbnail
            # before it, and any bytes may follow the picture: so only what follows the start of the scan is searched.
            if width < 0:
                return _DAMAGED
            return ImageHeader("image/jpeg", width, height) if data.rfind(b"\xff\xd9", at) > 0 else _TRUNCATED
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            width = int.from_bytes(data[at + 7 : at + 9], "big")
        at += 2 + length
    return _DAMAGED


def _is_png(data: bytes) -> bool:
    return data.startswith(b"\x89PNG\r\n\x1a\n")


def _png(data: bytes) -> ImageHeader | str:
    if len(data) < 33:
        return _TRUNCATED
    if data[12:16] != b"IHDR":
        return _DAMAGED
    if data.rfind(b"IEND\xaeB`\x82", 33) < 0:
        return _TRUNCATED
    return ImageHeader("image/png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _png_damage(data: bytes) -> str:
    """The first chunk of a PNG with a wrong checksum, in words; "" where there is none or the file is not a PNG."""
    at = 8 if _is_png(data) else len(data)
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            return f"damaged: its part {kind!r} is longer than the file"
        # Readers may ignore parts whose name starts with a small letter.
        if kind[:1].isupper() and zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"damaged: the checksum of its part {kind.decode('ascii', 'replace')} is wrong"
        if kind == b"IEND":
            return ""
        at = end + 4
    return ""


def _is_gif(data: bytes) -> bool:
    return data.startswith((b"GIF87a", b"GIF89a"))


def _gif(data: bytes) -> ImageHeader | str:
    if len(data) < 13:
        return _TRUNCATED
    if not (data.endswith(b"\x00;") or _gif_ends(data)):
        return _TRUNCATED
    return ImageHeader("image/gif", int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))


def _colours(flags: int) -> int:
    """Bytes of a GIF colour table, 0 where there is none."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_ends(data: bytes) -> bool:
    """True when the blocks end with the trailer; other bytes may follow it."""
    at, end = 13 + _colours(data[10]), len(data)
    while at < end:
        block = data[at]
        if block == 0x3B:
            return True
        if block == 0x2C and at + 10 < end:  # an image: descriptor, colour table, code size, sub-blocks
            at += 11 + _colours(data[at + 9])
        elif block == 0x21:  # an extension: label, sub-blocks
            at += 2
        else:
            return False
        while at < end and data[at]:
            at += data[at] + 1
        at += 1
    return False


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def _webp(data: bytes) -> ImageHeader | str:
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data):
        return _TRUNCATED
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    else:
        return _DAMAGED
    return ImageHeader("image/webp", width, height)


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], ImageHeader | str]], ...] = (
    (_is_jpeg, _jpeg),
    (_is_png, _png),
    (_is_gif, _gif),
    (_is_webp, _webp),
)
