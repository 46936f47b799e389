"""Hostile text in every field of the samples of a site, in a real browser: it does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reports import hostile
from tests.reports.sampled import over_the_edge, written
from tests.reports.watching import ARGUMENTS, Watched, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ill")
    with hostile.build(folder / "h.db") as store:
        return written(store, folder / "out")


def unharmed(watched: Watched, site: Path) -> None:
    page = watched.page
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert page.locator("iframe, object, main link, main style, main script, svg").count() == 0
    assert page.locator("main img:not([src^='../'])").count() == 0
    assert over_the_edge(page) == 0
    watched.quiet(site)


def test_hostile_text_does_nothing_on_any_page(browser: Browser, ill: Path) -> None:
    lists, samples = sorted((ill / "samples").glob("*.html")), sorted((ill / "samples").glob("*/*.html"))
    assert len(lists) == 3 and len(samples) == 8
    for path in (*lists[:2], *samples[:2], *samples[-3:]):
        watched = opened(browser, path.as_uri())
        watched.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        if path in samples:
            watched.page.locator(".shot:visible").first.click()
            watched.page.keyboard.press("Escape")
        unharmed(watched, ill)


def test_hostile_text_does_nothing_in_filters_and_addresses(browser: Browser, ill: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, (ill / "samples" / "index.html").as_uri())
    page = watched.page
    page.fill("[name=q]", "<script>window.hacked=1</script><img")
    expect(page.locator("[name=count]")).to_have_text("8 of 8 samples")
    assert page.locator(".row:visible").count() == 8
    page.select_option("[name=show]", "wrong")
    page.select_option("[name=tag]", index=1)
    expect(page.locator("[name=count]")).to_have_text("3 of 8 samples")
    unharmed(watched, ill)
    harmful = "#s-q=%3Cimg+src=x+onerror=window.hacked=1%3E&s-show=__proto__&s-m=%"
    page.goto((ill / "samples" / "index.html").as_uri() + harmful)
    page.reload()
    unharmed(watched, ill)
