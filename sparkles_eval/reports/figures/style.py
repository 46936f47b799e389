"""The style of every figure: sizes, colours, shapes, Vega-Lite configuration, and shortened names.

A colour is a literal in files and a CSS variable in pages (`svg_sanitizer.theme_svg`), so that one drawing is readable
on light, on dark and on paper.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkles_eval.core import JSON
from sparkles_eval.core.text import one_line

if TYPE_CHECKING:
    import altair as alt


INK = "#1c2127"
QUIET = "#59626c"
LINE = "#dcd7cd"
PAPER = "#ffffff"
SERIES = ("#0072b2", "#d55e00", "#00875f", "#b5588f", "#9a6b00", "#2b8fc9", "#5c5346", "#7d4fc4")
"""Okabe and Ito's colours (2008) in their order, the light ones darkened until each stands 3:1 against the page (WCAG
1.4.11); two more for the seventh and eighth. Never the only difference between two series: SHAPES go along."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")

DARK: Mapping[str, str] = {
    INK: "#e7e9eb",
    QUIET: "#a2abb4",
    LINE: "#39414a",
    PAPER: "#14171b",
    **dict(
        zip(
            SERIES,
            ("#56b4e9", "#ff8f4d", "#2fc99b", "#e79cc9", "#e6b325", "#a8dcfa", "#cfc3b0", "#b79bf0"),
            strict=True,
        )
    ),
}
"""What each colour becomes on dark paper; the style sheet `style.css` says the same (a test holds them together)."""

VARIABLES: Mapping[str, str] = {
    INK: "--ink",
    QUIET: "--quiet",
    LINE: "--figure-line",
    PAPER: "--paper",
    **{colour: f"--figure-{place}" for place, colour in enumerate(SERIES, 1)},
}

FONT = "sans-serif"
TEXT = 12
SMALL = 11
WIDTH = 640
"""Pixels of a figure's plot and labels together, about: what fits a page of text, and a double column in print."""
ROW = 24
"""Pixels from one model's row to the next."""
LABEL = 190
"""Pixels that a name may take beside a plot."""


def config(chart: alt.TopLevelMixin) -> dict[str, JSON]:
    """The chart as Vega-Lite with the house's configuration, its rows under `datasets`; nothing is loaded."""
    spec: dict[str, JSON] = chart.to_dict(validate=False)
    rows = spec.pop("datasets")
    assert isinstance(rows, dict)
    datasets: dict[str, JSON] = {name: json.loads(str(text)) for name, text in rows.items()}
    return {**spec, "datasets": datasets, "config": _CONFIG, "background": PAPER, "padding": 10}


_AXIS: dict[str, JSON] = {
    "labelFont": FONT,
    "titleFont": FONT,
    "labelFontSize": SMALL,
    "titleFontSize": SMALL,
    "titleFontWeight": "normal",
    "labelColor": INK,
    "titleColor": QUIET,
    "gridColor": LINE,
    "domainColor": QUIET,
    "tickColor": QUIET,
    "labelLimit": LABEL,
    "titleLimit": 600,
    "tickSize": 4,
    "labelPadding": 4,
    "titlePadding": 8,
}
_HEADING: dict[str, JSON] = {
    "labelFont": FONT,
    "titleFont": FONT,
    "labelFontSize": TEXT,
    "labelFontWeight": "bold",
    "labelColor": INK,
    "titleColor": QUIET,
    "labelLimit": 260,
}
_CONFIG: dict[str, JSON] = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": _AXIS,
    "axisY": {"grid": False, "domain": False, "ticks": False},
    "header": _HEADING,
    "legend": {
        "labelFont": FONT,
        "titleFont": FONT,
        "labelFontSize": SMALL,
        "titleFontSize": SMALL,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": QUIET,
        "labelLimit": 240,
        "symbolSize": 70,
        "symbolStrokeWidth": 2,
        "orient": "top",
        "direction": "horizontal",
        "columns": 3,
        "columnPadding": 18,
        "rowPadding": 4,
        "offset": 10,
    },
    "text": {"font": FONT, "fontSize": SMALL, "fill": INK},
    "rule": {"stroke": INK},
    "title": {"font": FONT, "fontSize": TEXT, "fontWeight": "bold", "color": INK, "anchor": "start", "limit": 600},
}


LONGEST = 30
"""Characters of a name beside a plot."""
_NO_XML = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_PLAIN = re.compile(r"[^a-z0-9]+")


def short_name(text: str, most: int = LONGEST) -> str:
    """One visible line of at most `most` characters, cut in the middle: a version stands at the end of a name."""
    flat = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", one_line(text, 10_000)) or "(no name)"
    if len(flat) <= most:
        return flat
    end = most // 3
    return f"{flat[: most - end - 1].rstrip()}…{flat[-end:].lstrip()}"


def short_names(names: Iterable[str], most: int = LONGEST) -> dict[str, str]:
    """Name -> label; names that read alike once cut are numbered."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        label, number = short_name(name, most), 1
        while label in taken:
            number += 1
            label = f"{short_name(name, most - 4)} ({number})"
        taken.add(label)
        made[name] = label
    return made


def two_lines(label: str, most: int = 18) -> str:
    """A label on two lines where it is long; drawings split it at the newline, which no label holds."""
    if len(label) <= most:
        return label
    middle = len(label) / 2
    spaces = [place for place, char in enumerate(label) if char == " "]
    cut = min(spaces, key=lambda place: abs(place - middle), default=0)
    return f"{label[:cut]}\n{label[cut + 1 :]}" if cut else label


def file_stem(*parts: str) -> str:
    """A plain file name of these words, such as "ranks-bison-mini"."""
    words = [_PLAIN.sub("-", part.lower()).strip("-")[:60] for part in parts]
    return "-".join(word for word in words if word) or "figure"


@dataclass(slots=True)
class FileNames:
    """Gives every figure a stem of its own."""

    taken: set[str]

    def take(self, *parts: str) -> str:
        """The stem of these words, numbered where another figure has it already."""
        first = file_stem(*parts)
        made, number = first, 1
        while made in self.taken:
            number += 1
            made = f"{first}-{number}"
        self.taken.add(made)
        return made


def listed(words: Sequence[str], most: int = 6) -> str:
    """ "a, b and 3 more"."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[: most - 1])} and {len(words) - most + 1} more"


def pairs(count: int) -> str:
    """ "1 pair" or "45 pairs"."""
    return "1 pair" if count == 1 else f"{count:,} pairs"
