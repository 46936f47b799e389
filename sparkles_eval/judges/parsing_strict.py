"""Reads a judge's reply by the rule `strict@2`: completely or not at all.

A reply is one JSON object with every requested rating and nothing else, or it follows the bracket layout. It holds each
requested rating once, as a plain number on the scale. Where the rubric prints a canary (a random word in the
instructions of this call only), every rating must carry it, so that no rating inside an answer can pass as the judge's.
Without a canary, every rating in the reply must be a requested one, and none may occur in an answer.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.core import Rating
from sparkles_eval.judges.answer_ratings import COPIED, AnswerRatings
from sparkles_eval.judges.expected import CANARY, CUT_OFF, LONGEST, Expected, Parsed, complete, on_scale
from sparkles_eval.judges.rating_marks import Mark, Overall, doubt, find_marks, is_the_judges

_TOLD_APART = "the rubric prints no canary that would tell them from the judge's own"


class _Unreadable(ValueError):
    """The reply is not a verdict; the message is the reason, without words of the reply."""


def parse_strict(reply: str, expected: Expected) -> Parsed:
    """Read the ratings of a reply, or the reason why it is not a verdict. Linear in the reply; never raises."""
    if len(reply) > LONGEST:
        return Parsed(reason=f"a reply of {len(reply):,} characters is no judgement")
    text = _without_fence(reply.strip())
    held = AnswerRatings(expected)
    try:
        if text.startswith("{"):
            ratings, overall = _from_json(text, expected)
        elif expected.cut_off:
            return Parsed(reason=CUT_OFF)
        else:
            ratings, overall = _from_layout(text, expected, held)
    except _Unreadable as error:
        return Parsed(reason=str(error))
    parsed = complete(ratings, overall, expected)
    if parsed.reason is None and (why := _copied(parsed.ratings, expected, held)):
        return Parsed(reason=why)
    return parsed


def _without_fence(text: str) -> str:
    if not text.startswith("```"):
        return text
    first, _, rest = text.partition("\n")
    if first.removeprefix("```").strip().lower() in ("", "json") and rest.endswith("```") and rest.count("```") == 1:
        return rest.removesuffix("```").strip()
    return text


def _copied(ratings: Sequence[Rating], expected: Expected, held: AnswerRatings) -> str | None:
    """Why ratings may come from an answer rather than the judge, or None."""
    if expected.canary:
        for rating in ratings:
            if held.evaluate(rating.explanation, rating.value):
                return f"{COPIED}: {rating.criterion} of A{rating.turn} repeats its explanation and its points"
        return None
    # An answer that lists many ratings could make only some of the judge's unreadable, so none is read then.
    if len(held.values) > 1 or any(held.hold(rating.value) for rating in ratings):
        return f"{COPIED}: {_TOLD_APART}"
    return None


# --- JSON ---------------------------------------------------------------------------------------------------------


def _from_json(text: str, expected: Expected) -> tuple[list[Rating], dict[int, float]]:
    whole = _load(text, cut_off=expected.cut_off)
    if not isinstance(whole, dict):
        raise _Unreadable("JSON: the reply is no object")
    if expected.canary and whole.pop(CANARY, None) != expected.canary:
        raise _Unreadable(f'JSON: "{CANARY}" is not the word that the instructions name')
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
    return ratings, {turn: value for turn, value in overall.items() if on_scale(value, expected)}


def _load(text: str, *, cut_off: bool) -> object:
    try:
        try:
            return json.loads(text, object_pairs_hook=_once)
        except json.JSONDecodeError:
            return json.loads(_TRAILING_COMMA.sub(lambda match: match["text"] or "", text), object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        if cut_off:
            raise _Unreadable(CUT_OFF) from None
        raise _Unreadable(f"broken JSON: {error.msg} at character {error.pos}") from None
    except _Unreadable:
        raise
    except (ValueError, RecursionError):
        raise _Unreadable("JSON with numbers or nesting beyond reason") from None


_TRAILING_COMMA = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*+")|,(?=\s*[}\]])', re.DOTALL)
"""Texts, which are kept, and commas before a closing bracket, which are removed."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _Unreadable("JSON: a name stands twice in one object")
    return dict(pairs)


def _object(value: object, known: Mapping[str, int] | Sequence[str], where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise _Unreadable(f"JSON: {where} is no object")
    if any(name not in known for name in value):
        raise _Unreadable(f"JSON: {where} holds another name than {', '.join(known)}")
    return value


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unreadable(f"JSON: {where} is no number")
    return float(value) if abs(value) < 1e9 else math.inf


# --- bracket layout -----------------------------------------------------------------------------------------------

_DRESS = r"[\s*_#\-\u2022.`|]*(?:\d{1,2}[.)]\s[\s*_`]*)?"
"""Mark-up that may precede the words of the layout; not ">", which quotes."""
_HEADING = re.compile(rf"{_DRESS}Evaluating\s+A(\d{{1,3}})\b[\s*_#:.`|-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    """A piece of the reply under one heading: the text from "(C1)" to the next item, or the text before the first."""

    turn: int
    criterion: str | None
    text: str


def _from_layout(text: str, expected: Expected, held: AnswerRatings) -> tuple[list[Rating], dict[int, float]]:
    """Headings "Evaluating A1", items "(C1) ... Rating: [[x]]" under them, and "... rating of A1 is [[x]]"."""
    ratings: list[Rating] = []
    overall: list[tuple[int, float]] = []
    for item in _items(text, expected):
        marks, wholes, words = find_marks(item.text, expected)
        overall += _kept(wholes, item, expected)
        ratings += _of_item(item, marks, words, expected, held)
    if not ratings and '"rating"' in text:
        raise _Unreadable("JSON with words around it")
    counts = Counter(turn for turn, _ in overall)
    # Overall ratings are kept but never used; one that occurs twice or is off the scale is not kept.
    return ratings, {turn: value for turn, value in overall if counts[turn] == 1 and on_scale(value, expected)}


def _items(text: str, expected: Expected) -> Iterator[_Item]:
    turns = {turn for turn, _ in expected.pairs}
    start = _item_start(expected)
    turn, criterion = min(turns) if len(turns) == 1 else 0, None
    headings: Counter[int] = Counter()
    lines: list[str] = []
    for line in text.split("\n"):
        heading, item = _HEADING.fullmatch(line), start.match(line)
        if not heading and not item:
            lines.append(line)
            continue
        yield _Item(turn, criterion, "\n".join(lines))
        if heading:
            turn, criterion, lines = int(heading[1]), None, []
            headings[turn] += 1
            if headings[turn] > 1 and not expected.canary:
                raise _Unreadable(f"A{turn} is evaluated more than once")
            turn = turn if headings[turn] == 1 else 0  # with a canary, a rating may name what it rates
        elif item:
            criterion, lines = item[1] or item[2], [line[item.end() :]]
    yield _Item(turn, criterion, "\n".join(lines))


def _item_start(expected: Expected) -> re.Pattern[str]:
    """The pattern of "(C1)", "[C1]" or "C1:" at the start of a line."""
    ids = "|".join(sorted({re.escape(criterion) for _, criterion in expected.pairs}, key=len, reverse=True))
    return re.compile(rf"{_DRESS}(?:[(\[]({ids})[)\]]|({ids})[*_`]{{0,3}}\s{{0,2}}[:.)\u2013-])[*_`]{{0,3}}[:.]?")


def _of_item(item: _Item, marks: Sequence[Mark], text: str, expected: Expected, held: AnswerRatings) -> list[Rating]:
    """The ratings of a piece of the reply; raises _Unreadable for one out of place or without a plain number."""
    own = [mark for mark in marks if _is_own(mark, text, expected, held)]
    found: list[Rating] = []
    for mark, end in zip(own, [*(later.start for later in own[1:]), len(text)], strict=False):
        turn, criterion = mark.names or (item.turn, item.criterion or "")
        if (turn, criterion) not in expected.pairs:
            raise _Unreadable(_nobodys(mark, expected, held))
        if found and not mark.names:
            raise _Unreadable(f"more than one rating for {criterion} of A{turn}")
        problem = mark.problem or doubt(text[mark.end : end], mark.value or 0.0, expected)
        if problem or mark.value is None:
            raise _Unreadable(f"the rating for {criterion} of A{turn} {problem}")
        found.append(Rating(turn, criterion, mark.value, _explanation(text[: mark.start])))
    return found


def _is_own(mark: Mark, text: str, expected: Expected, held: AnswerRatings) -> bool:
    """True for the judge's own rating, False for one quoted from an answer; raises _Unreadable where it is unclear."""
    if mark.keyed or (not expected.canary and is_the_judges(text[: mark.start], bracketed=mark.bracketed)):
        return True
    if expected.canary and held.hold(mark.value):
        return False  # an answer cannot know the canary
    raise _Unreadable(_nobodys(mark, expected, held))


def _nobodys(mark: Mark, expected: Expected, held: AnswerRatings) -> str:
    if held.hold(mark.value):
        return f"{COPIED}: {_TOLD_APART}"
    if expected.canary and not mark.keyed:
        return "a rating stands without the word that the instructions name"
    return "a rating stands where none was asked for, or in somebody else's words"


def _kept(wholes: Sequence[Overall], item: _Item, expected: Expected) -> Iterator[tuple[int, float]]:
    turns = {turn for turn, _ in expected.pairs}
    for whole in wholes:
        turn = item.turn if whole.turn is None else whole.turn
        if whole.value is not None and turn in turns and (whole.keyed or not expected.canary):
            yield turn, whole.value


def _explanation(text: str) -> str:
    return text.strip().removeprefix("Explanation:").strip(' \n\t"*-')
