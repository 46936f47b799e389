"""The scorer `lettered`: options that are shown with letters are chosen by letter or by their words.

A data set may hold questions without options as well; they are compared as `exact_match` compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparkles_eval.tasks.scorers.base import Outcome, Question, invalid, scorer
from sparkles_eval.tasks.scorers.choice import confused
from sparkles_eval.tasks.scorers.matching import exact_match
from sparkles_eval.tasks.scorers.rules import Extraction, extract
from sparkles_eval.tasks.scorers.strict_decision import NOTHING_STATED, UNNAMED
from sparkles_eval.tasks.scorers.text import normalise

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WORDS = ("A", "I")
"""Letters that are also words of English."""


def _answerable(question: Question, _: Mapping[str, Any]) -> str | None:
    if not question.options:
        empty = next((target for target in question.targets if not normalise(target)), None)
        return None if empty is None else f"the target {empty!r} holds no word that could be compared"
    if len(question.options) > len(LETTERS):
        return f"{len(question.options)} options; at most {len(LETTERS)} have letters"
    wrong = next((target for target in question.targets if target not in question.options), None)
    return None if wrong is None else f"label not an option: {wrong!r} is none of {', '.join(question.options)}"


@scorer("lettered", check=_answerable, raw=True)
def _lettered(answer: str, question: Question) -> Outcome:
    """Right where the answer chooses the right option, by its letter or by its words; by neither is invalid.

    For options that are shown as "A. red", "B. blue". "B", "(B)", "B. blue" and "it is blue" are all read; a letter and
    words that contradict each other are invalid where the letter may be a word ("A"). Questions without options are
    compared as `exact_match` compares.
    """
    return _score(answer, question, cut=False)


def _cut(answer: str, question: Question) -> Outcome:
    return _score(answer, question, cut=True) if question.options else invalid("the reply was cut off")


lettered = replace(_lettered, read_cut=_cut)


def _score(answer: str, question: Question, *, cut: bool) -> Outcome:
    if not question.options:
        free = exact_match(answer, question)
        return free if answer.strip() else invalid("an empty answer")
    found = read_lettered(answer, question.options, option_words(question), cut=cut)
    if found.option is None:
        return invalid(found.reason or "no option could be read")
    return Outcome(float(found.option in question.targets), found.option)


def option_words(question: Question) -> tuple[str, ...]:
    """The words of the options, also where the options themselves are letters (fields `option_A`, ...)."""
    letters = LETTERS[: len(question.options)]
    if question.options != tuple(letters):
        return question.options
    fields = question.sample.fields
    words = tuple(fields.get(f"option_{letter}", "") for letter in letters)
    return words if all(words) and len({word.casefold() for word in words}) == len(words) else ()


def read_lettered(answer: str, options: tuple[str, ...], words: tuple[str, ...], *, cut: bool = False) -> Extraction:
    """The option that a reply chooses by its letter, or else by its words; None with the reason."""
    letters = tuple(LETTERS[: len(options)])
    whole = [place for place, text in enumerate(words) if _same(answer, text)]
    if len(whole) == 1:
        return Extraction(options[whole[0]])
    by_letter = extract("strict", answer, letters, cut=cut)
    by_words = extract("strict", answer, words, cut=cut) if words and not confused(words) else Extraction(None, UNNAMED)
    if by_letter.option is None:
        silent = by_letter.reason in (UNNAMED, NOTHING_STATED)
        return Extraction(options[words.index(by_words.option)]) if silent and by_words.option else by_letter
    place = letters.index(by_letter.option)
    if by_words.option is None:
        return Extraction(options[place])
    spoken = words.index(by_words.option)
    if place == spoken or by_words.option.split(maxsplit=1)[0].casefold() == by_letter.option.casefold():
        return Extraction(options[spoken])
    if by_letter.option in _WORDS:
        return Extraction(None, f"states the letter {by_letter.option} and the words of {letters[spoken]}")
    return Extraction(options[place])


def _same(answer: str, text: str) -> bool:
    return " ".join(answer.split()).casefold().strip(" .*") == " ".join(text.split()).casefold().strip(" .*")
