"""Everything that a report shows besides samples, worked out once from the store; the one file and the site share it.

Knows nothing of files or HTML.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.analysis.leaderboard import Head, Leaderboard, by_panel, leaderboard
from sparkles_eval.analysis.models import ModelView, models
from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports.downloads import Download, downloads
from sparkles_eval.reports.judging import Section, judging
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    from sparkles_eval.reports.figures import Figure


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What a report shall hold; the one file and the site take the same."""

    title: str = "Evaluation report"
    samples: int = 1000
    """Samples shown of each task."""
    only: Collection[str] = ()
    """Sample ids to show; all where none is named."""
    figures: bool = True
    """Draw the figures, where the libraries that draw are installed."""
    store: bool = True
    """Copy the store into a site's `downloads/`; see `site.render_site` for when that is refused."""
    bundles: bool = False
    """Whether a page `bundles.html` is written beside the site's own: the navigation then names it."""
    audits: Sequence[Path] = ()
    """JSON files of `judges audit --json`, shown on the judge page."""
    content: Sequence[Path] = ()
    """Folders whose `reports/` may replace single templates."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the page to open first, and what had to be left out, each in a sentence."""

    index: Path
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """All numbers of a report in the shape that templates show."""

    summary: Summary
    board: Leaderboard
    models: tuple[ModelView, ...]
    judging: tuple[Section, ...]
    downloads: tuple[Download, ...]
    figures: tuple[Figure, ...]
    figures_note: str
    """Why there are no figures; "" where there are some, or none was wished for."""

    @property
    def heads(self) -> Mapping[str, Head]:
        """The head of each scored panel, by `Panel.id`."""
        return by_panel(self.board)

    def names(self) -> dict[str, object]:
        """The parts under the names that templates know them by."""
        return {
            "board": self.board,
            "heads": self.heads,
            "models": self.models,
            "judging": self.judging,
            "downloads": self.downloads,
            "panel_downloads": {one.panel: one for one in self.downloads if one.panel},
            "figures": self.figures,
            "figures_note": self.figures_note,
        }


def collect(store: Store, summary: Summary, options: SiteOptions) -> Parts:
    """Work out every part. Raises errors.UserError for an audit file that is none."""
    board = leaderboard(summary, options.content)
    drawn, note = _figures(store, summary) if options.figures else ((), "")
    return Parts(
        summary,
        board,
        models(board, summary),
        judging(store, summary, options.audits),
        downloads(board, summary),
        drawn,
        note,
    )


def _figures(store: Store, summary: Summary) -> tuple[tuple[Figure, ...], str]:
    """The figures, or why there are none. Only here is anything imported that draws."""
    from sparkles_eval.reports.figures import figures, missing

    note = missing()
    return ((), note) if note else (tuple(figures(store, summary)), "")
