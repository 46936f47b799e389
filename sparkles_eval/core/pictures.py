"""Decodes a picture as a person sees it; models, training, hashes and pages all use this reading.

The result is upright (EXIF orientation applied), the first frame of an animation, 8 bits a channel (16-bit values are
scaled), in sRGB, with transparent parts on white. Sources: EXIF 2.32 (orientation), the ICC profile through lcms2.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import PIL.Image

READING = "seen@1"
"""Name and version of this reading. It is part of a request's key where it changes a picture of the request."""
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
"""The only decoders that are tried, since each is exposed to hostile files."""
UNREADABLE = (OSError, ValueError, SyntaxError, IndexError, TypeError, EOFError, struct.error)
"""What decoding a damaged or hostile picture raises, apart from Pillow's DecompressionBombError."""

_ORIENTATION = 0x0112
_SAME = 3
"""Levels (of 256) by which a profile's colours may differ from sRGB and still count as the same."""


class PictureFile(Protocol):
    """What is known of a picture's file without opening it, as in core.samples.Image."""

    @property
    def sha256(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def path(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class Examined:
    """What decoding a picture showed. `wrong`: why it cannot be decoded, or ""; `odd`: what this reading changes."""

    wrong: str = ""
    odd: tuple[str, ...] = ()


def decode(data: bytes) -> PIL.Image.Image:
    """The picture in these bytes as a person sees it, in mode RGB. Raises ValueError if it cannot be decoded."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            return upright(opened)
    except (*UNREADABLE, PIL.Image.DecompressionBombError) as error:
        raise ValueError(_why(error)) from error


def bare(data: bytes) -> PIL.Image.Image:
    """The picture converted to RGB and nothing else, as the published code read it. Raises ValueError as `decode`."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            return opened.convert("RGB")
    except (*UNREADABLE, PIL.Image.DecompressionBombError) as error:
        raise ValueError(_why(error)) from error


def upright(opened: PIL.Image.Image) -> PIL.Image.Image:
    """An opened picture of any mode as a person sees it, in mode RGB. Raises one of `UNREADABLE`."""
    import PIL.Image

    opened.load()  # first: looking for EXIF decodes a PNG, and a fault found there would be taken for one of EXIF's
    turn, profile = _turn(opened), opened.info.get("icc_profile")
    picture = _eight_bits(opened)
    alpha = None
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        alpha = layered.getchannel("A")
        picture = layered.convert("RGB") if picture.mode not in ("L", "LA", "La") else picture.convert("L")
    colours = _in_srgb(picture, profile)
    if alpha is not None:
        paper = PIL.Image.new("RGB", colours.size, "white")
        paper.paste(colours, mask=alpha)
        colours = paper
    return colours.transpose(turn) if turn is not None else colours


def examine(data: bytes) -> Examined:
    """Decode a whole picture and report what is wrong with it and what this reading changes in it."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            opened.load()
            odd = _oddities(opened)
            if odd:
                upright(opened)
    except (*UNREADABLE, PIL.Image.DecompressionBombError) as error:
        return Examined(_why(error))
    return Examined("", odd)


_known: dict[str, Examined] = {}
"""By SHA-256, so that nothing here goes out of date."""


def known(sha256: str) -> Examined | None:
    """What `examine` found in this picture earlier, in this process or (see `remember`) another."""
    return _known.get(sha256)


def remember(sha256: str, found: Examined) -> None:
    """Keep what `examine` found in a picture, for `known` and `examined`."""
    _known[sha256] = found


def examined(image: PictureFile, data: bytes | None = None) -> Examined:
    """Run `examine` on a picture's file, once per process. A file that is missing or changed counts as undamaged.

    `data` are the file's bytes where the caller has read and checked them.
    """
    found = _known.get(image.sha256)
    if found is None and data is None:
        data = _checked_bytes(image)
    if found is None and data is not None:
        found = _known[image.sha256] = examine(data)
    return found or Examined()


def _checked_bytes(image: PictureFile) -> bytes | None:
    try:
        data = image.path.read_bytes() if image.path is not None else b""
    except OSError:
        return None
    return data if len(data) == image.size and hashlib.sha256(data).hexdigest() == image.sha256 else None


def reading_of(image: PictureFile) -> str:
    """`READING` where this reading differs from that of a bare decoder, else ""."""
    return READING if examined(image).odd else ""


# --- parts of the reading -------------------------------------------------------------------------------------------


def _turn(opened: PIL.Image.Image) -> PIL.Image.Transpose | None:
    from PIL.Image import Transpose

    turns: Mapping[object, PIL.Image.Transpose] = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        said = opened.getexif().get(_ORIENTATION)
        return turns.get(said)
    except (*UNREADABLE, KeyError):  # a damaged EXIF block turns nothing; the pixels may be sound
        return None


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Convert grey values of 16 or 32 bits, or fractions, to 8 bits; other pictures stay as they are."""
    if not (picture.mode.startswith("I") or picture.mode == "F"):
        return picture
    import numpy as np
    import PIL.Image

    values = np.asarray(picture.convert("I") if picture.mode.startswith("I;") else picture).astype(np.float64)
    most = float(values.max(initial=0.0))
    if not np.isfinite(values).all() or float(values.min(initial=0.0)) < 0 or most > 65535:
        raise ValueError(f"its values, up to {most:g}, are on no known scale")
    sixteen = picture.mode.startswith("I;16") or picture.format == "PNG"
    scale = 65535 if sixteen or most > 255 else 255 if picture.mode != "F" or most > 1 else 1
    grey = PIL.Image.fromarray(np.rint(values * (255 / scale)).astype(np.uint8))
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(PIL.Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _in_srgb(picture: PIL.Image.Image, profile: object) -> PIL.Image.Image:
    """The picture in RGB, converted by its ICC profile where that is not sRGB."""
    converted = _through(profile, picture.mode) if isinstance(profile, bytes) else None
    if converted is None:
        return picture.convert("RGB")
    transform, mode = converted
    done: PIL.Image.Image = transform.apply(picture.convert(mode))
    return done


def _through(profile: bytes, mode: str) -> tuple[Any, str] | None:
    """A transform to sRGB and the mode it takes; None where the profile changes nothing, does not fit or is damaged."""
    found = _transform(profile)
    if found is None:
        return None
    takes = found[1]
    grey = mode in ("1", "L", "LA", "La")
    fits = {"L": grey, "CMYK": mode == "CMYK", "RGB": mode != "CMYK" and not grey}[takes]
    return found if fits else None


@lru_cache(maxsize=32)
def _transform(profile: bytes) -> tuple[Any, str] | None:
    try:
        from PIL import ImageCms
    except ImportError:  # a Pillow without lcms2 cannot convert colours
        return None
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(source.profile.xcolor_space.strip())
        if mode is None:
            return None
        # Without the cache of the last pixel, several threads can share a transform.
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", flags=ImageCms.Flags.NOCACHE
        )
    except (AttributeError, ImageCms.PyCMSError, *UNREADABLE):
        return None
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else (transform, mode)


def _changes_nothing(transform: Any, mode: str) -> bool:
    """True for a profile whose colours are those of sRGB. Its name is not used, since many profiles have none."""
    import numpy as np
    import PIL.Image

    if mode == "L":
        steps = np.arange(256, dtype=np.uint8)[None]
        before = np.repeat(steps[..., None], 3, axis=2)
        probe = PIL.Image.fromarray(steps)
    else:
        levels = np.linspace(0, 255, 9).astype(np.uint8)
        before = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        probe = PIL.Image.fromarray(np.ascontiguousarray(before))
    after = np.asarray(transform.apply(probe)).astype(int)
    return int(np.abs(after - before.astype(int)).max()) <= _SAME


def _oddities(opened: PIL.Image.Image) -> tuple[str, ...]:
    """In words, how `upright` differs from a bare decoder on this picture, which is loaded already."""
    found = []
    if _turn(opened) is not None:
        found.append("turned or mirrored by its orientation tag")
    if opened.mode.startswith("I") or opened.mode == "F":
        found.append("16 bits a channel")
    if opened.mode == "CMYK":
        found.append("CMYK")
    profile = opened.info.get("icc_profile")
    if isinstance(profile, bytes) and opened.mode != "CMYK" and _through(profile, _colour_mode(opened)) is not None:
        found.append("a colour profile other than sRGB")
    if opened.has_transparency_data and _shows_through(opened):
        found.append("transparent parts, on white")
    # A photograph with a second view or a depth map beside it (MPO) is no animation.
    if opened.format != "MPO" and getattr(opened, "is_animated", False):
        found.append("animated: its first frame")
    return tuple(found)


def _colour_mode(opened: PIL.Image.Image) -> str:
    return "L" if opened.mode.startswith("I") or opened.mode == "F" else opened.mode


def _shows_through(opened: PIL.Image.Image) -> bool:
    picture = _eight_bits(opened) if opened.mode.startswith("I") else opened
    least: Any = picture.convert("RGBA").getchannel("A").getextrema()[0]
    return bool(least < 255)


def _why(error: BaseException) -> str:
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:300]
