"""Runs a command as a process of its own and says what it took. Knows nothing of what the command does."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
_LAUNCH = Path(__file__).with_name("launch.py")
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, the children that it waited for included. CPU is user plus system time."""

    wall_s: float
    cpu_s: float
    rss_mb: float


class CommandFailed(Exception):
    """The measured command did not do what it should: its figures would mean nothing."""


class _Report(BaseModel):
    wall_s: float
    cpu_s: float
    rss_mb: float
    code: int


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `more` set, in which Python keeps bytecode as it does after an installation."""
    return {**{name: value for name, value in os.environ.items() if name != _NO_BYTECODE}, **more}


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Cost:
    """Run it to its end; the command is a full path. Raises CommandFailed with its output's end on any exit but 0.

    `env` is `surroundings` where it is not given.
    """
    env = surroundings({}) if env is None else env
    with tempfile.TemporaryDirectory(prefix="sparkles-measure-") as folder:
        report, log = Path(folder, "report.json"), Path(folder, "log.txt")
        launch = [sys.executable, "-I", "-S", str(_LAUNCH), str(report), str(log), *command]
        subprocess.run(launch, env=dict(env), cwd=cwd, check=True)
        read = _Report.model_validate_json(report.read_bytes())
        if read.code:
            end = log.read_text(errors="replace")[-4000:]
            raise CommandFailed(f"{' '.join(command)}: exit code {read.code}\n{end}")
    return Cost(read.wall_s, read.cpu_s, read.rss_mb)


def median(costs: Sequence[Cost]) -> Cost:
    """Each figure's own median over repeated runs."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        statistics.median(cost.rss_mb for cost in costs),
    )


def sparkles_eval() -> str:
    """The installed command of this environment. Raises CommandFailed where it is not installed."""
    script = Path(sysconfig.get_path("scripts")) / "sparkles-eval"
    if not script.is_file():
        raise CommandFailed(f"{script} is not there: install the package into {sys.prefix} first")
    return str(script)
