"""A long preparation says what it is busy with; a short one says nothing."""

from __future__ import annotations

import threading

import pytest

from sparkles_eval.cli.long_wait import said_while_long


def test_a_long_stage_is_said_with_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    twice = threading.Event()

    def keep(text: str, *, err: bool = False) -> None:
        assert err
        said.append(text)
        if len(said) == 2:
            twice.set()

    monkeypatch.setattr("sparkles_eval.cli.long_wait.say", keep)
    with said_while_long(first_s=0.01, every_s=0.01) as stage:
        stage("task pairs: its data are read")
        assert twice.wait(30)
    assert said[-1].startswith("task pairs: its data are read … (") and said[-1].endswith(" s)")
    assert not any(thread.name == "long-wait" for thread in threading.enumerate())


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with said_while_long() as stage:
        stage("task pairs: its data are read")
    assert capsys.readouterr().err == ""
