"""Runs the command line in processes of its own and reads the stores that it leaves."""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from typer import testing
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from tests.server import LoopbackServer

Row: TypeAlias = tuple[object, ...]

_ROOT = Path(__file__).resolve().parents[2]

# Every `invoke` puts the whole command line together anew, which takes longer than most commands: once is enough.
testing._get_command = functools.cache(testing._get_command)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Done:
    """A command that ended: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def shown(self) -> str:
        """All that a person saw, without line breaks that only the terminal's width made."""
        return " ".join((self.err + self.out).split())


def start(*args: str, **env: str) -> subprocess.Popen[str]:
    """Begin `sparkles-eval ARGS`; output is piped, the terminal is wide."""
    return subprocess.Popen(
        [sys.executable, "-m", "sparkles_eval", *args],
        cwd=_ROOT,
        env={**os.environ, "COLUMNS": "180", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> Done:
    """Wait for a command that `start` began; one that hangs is ended and fails the test."""
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after two minutes:\n{err}\n{out}") from None
    return Done(process.returncode, out, err)


def cli(*args: str, **env: str) -> Done:
    """`sparkles-eval ARGS` from beginning to end."""
    return end(start(*args, **env))


def here(*args: str) -> Done:
    """`sparkles-eval ARGS` within this process: quicker, for what needs no process of its own."""
    result = CliRunner().invoke(app, args, env={"COLUMNS": "180"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, at which a process can do nothing any more. One that had ended by itself fails the test."""
    ended = process.poll()
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    assert ended is None, f"ended by itself with code {ended}:\n{err}\n{out}"


def models(server: LoopbackServer, *names: str) -> list[str]:
    """`--model` and `--model-arg` for models of the server: "openai/good", "anthropic/weak"."""
    args: list[str] = []
    for name in names:
        url = server.openai_url if name.startswith("openai/") else server.anthropic_url
        args += ["--model", name, "--model-arg", f"{name}:base_url={url}"]
    return args


def judged(server: LoopbackServer, name: str = "good-judge") -> list[str]:
    """The `sparkles` judge on a model of the server."""
    return ["--judge", f"sparkles@openai/{name}", "--judge-arg", f"sparkles:base_url={server.openai_url}"]


def rows(store: Path, sql: str, *values: object) -> list[Row]:
    """What a query of a store gives."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        return [tuple(row) for row in db.execute(sql, values)]


def sound(store: Path) -> None:
    """The file is whole, and no row points to one that is not there."""
    assert rows(store, "PRAGMA integrity_check") == [("ok",)]
    assert rows(store, "PRAGMA foreign_key_check") == []


def tables(store: Path) -> tuple[list[Row], list[Row]]:
    """Every score and every metric, without what may differ between two runs of the same (row ids, times)."""
    scores = rows(
        store,
        "SELECT run, task, model, protocol, judge, judge_id, sample, epoch, repeat, turn, criterion, value, invalid,"
        " reason, answer, target, draws FROM item_scores"
        " ORDER BY run, judge_id, sample_id, epoch, repeat, turn, criterion",
    )
    metrics = rows(
        store,
        "SELECT run, task, model, protocol, judge, judge_id, metric, value, low, high, n, total, clusters, method, note"
        " FROM leaderboard ORDER BY run, judge_id, metric",
    )
    return scores, metrics


def accounted(store: Path) -> None:
    """Every sample of every run has every score of whoever scored the run, with a value or with a reason."""
    lost = rows(
        store,
        "SELECT p.run_id, p.sample_id, j.name FROM run_samples p"
        " JOIN (SELECT DISTINCT run_id, judge_id, epoch FROM scores) k ON k.run_id = p.run_id"
        " JOIN judges j ON j.id = k.judge_id"
        " LEFT JOIN scores s ON s.run_id = p.run_id AND s.sample_id = p.sample_id AND s.judge_id = k.judge_id"
        " AND s.epoch = k.epoch WHERE s.sample_id IS NULL",
    )
    assert lost == []
    assert rows(store, "SELECT * FROM scores WHERE value IS NULL AND coalesce(reason, '') = ''") == []
    unfounded = rows(
        store,
        "SELECT s.* FROM scores s LEFT JOIN answers a ON a.run_id = s.run_id AND a.sample_id = s.sample_id"
        " AND a.epoch = s.epoch AND a.turn = s.turn WHERE s.value IS NOT NULL AND a.response_id IS NULL",
    )
    assert unfounded == [], "a value without an answer would be an error silently scored"


def reasons(store: Path, model: str) -> Counter[str]:
    """Why items of a model have no score: reason -> items."""
    found = rows(
        store,
        "SELECT DISTINCT run, sample_id, epoch, reason FROM item_scores WHERE model = ? AND value IS NULL",
        model,
    )
    return Counter(str(row[3]) for row in found)


def total(found: Sequence[Row]) -> int:
    """The one number of a query that counts."""
    (row,) = found
    assert isinstance(row[0], int)
    return row[0]
