"""The chat's page over HTTP: hostile text inert, answers followed as they grow, only what was offered can be used."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sparkles_eval.viewer.chat.page import _alike
from tests.server import LoopbackServer
from tests.viewer.chat.making import HOSTILE, cast, drawn, served


@dataclass
class Visitor:
    """Somebody with the page's address."""

    url: str
    chat: str = ""

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """GET, or POST where there is a body; status and body of the reply."""
        url = path if path.startswith("http") else f"{self.url}{path}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as reply:  # noqa: S310
                self.chat = reply.url if "/c/chat-" in reply.url and not self.chat else self.chat
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def say(self, *parts: object) -> tuple[int, str]:
        status, body = self.ask(f"{self.chat}/ask", json.dumps({"parts": parts}).encode())
        return status, body.decode()

    def follow(self, answer: str) -> list[dict[str, object]]:
        _, body = self.ask(f"{self.chat}/answers/{answer}")
        return [json.loads(line) for line in body.splitlines()]


def visit(url: str, query: str = "") -> Visitor:
    visitor = Visitor(url)
    assert visitor.ask(f"/{query}")[0] == 200
    return visitor


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Visitor]:
    with served(cast("baseline/echo"), tmp_path) as url:
        yield visit(url)


def words(text: str) -> dict[str, str]:
    return {"text": text}


def test_a_message_with_pictures_is_answered_and_stays_when_the_page_is_read_again(echo: Visitor) -> None:
    status, body = echo.ask("/images?name=red.png", drawn("red"))
    sha = json.loads(body)["image"]
    assert status == 200
    status, html = echo.say(words("Is "), {"image": sha}, words(" red?"))
    assert status == 200 and f'data-image="{sha}"' in html and 'alt="Picture 1"' in html
    last = echo.follow("0/0")[-1]
    assert "Is  red?" in str(last["html"])
    page = echo.ask(echo.chat)[1].decode()
    assert "Is  red?" in page and f'data-image="{sha}"' in page
    small = echo.ask(f"/images/{sha}/small")
    assert small[0] == 200 and small[1].startswith(b"\xff\xd8\xff")
    assert echo.ask(f"/images/{sha}") == (200, drawn("red"))


def test_growing_text_adds_up_to_the_answer(server: LoopbackServer, tmp_path: Path) -> None:
    with served(cast("openai/words", server=server), tmp_path) as url:
        visitor = visit(url)
        visitor.say(words("Which?"))
        *steps, last = visitor.follow("0/0")
    text = ""
    for step in steps:
        text = text[: int(str(step["at"]))] + str(step["add"])
    assert len(steps) > 3 and text and text in str(last["html"])


def test_hostile_text_is_text(server: LoopbackServer, tmp_path: Path) -> None:
    with served(cast("openai/hostile", server=server), tmp_path) as url:
        visitor = visit(url)
        _, asked = visitor.say(words(HOSTILE))
        answered = str(visitor.follow("0/0")[-1]["html"])
        page = visitor.ask(visitor.chat)[1].decode()
    for html in (asked, answered, page):
        assert "<script>window" not in html and "<img src=x" not in html and "<a href=javascript" not in html
        assert "&lt;script&gt;window.hacked=1&lt;/script&gt;" in html
        assert "⟦U+202E⟧" in html and "⟦U+001B⟧" in html and "\u202e" not in html and "\x1b" not in html


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"parts": [{"text": 1}]}',
        b'{"parts": [{"image": "../../etc/passwd"}]}',
        b'{"parts": [{"html": "<b>"}]}',
        b'{"parts": [], "model": "x"}',
        b"\xff",
        json.dumps({"parts": [{"text": "x" * 100_001}]}).encode(),
        json.dumps({"parts": [{"image": "0" * 64}]}).encode(),
        json.dumps({"parts": [{"text": "  "}]}).encode(),
    ],
)
def test_what_is_no_message_is_refused(echo: Visitor, body: bytes) -> None:
    status, said = echo.ask(f"{echo.chat}/ask", body)
    assert status == 400 and said
    assert "exchange" not in echo.ask(echo.chat)[1].decode().partition("<main")[2].partition("</main>")[0]


def test_what_is_not_there_is_told(echo: Visitor) -> None:
    assert echo.ask("/c/chat-000000000000") == (
        400,
        b"this conversation is not here any more: the program was started again",
    )
    for path in ("/images/" + "0" * 64, "/images/..%2f..%2fetc%2fpasswd", f"/images/{'0' * 64}/small"):
        assert echo.ask(path)[0] in (400, 404)
    for path in ("/answers/0/0", "/dialogue.zip"):
        assert echo.ask(f"{echo.chat}{path}")[0] == 400
    for path in ("/back", "/retry/0", "/retry/9", "/save"):
        assert echo.ask(f"{echo.chat}{path}", b"")[0] == 400
    assert echo.ask("/images", b"<svg xmlns='http://www.w3.org/2000/svg'/>")[0] == 400


def test_models_that_can_be_used_here_are_offered_and_no_others_are_made(echo: Visitor, tmp_path: Path) -> None:
    page = echo.ask("/")[1].decode()
    assert '<option value="baseline/oracle">' in page and "replay/FILE" not in page
    assert '<option value="gpt-4o">' not in page, "there is no key for it here"
    beside = visit(echo.url, "?model=baseline/echo&model=baseline/constant&model=")
    assert beside.say(words("hello"))[1].count("data-answer=") == 2
    for name in ("replay//etc/passwd", "openai/x", "gpt-4o", str(tmp_path / "evil.yaml")):
        status, said = echo.ask(f"/?model={name}")
        assert status == 400 and b"not among those" in said


def test_editing_trying_again_and_stopping(server: LoopbackServer, tmp_path: Path) -> None:
    with served(cast("openai/slow", "baseline/echo", server=server), tmp_path) as url:
        visitor = visit(url)
        visitor.say(words("first"))
        assert visitor.ask(f"{visitor.chat}/back", b"")[0] == 400, "a model is still writing"
        assert visitor.ask(f"{visitor.chat}/stop", b"")[0] == 204
        assert "stopped" in str(visitor.follow("0/0")[-1]["html"])
        status, html = visitor.ask(f"{visitor.chat}/retry/1", b"")
        assert status == 200 and b'data-answer="0/1"' in html
        visitor.follow("0/1")
        assert json.loads(visitor.ask(f"{visitor.chat}/back", b"")[1]) == {"parts": [{"text": "first"}]}
        assert 'class="exchange"' not in visitor.ask(visitor.chat)[1].decode()


def test_saving_downloads_or_writes_where_it_was_told(tmp_path: Path) -> None:
    with served(cast("baseline/echo"), tmp_path) as url:
        visitor = visit(url)
        visitor.say(words("hello"))
        visitor.follow("0/0")
        assert visitor.ask(f"{visitor.chat}/save", b"")[0] == 400
        with zipfile.ZipFile(io.BytesIO(visitor.ask(f"{visitor.chat}/dialogue.zip")[1])) as packed:
            assert packed.namelist() == ["dialogues.jsonl"]
    other = tmp_path / "other"
    other.mkdir()
    with served(cast("baseline/echo"), other, file=other / "kept.jsonl", opening=[drawn("red")]) as url:
        visitor = visit(url)
        assert "data-opening=" in visitor.ask(visitor.chat)[1].decode()
        visitor.say(words("hello"))
        visitor.follow("0/0")
        assert "data-opening=" not in visitor.ask(visitor.chat)[1].decode()
        status, said = visitor.ask(f"{visitor.chat}/save", b"")
        assert status == 200 and "kept.jsonl" in json.loads(said)["said"]
    assert json.loads((other / "kept.jsonl").read_text(encoding="utf-8"))["dialogue"][0]["content"] == "hello"


@pytest.mark.parametrize(
    ("pair", "same"), [(("", ""), 0), (("ab", "abc"), 2), (("abc", "ab"), 2), (("abc", "axc"), 1), (("a", ""), 0)]
)
def test_what_two_texts_begin_with(pair: Sequence[str], same: int) -> None:
    assert _alike(*pair) == same
