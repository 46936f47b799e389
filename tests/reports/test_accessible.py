"""Every kind of page against axe's rules, in light and in dark: no finding that keeps anybody from reading."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.site import render_site
from sparkles_eval.store.store import Store
from tests.reports.watching import ARGUMENTS, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = (
    "index.html",
    "tasks/sparkleseval-mini-v1.html",
    "models/demo--hasty.html",
    "judges.html",
    "methods.html",
    "samples/index.html",
)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


def findings(page: Page) -> list[str]:
    """What axe finds serious or critical, a line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:120]} {node['failureSummary'][:200]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def test_the_check_finds_what_is_wrong(browser: Browser, site: Path) -> None:
    page = opened(browser, site.as_uri()).page
    page.evaluate("document.querySelector('h1').style.color = '#ddd'")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert {text.split(":")[0] for text in findings(page)} == {"button-name", "color-contrast"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_keeps_nobody_from_reading(browser: Browser, site: Path, scheme: Literal["light", "dark"]) -> None:
    for name in PAGES:
        page = opened(browser, (site.parent / name).as_uri(), scheme=scheme).page
        page.evaluate("document.querySelectorAll('details').forEach((part, n) => { if (n < 20) part.open = true; })")
        for box in page.locator(".show-parts").all():
            if box.is_visible():
                box.check()
        assert findings(page) == [], name
        page.context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_the_one_file_keeps_nobody_from_reading(
    browser: Browser, one_file: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    page = opened(browser, one_file.as_uri(), scheme=scheme, width=width).page
    page.evaluate("document.querySelectorAll('details').forEach((part, n) => { if (n < 40) part.open = true; })")
    assert findings(page) == []


def test_headings_go_down_one_level_at_a_time(browser: Browser, site: Path, one_file: Path) -> None:
    for path in (*(site.parent / name for name in PAGES), one_file):
        page = opened(browser, path.as_uri()).page
        levels = [
            int(tag[1]) for tag in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.tagName)")
        ]
        assert levels[0] == 1 and levels.count(1) == 1, path
        assert all(after - before <= 1 for before, after in pairwise(levels)), (path, levels)
        page.context.close()


def test_figures_keep_nobody_from_reading(browser: Browser, store: Store, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python draws the figures")
    index = render_site(store, summarise(store), tmp_path / "s", SiteOptions(samples=1)).index
    for scheme in SCHEMES:
        watched = opened(browser, (index.parent / "figures.html").as_uri(), scheme=scheme)
        assert watched.page.locator("figure svg").count() >= 5
        watched.quiet(index.parent)
        assert findings(watched.page) == []
