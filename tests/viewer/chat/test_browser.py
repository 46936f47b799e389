"""The chat in a real browser: pictures at their words, answers that grow, side by side, saved; nothing hostile runs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server import LoopbackServer
from tests.viewer.chat.making import HOSTILE, cast, drawn, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

REMOVE = "\N{MULTIPLICATION SIGN}"
"""On the button that takes a picture out."""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclass
class Watched:
    """A page with everything that it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, url: str, *, width: int = 1280) -> Iterator[Watched]:
    """The page, which must have asked nobody else and complained of nothing when it is left."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda request: watched.asked.append(request.url))
    watched.page.goto(f"{url}/")
    yield watched
    context.close()
    assert watched.said == []
    assert [asked for asked in watched.asked if not asked.startswith((url, "data:", "blob:"))] == []


def write(page: Page, *parts: str | Path) -> None:
    """Type words and choose pictures, in order, at the cursor."""
    from playwright.sync_api import expect

    page.click("#message")
    page.keyboard.press("Control+End")
    for part in parts:
        if isinstance(part, str):
            page.keyboard.type(part)
        else:
            there = page.locator("#message .chip").count()
            page.set_input_files("#files", part)
            expect(page.locator("#message .chip")).to_have_count(there + 1)


def send(page: Page) -> None:
    page.keyboard.press("Enter")


def answered(page: Page, turns: int) -> None:
    from playwright.sync_api import expect

    expect(page.locator(".exchange")).to_have_count(turns)
    expect(page.locator('[data-stage="writing"]')).to_have_count(0, timeout=30_000)


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Path, Path]:
    red, blue = tmp_path / "red.png", tmp_path / "blue.png"
    red.write_bytes(drawn("red"))
    blue.write_bytes(drawn("blue"))
    return red, blue


def test_two_models_side_by_side_are_asked_with_pictures_at_their_words_and_saved(
    browser: Browser, server: LoopbackServer, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    red, blue = pictures
    file = tmp_path / "kept.jsonl"
    who = cast("openai/words", "openai/good", server=server)
    with served(who, tmp_path, file=file) as url, opened(browser, url) as watched:
        page = watched.page
        write(page, "Is ", red, " darker than ", blue, "?")
        assert page.locator("#message .chip b").all_inner_texts() == ["1", "2"]
        send(page)
        expect(page.locator('[data-answer="0/0"]')).to_have_attribute("data-stage", "writing")
        expect(page.locator('[data-answer="0/0"] .spoken')).not_to_be_empty()
        assert page.locator("#stop").is_visible() and not page.locator("#send").is_visible()
        answered(page, 1)
        assert page.inner_text(".asked .spoken").split() == ["Is", "1", "darker", "than", "2", "?"]
        replies = page.locator(".reply .spoken").all_inner_texts()
        assert len(replies) == 2 and all(text.startswith("Answer 1") for text in replies)
        boxes = [box for box in (reply.bounding_box() for reply in page.locator(".reply").all()) if box]
        assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"], "side by side"
        page.click("#tray button:nth-child(2)")
        write(page, " again?")
        send(page)
        answered(page, 2)
        assert all(text.startswith("Answer 2") for text in page.locator(".last .reply .spoken").all_inner_texts())
        page.click("#keep button")
        expect(page.locator("#said")).to_contain_text("kept.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["tags"][1] for line in lines] == ["openai/words", "openai/good"]
    image = "<Img><ImageHere></Img>"
    asked = [message["content"] for message in lines[0]["dialogue"][::2]]
    assert asked == [f"Is {image} darker than {image}?", f"{image} again?"]
    assert {picture.read_bytes() for picture in (tmp_path / "kept_images").iterdir()} == {drawn("red"), drawn("blue")}


def test_the_tiny_model_answers_and_the_download_is_a_dialogue(
    browser: Browser, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="needs the extra 'local'")
    with served(cast("sparkleschat-tiny"), tmp_path) as url, opened(browser, url, width=390) as watched:
        page = watched.page
        write(page, "Here are two images. ", *pictures, " Which one has a red circle?")
        send(page)
        answered(page, 1)
        said = page.inner_text(".reply .spoken")
        assert said
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        with page.expect_download() as download:
            page.click("#keep button")
        with zipfile.ZipFile(download.value.path()) as packed:
            line = json.loads(packed.read("dialogues.jsonl"))
            assert line["dialogue"][1]["content"] == said
            assert len([name for name in packed.namelist() if name.endswith(".png")]) == 2


def test_hostile_words_of_model_and_person_do_nothing(browser: Browser, server: LoopbackServer, tmp_path: Path) -> None:
    with served(cast("openai/hostile", server=server), tmp_path) as url, opened(browser, url) as watched:
        page = watched.page
        page.click("#message")
        for part in HOSTILE.split("\x00"):
            page.keyboard.insert_text(part.replace("\x1b", ""))
        send(page)
        answered(page, 1)
        page.reload()
        answered(page, 1)
        assert "<script>window.hacked=1</script>" in page.inner_text(".reply .spoken")
        assert "⟦U+202E⟧" in page.inner_text(".reply .spoken")
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main a, main script").count() == 0


def test_editing_stopping_and_trying_again(browser: Browser, server: LoopbackServer, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with served(cast("openai/slow", server=server), tmp_path) as url, opened(browser, url) as watched:
        page = watched.page
        write(page, "first")
        send(page)
        expect(page.locator(".reply .spoken")).not_to_be_empty()
        page.click("#stop")
        answered(page, 1)
        assert "stopped: not part of the conversation" in page.inner_text(".reply")
        page.click('[data-do="retry"]')
        expect(page.locator('[data-stage="writing"] .spoken')).not_to_be_empty()
        page.reload()
        expect(page.locator('[data-stage="writing"] .spoken')).not_to_be_empty()
        page.click("#stop")
        answered(page, 1)
        page.click('[data-do="edit"]')
        expect(page.locator(".exchange")).to_have_count(0)
        assert page.inner_text("#message") == "first" and page.locator(".welcome").is_visible()
        page.keyboard.type(" again")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("below")
        send(page)
        expect(page.locator(".asked .spoken")).to_have_text("first again\nbelow")


def test_pictures_are_pasted_dropped_and_taken_out_again(
    browser: Browser, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    give = """([kind, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], "given.png", { type: "image/png" }));
      const name = kind === "paste" ? "clipboardData" : "dataTransfer";
      const type = kind === "paste" ? ClipboardEvent : DragEvent;
      document.getElementById("message").dispatchEvent(
        new type(kind, { [name]: data, bubbles: true, cancelable: true, clientX: 5, clientY: 5 }));
    }"""
    opening = [drawn("green")]
    with served(cast("baseline/echo"), tmp_path, opening=opening) as url, opened(browser, url) as watched:
        page = watched.page
        expect(page.locator("#message .chip")).to_have_count(1)
        write(page, " and ")
        page.evaluate(give, ["paste", list(drawn("red"))])
        expect(page.locator("#message .chip")).to_have_count(2)
        page.evaluate(give, ["drop", list(drawn("blue"))])
        expect(page.locator("#message .chip")).to_have_count(3)
        page.evaluate("""() => {
          const data = new DataTransfer();
          data.setData("text/html", "<img src=x onerror=window.hacked=1><b>bold</b>");
          data.setData("text/plain", " plain");
          document.getElementById("message").dispatchEvent(
            new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""")
        assert page.inner_text("#message").replace(REMOVE, " ").split() == ["1", "and", "2", "3", "plain"]
        page.click('#message [aria-label="Remove picture 2"]')
        assert page.locator("#message .chip b").all_inner_texts() == ["1", "2"]
        page.set_input_files("#files", {"name": "x.svg", "mimeType": "image/png", "buffer": b"<svg onload=x()>"})
        expect(page.locator("#said")).to_have_text("x.svg is a drawing in SVG or XML; convert it to PNG")
        send(page)
        answered(page, 1)
        page.click(".shot >> nth=0")
        expect(page.locator("#full img")).to_be_visible()
        page.keyboard.press("Escape")
        assert page.locator(".shot").count() == 2 and page.evaluate("window.hacked") is None
        # The refused file is the browser's own complaint, and the only one.
        assert watched.said and all("400" in said for said in watched.said)
        watched.said.clear()


def test_other_models_are_chosen_on_the_page(browser: Browser, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with served(cast("baseline/echo"), tmp_path) as url, opened(browser, url) as watched:
        page = watched.page
        page.select_option("select >> nth=1", "baseline/constant")
        expect(page.locator(".welcome")).to_contain_text("side by side")
        write(page, "hello")
        send(page)
        answered(page, 1)
        assert page.locator(".reply").count() == 2
        page.click("text=New conversation")
        expect(page.locator(".exchange")).to_have_count(0)
        assert page.locator("select >> nth=1").input_value() == "baseline/constant"


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stands_in_the_way_of_people_who_use_other_senses(
    browser: Browser, server: LoopbackServer, pictures: tuple[Path, Path], tmp_path: Path, width: int
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    who = cast("openai/good", "openai/broken", server=server)
    with served(who, tmp_path) as url, opened(browser, url, width=width) as watched:
        page = watched.page
        write(page, "Is ", pictures[0], " red?")
        send(page)
        answered(page, 1)
        write(page, "And ", pictures[1])
        found = axe.Axe().run(page, options={"resultTypes": ["violations"]})
        serious = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in serious] == []
