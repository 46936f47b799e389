"""Makes standard output and standard error safe to write to: any encoding, and readers that leave early.

A terminal or a redirect may not know every character (latin-1, cp1252, cp437, ASCII): what it cannot write is replaced
by something similar. A reader that has read enough (`| head`) ends nothing: the rest goes nowhere.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from typing import TextIO

from sparkles_eval.core.errors import UserError

_PAIRS = (
    *("\u2010-", "\u2011-", "\u2012-", "\u2013-", "\u2014-", "\u2015-", "\u2212-", "\u00a0 ", "\u202f ", "\u2009 "),
    *("\u2018'", "\u2019'", "\u201a'", "\u2032'", '\u201c"', '\u201d"', '\u201e"', '\u2033"', '\u00ab"', '\u00bb"'),
    *("\u2026...", "\u2192->", "\u2190<-", "\u2194<->", "\u21d2=>", "\u2264<=", "\u2265>=", "\u2248~", "\u2260!="),
    *("\u00b1+/-", "\u00d7x", "\u00f7/", "\u00b7.", "\u2022*", "\u27e6[", "\u27e7]", "\u27e8<", "\u27e9>"),
    *("\u2713yes", "\u2714yes", "\u2717no", "\u2718no"),
)
_SIMILAR = {pair[0]: pair[1:] for pair in _PAIRS}
"""What stands for characters of the program's own texts where an encoding lacks them."""


def similar(text: str, encoding: str) -> str:
    """The text with similar characters for those that the encoding lacks: "…" as "...", "é" as "e", else "?"."""
    return "".join(_similar(char, encoding) for char in text)


def _similar(char: str, encoding: str) -> str:
    base = unicodedata.normalize("NFKD", char)
    for found in (char, _SIMILAR.get(char, ""), base, "".join(one for one in base if not unicodedata.combining(one))):
        try:
            found.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            continue
        if found:
            return found
    return "?"


def _handler(encoding: str) -> str:
    """The name of the error handler of an encoding; the error itself does not say which table it met."""

    def replaced(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        return similar(error.object[error.start : error.end], encoding), error.end

    name = f"similar-in-{encoding}"
    codecs.register_error(name, replaced)
    return name


class SafeStream(io.TextIOWrapper):
    """A standard stream that raises neither for a character nor for a reader that has left.

    `left` is True once the reader has left: what is written then goes nowhere. `holds_results` is False for standard
    error.
    """

    def __init__(self, stream: TextIO, *, holds_results: bool = True) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=_handler(stream.encoding),
            newline=None,
            line_buffering=getattr(stream, "line_buffering", False),
            write_through=getattr(stream, "write_through", False),
        )
        self.left = False
        self._holds_results = holds_results
        self._replaced = stream
        """Kept alive: both write to one buffer, which ends with whichever is collected first."""

    def write(self, text: str) -> int:
        """Write text; returns its length."""
        try:
            return super().write(text)
        except OSError as error:
            self._go_nowhere(error)
            return len(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        try:
            super().flush()
        except OSError as error:
            self._go_nowhere(error)

    def close(self) -> None:
        """Write out what is buffered; the buffer belongs to the stream in whose place this one stands."""
        if not self.buffer.closed:
            self.flush()

    def _go_nowhere(self, error: OSError) -> None:
        """Lead the file to the null device, so that neither the rest nor what is buffered meets the error again.

        Results that cannot be written are an error (errors.UserError); progress and warnings end no work.
        """
        self.left = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        broken_pipe = isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)
        if self._holds_results and not broken_pipe:
            raise UserError(f"standard output cannot be written ({error.strerror}); write to another place") from error


def use_safe_streams() -> None:
    """Put a `SafeStream` in the place of standard output and of standard error; those without bytes stay."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, SafeStream) and hasattr(stream, "buffer"):
            stream.flush()
            setattr(sys, name, SafeStream(stream, holds_results=name == "stdout"))


def reader_left(stream: object) -> bool:
    """True where whoever read the stream has read enough."""
    return isinstance(stream, SafeStream) and stream.left
