"""Makes text from models, judges, data and stores safe to print, and writes numbers in one style.

Every hidden character is written out. HTML is escaped elsewhere (Jinja); what is printed on a terminal goes through
`core.printing`, which applies `visible` to all of it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, TypeAlias

# --- hidden characters ------------------------------------------------------------------------------------------

INVISIBLE = (
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction marks, no width
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # marks of layout in rare scripts
    "\U000e0000-\U000e007f"  # tags: a whole invisible alphabet
)
"""Format characters that draw nothing, for a character class. Joiners are not among them, since emoji need them."""
PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010fffd"
"""Private-use characters, which every font draws differently, for a character class."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, without tab and newline
    "\u2028\u2029"  # line ends that many programs do not show
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters that draw nothing
    "\ud800-\udfff"  # halves of a character, which no encoding can write
    f"{INVISIBLE}{PRIVATE}]"
)


def visible(text: str) -> str:
    """The text with every hidden character written out, such as "⟦U+202E⟧". Line ends become newlines."""
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text.replace("\r\n", "\n"))


def one_line(text: str, most: int = 300) -> str:
    """One line of visible text for a table or a heading, cut at `most` characters."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def shorten(text: str, most: int) -> str:
    """The text in at most `most` characters: the middle is left out, since names differ at their ends."""
    if len(text) <= most:
        return text
    end = (most - 1) * 2 // 3
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}" if end else text[:most]


def visible_json(text: str) -> str:
    """JSON with every hidden character as an escape, which reads back as the same value."""

    def escaped(found: re.Match[str]) -> str:
        units = found[0].encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))

    return _HIDDEN.sub(escaped, text)


# --- text inside other formats ----------------------------------------------------------------------------------

_LONGEST_CELL = 2_000
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "⟦": "[",
    "⟧": "]",
    "\N{EN DASH}": "--",
}


def escape_latex(text: str) -> str:
    """Escape text for LaTeX, as one line in which nothing is a command."""
    return "".join(_LATEX.get(char, char) for char in one_line(text, _LONGEST_CELL))


def escape_markdown(text: str) -> str:
    """Escape text for Markdown, as one line in which nothing is mark-up."""
    flat = one_line(text, _LONGEST_CELL)
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#&~$" else char for char in flat)


def escape_cell(text: str) -> str:
    """Escape text for a CSV cell: a ' goes before text that a spreadsheet would run as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


# --- numbers ----------------------------------------------------------------------------------------------------

NO_VALUE = "\N{EN DASH}"
"""Shown where there is no number; never 0."""

NumberUnit: TypeAlias = Literal["percent", "points", "p", "count", "number"]
"""What a number is: a share (0 to 1, shown as per cent), judge points, a p-value, a count, or any other number."""


def format_number(value: float | None, unit: NumberUnit) -> str:
    """Write a number: a share as per cent with one decimal, points with two, a p-value with three, a count whole."""
    if value is None:
        return NO_VALUE
    match unit:
        case "percent":
            return _signless(f"{100 * value:.1f}")
        case "points":
            return _signless(f"{value:.2f}")
        case "p":
            return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
        case "count":
            return f"{value:,.0f}"
        case "number":
            return _signless(f"{value:.3g}")


def _signless(text: str) -> str:
    """The number without the sign of "-0.0"."""
    return text.removeprefix("-") if not text.strip("-0.") else text


def format_ends(low: float | None, high: float | None, unit: NumberUnit) -> str:
    """Write the ends of an interval, such as "[48.7, 64.3]"; "" where there is no interval."""
    if low is None or high is None:
        return ""
    return f"[{format_number(low, unit)}, {format_number(high, unit)}]"


def format_with_ends(value: float | None, low: float | None, high: float | None, unit: NumberUnit) -> str:
    """Write a value with its interval, such as "56.7 [48.7, 64.3]"."""
    return f"{format_number(value, unit)} {format_ends(low, high, unit)}".rstrip()


def format_count(n: int, total: int) -> str:
    """Write how many samples were graded of those asked, such as "148 of 150"."""
    return f"{n:,} of {total:,}"


def format_usd(value: float) -> str:
    """Write US dollars: to the cent from about one dollar on, to hundredths of a cent below."""
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 0.995 else f"${value:.4f}" if value >= 0.0001 else "under $0.0001"


def format_duration(seconds: float) -> str:
    """Write a duration: "0.8 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_time(text: str) -> str:
    """Write a stored time for people: "2025-03-01 14:05 UTC"."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M UTC")


def format_plain(value: float) -> str:
    """Write a rating or a setting without trailing zeros: "9", "7.5"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
