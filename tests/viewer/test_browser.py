"""The viewer and the annotator in a real browser: used as people use them, quiet, and asking nobody else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import preferences, ratings
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.config import AnnotateConfig
from tests.end_to_end.running import end, models, start
from tests.reports import hostile
from tests.server import Behaviour, LoopbackServer, Settings
from tests.viewer.serving import looking, rating
from tests.viewer.watching import Watched, watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ADA = AnnotateConfig("ada", dialogues=3)
PAGES = ("", "leaderboard", "runs", "samples", "search?q=answer", "people", "judges", "methods")


def _sample(watched: Watched, task: str) -> str:
    """To the list of a task's samples, as a person gets there; gives its address."""
    page = watched.go("samples")
    page.get_by_role("link", name=task).click()
    page.wait_for_url("**/samples/*")
    return page.url


def test_one_looks_around_filters_and_pages(browser: Browser, demo_store: Path) -> None:
    from playwright.sync_api import expect

    with looking(demo_store) as served:
        watched = watch(browser, served.url)
        page = watched.go()
        page.get_by_role("link", name="Leaderboard").click()
        expect(page.locator("#leaderboard-title")).to_have_text("Leaderboard")
        assert page.locator(".board tbody tr").count() >= 3
        _sample(watched, "NLVR2 (mini)")
        rows = page.locator("ol.rows > li")
        expect(page.locator("output").first).to_have_text("36 of 36 samples")
        assert rows.count() == 30
        page.get_by_role("link", name="Next").click()
        page.wait_for_url("**page=2")
        expect(rows).to_have_count(6)
        page.select_option("select[name=show]", "differ")  # a choice is shown at once
        page.wait_for_url(lambda url: "show=differ" in url and "page" not in url)
        few = rows.count()
        assert 0 < few < 30
        rows.first.locator("a").click()
        page.wait_for_url("**/samples/*/*")
        assert page.locator("article.answer").count() == 3
        expect(page.locator(".turner .where")).to_contain_text(f"1 of {few}")
        page.locator(".figure .shot").first.click()
        expect(page.locator("dialog[open] img").first).to_be_visible()
        page.keyboard.press("Escape")
        first = page.url
        page.keyboard.press("n")
        page.wait_for_url(lambda url: url != first)
        page.keyboard.press("p")
        page.wait_for_url(first)
        watched.quiet()
        watched.fits()


def test_one_searches_and_comes_to_the_answer(browser: Browser, demo_store: Path) -> None:
    from playwright.sync_api import expect

    with looking(demo_store) as served:
        watched = watch(browser, served.url)
        page = watched.go("search")
        page.keyboard.type('"rather not choose"')  # the field has the focus
        page.keyboard.press("Enter")
        page.wait_for_url("**q=*")
        expect(page.locator(".hit")).to_have_count(6)
        assert page.locator("mark").first.inner_text() == "rather not choose"
        page.select_option("select[name=task]", "bison-mini")
        page.wait_for_url("**task=bison-mini*")
        expect(page.locator(".hit")).to_have_count(3)
        page.locator(".hit a").first.click()
        page.wait_for_url("**/samples/*/*")
        assert "rather not choose" in page.inner_text("main")
        watched.quiet()


def test_everything_reads_without_javascript(browser: Browser, demo_store: Path) -> None:
    with looking(demo_store) as served:
        watched = watch(browser, served.url, javascript=False)
        _sample(watched, "BISON (mini)")
        page = watched.page
        page.select_option("select[name=show]", "wrong")
        page.get_by_role("button", name="Show").click()
        page.locator("ol.rows a").first.click()
        assert page.locator("article.answer").first.is_visible()
        watched.quiet()


def test_what_runs_is_seen_to_move_and_to_end(browser: Browser, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    store = tmp_path / "live.db"
    Store(store).close()
    slow = Settings(models={"good": Behaviour(latency_s=0.5)})
    with LoopbackServer(slow) as server, looking(store, thread=True) as served:
        watched = watch(browser, served.url)
        page = watched.go()
        expect(page.locator("#live-title")).to_have_text("Nothing is running")
        args = ["--task", "bison-mini", "--task-arg", "n=24", *models(server, "openai/good")]
        process = start("run", *args, "--store", str(store), "--max-connections", "1", "--no-report")
        try:
            expect(page.locator("#live-title")).to_have_text("Running now", timeout=60_000)
            bar = page.locator("progress").first
            expect(bar).to_be_visible(timeout=60_000)
            _until(lambda: page.locator("progress").count() > 0 and float(bar.get_attribute("value") or 0) > 3)
            page.wait_for_function("document.querySelector('.live')?.innerText.includes('left')", timeout=60_000)
        finally:
            done = end(process)
        assert done.code == 0, done.shown
        expect(page.locator("#live-title")).to_have_text("Nothing is running", timeout=60_000)
        watched.quiet()


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + 60
    while not true():
        assert time.monotonic() < patience, "it never came"
        time.sleep(0.2)


# --- rating -----------------------------------------------------------------------------------------------------


def _press(watched: Watched, *keys: str) -> None:
    for key in keys:
        watched.page.keyboard.press(key)


def _leads(watched: Watched, key: str, to: str) -> None:
    watched.page.keyboard.press(key)
    watched.page.wait_for_url(f"**/{to}")


def test_one_rates_by_keyboard_and_finds_everything_again(browser: Browser, judged: Path) -> None:
    with rating(judged, ADA) as served:
        watched = watch(browser, served.url)
        page = watched.go()
        page.wait_for_url("**/item/1")
        _press(watched, "7", "9", "0", "1", "5")
        assert page.locator("input:checked").count() == 5
        _press(watched, "Backspace", "2", "3")
        assert page.evaluate("document.activeElement.id") == "save"
        _leads(watched, "Enter", "item/2")
        _press(watched, *"888888", "c")
        page.keyboard.type("sees 3 cups")
        _leads(watched, "Control+Enter", "item/3")
        _leads(watched, "s", "item/4")
        _press(watched, *"444444")
        _leads(watched, "Enter", "item/5")
        _leads(watched, "u", "item/4")
        assert page.locator("input:checked").count() == 6, "what was taken back can be given again"
        _leads(watched, "s", "item/5")
        watched.quiet()
        watched.fits()
    with Store(judged, read_only=True) as store:
        given = ratings(store)
        assert len(given) == 12 and {r.rater for r in given} == {"ada"}
        assert sorted({r.comment for r in given}) == ["", "sees 3 cups"]
        first = [r.value for r in given if r.value != 8]
        assert sorted(first) == [1, 2, 3, 7, 9, 10]
    with rating(judged, ADA) as served:  # another day
        watched = watch(browser, served.url)
        page = watched.go()
        page.wait_for_url("**/item/3")  # behind what was rated last; 3 was skipped
        assert "2 rated" in page.inner_text(".rate-head")
        page.goto(f"{served.url}item/1")
        chosen = page.eval_on_selector_all("input:checked", "all => all.map(one => one.value)")
        assert chosen == ["7", "9", "10", "1", "2", "3"]


def test_one_compares_pairs_by_keyboard(browser: Browser, judged: Path) -> None:
    with rating(judged, replace(ADA, pairwise=True)) as served:
        watched = watch(browser, served.url)
        page = watched.go()
        page.wait_for_url("**/item/1")
        for number, key in enumerate("abt", 2):
            _leads(watched, key, f"item/{number}")
        _leads(watched, "u", "item/3")
        page.get_by_role("button", name="Equally good").click()
        page.wait_for_url("**/item/4")
        watched.quiet()
        watched.fits()
    with Store(judged, read_only=True) as store:
        assert [one.choice for one in preferences(store)] == ["left", "right", "tie"]


def test_one_rates_by_mouse_without_javascript(browser: Browser, judged: Path) -> None:
    with rating(judged, ADA) as served:
        watched = watch(browser, served.url, javascript=False)
        page = watched.go()
        for group in page.locator("fieldset").all():
            group.get_by_label("6", exact=True).check()
        page.get_by_role("button", name="Save").click()
        page.wait_for_url("**/item/2")
    with Store(judged, read_only=True) as store:
        assert [r.value for r in ratings(store)] == [6] * 6


# --- for everybody, and in spite of somebody --------------------------------------------------------------------


def _serious(watched: Watched) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(watched.page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])})" for one in grave]


@pytest.mark.parametrize("dark", [False, True])
def test_pages_have_no_serious_barrier_and_fit_a_telephone(browser: Browser, judged: Path, dark: bool) -> None:
    with looking(judged) as served:
        watched = watch(browser, served.url, dark=dark)
        listed = _sample(watched, "SparklesEval (mini)").removeprefix(served.url)
        with served.pool.acquire() as store:
            run = read_runs.runs(store)[0].id
        sample = watched.page.locator("ol.rows a").first.get_attribute("href")
        assert sample
        for path in (*PAGES, listed, sample.removeprefix("../"), f"runs/{run}", "nosuchpage"):
            watched.page.set_viewport_size({"width": 1280, "height": 900})
            watched.go(path)
            assert _serious(watched) == [], path
            watched.page.set_viewport_size({"width": 390, "height": 844})
            watched.fits()
        assert [text for text in watched.said if "404" not in text] == []
    for pairwise in (False, True):
        with rating(judged, replace(ADA, pairwise=pairwise)) as sitting:
            watched = watch(browser, sitting.url, dark=dark)
            watched.go("item/2")
            assert _serious(watched) == [] and watched.said == []
            watched.page.set_viewport_size({"width": 390, "height": 844})
            watched.fits()


def test_hostile_text_does_nothing(browser: Browser, tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        run = read_runs.runs(store)[0].id
    with looking(tmp_path / "h.db") as served:
        watched = watch(browser, served.url)
        page = watched.go("samples")
        lists = page.eval_on_selector_all(".tiles a", "all => all.map(one => one.getAttribute('href'))")
        samples = []
        for listed in lists:
            watched.go(listed)
            samples.append((page.locator("ol.rows a").first.get_attribute("href") or "").removeprefix("../"))
        for path in (*PAGES, f"runs/{run}", "search?q=script", *lists, *samples):
            watched.go(path)
            page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
            page.wait_for_timeout(50)
            assert page.evaluate("window.hacked") is None, path
            assert page.evaluate("getComputedStyle(document.body).display") != "none", path
            assert page.locator("iframe, object, main link, main script, [onload], [onerror], [onfocus]").count() == 0
            watched.fits()
        # One "picture" is none, and is not served.
        assert [text for text in watched.said if "404" not in text] == []
        assert [url for url in watched.asked if not url.startswith(served.url)] == []
        assert re.search("script", page.inner_text("main"))
