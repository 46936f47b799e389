"""The words that the strict answer rule understands, and how it takes text apart. Knows nothing of what they decide.

English only: a task in another language names its own options and is read where the answer stands alone or in brackets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT = _set("not never")
"""Turn an answer round. "n't" and "cannot" are taken apart into "not" first."""
BE = _set("is are was were be being been seems seem appears appear remains equals means would should must will")
AUXILIARY = _set("can could do does did")
"""Passed like glue, but only before "not"."""
JOINS = BE | _set(": = > { →")
"""What may stand between "the answer" and the option."""
GLUE = (
    JOINS
    | NOT
    | _set(
        "the an my our most very really clearly definitely indeed actually in fact also just simply likely probably "
        "certainly obviously evidently completely entirely absolutely strictly overall finally only option choice "
        "letter final correct right best considered deemed judged evaluated as to that with for i we so therefore "
        "thus hence "
        "consequently accordingly conclusion summary well okay ok wait hmm text textbf mathrm ( -"
    )
)
"""Words that a reader may pass on the way back from an option to the word that makes it an answer."""
HEDGE = _set(
    "neither partially partly somewhat half mostly maybe perhaps possibly might may could necessarily either sometimes"
)
ANSWERS = _set("answer choice selection match verdict conclusion prediction pick decision solution boxed label winner")
CHOOSING = _set(
    "choose chose chosen choosing pick picked picking select selected selecting opt vote go going say answering "
    "prefer evaluates label mark marked classify classified"
)
STATEMENTS = _set("statement claim caption sentence assertion description hypothesis proposition")
POINTING = _set("it this that which")
TRUTH = _set(
    "true false correct incorrect right wrong yes no valid invalid supported unsupported entailed contradicted "
    "accurate inaccurate"
)
"""Options of which "the statement is X" and "it is X" can speak."""
CONCLUDING = _set("therefore thus hence so consequently accordingly overall conclude conclusion finally final summary")
QUALITY = _set("correct best right better answer match choice closest winner option accurate matching")
MATCHING = _set("match matches fit fits describes corresponds correspond aligns align satisfies wins")
WRONG = _set("incorrect wrong eliminated excluded ruled worse inaccurate")
FORWARD = _set(
    "is are was seems appears would should must be a the much more clearly definitely does do did can also in fact "
    "overall therefore considered one what that"
)
INSTEAD = _set("than over unlike nor neither except without")
"""Standing directly before an option, these name it as the one that is not meant."""
CONDITION = _set("if whether unless suppose supposing assuming when had")
OPINION = _set("think believe agree consider say")
CUT = _set("because since as whereas while although though which where unlike given due considering compared : ( ; - ,")
"""Where the part of a sentence ends that states the answer."""
CLAUSE = CUT | _set("but however so then therefore")
CONJUNCTION = _set("or and / nor vs versus")
FUNCTION = _set("a an i no none one all both some the it is as in or and so not to do more less same")
"""Ordinary words: as options they count only where the phrase ends behind them ("is no." but not "is no dog")."""

UNDECIDED = re.compile(
    r"\b(?:(?:can(?: ?not|'t)|could(?: not|n't)|(?:unable|impossible|hard|difficult|not possible) to)"
    r" (?:determine|tell|say|decide|know)|not sure|unsure|unclear|uncertain)"
    r" (?:whether|if|which|the (?:answer|correct))"
    r"|\b(?:answer|statement|claim|it) (?:is (?:unclear|uncertain|undetermined|ambiguous|inconclusive)"
    r"|(?:can(?: ?not|'t)|could(?: not|n't)) be (?:determined|decided|answered))",
    re.IGNORECASE,
)
"""The model says that it does not know; what it said before no longer stands."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip

_WORD = re.compile(
    r"(?:(?<![\w#])-)?\d+(?:[.,]\d+)*"  # a number, its sign and its decimals
    r"|[^\W\d_]+(?:'[^\W\d_]+)*"  # a word
    r"|[,:;()/=>{}→]|(?<=\s)-(?=\s)"  # the marks that mean something here
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SAME = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "*": "", "`": "", "~": "", "_": " ", "|": " ", "\\": " ", "$": " ", "\r": "\n", "\u2028": "\n", "\t": " ",
})  # fmt: skip


class Token(NamedTuple):
    """One word or mark: lower case, as written, and whether a hyphen ties it to the words beside it."""

    word: str
    raw: str
    tied_left: bool = False
    tied_right: bool = False


def plain(text: str) -> str:
    """The text without mark-up and invisible characters, quotes and dashes made uniform."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME)
    return re.sub("[\u2013\u2014\u2212]", " - ", text)


def tokens(text: str) -> list[Token]:
    """Words and meaningful marks in order; "isn't" gives "is", "not" and "it's" gives "it", "is"."""
    return [token for match in _WORD.finditer(text) for token in _split(text, match.start(), match.end())]


def _split(text: str, start: int, end: int) -> Iterator[Token]:
    raw = text[start:end]
    word = raw.lower()
    if word in ("cannot", "can't"):
        yield from (Token("can", raw), Token("not", raw))
    elif word.endswith("n't"):
        yield from (Token(word[:-3], raw[:-3]), Token("not", raw))
    elif word.endswith("'s"):
        yield from (Token(word[:-2], raw[:-2]), Token("is", raw))
    elif word.endswith(("'d", "'ll")):
        yield from (Token(word.partition("'")[0], raw.partition("'")[0]), Token("would", raw))
    else:
        left = text[max(start - 2, 0) : start]
        right = text[end : end + 2]
        yield Token(
            word,
            raw,
            len(left) == 2 and left[1] == "-" and left[0].isalnum(),
            len(right) == 2 and right[0] == "-" and right[1].isalnum(),
        )
