"""Helpers of text scorers: find the final answer of a reply, and normalise words for comparison."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 100_000
"""Characters that are read at the end of a reply; more than any model writes as an answer."""

_EMPHASIS = re.compile(r"\*\*|__|`+|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)")
_BOXED = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}")
_MARKER = re.compile(
    r"\b(?:final\s+|correct\s+)?answers?\b[^\S\n]*(?:(?:is|are|would be)\b[^\S\n]*:?|[:=])"
    r"|\bans[.:][^\S\n]*"
    r"|<answer>",
    re.IGNORECASE,
)
_CLOSING = re.compile(r"</answer>\s*$", re.IGNORECASE)
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_ARTICLES = frozenset(("a", "an", "the"))
_NUMBER = re.compile(r"[^\w]*?([-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)*|\.\d+))[^\w]*")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MINUS = re.compile(r"\u2212|(?<!\S)\u2013(?=\d)")


def final_answer(text: str) -> str:
    """The part of a reply that it marks as its answer; the whole reply where it marks none.

    The answer is in a box, or follows the last "Answer:" or "the answer is" in its line. Mark-up, quotes and the final
    full stop are removed.
    """
    text = _EMPHASIS.sub("", text[-LONGEST:])
    boxed = _BOXED.findall(text)
    if boxed:
        return _bare(_LATEX_TEXT.sub(r"\1", boxed[-1]))
    found = None
    for found in _MARKER.finditer(text):  # noqa: B007 - the last one
        pass
    if found is None:
        return _unquoted(text.strip())
    after = text[found.end() :].strip()
    return _bare(_CLOSING.sub("", after.partition("\n")[0])) or _unquoted(text.strip())


def _bare(text: str) -> str:
    """The text without quotes around it and without its final full stop."""
    text = text.strip()
    return _unquoted(text[:-1].rstrip() if text.endswith(".") and not text.endswith("..") else text)


def _unquoted(text: str) -> str:
    whole = len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES
    return text[1:-1].strip() if whole else text


def normalise(text: str, *, case: bool = False, punctuation: bool = False, articles: bool = False) -> str:
    """Normalise a text for comparison: lower case, no punctuation, no articles, single spaces.

    As in SQuAD's evaluation (Rajpurkar et al. 2016), except for three problems that its users report: a number keeps
    its sign and its decimal point ("-3.14" is not "314"), punctuation of all scripts is removed and not only that of
    ASCII, and an answer that is an article ("A" as a letter) stays. `case`, `punctuation`, `articles`: True keeps them.
    """
    text = with_minus(unicodedata.normalize("NFC", text))
    words = (text if case else text.lower()).split()
    words = words if punctuation else [bare for word in words if (bare := _word(word))]
    kept = words if articles else [word for word in words if word.lower() not in _ARTICLES]
    return " ".join(kept or words)


def with_minus(text: str) -> str:
    """The text with a plain hyphen where a minus sign, or a dash directly before a number, stands for one."""
    return _MINUS.sub("-", text)


def _word(word: str) -> str:
    """One word without punctuation, or a number without its separators."""
    number = _NUMBER.fullmatch(word)
    if number:
        plain = number[1].replace(",", "") if _GROUPED.fullmatch(number[1]) else number[1]
        return plain.removeprefix("+")
    return "".join(mark for mark in word if not _is_mark(mark))


def _is_mark(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind.startswith("P") or kind in ("Sc", "Sk") or character in "+<=>|~^`$"
