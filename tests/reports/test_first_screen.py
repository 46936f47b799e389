"""The first screen of a leaderboard answers: rows, a conclusion for each task, nothing cut, two models side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.report import render_report
from sparkles_eval.store.store import Store
from tests.analysis.making import RUN, fill
from tests.reports.test_accessible import findings
from tests.reports.watching import ARGUMENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MODELS = [f"openai/some-model-{size}b-instruct" for size in (72, 38, 27, 14, 12, 9, 8, 7, 4, 3, 2, 1)]
LONGEST = "openai/a-maker-with-a-long-name/a-model-with-a-very-long-name-of-72b-parameters-instruct-2026-11-28"
VISIBLE = """() => [...document.querySelectorAll('.board tbody tr')].filter((row) => {
    const box = row.getBoundingClientRect();
    return box.height > 0 && box.bottom <= innerHeight;
}).length"""
SIDEWAYS = """() => [document.documentElement, ...document.querySelectorAll('.tall')]
    .map((part) => part.scrollWidth - part.clientWidth)"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tasks, twelve models and one of a very long name."""
    folder = tmp_path_factory.mktemp("first")
    with Store(folder / "s.db") as store:
        for number, task in enumerate(("bison", "nlvr2", "dialogues", "muirbench")):
            scores = {
                name: [float((item * 7 + place + number) % 14 > place) for item in range(60)]
                for place, name in enumerate([*MODELS, LONGEST])
            }
            fill(store, scores, run=replace(RUN, task=task))
        return render_report(store, summarise(store), folder / "report.html", figures=False, samples=1)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


def opened(browser: Browser, address: str, width: int, height: int) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(address)
    return page


def test_a_laptop_shows_ten_rows_the_conclusions_and_two_models_side_by_side(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file.as_uri(), 1280, 900)
    assert page.evaluate(VISIBLE) >= 10
    lines = page.locator(".conclusions li")
    assert lines.count() == 4
    assert all("%" in text and "[" in text for text in lines.all_inner_texts())
    assert page.evaluate(SIDEWAYS) == [0, 0]
    name = page.locator(".board tbody th", has_text="very-long-name")
    assert name.inner_text().replace("\n", "") == LONGEST
    assert page.locator(".board thead").inner_text().count("60 of 60 graded") == 4
    assert page.locator(".board thead th", has_text="Invalid").count() == 0
    assert "No answer to Bison, Nlvr2, Dialogues, Muirbench is invalid." in page.locator("main").inner_text()

    page.set_viewport_size({"width": 1280, "height": 500})
    page.locator(".tall").evaluate("part => { part.scrollTop = 150; part.scrollIntoView(); }")
    head, frame = (page.locator(part).bounding_box() for part in (".board thead th >> nth=1", ".tall"))
    assert head and frame and abs(head["y"] - frame["y"]) < 2, "the head stays in sight"

    page.get_by_label(f"Compare {MODELS[0]}").check()
    assert "choose a second model" in page.locator(".versus").inner_text()
    page.get_by_label(f"Compare {MODELS[9]}").check()
    said = page.locator(".versus li").all_inner_texts()
    assert len(said) == 4 and all("after Holm: significant; first better on " in text for text in said)
    assert findings(page) == []
    again = opened(browser, page.url, 1280, 900)
    assert again.locator(".versus li").all_inner_texts() == said, "the address leads to the same comparison"
    again.get_by_role("button", name="Close").click()
    assert again.locator(".versus").is_hidden() and not again.locator(".choose input:checked").count()


def test_a_phone_shows_four_rows(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file.as_uri(), 390, 844)
    assert page.evaluate(VISIBLE) >= 4
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    page.locator(".tall").evaluate("part => { part.scrollLeft = 400; }")
    first = page.locator(".board tbody th").first.bounding_box()
    assert first and first["x"] < 20, "the names stay in sight"
