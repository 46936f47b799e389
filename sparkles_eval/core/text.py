"""Makes text from models, judges and data safe to read: every hidden character is written out.

HTML is escaped elsewhere (Jinja).
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, without tab and newline
    "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # direction marks, invisible
    "\ud800-\udfff"  # halves of a character, which no encoding can write
    "\U000e0000-\U000e007f]"  # tags: a whole invisible alphabet
)


def visible(text: str) -> str:
    """The text with every hidden character written out, such as "⟦U+202E⟧". Line ends become newlines."""
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text.replace("\r\n", "\n"))


def one_line(text: str, most: int = 300) -> str:
    """One line of visible text for a table or a heading, cut at `most` characters."""
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
