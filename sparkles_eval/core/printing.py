"""Prints to the terminal with every hidden character written out; all output of the program goes through here.

A model's name or an answer can hold escape sequences that move the cursor, rename the window or reverse text. No other
file calls `print` or `typer.echo`, or makes a `rich.console.Console` (a test checks this).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sparkles_eval.core.streams import reader_left
from sparkles_eval.core.text import visible, visible_json

if TYPE_CHECKING:
    from rich.console import Console


def say(
    text: object = "", *, color: str | None = None, bold: bool = False, dim: bool = False, err: bool = False,
    end: bool = True,
) -> None:  # fmt: skip
    """Print text, with a line end unless `end` is False; to standard error with `err`. Colours only on a terminal."""
    stream, shown = sys.stderr if err else sys.stdout, visible(str(text))
    if stream.isatty():
        import typer

        # typer takes an unset style for "switch it off", so only the styles in use are passed.
        typer.secho(shown, fg=color, bold=bold or None, dim=dim or None, err=err, nl=end)
    else:
        stream.write(f"{shown}\n" if end else shown)
        stream.flush()


def say_warning(text: str, *, err: bool = False) -> None:
    """Print in yellow."""
    say(text, color="yellow", err=err)


def say_error(text: str) -> None:
    """Print in red, to standard error, with "error:" before it."""
    say(f"error: {text}", color="red", err=True)


def say_json(text: str) -> None:
    """Print JSON. Hidden characters and those that the stream lacks become escapes: it reads back as the same value."""
    sys.stdout.write(f"{visible_json(text, getattr(sys.stdout, 'encoding', None) or 'utf-8')}\n")
    sys.stdout.flush()


def write_stdout(pieces: Iterable[str]) -> None:
    """Write an export to standard output: as it is into a pipe or file, hidden characters shown on a terminal.

    A pipe or file gets UTF-8 whatever the locale is, as an export to a file does. Ends early where nobody reads on.
    """
    is_terminal = sys.stdout.isatty()
    if not is_terminal and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    for piece in pieces:
        sys.stdout.write(visible(piece) if is_terminal else piece)
        if reader_left(sys.stdout):
            return


def make_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A rich console that writes hidden characters out in everything it prints: tables, bars, Markdown."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class _Gate(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control or (segment.text.isascii() and segment.text.isprintable()):
                    yield segment
                else:
                    yield Segment(visible(segment.text), segment.style)

    return _Gate(stderr=stderr, width=width)
