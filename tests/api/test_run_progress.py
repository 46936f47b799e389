"""What a person sees while it works: bars in a terminal, few and telling lines elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sparkles_eval.api.run_progress import show_progress


def soon(seconds: float) -> datetime:
    return datetime.now().astimezone() + timedelta(seconds=seconds)


def test_lines_tell_the_beginning_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(plain=True) as lines:
        lines.planned("openai/m", "bison", 3, 1)
        lines.finished("openai/m", "bison", scored=True)
        lines.spent(0.0125, 0)
        lines.finished("openai/m", "bison", scored=False)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "openai/m on bison: 3 items, 1 from the store"
    assert told[1].startswith("openai/m on bison: 3/3, ")
    assert told[1].endswith("1 unscored, $0.0125")
    assert len(told) == 2


def test_lines_tell_how_far_what_is_unfinished_came(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(plain=True) as lines:
        lines.planned("m", "t", 9, 0)
        lines.finished("m", "t", scored=True)
    assert capsys.readouterr().err.splitlines()[-1].startswith("m on t: 1/9")


def test_an_unknown_cost_is_never_zero(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(plain=True) as lines:
        lines.planned("m", "t", 1, 0)
        lines.spent(0.0, 1)
        lines.finished("m", "t", scored=True)
    told = capsys.readouterr().err
    assert "1 reply of unknown cost" in told
    assert "$0" not in told


def test_a_wait_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    until = soon(60)
    with show_progress(plain=True) as lines:
        for late in range(20):
            lines.waiting("openai/m", until + timedelta(seconds=late))
        lines.waiting("anthropic/m", until)
        lines.event("connections", "openai/m", "8 at a time")
        lines.event("stopped", "openai/m", "openai/m: HTTP 401; set K")
        lines.event("fault", "openai/m", "no thumbnail")
    assert capsys.readouterr().err.splitlines() == [
        f"waiting on openai/m until {until:%H:%M:%S}",
        f"waiting on anthropic/m until {until:%H:%M:%S}",
        "openai/m: HTTP 401; set K",
        "openai/m: no thumbnail",
    ]


def test_a_message_that_comes_again_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(plain=True) as lines:
        for _ in range(1_000):
            lines.event("retry", "m", "m: HTTP 503")
        lines.event("retry", "m", "m: HTTP 500")
    assert capsys.readouterr().err.splitlines() == ["m: HTTP 503", "m: HTTP 500", "m: HTTP 503 (1,000 times)"]


def test_lines_of_progress_grow_rare_and_tell_only_what_moved(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    for name in ("run_progress", "progress_counts"):
        monkeypatch.setattr(f"sparkles_eval.api.{name}.monotonic", lambda: clock[0])
    with show_progress(plain=True) as lines:
        for who in ("quick", "stuck"):
            lines.planned(who, "t", 9_000, 0)
        lines.finished("stuck", "t", scored=True)
        for _ in range(3_600):
            clock[0] += 1
            lines.finished("quick", "t", scored=True)
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if line.startswith("quick")]) < 20
    assert len([line for line in told if line.startswith("stuck")]) == 3, "planned, once, and at the end"
    assert told[-2].startswith("quick on t: 3600/9000, 1.0/s") and told[-1].startswith("stuck on t: 1/9000")


def test_a_rate_is_never_zero(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    for name in ("run_progress", "progress_counts"):
        monkeypatch.setattr(f"sparkles_eval.api.{name}.monotonic", lambda: clock[0])
    with show_progress(plain=True) as lines:
        lines.planned("slow", "t", 3, 2)
        lines.planned("done", "t", 3, 1)
        clock[0] = 20.0
        lines.finished("slow", "t", scored=True)
    told = capsys.readouterr().err.splitlines()
    assert told[2:] == ["slow on t: 3/3, 3.0/min", "done on t: 1/3"]


def test_a_later_wait_is_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(plain=True) as lines:
        lines.waiting("m", soon(-1))
        lines.waiting("m", soon(60))
    assert len(capsys.readouterr().err.splitlines()) == 2
