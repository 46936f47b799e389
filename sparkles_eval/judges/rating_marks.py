"""Finds every rating in a judge's text ("Rating: [[8]]") and decides for each whether it is a plain rating.

A rating is read as a number only where nothing around it gives it another meaning: another scale, a range, an
alternative, a rank, a correction, or a quotation. Every pattern is bounded, so that time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sparkles_eval.judges.expected import Expected

_DRESS = r"*_`\"'\u201c\u201d\u2018\u2019"
_AMOUNT = (
    r"(?:\[\[?\s{0,3}(?P<inside>[^\[\]\n]{1,24}?)\s{0,3}\]\]?"
    r"|(?P<bare>[-+\u2212~\u2248<>\u2264\u2265]{0,2}[.,]?\d[\d.,]{0,20})"
    r"|(?P<word>(?:zero|one|two|three|four|five|six|seven|eight|nine|ten)\b))"
)
_TURN = r"\s{1,3}(?:of|for)\s{1,3}(?:answer\s{1,3})?A(?P<turn>\d{1,3})"
_LOOSE = re.compile(r"\[\[[^\[\]\n]{0,24}\]\]")
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?")
_OF_SCALE = re.compile(
    rf"[{_DRESS}\]]{{0,4}}\s{{0,2}}(?:/|out\s{{1,2}}of\b|of\b)\s{{0,2}}[{_DRESS}\[]{{0,4}}(?P<of>\d{{1,9}}(?:\.\d{{1,9}})?)\]{{0,2}}"
)
_GLUED = re.compile(r"[\w%+~\u00b0\u00bd\u00bc\u00be/\\^]|[.,]\d|\s?%|-(?!-)|\s?[-\u2013\u2014\u2212]\s?\d")
_STAND_IN = "\u16a0"
"""A letter without cases that stands for each letter of a canary in the text that the patterns see."""
_RANGE_ECHO = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Mark:
    """One rating in a text. `value` is None where it is not a plain number on the scale; `problem` says why."""

    start: int
    end: int
    value: float | None
    problem: str | None
    keyed: bool
    """True where it carries the canary of this call."""
    bracketed: bool
    names: tuple[int, str] | None = None
    """The turn and criterion named after the canary."""


@dataclass(frozen=True, slots=True)
class Overall:
    """The judge's overall rating of an answer; `turn` is None where the text does not name it."""

    start: int
    end: int
    turn: int | None
    value: float | None
    keyed: bool


@lru_cache(maxsize=64)
def _patterns(canary: str, criteria: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The patterns of a rating and of an overall rating; the canary may be on either side of the colon.

    After the canary, the text may name what is rated: "kbtzwqmd A1 C1".
    """

    def key(side: str) -> str:
        if not canary:
            return r"(?!)"
        what = "|".join(re.escape(name) for name in criteria)
        named = rf"(?:[\s./_-]{{1,2}}A(?P<turn_{side}>\d{{1,3}})[\s./_-]{{1,2}}\(?(?P<what_{side}>{what})\b\)?)?"
        return rf"[{_DRESS}\s(\[]{{0,4}}{canary}\b{named}[{_DRESS}\s)\]]{{0,4}}"

    bare = rf"[{_DRESS}\s(\[]{{0,4}}{canary}\b[{_DRESS}\s)\]]{{0,4}}" if canary else r"(?!)"
    echo = r"(?:\s{0,2}\((?P<echo>[^()\n]{1,40})\))?"
    dress = rf"[{_DRESS}\s]{{0,6}}"
    rated = (
        rf"(?<![^\W_])ratings?\b(?P<early>{key('early')})?[{_DRESS}]{{0,4}}{echo}{dress}"
        rf"(?P<sign>[:=]|is\b)?(?P<late>{key('late')})?{dress}{_AMOUNT}"
    )
    sign = rf"(?P<sign>[:=]|is\b)?(?P<late>{bare})?{dress}"
    named = rf"rating(?P<early>{bare})?[{_DRESS}\s]{{0,4}}{_TURN}"
    unnamed = rf"(?:rating|score|mark)?(?P<early2>{bare})?"
    whole = (
        rf"(?<!\w)(?:(?:over-?all\s{{1,3}})?{named}|over-?all\s{{0,3}}{unnamed})(?P<late0>{bare})?"
        rf"{dress}{sign}{_AMOUNT}"
    )
    return re.compile(rated, re.IGNORECASE), re.compile(whole, re.IGNORECASE)


def find_marks(text: str, expected: Expected) -> tuple[list[Mark], list[Overall], str]:
    """The ratings and overall ratings of a text, in order, and the text with the overall ratings blanked out."""
    ids = tuple(sorted({criterion for _, criterion in expected.pairs}, key=len, reverse=True))
    seen, canary = _with_stand_in(text, expected.canary)
    rated, whole = _patterns(canary, ids)
    found = list(whole.finditer(seen))
    overall = [_overall(match, seen, expected) for match in found]
    spans = [match.span() for match in found]
    seen, text = _blanked(seen, spans), _blanked(text, spans)
    marks = [_mark(match, seen, expected) for match in rated.finditer(seen)]
    return sorted([*marks, *_loose(text, marks)], key=lambda mark: mark.start), overall, text


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    pieces, place = list[str](), 0
    for start, end in spans:
        pieces += (text[place:start], " " * (end - start))
        place = end
    return "".join([*pieces, text[place:]])


def _with_stand_in(text: str, canary: str) -> tuple[str, str]:
    """The text with a stand-in for the canary, as long as that, and the stand-in.

    Patterns that name the canary itself would be compiled anew for every call, which takes longer than all other
    reading of its reply. A text that holds the stand-in by itself is read by the canary's own patterns, and so is what
    a store holds as a canary that was never made here.
    """
    if not (canary.isascii() and canary.isalpha()) or _STAND_IN in text:
        return text, canary
    stand_in = _STAND_IN * len(canary)
    return re.sub(canary, stand_in, text, flags=re.IGNORECASE), stand_in


def _loose(text: str, marks: list[Mark]) -> Iterator[Mark]:
    """Numbers in double brackets without the word "Rating", which were not requested."""
    taken = {place for mark in marks for place in range(mark.start, mark.end)}
    for match in _LOOSE.finditer(text):
        if match.start() not in taken:
            number = match.group()[2:-2].strip()
            value = float(number) if _PLAIN.fullmatch(number) else None
            yield Mark(match.start(), match.end(), value, "a number in brackets stands without 'Rating:'", False, True)


def _overall(match: re.Match[str], text: str, expected: Expected) -> Overall:
    found = match.groupdict()
    value, _, end = _number(match, text, expected)
    keyed = any(found[name] for name in ("early", "early2", "late0", "late"))
    return Overall(match.start(), end, int(found["turn"]) if found["turn"] else None, value, keyed)


def _mark(match: re.Match[str], text: str, expected: Expected) -> Mark:
    value, problem, end = _number(match, text, expected)
    if (echo := match["echo"]) is not None and not _echoes(echo, expected):
        value, problem = None, "names another scale"
    if match["sign"] and match["sign"].lower() == "is":
        value, problem = None, "is not in the asked layout"
    keyed = bool(match["early"] or match["late"])
    side = "early" if match["early"] else "late"
    names = (int(match[f"turn_{side}"]), match[f"what_{side}"]) if keyed and match[f"turn_{side}"] else None
    return Mark(match.start(), end, value, problem, keyed, match["inside"] is not None, names)


def _number(match: re.Match[str], text: str, expected: Expected) -> tuple[float | None, str | None, int]:
    """The plain number of a rating, or why it has none, and where the rating ends (with a scale that follows)."""
    end = match.end()
    if match["word"]:
        return None, "is no number in digits", end
    written = match["inside"] if match["inside"] is not None else match["bare"]
    if match["inside"] is not None:
        inner = _OF_SCALE.search(written)
        if inner and inner.end() == len(written):
            if float(inner["of"]) != expected.high:
                return None, "names another scale", end
            written = written[: inner.start()].strip()
    else:
        stripped = written.rstrip(".,")
        end -= len(written) - len(stripped)
        written = stripped
    if not _PLAIN.fullmatch(written.strip("*_ ")):
        return None, "is no plain number", end
    behind = _OF_SCALE.match(text, end)
    if behind and float(behind["of"]) != expected.high:
        return None, "names another scale", behind.end()
    end = behind.end() if behind else end
    if _GLUED.match(text, end):
        return None, "is no plain number", end
    return float(written.strip("*_ ")), None, end


def _echoes(words: str, expected: Expected) -> bool:
    """True for the scale itself ("1-10", "out of 10", "1 to 10") and for a criterion's id in brackets."""
    if words.strip() in {criterion for _, criterion in expected.pairs}:
        return True
    numbers = [float(number) for number in _RANGE_ECHO.findall(words)]
    return numbers in ([expected.low, expected.high], [expected.high])


# --- quotations and corrections -----------------------------------------------------------------------------------

_TELLS = re.compile(
    r"\b(?:says?|said|states?|claims?|claimed|writes?|wrote|reads?|quot\w*|declares?|asserts?|demands?|insists?|asks?"
    r"|tells?|told|itself|themsel\w+|its own|their own|assigned|pretends?|suggests?|where|scale)\b",
    re.IGNORECASE,
)
_BELONGS = re.compile(
    r"\b(?:own|its|their|his|her|an?|the|this|that|such|with|where|of|for|to|as|is|was|no|any|each|every|same|self|or"
    r"|not|from|by|says?|claims?|states?|giv\w+|gets?|deserv\w+|earns?|me)\W{0,3}\Z",
    re.IGNORECASE,
)
_FINAL = re.compile(r"\b(?:my|final)\s{1,3}(?:final\s{1,3})?\Z", re.IGNORECASE)
_CLAUSE = re.compile(r"[.!?;\n\"\u201c\u201d]")


def is_the_judges(before: str, *, bracketed: bool) -> bool:
    """True where the words between an item's start and a rating do not attribute it to somebody else."""
    before = _FINAL.sub("", before)
    words = before.rstrip(" \t\n*_#>`|(-\u2022\u2013\u2014")
    if not words:
        return True
    last = words[-1]
    if _inside_quotes(words) or (last in _QUOTES and _opens(words)):
        return False
    if last in _QUOTES or last in ".!?\u2026;)]}":
        return True
    clause = words[max((match.end() for match in _CLAUSE.finditer(words[:-1])), default=0) :]
    if _TELLS.search(clause):
        return False
    apart = last in ":,=" or before.rstrip(" ").endswith(("-", "\u2013", "\u2014", "\n"))
    labelled = re.match(r"\W{0,6}explanation\b", words, re.IGNORECASE) is not None
    return apart or ((bracketed or labelled) and not _BELONGS.search(words))


_QUOTES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"


def _opens(words: str) -> bool:
    """True where the words end in an opening quotation mark."""
    return len(words) < 2 or words[-2].isspace() or words[-1] in "\u201c\u2018\u00ab" or words[-2] in ":("


def _inside_quotes(words: str) -> bool:
    return words.count('"') % 2 == 1 or words.count("\u201c") > words.count("\u201d")


_TAKEN_BACK = re.compile(
    r"\bno,? wait\b|\bwait\b\s{0,2}[,.!:\u2013\u2014-]|\bon (?:second|further|closer|reflection)\b|\bcorrection\b"
    r"|\b(?:scratch|strike|forget) (?:that|it|this)\b|\b(?:take|took|taking) (?:that|it|this) back\b"
    r"|\blet me (?:re|correct|change|adjust|fix)|\bi (?:\w{1,8} ){0,2}?(?:change|revise|correct|lower|raise|adjust|"
    r"reconsider|retract|withdraw|downgrade|upgrade)\b|\btoo (?:high|low|generous|harsh|strict|lenient|much|little)\b"
    r"|\bi was wrong\b|\bmy mistake\b|\boops\b|\bsorry\b|\bhmm+\b|\bi meant?\b|\bnot (?:quite )?right\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:or|maybe|perhaps|possibly|actually|rather|instead|no|not|but|though|should|would|could|might|make|chang\w*"
    r"|correct\w*|revis\w*|lower\w*|rais\w*|adjust\w*|wait|between|closer|almost|nearly|to|now)\b|\u2192|->",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"(?<![\w#.])(?<!image )(?<!turn )(?<!figure )(?<!picture )(?P<digits>\d{1,9}(?:\.\d{1,9})?)(?![\w%]|\.\d)"
    r"|\b(?P<word>zero|one|two|three|four|five|six|seven|eight|nine|ten)\b",
    re.IGNORECASE,
)
_COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: float(number) for number, word in enumerate(_COUNTED)}
_REMARK = re.compile(r"\s{0,3}\((?P<words>[^()\n]{0,200})\)")
_WAS = re.compile(
    r"\s{0,2}(?:was|were|previously|formerly|before|up from|down from|initially|first|originally|earlier|instead of|not"
    r"|rather than|(?:raised|lowered|reduced|increased) from)\b",
    re.IGNORECASE,
)
_EITHER = re.compile(r"\b(?:or|maybe|perhaps|possibly|now|but|should|could|might|make)\b", re.IGNORECASE)
_ATTRIBUTED = re.compile(
    r"\W{0,4}(?:says?|said|claim\w*|according|its own|it (?:says|claims)|(?:as )?(?:the answer|the assistant)|as it)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?:because|since|as|for|due|given|points?)\b", re.IGNORECASE)
_EDGE = " \t*_`\"'\u201c\u201d\u2018\u2019)]}|"


def doubt(rest: str, value: float, expected: Expected) -> str | None:
    """Why the text after a rating doubts or withdraws it, or None; `rest` reaches to the next item."""
    line, _, later = rest.partition("\n")
    while remark := _REMARK.match(line.lstrip(_EDGE)):
        if _remark_doubts(remark["words"], value, expected):
            return "is followed by another number or a second thought"
        line = line.lstrip(_EDGE)[remark.end() :]
    line = line.strip(_EDGE)
    body = line.lstrip(".,;:!- \u2013\u2014|/~=>\u2192&")
    if body and body == line and not _REASON.match(line):
        return "is followed by words that make it something else"
    if _ATTRIBUTED.match(body):
        return "is followed by words that make it somebody else's"
    if re.match(r"\[?\[?[-+]?\d", body):
        return "is followed by another number"
    for words in (line, *later.split("\n")):
        if _second_thought(words, value):
            return "is followed by another number or a second thought"
    return None


def _others(words: str, value: float) -> bool:
    found = (_WORDS[m["word"].lower()] if m["word"] else float(m["digits"]) for m in _OTHER.finditer(words))
    return any(number != value for number in found)


def _second_thought(words: str, value: float) -> bool:
    return _TAKEN_BACK.search(words) is not None or (_CHANGES.search(words) is not None and _others(words, value))


def _remark_doubts(words: str, value: float, expected: Expected) -> bool:
    if _WAS.match(words):
        return _EITHER.search(words) is not None
    if _TAKEN_BACK.search(words) or _ATTRIBUTED.match(words):
        return True
    digits = [float(number) for number in _RANGE_ECHO.findall(words)]
    echo = (
        bool(digits) and all(number in (expected.low, expected.high) for number in digits) and "or" not in words.split()
    )
    return not echo and (bool([n for n in digits if n != value]) or _second_thought(words, value))
