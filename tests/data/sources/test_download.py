"""Downloads over real HTTP: resumed, restarted where the file changed, checked, never half a file under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.data.sources.download import FetchError, HttpSession, download, make_session
from tests.data.sources.conftest import Files

DATA = bytes(range(256)) * 4_000


class Heard:
    """Keeps what a Watch is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int, int | None]] = []
        self.count = 0

    def begin(self, name: str, done: int, total: int | None) -> None:
        self.begun.append((name, done, total))

    def advance(self, count: int) -> None:
        self.count += count


@pytest.fixture
def line() -> Iterator[HttpSession]:
    made = make_session(wait_s=0.01)
    yield made
    made.client.close()


def test_a_file_comes_whole_and_says_how_far_it_is(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    heard = Heard()
    assert download(line, f"{web.url}/a.bin", tmp_path / "deep" / "a.bin", heard) == len(DATA)
    assert (tmp_path / "deep" / "a.bin").read_bytes() == DATA
    assert (heard.begun, heard.count) == ([("a.bin", 0, len(DATA))], len(DATA))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.bin"]


def test_a_broken_connection_goes_on_where_it_stopped(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.break_after["/a.bin"] = [100_000, 50_000]
    download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert [wanted for _, wanted in web.asked] == ["", "bytes=100000-", "bytes=150000-"]


def test_a_later_call_goes_on_too(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.break_after["/a.bin"] = [10_000] * 5
    with pytest.raises(FetchError, match=r"5 tries\); run the same command again to go on"):
        download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    assert not (tmp_path / "a.bin").exists()
    web.asked.clear()
    heard = Heard()
    download(line, f"{web.url}/a.bin", tmp_path / "a.bin", heard)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert web.asked == [("/a.bin", "bytes=50000-")] and heard.begun == [("a.bin", 50_000, len(DATA))]


def test_a_file_that_changed_meanwhile_starts_anew(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.break_after["/a.bin"] = [10_000] * 5
    with pytest.raises(FetchError):
        download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    other = DATA[::-1]
    web.files["/a.bin"], web.tags["/a.bin"] = other, '"two"'
    download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    assert (tmp_path / "a.bin").read_bytes() == other


def test_a_server_without_ranges_or_versions_starts_anew(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.ranges = False
    web.tags["/a.bin"] = 'W/"weak"'
    web.break_after["/a.bin"] = [10_000]
    download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert web.asked == [("/a.bin", ""), ("/a.bin", "")]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again(web: Files, line: HttpSession, tmp_path: Path, status: int) -> None:
    web.files["/a.bin"] = DATA
    web.failures["/a.bin"] = [status, status]
    assert download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard()) == len(DATA)
    assert len(web.asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_will_not_pass_is_said_at_once(web: Files, line: HttpSession, tmp_path: Path, status: int) -> None:
    web.failures["/a.bin"] = [status]
    with pytest.raises(FetchError, match=f"HTTP {status}"):
        download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())
    assert len(web.asked) == 1


def test_a_web_page_is_not_the_file(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.zip"], web.kinds["/a.zip"] = b"<html>log in", "text/html; charset=utf-8"
    with pytest.raises(FetchError, match="a web page instead of the file"):
        download(line, f"{web.url}/a.zip", tmp_path / "a.zip", Heard())
    assert not (tmp_path / "a.zip").exists()


def test_a_wrong_sum_is_thrown_away(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    right = hashlib.sha256(DATA).hexdigest()
    with pytest.raises(FetchError, match=f"its SHA-256 is {right}"):
        download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard(), sha256="0" * 64)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.bin.part.json"]
    assert download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard(), sha256=right) == len(DATA)


def test_an_empty_file_is_none(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = b""
    with pytest.raises(FetchError, match="is empty"):
        download(line, f"{web.url}/a.bin", tmp_path / "a.bin", Heard())


def test_what_does_not_fit_is_not_begun(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.ranges = False
    with pytest.raises(FetchError, match="MiB are free"):
        # The server says the size; a recipe's guess counts where it does not.
        download(_no_length(line), f"{web.url}/a.bin", tmp_path / "a.bin", Heard(), size=10**15)
    assert not (tmp_path / "a.bin.part").exists()


def _no_length(line: HttpSession) -> HttpSession:
    def forget(response: object) -> None:
        headers = getattr(response, "headers")  # noqa: B009 - httpx types its hooks loosely
        del headers["content-length"]

    line.client.event_hooks = {"response": [forget]}
    return line


def test_redirects_are_followed_but_not_for_ever(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    web.redirects["/moved"] = f"{web.url}/a.bin"
    assert download(line, f"{web.url}/moved", tmp_path / "a.bin", Heard()) == len(DATA)
    web.redirects["/round"] = f"{web.url}/round"
    with pytest.raises(FetchError, match="redirects without end"):
        download(line, f"{web.url}/round", tmp_path / "b.bin", Heard())


def test_a_mirror_stands_in(web: Files, tmp_path: Path) -> None:
    web.files["/m/a.bin"] = DATA
    line = make_session({"https://data.example/": f"{web.url}/m/"}, wait_s=0.01)
    with line.client:
        assert download(line, "https://data.example/a.bin", tmp_path / "a.bin", Heard()) == len(DATA)


def test_a_folder_that_cannot_be_made(web: Files, line: HttpSession, tmp_path: Path) -> None:
    web.files["/a.bin"] = DATA
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match="cannot be written"):
        download(line, f"{web.url}/a.bin", tmp_path / "file" / "a.bin", Heard())
    with pytest.raises(FetchError, match="is no address"):
        download(line, "http://127.0.0.1:port/a.bin", tmp_path / "a.bin", Heard())


def test_nobody_there(line: HttpSession, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="ConnectError"):
        download(line, "http://127.0.0.1:9/a.bin", tmp_path / "a.bin", Heard())
