"""Lists of samples in a real browser: every filter, the search, the address that keeps them, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reports.sampled import of, rows, written
from tests.reports.varied import varied
from tests.reports.watching import ARGUMENTS, opened

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
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models."""
    folder = tmp_path_factory.mktemp("site")
    with varied(folder / "v.db") as store:
        return written(store, folder / "out")


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("wrong", ["1", "2", "3", "4", "6"]),
        ("invalid", ["3"]),
        ("unscored", ["5"]),
        ("differ", ["1", "2", "3", "4", "6"]),
    ],
)
def test_a_list_is_filtered_by_marks(browser: Browser, site: Path, show: str, expected: list[str]) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, of(site, "nlvr2").as_uri())
    page = watched.page
    assert rows(page) == ["1", "2", "3", "4", "5", "6"] and not any(url.endswith("index.js") for url in watched.asked)
    page.select_option("[name=show]", show)
    expect(page.locator("[name=count]")).to_have_text(f"{len(expected)} of 6 samples")
    assert rows(page) == expected
    page.click("[type=reset]")
    expect(page.locator(".row:visible")).to_have_count(6)
    assert "#" not in page.url
    watched.quiet(site)


def test_a_right_b_wrong(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, of(site, "nlvr2").as_uri())
    page = watched.page
    page.select_option("[name=show]", "beats")
    page.select_option("[name=a]", "lab-0/reader-00")
    page.select_option("[name=b]", "lab-1/reader-01")
    expect(page.locator("[name=count]")).to_have_text("1 of 6 samples")
    assert rows(page) == ["1"]
    page.select_option("[name=a]", "lab-1/reader-01")
    page.select_option("[name=b]", "lab-0/reader-00")
    expect(page.locator("[name=count]")).to_have_text("0 of 6 samples")
    watched.quiet(site)


def test_judges_differ_people_tags_and_images(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, of(site, "sparkleseval").as_uri())
    page = watched.page
    page.select_option("[name=show]", "judges")
    expect(page.locator("[name=count]")).to_have_text("3 of 6 samples")
    assert rows(page) == ["1", "3", "5"]
    page.fill("[name=by]", "1")
    expect(page.locator("[name=count]")).to_have_text("6 of 6 samples")
    page.select_option("[name=show]", "nohuman")
    expect(page.locator("[name=count]")).to_have_text("4 of 6 samples")
    assert rows(page) == ["3", "4", "5", "6"]
    page.select_option("[name=show]", "")
    images = page.locator("[name=images] option").all_inner_texts()
    assert images[0] == "any number" and len(images) > 2
    page.select_option("[name=images]", images[1])
    expect(page.locator("[name=count]")).to_have_text(re.compile("^[1-5] of 6 samples$"))
    page.select_option("[name=images]", "")
    tags = page.locator("[name=tag] option").all_inner_texts()
    page.select_option("[name=tag]", tags[1])
    expect(page.locator("[name=count]")).to_have_text(re.compile("^[1-5] of 6 samples$"))
    watched.quiet(site)


def test_the_search_reaches_over_every_task_and_its_address_is_a_permalink(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, (site / "samples" / "index.html").as_uri())
    page = watched.page
    assert not any("words-" in url for url in watched.asked)
    page.fill("[name=q]", "would RATHER not choose")
    expect(page.locator("[name=count]")).to_have_text("1 of 12 samples")
    assert rows(page) == ["3"]
    again = opened(browser, "about:blank")
    again.page.goto(page.url)
    expect(again.page.locator("[name=count]")).to_have_text("1 of 12 samples")
    assert again.page.input_value("[name=q]") == "would RATHER not choose"
    page.fill("[name=q]", "no such words anywhere")
    expect(page.locator("[name=count]")).to_have_text("0 of 12 samples")
    page.fill("[name=q]", "")
    expect(page.locator(".group-list")).to_be_visible()
    watched.quiet(site)


def test_a_filtered_list_is_walked_through_by_keyboard(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, of(site, "sparkleseval").as_uri())
    page = watched.page
    page.select_option("[name=show]", "judges")
    expect(page.locator("[name=count]")).to_have_text("3 of 6 samples")
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    expect(page.locator(".where")).to_have_text("2 of 3 filtered")
    page.keyboard.press("n")
    expect(page.locator(".where")).to_have_text("3 of 3 filtered")
    assert "s-show=judges" in page.url and page.locator("[rel=next]").count() == 0
    page.keyboard.press("p")
    expect(page.locator(".where")).to_have_text("2 of 3 filtered")
    page.click(".turner .back")
    expect(page.locator("[name=count]")).to_have_text("3 of 6 samples")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    watched.quiet(site)


def test_without_javascript_lists_and_samples_read(browser: Browser, site: Path) -> None:
    watched = opened(browser, of(site, "nlvr2").as_uri(), javascript=False)
    page = watched.page
    assert page.locator("#sample-filters").is_hidden() and rows(page) == ["1", "2", "3", "4", "5", "6"]
    page.locator(".row").first.click()
    assert page.locator(".answer:visible").count() == 5
    page.click("[rel=next]")
    assert page.inner_text(".where") == "2 of 6"
    page.locator("figure .shot").first.click()
    assert page.url.startswith((site / "images").as_uri())
    watched.quiet(site)
