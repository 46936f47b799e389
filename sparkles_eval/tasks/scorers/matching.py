"""Scorers that compare words: exact_match, contains, f1 and anls. Of several accepted answers the best one counts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from sparkles_eval.tasks.scorers.base import Outcome, Question, scorer
from sparkles_eval.tasks.scorers.distance import levenshtein
from sparkles_eval.tasks.scorers.text import LONGEST, final_answer, normalise, with_minus


def _words_left(question: Question, _: Mapping[str, Any]) -> str | None:
    """Why a target cannot be compared: it holds no words."""
    empty = next((target for target in question.targets if not normalise(target)), None)
    return None if empty is None else f"the target {empty!r} holds no word that could be compared"


def _read(answer: str, final: bool) -> str:
    return final_answer(answer) if final else answer[-LONGEST:].strip()


@scorer("exact_match", check=_words_left)
def exact_match(
    answer: str,
    question: Question,
    *,
    ignore_case: bool = True,
    ignore_punctuation: bool = True,
    ignore_articles: bool = True,
    final_answer: bool = True,
) -> Outcome:
    """Right where the answer is an accepted one, word for word; case, punctuation and articles do not matter.

    SQuAD's normalisation, but a number keeps its sign and decimal point. `final_answer`: of "Answer: X" only X counts.
    """
    read = _read(answer, final_answer)
    keep = {"case": not ignore_case, "punctuation": not ignore_punctuation, "articles": not ignore_articles}
    given = normalise(read, **keep)
    return Outcome(float(any(given == normalise(target, **keep) for target in question.targets)), read)


@scorer("contains", check=_words_left)
def contains(answer: str, question: Question, *, ignore_case: bool = True) -> Outcome:
    """Right where an accepted answer stands anywhere in the answer, as whole words ("cat" is not in "category").

    It cannot tell "a cat" from "not a cat", nor an answer from a list of all possible ones.
    """
    text = _spaced(answer[-LONGEST:], ignore_case)
    for target in question.targets:
        wanted = _spaced(target, ignore_case)
        if wanted and re.search(_before(wanted[0]) + re.escape(wanted) + _behind(wanted[-1]), text):
            return Outcome(1.0, target)
    return Outcome(0.0)


def _spaced(text: str, ignore_case: bool) -> str:
    text = " ".join(with_minus(unicodedata.normalize("NFC", text)).split())
    return text.lower() if ignore_case else text


def _before(first: str) -> str:
    """A pattern of what must not precede a target: a letter or digit (in scripts with spaces), or part of a number."""
    if not first.isalnum() or unicodedata.category(first) == "Lo":
        return ""
    return r"(?<!\w)(?<!\d[.,])(?<!-)" if first.isdigit() else r"(?<!\w)"


def _behind(last: str) -> str:
    if not last.isalnum() or unicodedata.category(last) == "Lo":
        return ""
    return r"(?!\w)(?![.,]\d)" if last.isdigit() else r"(?!\w)"


@scorer("f1", title="F1", check=_words_left)
def f1(answer: str, question: Question, *, final_answer: bool = True) -> Outcome:
    """Token F1: the harmonic mean of how much of the answer is in an accepted one, and how much of that in the answer.

    Rajpurkar et al. 2016 (SQuAD): words after normalisation, counted as often as they stand; the best accepted answer.
    """
    read = _read(answer, final_answer)
    given = normalise(read).split()
    return Outcome(max((_f1(given, normalise(target).split()) for target in question.targets), default=0.0), read)


def _f1(given: list[str], wanted: list[str]) -> float:
    shared = sum((Counter(given) & Counter(wanted)).values())
    return 2 * shared / (len(given) + len(wanted)) if shared else 0.0


@scorer("anls", title="ANLS", check=_words_left)
def anls(
    answer: str,
    question: Question,
    *,
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5,
    final_answer: bool = True,
) -> Outcome:
    """Normalised Levenshtein similarity to the nearest accepted answer (DocVQA); below the threshold it is 0.

    Biten et al. 2019, with the case and spaces of DocVQA's evaluation (neither matters), which keeps a similarity of
    exactly 0.5. The mean over samples is ANLS.
    """
    read = _read(answer, final_answer)
    given = " ".join(read.lower().split())
    nearest = max((_similarity(given, " ".join(t.lower().split()), threshold) for t in question.targets), default=0.0)
    return Outcome(nearest if nearest >= threshold else 0.0, read)


def _similarity(given: str, wanted: str, threshold: float) -> float:
    longest, shortest = max(len(given), len(wanted)), min(len(given), len(wanted))
    if not longest or shortest < threshold * longest:  # so many characters must differ that it is below the threshold
        return 0.0
    return 1 - levenshtein(given, wanted) / longest
