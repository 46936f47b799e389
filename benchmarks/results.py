"""Tables of measured figures beside their targets, the file that keeps them, and the benchmarks' command line.

Measures nothing itself.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

from benchmarks.measure import CommandFailed

Report: TypeAlias = Callable[[bool], str]
"""Measures (quickly where True: a look, not a measurement) and gives a section's Markdown."""

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = (
    "# Measured\n\nWritten by `python -m benchmarks`. Compare ratios within one run; the machine does other work too.\n"
)
_PACKAGES = ("sparkles-eval", "openai", "anthropic", "aiohttp", "sqlite-utils", "pydantic")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: our figure, the floor's from the same run where there is one, and what was aimed at."""

    what: str
    value: float
    unit: str
    floor: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    relative: bool = False
    """The target is a ratio to the floor, not a value."""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the floor's."""
        return self.value / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        judged = self.ratio if self.relative else self.value
        if judged is None or (self.at_most is None and self.at_least is None):
            return None
        return (self.at_most is None or judged <= self.at_most) and (self.at_least is None or judged >= self.at_least)

    def row(self) -> str:
        """As a line of a Markdown table."""
        unit = "x the floor" if self.relative else self.unit
        target = ""
        if self.at_most is not None:
            target = f"at most {self.at_most:g} {unit}"
        elif self.at_least is not None:
            target = f"at least {self.at_least:g} {unit}"
        verdict = {None: "", True: "PASS", False: "MISS"}[self.met]
        floor = "" if self.floor is None else f"{self.floor:.2f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"| {self.what} | {self.value:.2f} {self.unit} | {floor} | {ratio} | {target} | {verdict} |"


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table of the figures."""
    head = "| what | measured | floor | ratio | target | |\n|---|---|---|---|---|---|"
    return "\n".join([head, *[figure.row() for figure in figures]])


def circumstances() -> str:
    """When, where and with what: one line of Markdown."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}; {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load average {load}; "
        f"Python {platform.python_version()}; {versions}."
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def write_section(title: str, body: str, path: Path = RESULTS) -> None:
    """Put the section into the file, in the place of an older one of that title."""
    text = path.read_text() if path.is_file() else _HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text = old.sub(lambda _: section + "\n", text) if old.search(text) else f"{text.rstrip()}\n\n{section}"
    path.write_text(text.rstrip() + "\n")


def command_line(prog: str, sections: Mapping[str, Report]) -> None:
    """Measure the sections in turn and print them; `--write` also puts them into benchmarks/RESULTS.md.

    Exits with 1 and the reason where something that should be measured does not run.
    """
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--quick", action="store_true", help="fewer items and repeats: a look, not a measurement")
    parser.add_argument("--write", action="store_true", help=f"put the sections into {RESULTS.name} as well")
    given = parser.parse_args()
    for title, report in sections.items():
        print(f"## {title}\n", flush=True)
        try:
            text = report(given.quick)
        except CommandFailed as error:
            print(error, file=sys.stderr)
            raise SystemExit(1) from None
        print(text, flush=True)
        if given.write:
            write_section(title, text)
