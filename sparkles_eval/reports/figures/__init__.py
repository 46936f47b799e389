"""Figures of a store: charts for the report, for a paper and for a notebook.

    from sparkles_eval.reports.figures import figures, save

Importing this costs nothing; the drawing libraries (extra `figures`) are imported when something is drawn.
"""

from __future__ import annotations

from sparkles_eval.reports.figures.figure import FORMATS, Figure, Format, missing, save
from sparkles_eval.reports.figures.registry import figures

__all__ = ["FORMATS", "Figure", "Format", "figures", "missing", "save"]
