"""The page of dialogues: from a folder and from a store, with pictures at their words, deaf to hostile text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image as Pillow

from sparkles_eval.core.errors import DataError, StoreError, UserError
from sparkles_eval.data.dialogues.browse_page import write_browser
from sparkles_eval.store.store import Store
from tests.data.dialogues.test_generate import args
from tests.end_to_end.running import here
from tests.reports.hostile import BAD
from tests.reports.watching import ARGUMENTS
from tests.server import LoopbackServer, Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def made(
    _server: LoopbackServer, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:  # fmt: skip
    """A folder with a generated set and its store."""
    folder = tmp_path_factory.mktemp("made")
    _server.configure(Settings())
    assert here(*args(photos, _server, folder, "-n", "30", "--repair")).code == 0
    return folder


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


def opened(browser: Browser, path: Path, width: int = 1280) -> tuple[Page, list[str]]:
    """The page, and what it said on the console or asked for elsewhere."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda asked: heard.append(asked.url) if not asked.url.startswith(("data:", "file:")) else None)
    page.goto(path.as_uri())
    return page, heard


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_folder_and_store_show_the_same_dialogues(made: Path, tmp_path: Path, kind: str, browser: Browser) -> None:
    from playwright.sync_api import expect

    out = tmp_path / "page.html"
    found = write_browser(made / "set" if kind == "folder" else made / "s.db", out)
    kept = (made / "set" / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    rejected = (made / "set" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert (found.kept, found.rejected) == (len(kept), len(rejected))
    page, heard = opened(browser, out)
    assert page.locator("details.talk").count() == len(kept) + len(rejected)
    first = page.locator("details.talk").first
    shown = first.locator(".said.asked .shown")
    assert shown.count() == sum(len(message.get("images", ())) for message in json.loads(kept[0])["dialogue"])
    assert shown.first.bounding_box()["height"] > 80  # type: ignore[index]  # it is on the page
    assert "<Img>" not in page.inner_text("main") and "ImageHere" not in page.inner_text("main")
    page.select_option("#which", "rejected")
    assert page.locator("details.talk:visible").count() == len(rejected)
    page.locator("details.talk:visible summary").first.click()
    assert page.locator("details.talk:visible .why").first.inner_text().startswith("Set aside:")
    page.select_option("#which", "")
    page.fill("#words", json.loads(kept[1])["id"])
    expect(page.locator("#count")).to_have_text(f"1 of {len(kept) + len(rejected)} dialogues")
    assert heard == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_page(made: Path, tmp_path: Path, browser: Browser, width: int) -> None:
    out = tmp_path / "page.html"
    write_browser(made / "set", out)
    page, _ = opened(browser, out, width)
    page.evaluate("for (const talk of document.querySelectorAll('details')) talk.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_can_be_used_without_seeing_it(made: Path, tmp_path: Path, browser: Browser) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    out = tmp_path / "page.html"
    write_browser(made / "set", out)
    page, _ = opened(browser, out)
    found = axe.Axe().run(page)
    assert found.response["violations"] == []


def hostile(folder: Path) -> Path:
    """A folder whose every text is hostile."""
    (folder / "images").mkdir(parents=True)
    Pillow.new("RGB", (8, 6), "teal").save(folder / "images" / "x.png")
    (folder / "images" / "y.png").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'/>")
    images = [{"image_id": name, "caption": BAD} for name in ("x", "y", "../../secret", BAD)]
    said = [
        {"role": "user", "content": f"{BAD} IMAGE#x and IMAGE#y {BAD}\0x\0", "images": images},
        {"role": BAD, "content": BAD},
    ]
    (folder / "dialogues.jsonl").write_text(json.dumps({"id": BAD, "dialogue": said}), encoding="utf-8")
    line = {"id": BAD, "fault": BAD, "reason": BAD, "messages": said}
    (folder / "rejected.jsonl").write_text(json.dumps(line), encoding="utf-8")
    return folder


def test_hostile_text_is_shown_as_text(tmp_path: Path, browser: Browser) -> None:
    out = tmp_path / "page.html"
    write_browser(hostile(tmp_path / "set"), out)
    page, heard = opened(browser, out)
    page.evaluate("for (const talk of document.querySelectorAll('details')) talk.open = true")
    assert page.evaluate("window.hacked") is None and heard == []
    assert page.locator("main img, main iframe, main a, main svg, main link, main style").count() == 0
    assert "<script>window.hacked=1</script>" in page.inner_text("main") and "⟦U+202E⟧" in page.inner_text("main")
    assert page.locator(".shown").count() == 4 and page.locator(".shown.missing").count() == 2


def test_what_is_left_out_is_said(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    found = write_browser(made / "set", out, most=3)
    text = out.read_text(encoding="utf-8")
    assert f"The first 3 of {found.kept} are shown." in text and text.count('<details class="talk"') <= 6


def test_nothing_to_show_is_told(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither dialogues\.jsonl nor"):
        write_browser(tmp_path, tmp_path / "x.html")
    with pytest.raises(StoreError, match="no store"):
        write_browser(tmp_path / "none.db", tmp_path / "x.html")
    with pytest.raises(UserError, match="no set of dialogues abc"):
        write_browser(made / "s.db", tmp_path / "x.html", set_id="abc")
    with Store(tmp_path / "empty.db"):
        pass
    with pytest.raises(UserError, match="data generate"):
        write_browser(tmp_path / "empty.db", tmp_path / "x.html")
    (tmp_path / "dialogues.jsonl").write_text('{"dialogue": 7}\nnonsense\n', encoding="utf-8")
    with pytest.raises(DataError, match="2 problems"):
        write_browser(tmp_path, tmp_path / "x.html")
