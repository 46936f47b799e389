"""How every figure looks: sizes, colours by their part, shapes, and the configuration of Vega-Lite.

A figure is drawn in the colours for light paper, which is what files keep. On a page each of these colours becomes a
CSS variable (`clean.themed`), so that one drawing reads in light, in dark and in print. Knows nothing of data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sparkles_eval.records import JSON

if TYPE_CHECKING:
    import altair as alt

INK = "#1c2127"
QUIET = "#59626c"
LINE = "#dcd7cd"
PAPER = "#ffffff"
SERIES = ("#0072b2", "#d55e00", "#00875f", "#b5588f", "#9a6b00", "#2b8fc9", "#5c5346", "#7d4fc4")
"""Okabe and Ito's colours (2008) in their order, the light ones darkened until each stands 3:1 against the page (WCAG
1.4.11); two more for the seventh and eighth. Never the only thing that tells two series apart: SHAPES go along."""
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
    return {**spec, "datasets": datasets, "config": _CONFIG, "background": PAPER, "padding": 8}


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
