"""Reads a judge's reply by the old rule `strict@1`, to verify stores whose verdicts it read.

New verdicts are read by `parsing_strict`. This rule can be misled by ratings that a judge quotes from an answer and by
numbers of another scale. It is not corrected, because a stored verdict must be read as it was.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from sparkles_eval.core import Rating
from sparkles_eval.judges.expected import LONGEST, Expected, Parsed, complete, on_scale


def parse_strict_1(reply: str, expected: Expected) -> Parsed:
    """Reads a reply as `strict@1` did; linear in the reply, never raises."""
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
        return complete(*_json_ratings(whole, expected), expected)
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
"""Mark-up that may surround the words of the layout."""
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
    kept = {at: value for at, value in overall if counts[at] == 1 and at in turns and on_scale(value, expected)}
    return complete(ratings, kept, expected)


def _bare(line: str) -> str:
    return re.sub(r"[\W_]+", " ", line).strip().casefold()


def _explanation(text: str) -> str:
    return text.strip().removeprefix("Explanation:").strip(' \n\t"*-')
