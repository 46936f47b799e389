"""Uploads to the Hub, by huggingface_hub itself against a server on loopback; no token is ever shown."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.hub import check_repository, push_bundle, push_site

TOKEN = "hf_secretsecretsecret"


@dataclass
class Hub:
    """A server that takes repositories and commits as the Hub does, and remembers them."""

    address: str = ""
    status: int = 200
    made: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def answer(self, path: str, body: bytes) -> object:
        if path == "/api/repos/create":
            self.made.append(json.loads(body))
            return {"url": f"{self.address}/{self.made[-1]['type']}s/{self.made[-1]['organization']}/x"}
        if "/preupload/" in path:
            return {
                "files": [
                    {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for one in json.loads(body)["files"]
                ]
            }
        if "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                elif line["key"] == "deletedFile":
                    self.deleted.append(line["value"]["path"])
            return {"commitOid": "0" * 40, "commitUrl": f"{self.address}{path[4:].partition('/commit')[0]}/commit/0"}
        if "/tree/" in path:
            names = ["old.html", "kept.txt"]
            return [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in names]
        if path.startswith("/api/validate-yaml"):
            return {"errors": [], "warnings": []}
        return {"id": "owner/x", "sha": "0" * 40, "siblings": [{"rfilename": "old.html"}, {"rfilename": "kept.txt"}]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            state.tokens.add(self.headers.get("authorization") or "")
            sent = json.dumps(state.answer(self.path, body) if state.status == 200 else {"error": "no"}).encode()
            self.send_response(state.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", state.address)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


def test_a_site_goes_to_a_static_space_and_old_pages_leave_it(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    for name in ("index.html", "tasks/a.html", "README.md", ".sparkles-site"):
        (tmp_path / name).write_text("---\nsdk: static\n---\n")
    assert push_site(tmp_path, "owner/board") == f"{hub.address}/spaces/owner/board"
    assert (hub.made[0]["type"], hub.made[0]["sdk"]) == ("space", "static")
    assert set(hub.files) == {"index.html", "tasks/a.html", "README.md"}
    assert hub.deleted == ["old.html"]
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_bundle_goes_to_a_private_data_set(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(b"PK")
    assert push_bundle(tmp_path / "mine.zip", "owner/runs") == f"{hub.address}/datasets/owner/runs"
    assert (
        hub.made[0]["type"],
        hub.made[0]["visibility"] if "visibility" in hub.made[0] else hub.made[0]["private"],
    ) in (
        ("dataset", "private"),
        ("dataset", True),
    )
    assert hub.files == {"mine.zip": b"PK"}


@pytest.mark.parametrize(("status", "why"), [(401, "missing or wrong"), (403, "may not write"), (400, "400")])
def test_a_refusal_is_one_line_without_the_token(hub: Hub, tmp_path: Path, status: int, why: str) -> None:
    hub.status = status
    (tmp_path / "index.html").write_text("x")
    with pytest.raises(UserError, match=why) as caught:
        push_site(tmp_path, "owner/board")
    assert TOKEN not in str(caught.value) and "\n" not in str(caught.value)


def test_a_hub_that_is_away_and_a_name_that_is_none_are_said(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="cannot be reached"):
        push_bundle(tmp_path / "x.zip", "owner/runs")
    for name in ("board", "a/b/c", "owner/../x", ""):
        with pytest.raises(UserError, match="OWNER/NAME"):
            check_repository(name)
