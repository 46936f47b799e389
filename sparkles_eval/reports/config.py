"""What a report holds, with the options of `sparkles-eval report`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from sparkles_eval.core.config_options import ContentFolders, Option


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """What a report holds; the one file and the site take the same."""

    title: Annotated[str, Option("Heading of the report.", section="Contents")] = "Evaluation report"
    samples: int = 1000
    """Samples shown of each task."""
    only: Collection[str] = ()
    """Sample ids to show; all where none is named."""
    figures: Annotated[bool, Option("Draw no figures.", "--no-figures", section="Contents", inverted=True)] = True
    """Draw the figures, where the libraries that draw are installed."""
    store: Annotated[
        bool, Option("Leave the store out of a site's downloads.", "--no-store", section="Contents", inverted=True)
    ] = True
    """Copy the store into a site's `downloads/`; see `site.render_site` for when that is refused."""
    bundles: bool = False
    """Whether a page `bundles.html` is written beside the site's own: the navigation then names it."""
    audits: Annotated[
        tuple[Path, ...],
        Option(
            "Show a judge audit: a file of `judges audit --json`; repeat for several.",
            "--audit",
            section="Contents",
            metavar="FILE",
        ),
    ] = ()
    content: ContentFolders = ()
    """Folders whose `reports/` may replace single templates."""
