"""The scorer `numeric`: the one number that an answer states, within a tolerance of an accepted one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field

from sparkles_eval.tasks.scorers.base import Outcome, Question, invalid, scorer
from sparkles_eval.tasks.scorers.quantities import Quantity, quantities
from sparkles_eval.tasks.scorers.text import final_answer

_MOST_READ = 10_000
"""Characters at the end of an answer in which its number is searched."""
_LABEL = re.compile(
    r"(?:image|picture|photo|figure|fig\.?|panel|chart|table|page|question|step|option|item|row|column|line|#)\s*#?$",
    re.IGNORECASE,
)
"""After these words a number is a position, not an amount."""
_WHEN = re.compile(r"\b(?:in|since|during|by|until|from|of|year|for)\s+$", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:not|cannot|never|neither|nor|unable|unclear|unknown|impossible)\b|n['\u2019]t\b", re.IGNORECASE
)
_BOUND = re.compile(
    r"(?:\b(?:more|less|fewer|greater|higher|lower|larger|smaller)\s+than|\bat\s+(?:least|most)|\bover|\bunder|\babove"
    r"|\bbelow|\bup\s+to|[<>\u2264\u2265])\s*$",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"^\s*\d{1,2}[.)]\s+(?=\S)", re.MULTILINE)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_CONCLUDES = re.compile(r"\b(?:so|therefore|thus|hence|altogether|in total|overall)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def _numbers(question: Question, _: Mapping[str, Any]) -> str | None:
    """Why a target cannot be compared: it is not one number."""
    wrong = next((target for target in question.targets if len(quantities(target)) != 1), None)
    return None if wrong is None else f"the target {wrong!r} is not one number, which the scorer numeric needs"


@scorer("numeric", check=_numbers)
def numeric(
    answer: str,
    question: Question,
    *,
    tolerance: Annotated[float, Field(ge=0)] = 0.0,
    absolute: Annotated[float, Field(ge=0)] = 0.0,
    years: Literal["exact", "tolerant"] = "exact",
) -> Outcome:
    """Right where the one number that the answer states is an accepted one, within a tolerance.

    `tolerance` is a share of the target (0.05: five percent), `absolute` an amount; the larger one counts. Years are
    exact all the same, unless `years: tolerant`. "1,000", "1 000", "1.2e3", "3/4", "27 %", "1.4 million", "$5", a minus
    of any kind and words up to twenty are read; a unit may be left out but not be another one.
    """
    read = read_number(answer)
    if isinstance(read, str):
        return invalid(read)
    slack = Fraction(str(tolerance)), Fraction(str(absolute))
    right = any(
        _within(read, target, *((Fraction(0), Fraction(0)) if target.year and years == "exact" else slack))
        for text in question.targets
        for target in quantities(text)
    )
    return Outcome(float(right), read.written)


def read_number(answer: str) -> Quantity | str:
    """The one number that an answer states, or in words why there is none. Of several numbers none is guessed."""
    text = final_answer(answer)
    if len(text) > _MOST_READ:
        text = text[-_MOST_READ:].partition(" ")[2]  # starts at a space, so that no number is cut in two
    said = _stated(text)
    if isinstance(said, Quantity):
        return said
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    for last in sentences[-1:] if len(sentences) > 1 else []:
        if _CONCLUDES.search(last) or len(last.split()) <= 3:
            concluded = _stated(last)
            return concluded if isinstance(concluded, Quantity) else said
    return said


def _stated(text: str) -> Quantity | str:
    text = _LIST_MARK.sub("", text) if len(text.split()) > 1 else text
    text = text.rpartition("=")[2] if "=" in text else text
    found = quantities(text)
    if len(_different(found)) > 1:
        text = _ASIDE.sub("", text)
        found = [number for number in quantities(text) if not _LABEL.search(number.before)]
        amounts = [number for number in found if not (number.year and _WHEN.search(number.before))]
        found = amounts or found
    elif len(text.split()) > 4:
        found = [number for number in found if not _LABEL.search(number.before)]
    if not found:
        return "no number"
    if len(_different(found)) > 1:
        return f"several numbers ({', '.join(number.written for number in found[:4])}), none named as the answer"
    if _DENIED.search(text):
        return f"the number {found[0].written} is denied or doubted"
    if _BOUND.search(found[0].before):
        return f"a bound ({found[0].written}) and no number"
    return found[0]


def _different(found: list[Quantity]) -> set[tuple[Fraction, str]]:
    return {(number.whole, number.unit) for number in found}


def _within(read: Quantity, target: Quantity, relative: Fraction, absolute: Fraction) -> bool:
    """True where the number equals the target within the tolerance; a unit or magnitude may be missing."""
    if read.unit and target.unit and read.unit != target.unit:
        return False
    readings = [(read.whole, target.whole)]
    if read.scale == 1 and target.scale != 1:
        readings.append((read.value, target.value))
    if read.unit == "%" and not target.unit:
        readings.append((read.whole / 100, target.whole))
    return any(abs(given - wanted) <= max(absolute, relative * abs(wanted)) for given, wanted in readings)
