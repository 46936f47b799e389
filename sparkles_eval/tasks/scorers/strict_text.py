"""Splits a reply, or the options of a task, into lines, sentences and words.

Mark-up is removed, numbers get one form (1,000 is 1000, 3.0 is 3), and each character of Chinese, Japanese or Korean is
a word, because these languages do not separate words by spaces.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


def word_set(text: str) -> frozenset[str]:
    """The words of a list in one string."""
    return frozenset(text.split())


_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0f\ufeff]")
_SAME = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"', "\u201e": '"',
    "\u300c": '"', "\u300d": '"', "\u300e": '"', "\u300f": '"', "\u3010": "(", "\u3011": ")",
    "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u3002": ". ", "\u3001": ", ",
    "*": "", "`": "", "~": "", "_": " ", "|": " ", "$": " ", "\r": "\n", "\u2028": "\n", "\t": " ",
})  # fmt: skip
_DASH = re.compile("(?<![0-9])[\u2013\u2014](?=[0-9])")
_EACH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Characters that are words of their own: kana, Han, Hangul."""
_WORD = re.compile(
    rf"(?P<number>(?:(?<![\w#.)])-)?[0-9]+(?:[.,][0-9]+)*%?)"
    rf"|(?P<each>[{_EACH}])"
    rf"|(?P<word>[^\W\d_{_EACH}]+(?:'[^\W\d_{_EACH}]+)*(?:\+{{1,2}}(?!\w)|\#(?!\w))?)"
    r"|(?P<end>[.!?\u2026]+[\"')\]]*(?=\s|$))"
    r"|(?P<mark>[,:;()\[\]{}<>/=\u2192\"]|(?<=\s)-(?=\s))"
)
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?%?")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3})+%?")
"""A number whose separator marks thousands in some languages and decimals in others; it is left as written."""
_DECIMALS = re.compile(r"(?P<whole>-?[0-9]+)\.(?P<part>[0-9]*?)0*(?P<percent>%?)")
_SHORT = word_set("e.g i.e vs fig approx dr mr mrs ms nr etc cf ans")
"""Words whose full stop ends no sentence; for "etc" only where small letters or digits follow."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark: lower case, as written, and whether a hyphen ties it to the words beside it."""

    word: str
    raw: str
    tied_left: bool = False
    tied_right: bool = False
    ends: bool = False
    """True for the mark that ends a sentence."""


def plain(text: str) -> str:
    """The text without mark-up and invisible characters, quotes and dashes made uniform."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME)
    return _DASH.sub("-", text).replace("\u2013", " - ").replace("\u2014", " - ").replace("\\", " ")


def number(text: str) -> str:
    """A number in a form that is the same for equal numbers."""
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    elif _GROUPED.fullmatch(text):
        return text
    decimals = _DECIMALS.fullmatch(text)
    if decimals is None:
        return text
    part = f".{decimals['part']}" if decimals["part"] else ""
    return f"{decimals['whole']}{part}{decimals['percent']}"


def tokens(text: str) -> list[Token]:
    """Words and meaningful marks in order; "isn't" gives "is", "not" and "it's" gives "it", "is"."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        raw, kind, start, end = match.group(), match.lastgroup, match.start(), match.end()
        if kind == "number":
            found.append(Token(number(raw), raw, *_tied(text, start, end)))
        elif kind == "word":
            found += _split(raw, *_tied(text, start, end))
        elif kind == "end":
            found.append(Token(raw[0], raw, ends=not _abbreviates(text, found, end)))
        else:
            found.append(Token(raw, raw))
    return found


def _tied(text: str, start: int, end: int) -> tuple[bool, bool]:
    left, right = text[max(start - 2, 0) : start], text[end : end + 2]
    return (len(left) == 2 and left[1] == "-" and left[0].isalnum()), (
        len(right) == 2 and right[0] == "-" and right[1].isalnum()
    )


def _abbreviates(text: str, before: list[Token], end: int) -> bool:
    if not before or before[-1].word not in _SHORT:
        return False
    following = text[end : end + 2].strip()
    return before[-1].word != "etc" or following[:1].islower() or following[:1].isdigit()


def _split(raw: str, tied_left: bool, tied_right: bool) -> list[Token]:
    word = raw.lower()
    if word in ("cannot", "can't"):
        return [Token("can", raw), Token("not", raw)]
    if word.endswith("n't"):
        stem = {"won't": "will", "shan't": "shall", "ain't": "is"}.get(word, word[:-3])
        return [Token(stem, raw[:-3]), Token("not", raw)]
    for ending, means in (
        ("'s", "is"),
        ("'d", "would"),
        ("'ll", "will"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'m", "am"),
    ):
        if word.endswith(ending) and len(word) > len(ending):
            return [Token(word.removesuffix(ending), raw[: -len(ending)]), Token(means, raw)]
    return [Token(word, raw, tied_left, tied_right)]
