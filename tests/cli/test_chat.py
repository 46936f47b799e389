"""`sparkles-eval chat`: settings errors as `run` has them, the page's address said once, the missing part named."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import MissingExtra, UserError


def chat(*args: str) -> None:
    outcome = CliRunner().invoke(app, ["chat", *args], catch_exceptions=True)
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception


@pytest.mark.parametrize(
    ("args", "mend"),
    [
        (["-m", "nobody"], "no preset of that name"),
        (["-m", "gpt-4o"], "set OPENAI_API_KEY"),
        (["-m", "baseline/echo", "--model-arg", "volume=11"], "volume"),
        (["-m", "baseline/echo", "--generation", "heat=1"], "there is no such setting"),
        (["-m", "baseline/echo", "--image", "none.png"], "cannot be read"),
        ([word for n in range(5) for word in ("-m", f"openai/m{n}")], "at most 4"),
    ],
)
def test_settings_are_checked_before_anything_starts(args: list[str], mend: str) -> None:
    with pytest.raises(UserError, match=mend):
        chat(*args, "--no-browser")


def test_the_page_needs_the_server_part_and_the_terminal_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkles_eval import viewer

    monkeypatch.setattr(viewer, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'sparkles-eval\[view\]'"):
        chat("-m", "baseline/echo", "--no-browser")
    outcome = CliRunner().invoke(app, ["chat", "-m", "baseline/echo", "--terminal"], input="hello\n")
    assert outcome.exit_code == 0 and "hello" in outcome.stdout


def test_the_page_says_its_address_and_ends_on_an_interrupt_while_a_model_writes(tmp_path: Path) -> None:
    plugin = tmp_path / "endless.py"
    plugin.write_text(
        "import asyncio\n"
        "from sparkles_eval.adapters.baselines import Baseline\n"
        "class Endless(Baseline):\n"
        "    async def answer(self, request): await asyncio.Event().wait()\n"
        "ADAPTERS = {'endless': lambda model, options: Endless(model, str)}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "sparkles_eval", "chat", "-m", "endless/one", "--plugin", str(plugin)]
    with subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.match(r"(http://127\.0\.0\.1:\d+/[\w-]{32})/ ", process.stdout.readline())
        assert found
        with urllib.request.urlopen(f"{found[1]}/", timeout=30) as page:  # noqa: S310 - our own loopback address
            url = page.url
        body = b'{"parts": [{"text": "hello"}]}'
        urllib.request.urlopen(urllib.request.Request(f"{url}/ask", body), timeout=30).close()  # noqa: S310
        growing = urllib.request.urlopen(f"{url}/answers/0/0", timeout=30)  # noqa: S310
        assert growing.readline()
        process.send_signal(signal.SIGINT)
        rest = growing.read().decode()
        growing.close()
        _, err = process.communicate(timeout=30)
    assert "stopped" in rest, "who watches is told how it ended"
    assert (process.returncode, err) == (0, "")
