"""Chat in a terminal: pictures at their paths, a pipe that carries answers alone, no model that moves a cursor."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.core import Part, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.viewer.chat.storage import SessionImages
from sparkles_eval.viewer.chat.terminal import read_message
from tests.server import LoopbackServer
from tests.viewer.chat.making import album, drawn


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionImages:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(drawn("red"))
    (tmp_path / "my b.jpg").write_bytes(drawn("blue", kind="JPEG"))
    return album(tmp_path)


def written(parts: list[Part]) -> list[str]:
    return [part.text if isinstance(part, Text) else f"<{part.media_type}>" for part in parts]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain words", ["plain words"]),
        ("@a.png", ["<image/png>"]),
        ("Is @a.png, or (@a.png)?", ["Is ", "<image/png>", ", or (", "<image/png>", ")?"]),
        ('Is @"my b.jpg" darker?', ["Is ", "<image/jpeg>", " darker?"]),
        ("Is /image a.png darker?", ["Is ", "<image/png>", " darker?"]),
        ('/image "my b.jpg" What is it?', ["<image/jpeg>", " What is it?"]),
        ("mail me@a.png, @someone or @ you", ["mail me@a.png, @someone or @ you"]),
        ("@./a.png.", ["<image/png>", "."]),
    ],
)
def test_pictures_stand_where_their_paths_are(kept: SessionImages, text: str, parts: list[str]) -> None:
    assert written(read_message(text, kept)) == parts


@pytest.mark.parametrize("text", ["@none.png", "@dir/none", "see /image none", '@"none.jpg"', "@none.PNG?"])
def test_a_path_that_leads_nowhere_is_an_error(kept: SessionImages, text: str) -> None:
    with pytest.raises(UserError, match="none"):
        read_message(text, kept)


def piped(lines: str, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sparkles_eval", "chat", "--terminal", *args]
    return subprocess.run(command, input=lines, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_pipe_carries_answers_alone_and_the_conversation_is_saved_at_its_end(
    kept: SessionImages, tmp_path: Path
) -> None:
    lines = "Is @a.png red?\n/image a.png 'my b.jpg'\nWhich\\\nof these?\n/new\nsecond\n"
    done = piped(lines, tmp_path, "-m", "baseline/echo", "--save", "out.jsonl", "--image", "a.png")
    assert (done.returncode, done.stdout) == (0, " Is  red?\nWhich\nof these?\nsecond\n".lstrip())
    assert "saved out.jsonl, pictures in out_images" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [len(row["dialogue"]) for row in rows] == [4, 2]
    assert [len(message.get("images", [])) for message in rows[0]["dialogue"]] == [2, 0, 2, 0]
    assert len(list((tmp_path / "out_images").iterdir())) == 2


def test_side_by_side_and_commands(kept: SessionImages, tmp_path: Path) -> None:
    lines = "/help\nhello\n/retry\n/save kept.jsonl\n/quit\nnever read\n"
    done = piped(lines, tmp_path, "-m", "baseline/echo", "-m", "baseline/constant")
    assert done.returncode == 0 and "never read" not in done.stdout
    assert done.stdout.count("baseline/echo\nhello\n") == 2 and done.stdout.count("baseline/constant\n") == 2
    assert "/image PATH" in done.stderr
    assert len((tmp_path / "kept.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_what_got_no_answer_is_told_and_is_the_exit_code(kept: SessionImages, tmp_path: Path) -> None:
    done = piped("hello\n", tmp_path, "-m", "baseline/oracle")
    assert (done.returncode, done.stdout) == (3, "\n") and "error:" in done.stderr and "no target" in done.stderr
    done = piped("@none.png\n/save\n/what\nhello\n", tmp_path, "-m", "baseline/echo")
    assert done.returncode == 3 and done.stdout == "hello\n"
    assert done.stderr.count("error:") == 3 and "/help lists them" in done.stderr
    done = piped("", tmp_path, "-m", "no-such-model")
    assert done.returncode == 2 and done.stderr.startswith("error: --model no-such-model")
    done = piped("", tmp_path, "-m", "baseline/echo", "--image", "none.png")
    assert done.returncode == 2 and "none.png: cannot be read" in done.stderr


def test_nothing_a_model_says_moves_the_cursor(kept: SessionImages, tmp_path: Path, server: LoopbackServer) -> None:
    url = f"base_url={server.openai_url}"
    done = piped("hello\n", tmp_path, "-m", "openai/hostile", "--model-arg", url)
    assert done.returncode == 0
    assert "⟦U+001B⟧[31m⟦U+0000⟧ end" in done.stdout and "⟦U+202E⟧" in done.stdout
    assert "\x1b" not in done.stdout and "\x00" not in done.stdout and "\u202e" not in done.stdout


def test_a_person_at_a_terminal_sees_a_prompt_and_who_answers(kept: SessionImages, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sparkles_eval", "chat", "--terminal", "-m", "baseline/echo"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, b"Is @a.png red?\n/quit\n")
        said = b""
        try:
            while more := os.read(ours, 4096):
                said += more
        except OSError:  # the other end is closed
            pass
        assert process.wait(timeout=60) == 0
    os.close(ours)
    text = said.decode()
    assert "baseline/echo: write a message, /help lists commands" in text
    assert "> " in text and "Is  red?" in text
