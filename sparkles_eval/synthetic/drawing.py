"""Draws a scene as an image: background, then each thing as a paper sticker with a soft shadow."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from sparkles_eval.synthetic.scene import CELL_NAMES, Scene
from sparkles_eval.synthetic.shapes import RGB, mix, shape

EDGE = 256
"""Pixels of a scene's side."""
PAINTS: dict[str, RGB] = {
    "red": (214, 43, 56),
    "orange": (246, 140, 30),
    "yellow": (253, 216, 53),
    "green": (34, 150, 94),
    "blue": (42, 110, 214),
    "purple": (138, 68, 178),
}
"""By the names of words.COLOURS. They differ in lightness as well as in hue."""
_RADII = {"big": 47, "small": 26}
"""Pixels from a thing's middle to its farthest point, by the names of words.SIZES."""
_FINE = 3
_RIM = 5

_SKY: dict[str, tuple[tuple[RGB, RGB], ...]] = {
    "meadow": (
        ((188, 226, 248), (240, 249, 252)),
        ((200, 232, 240), (252, 250, 232)),
        ((178, 214, 244), (228, 240, 252)),
    ),
    "beach": (
        ((196, 232, 246), (238, 248, 246)),
        ((250, 226, 214), (252, 244, 226)),
        ((176, 220, 240), (226, 244, 248)),
    ),
    "night sky": (((24, 30, 66), (66, 62, 116)), ((18, 38, 70), (48, 84, 120)), ((38, 26, 66), (92, 62, 116))),
    "sunset": (
        ((116, 92, 158), (252, 190, 150)),
        ((226, 130, 140), (254, 222, 170)),
        ((92, 112, 168), (248, 196, 180)),
    ),
    "plain page": (
        ((253, 246, 232), (250, 240, 222)),
        ((236, 244, 240), (226, 238, 232)),
        ((248, 238, 242), (242, 228, 236)),
    ),
    "dotted page": (
        ((252, 250, 244), (250, 246, 236)),
        ((240, 246, 250), (232, 240, 248)),
        ((250, 242, 236), (248, 236, 228)),
    ),
}
"""Top and bottom of each background's gradient, one pair for each look."""


def _gradient(top: RGB, bottom: RGB, edge: int) -> Image.Image:
    column = Image.new("RGB", (1, edge))
    for y in range(edge):
        column.putpixel((0, y), mix(top, bottom, y / (edge - 1)))
    return column.resize((edge, edge))


def _wave(draw: ImageDraw.ImageDraw, level: float, swing: float, turn: float, fill: RGB) -> None:
    """Everything below a gentle wave; level and swing as shares of the edge, turn in radians."""
    edge = EDGE * 2
    steps = [x * edge / 48 for x in range(49)]
    line = [(x, edge * (level + swing * math.sin(x / edge * 5.2 + turn))) for x in steps]
    draw.polygon([*line, (edge, edge), (0, edge)], fill=fill)


def _meadow(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    for x, y in ((0.16, 0.12), (0.74, 0.2), (0.47, 0.08)):
        for dx, r in ((-0.05, 0.03), (0.0, 0.045), (0.055, 0.032)):
            cx, cy, radius = (x + dx) * 512, y * 512, r * 512
            draw.ellipse([cx - radius, cy - radius * 0.8, cx + radius, cy + radius * 0.8], fill=(255, 255, 255))
    _wave(draw, 0.52, 0.035, 0.4 + look, (190, 222, 168))
    _wave(draw, 0.62, 0.03, 2.6 + look, (172, 212, 148))
    _wave(draw, 0.8, 0.025, 4.4 + look, (154, 200, 132))
    for _ in range(44):
        x, y = rng.uniform(0, 512), rng.uniform(0.68, 0.98) * 512
        draw.line([(x, y), (x + rng.uniform(-4, 4), y - 11)], fill=(126, 178, 108), width=3)


def _beach(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    _wave(draw, 0.4, 0.0, 0.0, (136, 200, 220))
    for level in (0.44, 0.485, 0.53):
        _wave(draw, level, 0.008, 12 * level + look, mix((136, 200, 220), (255, 255, 255), (level - 0.4) * 2))
    _wave(draw, 0.575, 0.014, 1.0 + look, (255, 252, 240))
    _wave(draw, 0.6, 0.014, 1.0 + look, (246, 226, 186))
    for _ in range(110):
        x, y = rng.uniform(0, 512), rng.uniform(0.65, 1.0) * 512
        draw.ellipse([x, y, x + 3, y + 3], fill=(226, 202, 158))


def _wisp(draw: ImageDraw.ImageDraw, rng: Random, tone: RGB) -> None:
    """A thin cloud of three strokes somewhere in the sky."""
    x, y, width = rng.uniform(0, 512), rng.uniform(0.08, 0.66) * 512, rng.uniform(40, 90)
    for dx, dy, share in ((0.0, 0, 1.0), (-0.3, -9, 0.5), (0.25, 9, 0.7)):
        middle, half = x + dx * width, width * share
        draw.rounded_rectangle([middle - half, y + dy - 5, middle + half, y + dy + 5], 5, fill=tone)


def _night(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    # No stars in the sky: "star" is a kind of thing, and its count has to be exact.
    draw.ellipse([236, 26, 276, 66], fill=(255, 240, 200))
    draw.ellipse([248, 20, 284, 56], fill=mix(*_SKY["night sky"][look], 0.1))
    for _ in range(5):
        _wisp(draw, rng, mix(*_SKY["night sky"][look], 0.9))
    _wave(draw, 0.9, 0.03, 0.8 + look, (30, 34, 62))
    _wave(draw, 0.95, 0.02, 3.0 + look, (22, 26, 50))


def _sunset(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    for _ in range(6):
        _wisp(draw, rng, mix(_SKY["sunset"][look][1], (255, 240, 226), 0.3))
    _wave(draw, 0.78, 0.04, 1.2 + look, (150, 104, 138))
    _wave(draw, 0.86, 0.03, 3.4 + look, (118, 82, 122))


def _dots(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    tone = ((222, 206, 178), (184, 206, 228), (236, 196, 180))[look]
    start = rng.randrange(8)
    for row in range(-1, 17):
        for column in range(-1, 17):
            x, y = column * 34 + start + (row % 2) * 17, row * 34 + start
            draw.ellipse([x, y, x + 9, y + 9], fill=tone)


def _plain(draw: ImageDraw.ImageDraw, look: int, rng: Random) -> None:
    tone = ((243, 230, 208), (216, 230, 222), (234, 216, 226))[look]
    inset = 16 + rng.randrange(4)
    draw.rounded_rectangle([inset, inset, 512 - inset, 512 - inset], 26, outline=tone, width=3)


_PAINTERS = {
    "meadow": _meadow,
    "beach": _beach,
    "night sky": _night,
    "sunset": _sunset,
    "plain page": _plain,
    "dotted page": _dots,
}


@lru_cache(maxsize=32)
def _background(name: str, look: int) -> Image.Image:
    """The background of 256 x 256 pixels, RGB."""
    canvas = _gradient(*_SKY[name][look], EDGE * 2)
    _PAINTERS[name](ImageDraw.Draw(canvas), look, Random(f"{name}/{look}"))  # noqa: S311 (no secret is made of it)
    return canvas.reduce(2)


@lru_cache(maxsize=512)
def _sticker(kind: str, colour: str, size: str, tilt: int) -> tuple[Image.Image, Image.Image]:
    """The thing with its paper rim (RGBA), and its shadow (L), both of the same square size."""
    radius = _RADII[size]
    fine = shape(kind, PAINTS[colour], 2 * radius * _FINE)
    if tilt:
        fine = fine.rotate(tilt, Image.Resampling.BILINEAR)
    edge = 2 * (radius + 2 * _RIM)
    thing = Image.new("RGBA", (edge, edge), (0, 0, 0, 0))
    thing.paste(fine.reduce(_FINE), (2 * _RIM, 2 * _RIM))
    blurred = thing.getchannel("A").filter(ImageFilter.GaussianBlur(1.6))
    rim = blurred.point([min(255, max(0, value * 5 - 90)) for value in range(256)])
    sticker = Image.composite(Image.new("RGBA", thing.size, (255, 253, 248, 255)), thing, rim)
    sticker.putalpha(rim)
    sticker.alpha_composite(thing)
    shadow = rim.filter(ImageFilter.GaussianBlur(2.4)).point([value * 2 // 5 for value in range(256)])
    return sticker, shadow


def draw(scene: Scene) -> Image.Image:
    """The scene as an RGB picture of 256 x 256 pixels."""
    canvas = _background(scene.background, scene.variant).copy()
    for thing in scene.things:
        sticker, shadow = _sticker(thing.kind, thing.colour, thing.size, thing.tilt)
        row, column = divmod(CELL_NAMES.index(thing.cell), 2)
        x = EDGE // 4 + column * EDGE // 2 + thing.dx - sticker.width // 2
        y = EDGE // 4 + row * EDGE // 2 + thing.dy - sticker.height // 2
        canvas.paste((38, 30, 56), (x + 1, y + 4), shadow)
        canvas.paste(sticker, (x, y), sticker)
    return canvas


def png(picture: Image.Image) -> bytes:
    """The picture as PNG bytes, always with the same settings and nothing but the pixels."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()
