"""Every kind of picture file is read as a person sees it, and only what is changed by that says so."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from sparkles_eval.core import pictures
from sparkles_eval.core.pictures import bare, decode, examine, examined, reading_of
from tests.adapters.making import image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
PLACES = {"top left": (2, 2), "top right": (45, 2), "bottom left": (2, 29), "bottom right": (45, 29)}


def scene() -> Image.Image:
    """48 x 32: green above, then red on the left and blue on the right; unlike itself in every orientation."""
    made = Image.new("RGB", (48, 32), BLUE)
    made.paste(RED, (0, 0, 24, 32))
    made.paste(GREEN, (0, 0, 48, 10))
    made.paste((255, 255, 255), (0, 0, 12, 10))
    return made


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def tagged(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def array(picture: Image.Image) -> npt.NDArray[np.int_]:
    return np.asarray(picture.convert("RGB")).astype(int)


LYING = {
    1: lambda seen: seen,
    2: lambda seen: seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda seen: seen.rotate(180),
    4: lambda seen: seen.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda seen: seen.transpose(Image.Transpose.TRANSPOSE),
    6: lambda seen: seen.rotate(90, expand=True),
    7: lambda seen: seen.transpose(Image.Transpose.TRANSVERSE),
    8: lambda seen: seen.rotate(-90, expand=True),
}
"""How a camera stores what is seen, for each value of the orientation tag (EXIF 2.32, table 4.6.4)."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", LYING)
def test_a_photograph_stands_as_its_tag_says(kind: str, orientation: int) -> None:
    stored = LYING[orientation](scene())
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = saved(stored, kind, exif=tagged(orientation), **options)
    seen = decode(data)
    assert seen.size == (48, 32) and seen.mode == "RGB"
    assert np.abs(array(seen) - array(scene())).mean() < 4
    assert bool(examine(data).odd) is (orientation != 1)


def _alpha(level: int = 0) -> Image.Image:
    """The left half of the scene opaque, the right half of this opacity."""
    made = scene().convert("RGBA")
    made.putalpha(Image.fromarray(np.repeat([[255] * 24 + [level] * 24], 32, axis=0).astype(np.uint8)))
    return made


def _grey16(order: str = "<") -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(f"{order}u2"))


def _indexed() -> bytes:
    picture = scene().convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    clear = picture.getpixel((40, 20))
    return saved(picture, transparency=clear)


def test_what_is_transparent_lies_on_white() -> None:
    for data in (
        saved(_alpha()),
        saved(_alpha(), "WEBP", lossless=True),
        saved(_alpha().convert("LA")),
        _indexed(),
        saved(_alpha(), "GIF"),
        saved(scene(), transparency=BLUE),
        saved(scene().convert("L"), transparency=scene().convert("L").getpixel((40, 20))),
    ):
        seen = decode(data)
        assert seen.getpixel((40, 20)) == (255, 255, 255), examine(data)
        assert seen.getpixel((5, 20)) != (255, 255, 255)
        assert examine(data).odd == ("transparent parts, on white",)
    half = decode(saved(_alpha(128))).getpixel((40, 20))
    assert isinstance(half, tuple) and half[2] == 255 and abs(half[0] - 127) <= 1


def test_an_alpha_channel_that_hides_nothing_changes_nothing() -> None:
    for data in (saved(scene().convert("RGBA")), saved(scene().convert("LA"))):
        assert examine(data) == pictures.Examined()
        assert array(decode(data)).tolist() == array(bare(data)).tolist()


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bits_is_scaled(order: str) -> None:
    data = saved(_grey16(order))
    seen = array(decode(data))
    assert abs(seen.mean() - 127.5) < 1 and seen[0, 0].tolist() == [0, 0, 0] and seen[-1, -1].tolist() == [255] * 3
    assert examine(data).odd == ("16 bits a channel",)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png16(colour: int, channels: int, *, clear: int | None = None) -> bytes:
    """A PNG of 16 bits a channel, each channel a ramp from left to right; no library here writes all of these."""
    ramp = np.linspace(0, 65535, 48).astype(">u2")
    row = b"\0" + np.repeat(ramp[:, None], channels, axis=1).tobytes()
    head = struct.pack(">IIBBBBB", 48, 32, 16, colour, 0, 0, 0)
    trns = _chunk(b"tRNS", struct.pack(">H", clear)) if clear is not None else b""
    body = _chunk(b"IHDR", head) + trns + _chunk(b"IDAT", zlib.compress(row * 32)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_colour_of_16_bits_is_scaled_too() -> None:
    for colour, channels in ((0, 1), (2, 3)):
        seen = array(decode(_png16(colour, channels)))
        assert abs(seen.mean() - 127.5) < 2
    # With the ramp as its own opacity, over white: v*v + (1 - v).
    ramp = np.linspace(0, 1, 48)
    for colour, channels in ((4, 2), (6, 4)):
        seen = array(decode(_png16(colour, channels)))[0, :, 0]
        assert np.abs(seen - 255 * (ramp * ramp + 1 - ramp)).max() <= 3
    clear = array(decode(_png16(0, 1, clear=0)))[0, :, 0]
    assert clear[0] == 255 and clear[1] < 20


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_without_a_known_scale_are_refused_and_others_scaled(mode: str) -> None:
    kind = np.float32 if mode == "F" else np.int32
    for most in (1, 255, 65535) if mode == "F" else (255, 65535):
        ramp = Image.fromarray(np.linspace(0, most, 48 * 32).reshape(32, 48).astype(kind))
        assert ramp.mode == mode and abs(array(pictures.upright(ramp)).mean() - 127.5) < 2
    for bad in (-5.0, 1e6, *((float("nan"),) if mode == "F" else ())):
        with pytest.raises(ValueError, match="no known scale"):
            pictures.upright(Image.fromarray(np.full((4, 4), bad).astype(kind)))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_plain_pictures_are_what_a_bare_decoder_shows(mode: str) -> None:
    data = saved(scene().convert(mode))
    assert examine(data) == pictures.Examined()
    assert array(decode(data)).tolist() == array(bare(data)).tolist()


# Chromaticities (Rec. ITU-R, Adobe RGB (1998) 4.3.1, SMPTE EG 432-1) for profiles that are made here.
_WHITE = (0.3127, 0.3290)
_PRIMARIES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "p3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def profile(name: str, gamma: float = 2.2, *, space: bytes = b"RGB ") -> bytes:
    """A small ICC profile (version 2.1): a matrix and one power curve, or for `GRAY` the curve alone."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    pcs = np.array([0.9642, 1.0, 0.8249])
    to_pcs = np.linalg.inv(bradford) @ np.diag((bradford @ pcs) / (bradford @ _xyz(*_WHITE))) @ bradford
    corners = np.stack([_xyz(*corner) for corner in _PRIMARIES[name]], axis=1)
    columns = to_pcs @ (corners * np.linalg.solve(corners, _xyz(*_WHITE)))

    def fixed(values: npt.NDArray[np.float64]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": fixed(pcs)}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {name: fixed(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", at, len(content))
        body, at = body + padded, at + len(padded)
    head = struct.pack(">I4sI4s4s4s", at, b"\0\0\0\0", 0x02100000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(struct.pack(">i", round(float(v) * 65536)) for v in pcs)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("space", ["adobe", "p3"])
def test_colours_come_through_their_profile(kind: str, space: str) -> None:
    # Both spaces reach beyond sRGB in green: the same numbers mean a greener colour, with less red in sRGB.
    stored = Image.new("RGB", (48, 32), (120, 180, 60))
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    data = saved(stored, kind, icc_profile=profile(space), **options)
    seen = decode(data).getpixel((5, 5))
    assert isinstance(seen, tuple) and seen[1] > 180 - 4 and seen[0] < 120 - 10, seen
    assert examine(data).odd == ("a colour profile other than sRGB",)


def test_srgb_under_any_name_changes_nothing() -> None:
    known = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(scene(), icc_profile=known)
    assert examine(data) == pictures.Examined() and array(decode(data)).tolist() == array(scene()).tolist()
    assert examine(saved(scene(), "JPEG", icc_profile=known)).odd == ()


def test_a_grey_profile_holds_for_grey_and_a_profile_of_another_kind_for_nothing() -> None:
    grey = Image.new("L", (48, 32), 128)
    linear = decode(saved(grey, icc_profile=profile("srgb", 1.0, space=b"GRAY"))).getpixel((1, 1))
    assert isinstance(linear, tuple) and 180 < linear[0] < 194 and len(set(linear)) == 1  # linear 0.5 is sRGB 188
    mixed = saved(scene(), icc_profile=profile("srgb", 1.0, space=b"GRAY"))
    assert examine(mixed) == pictures.Examined()
    layered = _alpha()
    seen = decode(saved(layered, icc_profile=profile("adobe")))
    assert seen.getpixel((40, 20)) == (255, 255, 255)


@pytest.mark.parametrize("junk", [b"", b"no profile", bytes(200), profile("p3")[:140], profile("p3")[:-30]])
def test_a_damaged_profile_or_exif_block_turns_and_colours_nothing(junk: bytes) -> None:
    data = saved(scene(), "JPEG", quality=95, icc_profile=junk, exif=b"Exif\0\0" + junk)
    assert np.abs(array(decode(data)) - array(scene())).mean() < 5


def test_cmyk_is_shown_as_its_colours() -> None:
    data = saved(scene().convert("CMYK"), "JPEG", quality=95)
    seen = decode(data)
    assert examine(data).odd == ("CMYK",)
    for place, colour in (((2, 20), RED), ((45, 29), BLUE)):
        assert np.abs(np.array(seen.getpixel(place)) - colour).max() < 60


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    other = [Image.new("RGB", (48, 32), colour) for colour in (BLUE, GREEN)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(scene(), kind, save_all=True, append_images=other, **options)
    assert np.abs(array(decode(data)) - array(scene())).mean() < 4
    assert "animated: its first frame" in examine(data).odd


def test_a_photograph_with_a_second_view_is_no_animation() -> None:
    data = saved(scene(), "MPO", save_all=True, append_images=[scene()], quality=95)
    assert examine(data) == pictures.Examined()


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "ICO"])
def test_formats_that_no_provider_takes_are_not_even_tried(kind: str) -> None:
    data = saved(scene(), kind)
    with pytest.raises(ValueError, match="cannot identify"):
        decode(data)
    assert examine(data).wrong


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _noise(kind: str, mode: str = "RGB") -> bytes:
    return saved(Image.effect_noise((200, 150), 90).convert(mode), kind)


@pytest.mark.parametrize(
    "data",
    [
        _cut(_noise("PNG")),
        _cut(_noise("JPEG")),
        _cut(_noise("GIF", "P")),
        _cut(_noise("WEBP")),
        _cut(saved(_alpha())),
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(60),
        b"GIF89a" + bytes(40),
    ],
)
def test_what_cannot_be_decoded_whole_is_told(data: bytes) -> None:
    assert examine(data).wrong
    with pytest.raises(ValueError, match=r"\w"):
        decode(data)


def test_a_bomb_is_refused() -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")
    assert "exceeds limit" in examine(data).wrong


def test_a_picture_is_examined_once_and_one_that_changed_is_not_remembered(tmp_path: Path) -> None:
    odd = image(tmp_path, saved(_alpha(7)), "odd.png")
    assert reading_of(odd) == pictures.READING and odd.path is not None
    odd.path.unlink()
    assert examined(odd).odd, "remembered by its hash"
    changed = image(tmp_path, saved(_alpha(9)), "changed.png")
    assert changed.path is not None
    changed.path.write_bytes(saved(scene()))
    assert reading_of(changed) == "" and pictures.known(changed.sha256) is None


def test_every_reader_of_pictures_shows_the_same(tmp_path: Path) -> None:
    from sparkles_eval.adapters.image_encoding import ready
    from sparkles_eval.adapters.local.base import open_picture
    from sparkles_eval.core import Limits
    from sparkles_eval.tasks.images import image_bytes, pixels, thumbnail

    readers: list[Callable[[], Image.Image]]
    for number, data in enumerate((saved(_alpha()), saved(_grey16()), saved(scene(), "JPEG", exif=tagged(6)))):
        one = image(tmp_path, data, f"{number}.png")
        import base64

        readers = [
            lambda one=one: open_picture(one),  # type: ignore[misc]
            lambda one=one: pixels(one),  # type: ignore[misc]
            lambda one=one: Image.open(io.BytesIO(base64.b64decode(ready(one, image_bytes(one), Limits()).base64))),  # type: ignore[misc]
            lambda one=one: Image.open(io.BytesIO(thumbnail(image_bytes(one)))),  # type: ignore[misc]
        ]
        expected = array(decode(data))
        for read in readers:
            found = array(read())
            assert found.shape == expected.shape and np.abs(found - expected).mean() < 6
