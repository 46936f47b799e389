"""What is needed to do an invocation again: versions, commit, machine, command line. Holds no secret."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sparkles_eval import __version__
from sparkles_eval.store.rows import EnvironmentRow

_PACKAGES = (
    "accelerate",
    "aiohttp",
    "anthropic",
    "httpx",
    "jinja2",
    "lm-eval",
    "numpy",
    "openai",
    "pandas",
    "peft",
    "pillow",
    "pydantic",
    "safetensors",
    "scipy",
    "sqlite-utils",
    "tokenizers",
    "torch",
    "transformers",
    "vllm",
)
"""What may change an answer, a score or an interval."""

_SECRET = re.compile(r"(?i)((?:api[_-]?key|token|secret|password)[^=\s]*=)(\S+)")


def environment(command: Sequence[str]) -> EnvironmentRow:
    """This process's environment; `command` is the command line as it was typed."""
    return EnvironmentRow(
        command=_SECRET.sub(r"\1…", shlex.join(command)),
        version=__version__,
        git_commit=_commit(),
        python=platform.python_version(),
        machine={
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": str(os.cpu_count() or 0),
            "executable": Path(sys.executable).name,
        },
        packages={name: found for name in _PACKAGES if (found := _version(name))},
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that this program runs from, with "+" where files differ; None outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        asked = ("git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
