"""A figure: one chart with its caption and alternative text, as page element, file (SVG, PNG, PDF) and table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from markupsafe import Markup

from sparkles_eval.analysis.tables import Table, cell_text
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.files import write_file
from sparkles_eval.reports.figures.svg_sanitizer import clean_svg, theme_svg
from sparkles_eval.reports.toolkit.table_files import csv_text

Format: TypeAlias = Literal["svg", "pdf", "png", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
VEGA_LITE = "6.4"
"""The version that specifications are drawn with; altair 6 writes for it."""
SCALE = 2.0
"""Pixels of a PNG for each pixel of the drawing: sharp on paper at the width of a column."""

ROWS = 200
"""Of a figure's numbers on a page."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart. `name` is plain and unique within what `figures` gives: the stem of its files and its id on a page."""

    name: str
    kind: str
    """What is drawn, whatever the task: "ranks", "differences", ..."""
    title: str
    caption: str
    """What it shows, of how many, how to read it, and how intervals were made."""
    alt: str
    data: Table
    """The numbers that are drawn, with the full names."""
    spec: Mapping[str, JSON]
    """Vega-Lite, complete with its data."""
    task: str = ""
    version: int = 0
    """Of the task."""
    panel: str = ""
    """`Panel.id` of the panel that it shows; "" where it shows several, as figures of judges do."""

    def __repr__(self) -> str:
        return f"<Figure {self.name!r}: {self.title}>"

    def svg(self) -> Markup:
        """The drawing for a page: text, shapes, and colours that are the page's own. Safe to inline."""
        return Markup(theme_svg(self._light()))  # noqa: S704 - made of what `clean` lets through

    def file(self, kind: Format) -> bytes:
        """The drawing (or its numbers) as a file, in the colours for light paper.

        The same bytes every time, but for PDF: the library numbers its objects in an order that changes.
        """
        if kind == "csv":
            return csv_text(self.data).encode()
        import vl_convert

        svg = self._light()
        if kind == "svg":
            return svg.encode()
        return bytes(vl_convert.svg_to_pdf(svg) if kind == "pdf" else vl_convert.svg_to_png(svg, scale=SCALE))

    @property
    def table(self) -> Table:
        """The numbers as a page shows them: of very many rows the first, with a word on the others."""
        rows = self.data.rows
        if len(rows) <= ROWS:
            return self.data
        note = f"The first {ROWS} of {len(rows):,} rows; the figure's CSV has all."
        return replace(self.data, rows=rows[:ROWS], notes=(*self.data.notes, note))

    def _repr_svg_(self) -> str:
        """How a notebook shows it."""
        return self.file("svg").decode()

    def _repr_html_(self) -> str:
        """The drawing with its caption, for a notebook."""
        return f"<figure>{self._light()}<figcaption>{escape(self.caption)}</figcaption></figure>"

    @property
    def heads(self) -> tuple[str, ...]:
        """Titles of the table's columns."""
        return tuple(head.title for head in self.data.heads)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The table's cells as people read them."""
        return tuple(
            tuple(cell_text(cell, head) for cell, head in zip(row, self.data.heads, strict=True))
            for row in self.data.rows
        )

    def _light(self) -> str:
        return clean_svg(_drawn(json.dumps(self.spec, sort_keys=True)), prefix=self.name, alt=self.alt)


@lru_cache(maxsize=256)
def _drawn(spec: str) -> str:
    import vl_convert

    # No base addresses: a specification that names one is refused rather than fetched.
    return str(vl_convert.vegalite_to_svg(vl_spec=spec, vl_version=VEGA_LITE, allowed_base_urls=[]))


def missing() -> str:
    """Why there are no figures, in one line with the fix; "" where there can be some."""
    if find_spec("altair") is None or find_spec("vl_convert") is None:
        return "Figures were left out: they need an optional part, pip install 'sparkles-eval[figures]'."
    return ""


def needed() -> None:
    """Raises errors.MissingExtra where figures cannot be drawn."""
    if missing():
        raise MissingExtra("figures", "figures")


def save(figures: Iterable[Figure], folder: Path, formats: Sequence[Format] = ("svg", "pdf", "png")) -> list[Path]:
    """Write every figure to `folder` (made where it is missing) in each format; gives the paths.

    Raises errors.UserError for an unknown format or a folder that cannot be written.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UserError(f"figures: no format {', '.join(unknown)}; there are {', '.join(FORMATS)}")
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in figures:
            for kind in formats:
                path = folder / f"{figure.name}.{kind}"
                write_file(path, figure.file(kind))
                written.append(path)
    except OSError as error:
        raise UserError(f"{folder}: figures cannot be written ({error.strerror}); name another folder") from error
    return written
