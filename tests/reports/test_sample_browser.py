"""A page of one sample in a real browser: models side by side, their differences, pictures, keys, accessibility."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hanging import ends
from tests.reports.sampled import of, over_the_edge, samples_of, shown, written
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


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty models."""
    folder = tmp_path_factory.mktemp("large")
    with varied(folder / "v.db", count=20, items=3) as store:
        return written(store, folder / "out")


def test_answers_stand_side_by_side_with_their_differences(browser: Browser, site: Path) -> None:
    watched = opened(browser, samples_of(site, "sparkleseval")[0].as_uri())
    page = watched.page
    assert shown(page) == ["lab-0/reader-00", "lab-1/reader-01", "lab-2/reader-02"]
    tops = page.evaluate(
        "[...document.querySelectorAll('.answer .reply:nth-of-type(3)')].map(r => r.getBoundingClientRect().y)"
    )
    assert len(set(tops)) <= 1
    words = page.locator(".answer:visible .words").all_inner_texts()
    page.uncheck(".picker [value='lab-2/reader-02']")
    assert shown(page) == ["lab-0/reader-00", "lab-1/reader-01"] and "s-m=" in page.url
    marked = page.locator(".answer:visible mark.only").all_inner_texts()
    assert marked and "side by side" in " ".join(marked)
    assert page.locator("mark.only").first.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "underline"
    assert re.search(r"lab-1/reader-01: \d\d% of the words in common", page.inner_text(".difference-note"))
    assert page.locator(".answer:visible .words").all_inner_texts() == words[:4]
    page.keyboard.press("d")
    assert page.locator("mark.only").count() == 0 and "s-d=off" in page.url
    again = opened(browser, "about:blank")
    again.page.goto(page.url)
    assert shown(again.page) == ["lab-0/reader-00", "lab-1/reader-01"]
    assert again.page.locator("mark.only").count() == 0
    watched.quiet(site)


def test_the_answer_that_was_read_is_marked_where_it_stands(browser: Browser, site: Path) -> None:
    watched = opened(browser, samples_of(site, "nlvr2")[0].as_uri())
    watched.page.keyboard.press("a")
    read = watched.page.locator(".answer:visible b.read")
    assert read.count() == 5 and set(read.all_inner_texts()) <= {"True", "False"}
    assert "invalid, counts as wrong" in opened(browser, samples_of(site, "nlvr2")[2].as_uri()).page.inner_text(
        ".answers"
    )
    assert "altered: images=dropped" in watched.page.inner_text(".answers")
    watched.quiet(site)


def test_many_models_are_chosen_from_a_list(browser: Browser, large: Path) -> None:
    watched = opened(browser, samples_of(large, "nlvr2")[0].as_uri())
    page = watched.page
    assert page.locator(".roster li").count() == 22 and len(shown(page)) == 3
    first, second, third = shown(page)
    page.keyboard.press("]")
    fourth = shown(page)[2]
    assert shown(page)[:2] == [first, second] and fourth not in (first, second, third)
    page.keyboard.press("[")
    assert shown(page) == [first, second, third]
    page.locator(".roster a").nth(15).click()
    assert (
        shown(page)[:2] == [first, second] and page.evaluate("document.activeElement.dataset.model") == shown(page)[2]
    )
    page.locator(".roster input").nth(20).check()
    assert len(shown(page)) == 4
    page.keyboard.press("a")
    assert len(shown(page)) == 22
    page.keyboard.press("a")
    assert shown(page) == [first, second, third]
    watched.quiet(large)


def test_a_picture_opens_and_gives_the_focus_back(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, samples_of(site, "sparkleseval")[0].as_uri())
    page = watched.page
    chip = page.locator(".chip").first
    chip.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".peek")).to_contain_text(page.locator(".figure .caption").first.inner_text())
    page.keyboard.press("Enter")
    box = page.locator("dialog.lightbox")
    expect(box).to_be_visible()
    assert "256 × 256 pixels" in box.inner_text()  # noqa: RUF001
    first = box.locator("img").get_attribute("src") or ""
    assert (
        "-full.png" in first
        and box.locator("img").evaluate("async i => { await i.decode(); return i.naturalWidth }") == 256
    )
    page.keyboard.press("ArrowRight")
    assert box.locator("img").get_attribute("src") != first
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    assert chip.evaluate("chip => document.activeElement === chip")
    page.locator("figure .shot").nth(1).click()
    box.locator(".close").click()
    assert page.locator("figure .shot").nth(1).evaluate("shot => document.activeElement === shot")
    watched.quiet(site)


def test_keys_are_explained(browser: Browser, site: Path) -> None:
    from playwright.sync_api import expect

    watched = opened(browser, samples_of(site, "nlvr2")[0].as_uri())
    watched.page.keyboard.press("?")
    expect(watched.page.locator("dialog.keys")).to_contain_text("next sample")
    watched.page.keyboard.press("n")
    assert watched.page.inner_text(".where") == "1 of 6"
    watched.page.keyboard.press("Escape")
    expect(watched.page.locator("dialog.keys")).to_be_hidden()
    watched.page.keyboard.press("n")
    expect(watched.page.locator(".where")).to_have_text("2 of 6")
    watched.quiet(site)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(browser: Browser, large: Path, width: int) -> None:
    for path in (samples_of(large, "nlvr2")[0], samples_of(large, "sparkleseval")[0], of(large, "nlvr2")):
        page = opened(browser, path.as_uri(), width=width).page
        assert over_the_edge(page) == 0
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
        page.keyboard.press("a")
        assert over_the_edge(page) == 0


@pytest.mark.parametrize(("width", "names"), [(390, ["sample", "options"]), (1280, ["sample", "list", "index"])])
def test_axe_finds_nothing_serious(browser: Browser, large: Path, width: int, names: list[str]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    paths = {
        "sample": samples_of(large, "sparkleseval")[0],
        "options": samples_of(large, "nlvr2")[0],
        "list": of(large, "nlvr2"),
        "index": large / "samples" / "index.html",
    }
    for name in names:
        page = opened(browser, paths[name].as_uri(), width=width).page
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


DIFFER = """
([one, two]) => {
    const found = sparkles.difference(one, two);
    const rest = (text, ranges) => {
        let [kept, at] = ["", 0];
        for (const [start, end] of ranges) { kept += text.slice(at, start) + " "; at = end; }
        return (kept + text.slice(at)).split(/\\s+/).filter(Boolean).join(" ");
    };
    return [rest(one, found.a), rest(two, found.b), found.share, found.a.length, found.b.length];
}
"""
"""What two texts have in common, read from either, the share of it, and how many stretches differ."""


def test_differences_leave_the_same_words_in_both_texts(browser: Browser, site: Path) -> None:
    page = opened(browser, samples_of(site, "sparkleseval")[0].as_uri()).page
    rng = random.Random(3)  # noqa: S311 - the same texts every time
    words = ["house", "tree", "star", "fish", "boat", "left", "right", "night"]
    for _ in range(60):
        one = rng.choices(words, k=rng.randrange(30))
        two = [rng.choice(words) if rng.random() < 0.2 else word for word in one if rng.random() < 0.9]
        left, right, share, _, _ = page.evaluate(DIFFER, [" ".join(one), " ".join(two)])
        assert left == right and 0 <= share <= 1
        matched = SequenceMatcher(a=one, b=two, autojunk=False).get_matching_blocks()
        assert len(left.split()) >= sum(
            block.size for block in matched
        )  # never fewer words in common than difflib finds
    assert page.evaluate(DIFFER, ["a red house, at left", "a big house, at left"])[3:] == [1, 1]
    assert page.evaluate(DIFFER, ["", ""]) == ["", "", 1, 0, 0] and page.evaluate(DIFFER, ["", "star"])[2] == 0


def test_texts_of_a_megabyte_are_compared_in_a_moment(browser: Browser, site: Path) -> None:
    page = opened(browser, samples_of(site, "sparkleseval")[0].as_uri()).page
    rng = random.Random(4)  # noqa: S311 - the same texts every time
    unique = [f"word{rng.randrange(10**6)}" for _ in range(100_000)]
    edited = [f"new{place}" if place % 97 == 0 else word for place, word in enumerate(unique)]
    repeated = "star fish house " * 66_000
    with ends():
        left, right, share, _, _ = page.evaluate(DIFFER, [" ".join(unique), " ".join(edited)])
        assert left == right and share > 0.98
        page.evaluate(DIFFER, [repeated, f"one {repeated[1000:]} {repeated}"])
        page.evaluate(DIFFER, [repeated, "A" * 1_000_000])
