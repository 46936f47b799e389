"""A pseudo-terminal of a given size: runs a program in it, and shows its screen as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78]")


class Screen:
    """What stands on a terminal of `columns` after text with control sequences: lines, the scrolled-off ones too."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0

    def write(self, text: str) -> None:
        """Draw text; what moves the cursor or erases is obeyed, colours are not."""
        at = 0
        while at < len(text):
            found = _CONTROL.match(text, at)
            if found:
                self._control(found[1] or "", found[2] or "")
                at = found.end()
                continue
            self._letter(text[at])
            at += 1

    def _letter(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.row, self.column = self.row + 1, 0
        elif letter >= " ":
            if self.column >= self.columns:
                self.row, self.column = self.row + 1, 0
            self._fill()
            line = self.lines[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = letter
            self.column += 1
        self._fill()

    def _control(self, numbers: str, kind: str) -> None:
        count = int(numbers) if numbers.isdigit() else 0
        if kind == "A":
            self.row = max(0, self.row - max(1, count))
        elif kind == "B":
            self.row += max(1, count)
        elif kind == "K":
            self._fill()
            self.lines[self.row] = self.lines[self.row][: self.column] if count == 0 else []
        self._fill()

    def _fill(self) -> None:
        while len(self.lines) <= self.row:
            self.lines.append([])

    @property
    def text(self) -> list[str]:
        """The lines without blanks at their ends."""
        return ["".join(line).rstrip() for line in self.lines]


def run_in_terminal(
    command: Sequence[str],
    columns: int,
    *,
    env: Mapping[str, str] | None = None,
    on_text: Callable[[str, subprocess.Popen[bytes]], None] | None = None,
    seconds: float = 60,
    rows: int = 24,
) -> tuple[int, Screen, list[list[str]]]:
    """Run a command; gives its exit code, the screen at its end, and the screens on the way."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    own = {**os.environ, **(env or {}), "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "CI"):
        own.pop(name, None)
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=own, start_new_session=True)
    os.close(theirs)
    screen, frames, until = Screen(columns), [], time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    data = os.read(ours, 65_536)
                except OSError:
                    break
                if not data:
                    break
                text = data.decode(errors="replace")
                screen.write(text)
                frames.append(screen.text)
                if on_text is not None:
                    on_text(text, process)
            elif process.poll() is not None:
                break
        return process.wait(timeout=10), screen, frames
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
