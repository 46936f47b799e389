"""Makes a drawing safe for a page: only shapes and text, nothing loaded, unique ids, and the page's colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from sparkles_eval.core.errors import SparklesError
from sparkles_eval.reports.figures.style import PAPER, VARIABLES

SVG = "http://www.w3.org/2000/svg"
ON_PAGE = 1.2
"""How much larger a drawing is on a page than on paper: letters of 11 pixels are small on a screen."""
_ELEMENTS = frozenset({"svg", "g", "path", "rect", "line", "circle", "text", "tspan", "defs", "clipPath"})
_ATTRIBUTES = {
    *("d", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "width", "height", "viewBox"),
    *("id", "clip-path", "transform", "opacity", "display", "fill", "fill-opacity", "stroke", "stroke-width"),
    *("stroke-opacity", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin"),
    *("stroke-miterlimit", "font-family", "font-size", "font-weight", "font-style", "text-anchor"),
    "dominant-baseline",
}
_PAINT = ("fill", "stroke")
_COLOUR = re.compile(r"#[0-9a-f]{6}|none|transparent|currentColor")
_LOCAL = re.compile(r"url\(#([A-Za-z][\w-]*)\)")
_PLAIN = re.compile(r"[\w.,%+() eE-]*")
"""What an attribute that is no paint may hold: numbers, words, transforms; no address and no quotes."""
_EMPTY = frozenset({"path", "rect", "line", "circle", "text", "g"})
_NUMBER = re.compile(r"-?\d+\.\d{3,}")

ET.register_namespace("", SVG)


class UnsafeSvg(SparklesError):
    """The drawing holds what no figure of ours has: a fault of ours, not of the data."""


def clean_svg(svg: str, *, prefix: str, alt: str) -> str:
    """The drawing with what may stay, in the colours for light paper. `alt` is what a screen reader reads.

    Ids begin with `prefix`. Raises UnsafeSvg for a document type, an unknown element or a foreign colour.
    """
    root = _parsed(svg)
    drawn = _copy(root, prefix)
    assert drawn is not None
    for name in ("width", "height"):
        drawn.set(name, f"{float(root.get(name, '0')):g}")
    drawn.set("role", "img")
    drawn.set("aria-label", alt)
    return ET.tostring(drawn, encoding="unicode")


def theme_svg(svg: str) -> str:
    """A cleaned drawing for a page: its colours are the page's variables, the page is its paper, letters as in a page.

    Raises UnsafeSvg like `clean_svg`.
    """
    root = _parsed(svg)
    for size in ("width", "height"):
        root.set(size, f"{ON_PAGE * float(root.get(size, '0')):g}")
    first = next(iter(root), None)
    if first is not None and _name(first) == "rect" and first.get("fill") == PAPER:
        root.remove(first)
    for element in root.iter():
        for paint in _PAINT:
            colour = element.get(paint, "")
            if colour in VARIABLES:
                element.set(paint, f"var({VARIABLES[colour]}, {colour})")
    return ET.tostring(root, encoding="unicode")


def _parsed(svg: str) -> ET.Element:
    if "<!" in svg or "<?" in svg:
        raise UnsafeSvg("a figure may hold no document type, comment or instruction")
    try:
        return ET.fromstring(svg)  # noqa: S314 - no document type: nothing in it can be expanded or loaded
    except ET.ParseError as error:
        raise UnsafeSvg(f"a figure is no XML: {error}") from error


def _name(element: ET.Element) -> str:
    space, _, name = element.tag.rpartition("}")
    return name if space == f"{{{SVG}" else ""


def _copy(element: ET.Element, prefix: str) -> ET.Element | None:
    """The element with what may stay; None where nothing of it is to be seen."""
    name = _name(element)
    if name not in _ELEMENTS:
        raise UnsafeSvg(f"a figure may hold no <{element.tag}>")
    made = ET.Element(f"{{{SVG}}}{name}", dict(_allowed(element, prefix)))
    made.text, made.tail = element.text, element.tail
    for child in element:
        drawn = _copy(child, prefix)
        if drawn is not None:
            made.append(drawn)
    if element.get("display") == "none" or (name in _EMPTY and _invisible(name, made)):
        return None
    return made


def _invisible(name: str, made: ET.Element) -> bool:
    if name == "g":
        return len(made) == 0
    if name == "text":
        return not "".join(made.itertext()).strip()
    if name == "path":
        return not made.get("d") or ("fill" not in made.attrib and "stroke" not in made.attrib)
    return name == "rect" and "fill" not in made.attrib and "stroke" not in made.attrib


def _allowed(element: ET.Element, prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        if name not in _ATTRIBUTES:
            continue
        if name in _PAINT:
            yield name, _paint(value)
        elif name == "clip-path":
            yield name, _LOCAL.sub(lambda found: f"url(#{prefix}-{found[1]})", value) if _LOCAL.fullmatch(value) else ""
        elif name == "id":
            yield name, f"{prefix}-{value}"
        elif _PLAIN.fullmatch(value):
            yield name, _NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value)
        else:
            raise UnsafeSvg(f"a figure may not say {name}={value[:60]!r}")


def _paint(value: str) -> str:
    colour = {"white": "#ffffff", "black": "#000000"}.get(value, value.lower())
    if colour == "currentcolor" or not _COLOUR.fullmatch(colour):
        raise UnsafeSvg(f"a figure may not be painted {value[:60]!r}")
    return colour
