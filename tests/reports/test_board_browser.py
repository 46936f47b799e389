"""The leaderboard in a real browser, in the one file and in the site: it sorts, finds, switches and links."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.site import render_site
from tests.reports import hostile
from tests.reports.watching import ARGUMENTS, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STERN = "#view-strict-v1-stern-reader-57e257e2"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(params=["file", "site"])
def path(request: pytest.FixtureRequest, one_file: Path, site: Path) -> Path:
    return one_file if request.param == "file" else site


def names(page: Page, who: str) -> list[str]:
    found = page.locator(f".view:visible tbody.{who} tr:visible th[scope=row]").all_inner_texts()
    return [text.split()[0] for text in found]


def test_it_sorts_by_any_column_and_says_so(browser: Browser, path: Path) -> None:
    watched = opened(browser, path.as_uri())
    page = watched.page
    head = page.locator(".view:visible thead th").nth(1)
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page, "model") == ["demo/careful", "demo/middle", "demo/hasty"], "too few graded: unranked, last"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page, "model") == ["demo/middle", "demo/hasty", "demo/careful"]
    page.locator(".view:visible thead th").first.locator("button").focus()
    page.keyboard.press("Enter")
    assert names(page, "model") == ["demo/careful", "demo/hasty", "demo/middle"]
    assert page.locator(".view:visible thead th[aria-sort]").count() == 1
    page.locator(".view:visible thead th", has_text="Cost").locator("button").click()
    assert names(page, "model")[-1] == "demo/hasty", "what is not wholly known stays last"
    assert names(page, "reference") == ["baseline/chance", "control/null", "guessing"]
    watched.quiet(path.parent)


def test_one_judge_at_a_time(browser: Browser, path: Path) -> None:
    watched = opened(browser, path.as_uri())
    page = watched.page
    assert page.locator(".view:visible").count() == 1
    assert "10.00" in page.locator(".view:visible").inner_text()
    assert page.locator(".views").is_hidden(), "the list in the form says the same"
    page.select_option("#board-filters [name=view]", label="strict protocol, judged by stern-reader (maker/large)")
    page.wait_for_url(f"**{STERN}")
    assert page.locator(".view:visible").count() == 1
    shown = page.locator(".view:visible").inner_text()
    assert "10.00" not in shown and "7.75" in shown
    page.go_back()
    page.select_option("#board-filters [name=view]", label="paper protocol")
    page.wait_for_url("**#view-paper-v1")
    assert names(page, "model") == ["demo/careful", "demo/hasty"]
    watched.quiet(path.parent)


def test_a_link_to_a_view_shows_it(browser: Browser, path: Path) -> None:
    page = opened(browser, path.as_uri() + STERN).page
    assert page.locator(f"{STERN}:visible").count() == 1 and page.locator(".view:visible").count() == 1


def test_it_finds_models_and_leaves_out_what_stands_beside(browser: Browser, path: Path) -> None:
    watched = opened(browser, path.as_uri())
    page = watched.page
    count = page.locator("#board-filters output")
    assert count.inner_text() == "6 rows"
    page.fill("#board-filters [name=q]", "DEMO mid")
    assert names(page, "model") == ["demo/middle"] and names(page, "reference") == []
    assert count.inner_text() == "1 of 6 rows"
    page.fill("#board-filters [name=q]", "")
    page.select_option("#board-filters [name=who]", "model")
    assert names(page, "reference") == [] and len(names(page, "model")) == 3
    watched.quiet(path.parent)


def test_criteria_and_turns_are_shown_on_demand(browser: Browser, path: Path) -> None:
    for javascript in (True, False):
        page = opened(browser, path.as_uri(), javascript=javascript).page
        view = page.locator(".view").first
        assert view.locator("th.part:visible").count() == 0
        view.locator(".show-parts").check()
        titles = view.locator("th.part:visible .label").all_inner_texts()
        assert ("A1 · Image understanding" in titles and "Same set right" in titles) or len(titles) >= 8
        view.locator(".show-spent").uncheck()
        assert view.locator("th.spent:visible").count() == 0


def test_everything_reads_without_javascript(browser: Browser, path: Path) -> None:
    watched = opened(browser, path.as_uri(), javascript=False)
    page = watched.page
    assert page.locator(".view:visible").count() == 4
    assert page.locator("#board-filters").is_hidden() and page.locator("thead button").count() == 0
    page.locator(".views a", has_text="paper").click()
    assert page.url.endswith("#view-paper-v1")
    watched.quiet(path.parent)


def test_links_lead_to_models_tasks_and_samples(browser: Browser, path: Path) -> None:
    watched = opened(browser, path.as_uri())
    page = watched.page
    page.locator(".view:visible tbody.model a", has_text="hasty").click()
    page.wait_for_function("document.body.innerText.includes('http://localhost:8000/v1')")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert "http://localhost:8000/v1" in page.locator("main").inner_text()
    table = page.locator("table.metrics:visible", has=page.locator("th", has_text="Headline")).last
    table.locator("tbody a", has_text="BISON").first.click()
    assert "#panel-" in page.url
    assert page.locator(":target:visible, .panel:visible").count() >= 1
    watched.quiet(path.parent)


def test_the_one_file_gives_its_numbers_as_files(browser: Browser, one_file: Path, tmp_path: Path) -> None:
    watched = opened(browser, one_file.as_uri())
    page = watched.page
    page.locator("#downloads details.download > summary", has_text="NLVR2").click()
    with page.expect_download() as caught:
        page.locator("#downloads a:visible", has_text="nlvr2-mini-v1-strict.csv").click()
    caught.value.save_as(tmp_path / "n.csv")
    lines = (tmp_path / "n.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("task,model,kind,run,metric,unit,value,value_low,value_high,n,total")
    assert len(lines) > 20
    watched.quiet(one_file.parent)


def test_the_one_files_numbers_can_be_read_and_copied_without_javascript(browser: Browser, one_file: Path) -> None:
    page = opened(browser, one_file.as_uri(), javascript=False).page
    download = page.locator("#download-nlvr2-mini-v1-strict")
    download.locator("summary").first.click()
    download.locator("details.file", has_text="LaTeX").locator("summary").click()
    assert r"\toprule" in download.locator("pre:visible").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(browser: Browser, site: Path, one_file: Path, width: int) -> None:
    folder = site.parent
    for page_path in (site, folder / "judges.html", folder / "methods.html", one_file, *folder.glob("tasks/*")):
        page = opened(browser, page_path.as_uri(), width=width).page
        page.evaluate("document.querySelectorAll('details').forEach((part, n) => { if (n < 60) part.open = true; })")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, page_path
        page.context.close()


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The folder on a plain web server on loopback, as any host would show it; gives its address."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that is overridden
        """Say nothing on the terminal."""


def test_a_plain_web_host_shows_the_site_as_it_is(browser: Browser, site: Path) -> None:
    with hosted(site.parent) as address:
        watched = opened(browser, f"{address}/")
        page = watched.page
        assert page.locator(".view:visible").count() == 1, "the script may run"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 248)"
        page.locator(".view:visible tbody.model a").first.click()
        page.locator("h1", has_text="demo/careful").wait_for()
        page.locator("nav a", has_text="Samples").click()
        page.locator("h1", has_text="Samples").wait_for()
        page.context.close()
    assert watched.said == []
    assert [url for url in watched.asked if not url.startswith((address, "data:"))] == []


def test_it_prints_every_view_in_dark_on_white_without_buttons(browser: Browser, path: Path) -> None:
    page = opened(browser, path.as_uri(), width=1032, scheme="dark").page
    page.emulate_media(media="print")
    assert page.locator(".view:visible").count() == 4 and page.locator("nav:visible, .filters:visible").count() == 0
    white, dark = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert white == "rgb(255, 255, 255)" and dark == "rgb(28, 33, 39)"
    edges = page.evaluate("[...document.querySelectorAll('.board')].map(t => t.getBoundingClientRect().right)")
    assert max(edges) <= 1032


def test_hostile_text_does_nothing_on_any_page(browser: Browser, tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        options = SiteOptions(title=hostile.BAD, samples=1, figures=False, store=False)
        index = render_site(store, summarise(store), tmp_path / "s", options).index
    for page_path in sorted(index.parent.rglob("*.html")):
        watched = opened(browser, page_path.as_uri())
        page = watched.page
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("getComputedStyle(document.body).display") != "none"
        assert page.locator("iframe, object, main script, main style, main link").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        watched.quiet(index.parent)
        page.context.close()
