"""A site of samples on disk, and what a browser shows of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.samples.site import write_samples
from sparkles_eval.reports.toolkit.site_writer import SiteWriter
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Page


def written(store: Store, out: Path) -> Path:
    """The pages of samples, with the style sheet and the script that all pages of a site have."""
    summary = summarise(store)
    shell = SiteWriter(out, summary)
    write_samples(shell, store, summary, limit=100)
    for name in ("style.css", "app.js"):
        shell.asset(name)
    return out


def of(site: Path, task: str) -> Path:
    return next((site / "samples").glob(f"{task}*.html"))


def samples_of(site: Path, task: str) -> list[Path]:
    """The pages of a task's samples in the order of its list."""
    names = re.findall(r'class="row" href="\.\./samples/([^"]+)"', of(site, task).read_text())
    return [site / "samples" / name for name in names]


def rows(page: Page) -> list[str]:
    """Places of the rows that the list shows."""
    return page.locator(".row:visible .place").all_inner_texts()


def shown(page: Page) -> list[str]:
    """Models whose answers are to be seen, from left to right."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll('.answer')].filter(a => a.getClientRects().length)
            .sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x).map(a => a.dataset.model)"""
    )
    return found


def over_the_edge(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
