"""Figures in a real browser: readable in light, in dark and in print, wide and narrow, and quiet."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.figures.style import DARK, INK, SERIES
from sparkles_eval.reports.report import render_report
from sparkles_eval.store.store import Store
from tests.reports.figured import figured
from tests.reports.hostile import BAD
from tests.reports.watching import ARGUMENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TEXT = "#figure-ranks-bison-mini svg text"
DOT = "#figure-ranks-bison-mini svg path[fill^='var(--figure-1']"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_file(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the demonstration store, one file."""
    folder = tmp_path_factory.mktemp("page")
    with Store(Path(shutil.copy(demo_file, folder / "demo.db"))) as store:
        return render_report(store, summarise(store), folder / "report.html", figures=True)


def shown(browser: Browser, path: Path, scheme: str = "light", width: int = 1280) -> tuple[Page, list[str]]:
    """The page, and everything that it said or asked for elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page, heard = context.new_page(), list[str]()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if request.url.startswith("http") else None)
    page.goto(path.as_uri())
    return page, heard


def fill(page: Page, where: str) -> str:
    """The colour in which it is really painted, as #rrggbb."""
    told = page.locator(where).first.evaluate("element => getComputedStyle(element).fill")
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", told)[:3])


def test_one_drawing_takes_the_colours_of_its_page(browser: Browser, page_file: Path) -> None:
    light, heard = shown(browser, page_file)
    assert (fill(light, TEXT), fill(light, DOT)) == (INK, SERIES[0])
    dark, more = shown(browser, page_file, "dark")
    assert (fill(dark, TEXT), fill(dark, DOT)) == (DARK[INK], DARK[SERIES[0]])
    dark.emulate_media(media="print")
    assert (fill(dark, TEXT), fill(dark, DOT)) == (INK, SERIES[0]), "print is on light paper"
    assert heard == more == []


def test_a_narrow_page_stays_narrow_and_its_plots_scroll_in_their_frames(browser: Browser, page_file: Path) -> None:
    page, heard = shown(browser, page_file, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    plot = page.locator("#figure-cost-bison-mini .plot")
    inside, frame = plot.evaluate("element => [element.scrollWidth, element.clientWidth]")
    assert inside > frame and plot.get_attribute("tabindex") == "0" and plot.get_attribute("aria-label")
    letters = page.locator(TEXT).first.evaluate("element => element.getBoundingClientRect().height")
    assert letters >= 10
    assert heard == []


def test_no_text_leaves_its_drawing(browser: Browser, page_file: Path) -> None:
    page, _ = shown(browser, page_file)
    assert page.locator(".plot svg text").count() > 200
    cut = page.evaluate(
        "() => [...document.querySelectorAll('.plot svg')].flatMap(svg => { const frame = svg.getBoundingClientRect();"
        " return [...svg.querySelectorAll('text')].filter(text => { const box = text.getBoundingClientRect();"
        " return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1"
        " || box.bottom > frame.bottom + 1 }).map(text => text.textContent) })"
    )
    assert cut == []


def test_the_numbers_stand_below_each_figure(browser: Browser, page_file: Path) -> None:
    page, _ = shown(browser, page_file)
    chart = page.locator("#figure-ranks-bison-mini")
    chart.locator("summary").click()
    assert "demo/careful" in chart.locator("table").inner_text() and "83.3" in chart.locator("table").inner_text()
    assert page.locator("figure.chart").count() == page.locator("figure.chart table").count() > 10


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    with figured(tmp_path / "s.db", 2, 12, tasks=("bison-mini",), bad=BAD) as store:
        path = render_report(store, summarise(store), tmp_path / "report.html", figures=True)
    page, heard = shown(browser, path)
    assert page.evaluate("window.hacked") is None and heard == []
    assert "<script>window" in (page.locator(".plot svg").first.text_content() or "")
    assert page.locator(".plot script, .plot img, .plot iframe, .plot a, .plot foreignObject").count() == 0
