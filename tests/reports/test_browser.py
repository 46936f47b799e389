"""The report in a real browser: it filters, it stays quiet, it fetches nothing, and hostile text does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.report import render_report
from tests.reports import hostile
from tests.reports.watching import ARGUMENTS, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


def test_filters_narrow_the_list_and_say_how_far(browser: Browser, report: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, report.as_uri())
    page = watched.page
    shown = page.locator("details.sample:visible")
    assert shown.count() == 108 and page.inner_text("#filter-count") == "108 of 108 samples"
    page.select_option("#filter-task", label="BISON (mini)")
    assert shown.count() == 36 and page.locator(".group:visible").count() == 1
    page.select_option("#filter-flag", "unscored")
    assert shown.count() == 2 and page.inner_text("#filter-count") == "2 of 108 samples"
    page.select_option("#filter-task", "")
    assert shown.count() == 6
    page.select_option("#filter-flag", "invalid")
    assert 0 < shown.count() < 36
    page.select_option("#filter-flag", "")
    page.fill("#filter-text", "rather NOT choose")
    expect(page.locator("#filter-count")).to_have_text("6 of 108 samples")
    assert shown.count() == 6
    page.fill("#filter-text", "no such words anywhere")
    expect(page.locator("#filter-count")).to_have_text("0 of 108 samples")
    watched.quiet(report)


def test_a_sample_opens_by_click_by_key_and_by_its_link(browser: Browser, report: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, report.as_uri())
    page = watched.page
    first = page.locator("details.sample").first
    first.locator("summary").first.click()
    expect(page).to_have_url(re.compile(r"#bison-mini-v1-[0-9a-f]{6}-[0-9a-f]{12}$"))
    assert first.locator(".answer").count() == 3 and first.locator(".picture:visible").count() == 2
    page.keyboard.press("n")
    assert page.locator("details.sample[open]").count() == 1
    assert page.locator("details.sample").nth(1).get_attribute("open") is not None
    link = page.locator("details.sample").nth(50).get_attribute("id")
    again = opened(browser, report.as_uri())
    again.page.goto(f"{report.as_uri()}#{link}")
    again.page.wait_for_selector("details.sample[open]")
    assert again.page.locator("details.sample[open]").get_attribute("id") == link
    watched.quiet(report)


def test_a_filtered_view_is_a_permalink_that_keeps_the_open_sample(browser: Browser, report: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, report.as_uri())
    page = watched.page
    page.select_option("#filter-flag", "beats")
    page.select_option("[name=a]", "demo/careful")
    page.select_option("[name=b]", "demo/hasty")
    expect(page.locator("#filter-count")).to_have_text(re.compile("^[1-9][0-9] of 108 samples$"))
    found = page.inner_text("#filter-count")
    page.locator("details.sample:visible summary").first.click()
    key = page.locator("details.sample[open]").get_attribute("id")
    page.uncheck("details.sample[open] .picker [value='baseline/chance']")
    assert "demo/hasty: " in page.inner_text("details.sample[open] .difference-note")
    again = opened(browser, page.url)
    expect(again.page.locator("#filter-count")).to_have_text(found)
    assert again.page.locator("details.sample[open]").get_attribute("id") == key
    assert again.page.locator("details.sample[open] .answer:visible").count() == 2
    again.page.keyboard.press("j")
    assert again.page.locator("details.sample[open]").get_attribute("id") != key
    assert again.page.locator("details.sample[open] .answer:visible").count() == 2
    again.page.locator("details.sample[open] figure .shot").first.click()
    assert "this preview has" in again.page.inner_text("dialog.lightbox")
    again.page.keyboard.press("Escape")
    watched.quiet(report)
    again.quiet(report)


def test_it_reads_without_javascript(browser: Browser, report: Path) -> None:
    watched = opened(browser, report.as_uri(), javascript=False)
    assert watched.page.locator("#sample-filters").is_hidden()
    sample = watched.page.locator("details.sample").first
    sample.locator("summary").first.click()
    assert sample.locator(".answer").first.is_visible()
    watched.quiet(report)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(browser: Browser, report: Path, width: int) -> None:
    page = opened(browser, report.as_uri(), width=width).page
    page.evaluate(
        "document.querySelectorAll('details').forEach((part, place) => { if (place < 60) part.open = true; })"
    )
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_pictures_are_really_drawn(browser: Browser, report: Path) -> None:
    page = opened(browser, report.as_uri()).page
    drawn = page.evaluate(
        """async () => {
            const shown = [...document.querySelectorAll('.mini')].slice(0, 20);
            const styles = shown.map(picture => getComputedStyle(picture).backgroundImage);
            const loaded = styles.map(style => new Promise(done => {
                const image = new Image();
                image.onload = () => done(image.naturalWidth);
                image.onerror = () => done(0);
                image.src = style.slice(5, -2);
            }));
            return Promise.all(loaded);
        }"""
    )
    assert len(drawn) == 20 and all(width > 0 for width in drawn)


def test_hostile_text_does_nothing(browser: Browser, tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        path = render_report(store, summarise(store), tmp_path / "h.html")
    watched = opened(browser, path.as_uri())
    page = watched.page
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("getComputedStyle(document.body).display") != "none"
    assert page.locator("iframe, object, link, img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    watched.quiet(path)
