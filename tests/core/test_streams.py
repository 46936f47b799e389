"""Standard streams take every character and outlive their reader."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import make_console, say, say_json, write_stdout
from sparkles_eval.core.streams import SafeStream, reader_left, similar, use_safe_streams

ENCODINGS = ("latin-1", "cp1252", "cp437", "ascii", "utf-8")


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("56.7 \u2013 64.3 … “x” → ≥ ±2", "ascii", '56.7 - 64.3 ... "x" -> >= +/-2'),
        ("⟦U+202E⟧", "cp437", "[U+202E]"),
        ("é", "latin-1", "é"),
        ("éà", "ascii", "ea"),
        ("fi \uff12", "cp1252", "fi 2"),
        ("模型 💥 \ud800", "latin-1", "?? ? ?"),
        ("модель", "cp437", "??????"),
    ],
)
def test_similar_characters(text: str, encoding: str, expected: str) -> None:
    assert similar(text, encoding) == expected


def _stream(encoding: str) -> tuple[io.BytesIO, SafeStream]:
    held = io.BytesIO()
    return held, SafeStream(io.TextIOWrapper(held, encoding=encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_character_can_be_written(encoding: str) -> None:
    held, stream = _stream(encoding)
    text = "".join(map(chr, range(0x20, 0x3000))) + "\ud800\udfff\U0010ffff"
    assert stream.write(text) == len(text)
    stream.flush()
    assert held.getvalue().decode(encoding).startswith(" !")


def test_json_is_the_same_value_in_every_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"a": "é 模 💥 \u2013 \u202e"}
    for encoding in ENCODINGS:
        held, stream = _stream(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        say_json(json.dumps(value, ensure_ascii=False))
        assert json.loads(held.getvalue().decode(encoding)) == value


def test_an_export_into_a_pipe_is_utf_8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    held, stream = _stream("latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    write_stdout(["模 ", "💥\n"])
    stream.flush()
    assert held.getvalue().decode("utf-8") == "模 💥\n"


def test_a_reader_that_leaves_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        use_safe_streams()
        assert not reader_left(sys.stdout)
        say("x" * 100_000)
        assert reader_left(sys.stdout)
        say("and on")
        make_console().print("and on")
        pieces = iter("0123456789")
        write_stdout(pieces)
        assert next(pieces) == "1", "an export ends where nobody reads on"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full, a disk without room")
def test_a_full_disk_is_an_error_for_results_and_nothing_for_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as out, open("/dev/full", "w") as err:  # noqa: PTH123 - streams, no files
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        use_safe_streams()
        say("progress", err=True)
        with pytest.raises(UserError, match=r"standard output cannot be written \(No space left"):
            say("results")
        say("at the end, once more")
        sys.stdout.flush()


def test_streams_without_bytes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.StringIO()
    monkeypatch.setattr(sys, "stdout", plain)
    use_safe_streams()
    assert sys.stdout is plain
