"""Finds where in an answer the option stands that was read out of it, so that a page can show it in its place.

The store keeps what was read, not where. This looks for the option as it is usually written; where an answer says it
in other words ("not the first"), there is no place, and the page only names what was read. Knows nothing of how rules
read.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+")
_READ = 100_000
"""Characters looked at, from the end."""


def where(text: str, option: str, rule: str) -> tuple[int, int] | None:
    """Start and end of the option in the text, as whole words in any case: "IMAGE#1" is also "image 1".

    The last place, where answers are stated; by the rule `paper` the first place behind the last "therefore".
    Linear in the text.
    """
    words = _WORD.findall(option)
    start = max(0, len(text) - _READ)
    if not words:
        place = text.rfind(option) if option.strip() else -1
        return (place, place + len(option)) if place >= start else None
    one_letter = len(words) == 1 and len(words[0]) == 1
    pattern = r"(?<![^\W_])" + r"[\W_]{0,3}".join(map(re.escape, words)) + r"(?![^\W_])"
    found = re.compile(pattern, 0 if one_letter else re.IGNORECASE)
    if rule == "paper":
        start = max(start, text.lower().rfind("therefore"))
        match = found.search(text, start)
        return match.span() if match else None
    spans = [match.span() for match in found.finditer(text, start)]
    return spans[-1] if spans else None
