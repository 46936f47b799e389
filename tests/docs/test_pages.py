"""What the documentation shows is true: commands run, options exist, queries give rows, links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from tests.docs.pages import ROOT, Block, blocks, pages
from tests.server import Behaviour, LoopbackServer, Settings

_SERVER = "localhost:8000"
_MODEL = "qwen2.5-vl-7b"
_TESTED = [page for page in pages() if any(block.mark == "runs" for block in blocks(page))]


def _of(kind: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.kind == kind]


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(Settings(models={_MODEL: Behaviour(persona="good")})) as started:
        yield started


@pytest.mark.parametrize("block", _of("sh"), ids=lambda block: block.place)
def test_every_shell_block_says_how_it_is_tested_and_names_options_that_exist(block: Block) -> None:
    assert block.mark in ("runs", "needs"), f"{block.place}: say <!-- runs --> or <!-- needs: … --> before the block"
    for command in block.commands:
        # --help is read before anything is done, but after every option has been found to exist.
        unknown = CliRunner().invoke(app, [*command, "--no-such-option"])
        assert "--no-such-option" in unknown.output, f"{block.place}: {command}: {unknown.output}"


@pytest.mark.parametrize("page", _TESTED, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_s_commands_run(
    page: Path, tmp_path: Path, server: LoopbackServer, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    printed = ""
    ran = 0
    for block in blocks(page):
        if block.mark == "writes":
            (tmp_path / block.note).write_text(block.body.replace(_SERVER, _host(server.url)), encoding="utf-8")
        elif block.mark == "prints":
            missing = [line for line in block.body.splitlines() if _squeezed(line) not in _squeezed(printed)]
            assert not missing, f"{block.place}: not printed: {missing}\n{printed}"
        elif block.mark == "query":
            _rows(block, tmp_path)
        elif block.mark == "runs" and _data_is_there(block, tmp_path):
            printed = _run(block, tmp_path, server.url)
            ran += 1
    if not ran:
        request.getfixturevalue("shared_data")  # skips with the reason
        pytest.fail("no block ran although the data are there")


def _squeezed(text: str) -> str:
    """Without the width of columns, which depends on the longest name."""
    return " ".join(text.split())


def _data_is_there(block: Block, folder: Path) -> bool:
    """Put the published folder in place for a block that needs it, where this machine has one."""
    if "published data" not in block.note:
        return True
    data = ROOT.parent / "shared" / "data" / "sparkles_layout"
    link = folder / "sparkles"
    if data.is_dir() and not link.exists():
        link.symlink_to(data)
    return data.is_dir()


def _host(url: str) -> str:
    return url.removeprefix("http://")


def _run(block: Block, folder: Path, url: str) -> str:
    host = _host(url)
    with ExitStack() as stack:
        script = block.body
        if "own server" in block.note:
            host = f"127.0.0.1:{_free_port()}"
            line, _, script = script.partition("\n")
            command = line.removesuffix("&").replace("--port 8000", f"--port {host.rpartition(':')[2]}").split()
            # Not through a shell: a test ends what it started, and nothing else.
            own = subprocess.Popen([sys.executable, *command[1:]], cwd=folder, stdout=subprocess.PIPE, text=True)
            stack.callback(own.communicate)
            stack.callback(own.terminate)
            assert own.stdout is not None and own.stdout.readline().startswith("http")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(_SERVER, host)],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"{block.place}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment() -> dict[str, str]:
    scripts = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110", "NO_COLOR": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _rows(block: Block, folder: Path) -> None:
    with sqlite3.connect(folder / "runs" / "sparkles.db") as store:
        found = store.execute(block.body).fetchall()
    store.close()
    assert found or block.note == "may be empty", f"{block.place}: the query gives no rows"


def test_the_cluster_job_starts_its_server_carries_its_store_home_and_resumes(tmp_path: Path) -> None:
    port = str(_free_port())
    serve = f"{sys.executable} {ROOT / 'examples' / 'own_model' / 'serve.py'} --port {port}"
    programs = tmp_path / "bin"
    programs.mkdir()
    vllm = programs / "vllm"
    vllm.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path / 'arguments'}\nexec {serve}\n", encoding="utf-8")
    vllm.chmod(0o755)
    env = {**_environment(), "MODEL": "colours", "TASKS": "bison-mini", "PORT": port}
    env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"
    for limit, server in (("4", {}), ("4", {"SERVER": serve}), ("6", {"SERVER": serve})):
        command = ["bash", str(ROOT / "examples" / "cluster_job.sh"), "--limit", limit]
        done = subprocess.run(
            command, cwd=tmp_path, env={**env, **server}, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        with sqlite3.connect(tmp_path / "runs" / "colours.db") as store:
            assert store.execute("SELECT count(*) FROM responses").fetchone()[0] == int(limit)
        store.close()
    assert (tmp_path / "runs" / "colours.html").is_file()
    arguments = (tmp_path / "arguments").read_text(encoding="utf-8").splitlines()
    assert arguments[:2] == ["serve", "colours"]
    assert json.loads(arguments[arguments.index("--limit-mm-per-prompt") + 1]) == {"image": 8}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [found.partition("#")[0] for found in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    missing = [target for target in local if not (page.parent / target).exists()]
    assert not missing, f"{page.relative_to(ROOT)}: {missing}"


def test_every_page_of_the_documentation_is_in_the_site_and_the_site_builds(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        env={**_environment(), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for page in (ROOT / "docs").rglob("*.md"):
        made = page.relative_to(ROOT / "docs").with_suffix("")
        folder = made.parent if made.name == "index" else made
        assert (tmp_path / "site" / folder / "index.html").is_file(), made


def test_the_readme_names_what_continuous_integration_calls() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    called = re.findall(r"^\s*(make [\w-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert called
    assert [command for command in called if command not in readme] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(r"`make ([\w-]+)`", readme):
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), f"README names make {name}"
