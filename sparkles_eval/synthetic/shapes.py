"""Draws each kind of thing in unit coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]
Point = tuple[float, float]

INK: RGB = (62, 48, 52)
CREAM: RGB = (255, 249, 235)
BARK: RGB = (128, 92, 70)


def mix(colour: RGB, other: RGB, share: float) -> RGB:
    """`colour` with `share` (0 to 1) of `other` in it."""
    r, g, b = (round(x + (y - x) * share) for x, y in zip(colour, other, strict=True))
    return (r, g, b)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws in unit coordinates on a square canvas of `edge` pixels, in tones of `base`."""

    draw: ImageDraw.ImageDraw
    edge: int
    base: RGB

    @property
    def dark(self) -> RGB:
        warm = self.base[0] > self.base[2] and self.base[0] > self.base[1]
        return mix(self.base, (150, 40, 20) if warm else (20, 20, 70), 0.34)

    @property
    def light(self) -> RGB:
        return mix(self.base, (255, 255, 255), 0.42)

    def at(self, x: float, y: float) -> Point:
        half = self.edge / 2
        return (half + x * half, half + y * half)

    def polygon(self, points: Sequence[Point], fill: RGB) -> None:
        self.draw.polygon([self.at(x, y) for x, y in points], fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        self.draw.ellipse([self.at(x - rx, y - ry), self.at(x + rx, y + ry)], fill=fill)

    def box(self, corner: Point, opposite: Point, fill: RGB, radius: float = 0.0) -> None:
        self.draw.rounded_rectangle([self.at(*corner), self.at(*opposite)], radius * self.edge / 2, fill=fill)

    def line(self, points: Sequence[Point], fill: RGB, width: float) -> None:
        """A line with round ends; `width` in units."""
        self.draw.line([self.at(x, y) for x, y in points], fill, round(width * self.edge / 2), joint="curve")
        for x, y in (points[0], points[-1]):
            self.oval(x, y, width / 2, width / 2, fill)

    def face(self, x: float, y: float, scale: float = 1.0) -> None:
        """Two eyes, a smile and rosy cheeks."""
        gap, eye = 0.2 * scale, 0.062 * scale
        cheek = mix(self.base, (255, 120, 130), 0.45)
        for side in (-1, 1):
            self.oval(x + side * gap * 1.75, y + 0.12 * scale, 0.1 * scale, 0.065 * scale, cheek)
            self.oval(x + side * gap, y, eye, eye * 1.25, INK)
            self.oval(x + side * gap - eye * 0.25, y - eye * 0.5, eye * 0.36, eye * 0.36, CREAM)
        smile = [
            (x + 0.11 * scale * math.cos(a), y + 0.06 * scale + 0.09 * scale * math.sin(a))
            for a in (math.pi * step / 10 for step in range(11))
        ]
        self.line(smile, INK, 0.045 * scale)


def _cap(level: float, bulge: float) -> list[Point]:
    """The part of a ball above `level` (below it, when that is positive), with a bulging edge."""
    half = math.sqrt(0.92**2 - level**2)
    side = -1 if level < 0 else 1
    start = math.asin(half / 0.92)
    arc = [(0.92 * math.sin(a), side * 0.92 * math.cos(a)) for a in (start * (i / 20 - 1) for i in range(41))]
    edge = [(half * (1 - i / 10), level - side * bulge * (1 - (1 - i / 10) ** 2)) for i in range(21)]
    return [*arc, *edge]


def _ball(pen: Pen) -> None:
    pen.oval(0, 0, 0.92, 0.92, pen.base)
    pen.polygon(_cap(-0.4, -0.14), pen.light)
    pen.polygon(_cap(-0.62, -0.1), pen.base)
    pen.polygon(_cap(0.5, -0.14), pen.dark)
    pen.oval(-0.34, -0.7, 0.12, 0.06, CREAM)
    pen.face(0, 0.06, 1.15)


def _cup(pen: Pen) -> None:
    pen.oval(0.62, 0.12, 0.36, 0.4, pen.dark)
    pen.oval(0.62, 0.12, 0.2, 0.24, CREAM)
    pen.polygon([(-0.82, -0.56), (0.62, -0.56), (0.5, 0.62), (-0.7, 0.62)], pen.base)
    pen.box((-0.7, 0.3), (0.5, 0.86), pen.base, 0.26)
    pen.oval(-0.1, -0.56, 0.72, 0.2, pen.light)
    pen.oval(-0.1, -0.54, 0.6, 0.13, BARK)
    for x in (-0.32, 0.12):
        wisp = [(x + 0.06 * math.sin(4.2 * t), -0.66 - 0.3 * t) for t in (i / 8 for i in range(9))]
        pen.line(wisp, CREAM, 0.09)
    pen.face(-0.1, 0.1, 1.15)


def _fish(pen: Pen) -> None:
    pen.polygon([(0.42, 0.0), (0.98, -0.52), (0.86, 0.0), (0.98, 0.52)], pen.dark)
    pen.polygon([(-0.35, -0.42), (0.02, -0.82), (0.4, -0.32)], pen.dark)
    pen.polygon([(-0.1, 0.42), (0.1, 0.74), (0.35, 0.34)], pen.dark)
    pen.oval(-0.14, 0, 0.8, 0.54, pen.base)
    for x, y in ((0.08, -0.18), (0.08, 0.16), (0.32, 0.0), (0.3, -0.28), (0.3, 0.26)):
        pen.oval(x, y, 0.12, 0.1, pen.light)
    pen.oval(-0.54, -0.12, 0.17, 0.17, CREAM)
    pen.oval(-0.57, -0.11, 0.085, 0.1, INK)
    smile = [(-0.72 + 0.16 * t, 0.16 + 0.1 * math.sin(math.pi * t)) for t in (i / 8 for i in range(9))]
    pen.line(smile, INK, 0.05)


def _flower(pen: Pen) -> None:
    for index in range(8):
        angle = math.pi * (index / 4 + 0.125)
        pen.oval(
            0.56 * math.cos(angle),
            0.56 * math.sin(angle),
            0.34,
            0.34,
            mix(pen.base, pen.dark, 0.5) if index % 2 else pen.base,
        )
    for index in range(0, 8, 2):
        angle = math.pi * (index / 4 + 0.125)
        pen.oval(0.6 * math.cos(angle), 0.6 * math.sin(angle), 0.17, 0.17, pen.light)
    pen.oval(0, 0, 0.43, 0.43, CREAM)
    pen.face(0, -0.02, 0.95)


def _heart(pen: Pen) -> None:
    def outline(scale: float) -> list[Point]:
        turns = (2 * math.pi * i / 60 for i in range(60))
        return [
            (
                scale * math.sin(t) ** 3 * 0.94,
                scale
                * -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t) + 2)
                / 17
                * 0.94,
            )
            for t in turns
        ]

    pen.polygon(outline(1.0), pen.base)
    pen.oval(-0.5, -0.48, 0.2, 0.12, pen.light)
    pen.oval(-0.24, -0.58, 0.06, 0.05, pen.light)
    pen.face(0, -0.12, 1.25)


def _house(pen: Pen) -> None:
    roof = mix(pen.base, pen.dark, 0.55)  # not so dark that a yellow house has an orange roof
    pen.box((0.34, -0.84), (0.58, -0.3), roof)
    pen.box((-0.68, -0.2), (0.68, 0.88), pen.base, 0.06)
    pen.polygon([(-0.96, -0.1), (0.0, -0.92), (0.96, -0.1)], roof)
    pen.oval(0, -0.36, 0.15, 0.15, CREAM)
    pen.box((-0.2, 0.3), (0.2, 0.88), BARK, 0.16)
    pen.oval(0.1, 0.62, 0.04, 0.04, CREAM)
    for x in (-0.44, 0.44):
        pen.box((x - 0.15, 0.08), (x + 0.15, 0.4), CREAM, 0.05)
        pen.line([(x, 0.1), (x, 0.38)], pen.base, 0.05)
        pen.line([(x - 0.13, 0.24), (x + 0.13, 0.24)], pen.base, 0.05)


def _star(pen: Pen) -> None:
    def outline(scale: float) -> list[Point]:
        points = []
        for index in range(10):
            radius = scale * (0.98 if index % 2 == 0 else 0.5)
            angle = math.pi * index / 5
            points.append((radius * math.sin(angle), 0.06 - radius * math.cos(angle)))
        return points

    pen.polygon(outline(1.0), pen.base)
    for index in (1, 3, 5, 7, 9):
        left, tip = outline(1.0)[index], outline(1.0)[(index + 1) % 10]
        pen.polygon([tip, left, (0, 0.06)], mix(pen.base, pen.dark, 0.35))
    pen.polygon(outline(0.74), pen.base)
    pen.face(0, 0.04, 1.05)


def _tree(pen: Pen) -> None:
    pen.box((-0.14, 0.3), (0.14, 0.94), BARK, 0.06)
    for x, y, r in ((-0.42, 0.1, 0.42), (0.42, 0.1, 0.42), (0.0, -0.46, 0.46), (0.0, 0.06, 0.5)):
        pen.oval(x, y, r, r, pen.base)
    for x, y, r in ((-0.5, 0.3, 0.1), (0.5, 0.3, 0.1), (0.32, -0.2, 0.09), (-0.32, -0.24, 0.09), (0.0, -0.68, 0.1)):
        pen.oval(x, y, r, r, pen.light)
    pen.face(0, 0.02, 1.1)


SHAPES: dict[str, Callable[[Pen], None]] = {
    "ball": _ball,
    "cup": _cup,
    "fish": _fish,
    "flower": _flower,
    "heart": _heart,
    "house": _house,
    "star": _star,
    "tree": _tree,
}
"""By the names of words.KINDS."""


def shape(kind: str, colour: RGB, edge: int) -> Image.Image:
    """The thing alone on a clear RGBA square of `edge` pixels, not smoothed."""
    canvas = Image.new("RGBA", (edge, edge), (0, 0, 0, 0))
    SHAPES[kind](Pen(ImageDraw.Draw(canvas), edge, colour))
    return canvas
