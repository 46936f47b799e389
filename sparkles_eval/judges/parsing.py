"""Reads the ratings out of a judge's reply: `strict` (ours, the default) and `paper`. Knows nothing of prompts.

`strict` takes a reply as a whole or not at all: either it is one JSON object with every rating that was asked for and
nothing else, or it follows the bracket layout line by line. Whatever is missing, twice there, off the scale or copied
from the judged answers makes it invalid, with the reason. It never searches free text for the first number, so an
answer that holds ratings of its own cannot pass them off as the judge's.

`paper` is the published search, faults included; `read_paper` says which.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sparkles_eval.errors import ContentError
from sparkles_eval.records import Rating

LONGEST = 100_000
"""Characters of a reply that are read; no judgement is longer."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reply must hold: each (turn, criterion id) once, on the scale; `quoted` are the judged answers."""

    pairs: tuple[tuple[int, str], ...]
    low: float
    high: float
    quoted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """Every expected rating, or none of them and the reason. `overall` is what the judge says of a turn as a whole."""

    ratings: tuple[Rating, ...] = ()
    overall: Mapping[int, float] = field(default_factory=dict)
    reason: str | None = None


# --- strict ------------------------------------------------------------------------------------------


def parse_strict(reply: str, expected: Expected) -> Parsed:
    """The rule `strict`; linear in the reply, never raises."""
    if len(reply) > LONGEST:
        return Parsed(reason=f"a reply of {len(reply):,} characters is no judgement")
    text = reply.strip()
    if text.startswith("```"):
        first, _, rest = text.partition("\n")
        if first.removeprefix("```").strip() in ("", "json") and rest.endswith("```") and rest.count("```") == 1:
            text = rest.removesuffix("```").strip()
    return _from_json(text, expected) if text.startswith("{") else _from_layout(text, expected)


class _Unreadable(ValueError):
    """The reply is not the JSON that was asked for; the message is the reason."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise _Unreadable(f"{twice[0]!r} stands twice in one object")
    return dict(pairs)


def _from_json(text: str, expected: Expected) -> Parsed:
    try:
        whole: object = json.loads(text, object_pairs_hook=_once)
        return _complete(*_json_ratings(whole, expected), expected)
    except _Unreadable as error:
        return Parsed(reason=f"JSON: {error}")
    except json.JSONDecodeError as error:
        return Parsed(reason=f"broken JSON: {error.msg} at character {error.pos}")
    except (ValueError, RecursionError):
        return Parsed(reason="JSON with numbers or nesting beyond reason")


def _json_ratings(whole: object, expected: Expected) -> tuple[list[Rating], dict[int, float]]:
    ratings: list[Rating] = []
    overall: dict[int, float] = {}
    answers = {f"A{turn}": turn for turn, _ in expected.pairs}
    for answer, rated in _object(whole, answers, "the reply").items():
        turn = answers[answer]
        known = [criterion for at, criterion in expected.pairs if at == turn]
        for name, value in _object(rated, [*known, "overall"], answer).items():
            if name == "overall":
                overall[turn] = _number(value, f"{answer} overall")
                continue
            where = f"{answer} {name}"
            one = _object(value, ["explanation", "rating"], where)
            if "rating" in one:
                why = one.get("explanation", "")
                ratings.append(Rating(turn, name, _number(one["rating"], where), why if isinstance(why, str) else ""))
    return ratings, overall


def _object(value: object, known: Mapping[str, int] | Sequence[str], where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Unreadable(f"{where} is no object")
    unknown = [str(name) for name in value if name not in known]
    if unknown:
        raise _Unreadable(f"{where} holds {unknown[0][:40]!r}, expected are {', '.join(known)}")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unreadable(f"{where} is {str(value)[:40]!r}, not a number")
    return float(value) if abs(value) < 1e9 else math.inf


_DRESS = r"[\s*_#>\-\u2022.`]*"
"""Mark-up that may stand around the words of the layout."""
_HEADING = re.compile(rf"{_DRESS}Evaluating\s+A(\d{{1,3}})\b[\s*_#:.`-]*", re.IGNORECASE)
_ITEM = re.compile(rf"{_DRESS}\((\w{{1,40}})\)")
_NUMBER = r"(?:\[\[\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*\]\]|\[?\s*(-?\d{1,9}(?:\.\d{1,9})?)(?![\d.]*\d)\]?)"
_RATED = re.compile(rf"\bRating\b[*_`]{{0,3}}\s{{0,3}}[:=]?[*_`\s]{{0,4}}{_NUMBER}", re.IGNORECASE)
_OVERALL = re.compile(rf"\brating of A(\d{{1,3}}) is[:*_`\s]{{0,4}}{_NUMBER}", re.IGNORECASE)


def _value(match: re.Match[str], first: int) -> float:
    return float(match[first] or match[first + 1])


def _from_layout(text: str, expected: Expected) -> Parsed:
    """Headings "Evaluating A1", items "(C1) ... Rating: [[x]]" under them, and "... rating of A1 is [[x]]"."""
    turns = {turn for turn, _ in expected.pairs}
    criteria = {criterion for _, criterion in expected.pairs}
    turn = min(turns) if len(turns) == 1 else 0
    quoted = {_bare(line) for answer in expected.quoted for line in answer.split("\n") if _RATED.search(line)}
    headings: Counter[int] = Counter()
    ratings: list[Rating] = []
    overall: list[tuple[int, float]] = []
    item: str | None = None
    words: list[str] = []
    for line in text.split("\n"):
        if quoted and _bare(line) in quoted:
            item = None  # a line of the judged answer: not the judge's own
            continue
        if heading := _HEADING.fullmatch(line):
            turn, item = int(heading[1]), None
            headings[turn] += 1
        elif whole := _OVERALL.search(line):
            overall.append((int(whole[1]), _value(whole, 2)))
            item = None
        else:
            start = _ITEM.match(line)
            if start and start[1] in criteria:
                item, words = start[1], []
            own = line[start.end() :] if start and item == start[1] else line
            words.append(own)
            for rated in _RATED.finditer(own) if item and turn in turns else ():
                why = "\n".join([*words[:-1], own[: rated.start()]])
                ratings.append(Rating(turn, item or "", _value(rated, 1), _explanation(why)))
    twice = [turn for turn, count in headings.items() if count > 1]
    if twice:
        return Parsed(reason=f"A{twice[0]} is evaluated {headings[twice[0]]} times")
    counts = Counter(turn for turn, _ in overall)
    # What the judge says of the whole is kept, never used: said twice, or off the scale, it is just not kept.
    kept = {at: value for at, value in overall if counts[at] == 1 and at in turns and _on(value, expected)}
    return _complete(ratings, kept, expected)


def _bare(line: str) -> str:
    return re.sub(r"[\W_]+", " ", line).strip().casefold()


def _explanation(text: str) -> str:
    return text.strip().removeprefix("Explanation:").strip(' \n\t"*-')


def _on(value: float, expected: Expected) -> bool:
    return expected.low <= value <= expected.high


def _complete(ratings: Sequence[Rating], overall: Mapping[int, float], expected: Expected) -> Parsed:
    """Every expected pair exactly once and on the scale, in the order that was asked for; else the reason."""
    counts = Counter((rating.turn, rating.criterion) for rating in ratings)
    missing = [f"{criterion} of A{turn}" for turn, criterion in expected.pairs if not counts[turn, criterion]]
    twice = [f"{criterion} of A{turn}" for (turn, criterion), count in counts.items() if count > 1]
    off = [f"{r.criterion} of A{r.turn} is {r.value:g}" for r in ratings if not _on(r.value, expected)]
    reasons = []
    if missing:
        reasons.append(f"no rating for {', '.join(missing)}")
    if twice:
        reasons.append(f"more than one rating for {', '.join(twice)}")
    if off:
        reasons.append(f"{', '.join(off)} (the scale is {expected.low:g} to {expected.high:g})")
    if reasons:
        return Parsed(reason="; ".join(reasons))
    found = {(rating.turn, rating.criterion): rating for rating in ratings}
    return Parsed(tuple(found[pair] for pair in expected.pairs), overall)


# --- paper -------------------------------------------------------------------------------------------

PAPER_PAIRS = tuple((turn, criterion) for turn in (1, 2) for criterion in ("C1", "C2", "C3"))
"""What the published search looks for, and nothing else."""

_PAPER_NUMBER = r"\[?\[?(\d+\.?\d*)\]?\]?"
_PAPER_RATING = re.compile(rf"Rating: {_PAPER_NUMBER}")
_PAPER_SECTION = re.compile(r"Evaluating [A-Za-z0-9]+")


def read_paper(reply: str) -> list[list[float]] | None:
    """The published search: [[A1 overall, C1, C2, C3], [A2 ...]], or None where it found too little or too much.

    Overall is the first "rating of A1 is" anywhere. The text is split at every "Evaluating <word>", and each part gives
    at most one value a criterion: the first "Rating:" with a number behind the part's first "(C1)", though another
    criterion stands between them. Exactly two values a criterion are wanted. Known faults: numbers off the scale
    pass, the first of two ratings wins, and ratings that the judge quotes from an answer count as its own.
    """
    overall = [re.search(rf"rating of A{turn} is {_PAPER_NUMBER}", reply) for turn in (1, 2)]
    parts = _PAPER_SECTION.split(reply)
    found: list[list[float]] = []
    for criterion in ("C1", "C2", "C3"):
        # The first "(C1)" and the first rating behind it: what a lazy search over both finds, in linear time.
        starts = [(part, part.find(f"({criterion})")) for part in parts]
        ratings = [_PAPER_RATING.search(part, at + len(criterion) + 2) for part, at in starts if at >= 0]
        found.append([float(match[1]) for match in ratings if match])
    if None in overall or any(len(values) != 2 for values in found):
        return None
    return [
        [float(match[1]), *(values[turn] for values in found)]
        for turn, match in enumerate(overall)
        if match is not None
    ]


def parse_paper(reply: str, expected: Expected) -> Parsed:
    """The rule `paper` as a verdict; a number off the scale, which the published code averaged, is invalid here."""
    found = read_paper(reply)
    if found is None:
        return Parsed(
            reason="the published search does not find two ratings of each criterion and both overall ratings"
        )
    ratings = [
        Rating(turn, criterion, value)
        for turn, (_, *values) in enumerate(found, 1)
        for criterion, value in zip(("C1", "C2", "C3"), values, strict=True)
    ]
    kept = {turn: row[0] for turn, row in enumerate(found, 1) if _on(row[0], expected)}
    return _complete(ratings, kept, expected)


# --- by name -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parser:
    """One way to read a judge's reply. `version` grows when any reply would be read differently."""

    name: str
    version: int
    read: Callable[[str, Expected], Parsed]


PARSERS: Mapping[str, Parser] = MappingProxyType(
    {parser.name: parser for parser in (Parser("strict", 1, parse_strict), Parser("paper", 1, parse_paper))}
)


def parser(name: str) -> Parser:
    """The parser of that name. Raises errors.ContentError with the names that exist."""
    if name not in PARSERS:
        raise ContentError(f"unknown parser {name!r}; the parsers are {', '.join(sorted(PARSERS))}")
    return PARSERS[name]
