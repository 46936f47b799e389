"""Readers of published multi-image benchmarks, for `--protocol paper`: they read as the benchmarks' own code does.

Where that code asks a language model to find the option, the answer is invalid here. Their faults are kept: `mantis`
reads "The cup" as T, `mirb` counts an empty reply as "no".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Literal

from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.tasks.scorers.base import Outcome, Question, invalid, scorer
from sparkles_eval.tasks.scorers.lettered import LETTERS, option_words

_SEED = 42
_MARK = "final answer:"
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _lettered_options(question: Question, options: Mapping[str, Any]) -> str | None:
    if options.get("rule") == "mantis" and not question.options:
        return None
    if not 2 <= len(question.options) <= len(LETTERS):
        return f"{len(question.options)} options; the published reader needs 2 to {len(LETTERS)}"
    wrong = next((target for target in question.targets if target not in question.options), None)
    return None if wrong is None else f"label not an option: {wrong!r} is none of {', '.join(question.options)}"


@scorer("published_choice", check=_lettered_options, raw=True)
def published_choice(
    answer: str,
    question: Question,
    *,
    rule: Literal["muirbench", "blink", "mmiu", "mantis"] = "muirbench",
    unread: Literal["invalid", "random"] = "invalid",
) -> Outcome:
    """Right where a published benchmark's own rule reads the right option out of the answer.

    `muirbench`: letters in brackets, else alone, else the words of an option in a longer reply; the last counts.
    `blink`: a reply that is one letter, or the only letter in brackets (of its last paragraph). `mmiu`: a reply that is
    one letter. `mantis`: the first letter behind "Final Answer:" where
    it is an option's, else an option's exact words; questions without options word for word. `unread:
    random` draws an option where none is read, as MuirBench's code does (by the sample here, so that it is repeatable).
    """
    text = take_apart(answer).answer
    if not question.options:
        said = _behind_mark(text)
        return Outcome(float(said.casefold() in [target.strip().casefold() for target in question.targets]), said)
    place = _READERS[rule](text, LETTERS[: len(question.options)], option_words(question))
    if place is None and unread == "random":
        digest = hashlib.sha256(f"{_SEED}|{question.sample.id}|{question.turn}".encode()).digest()
        place = int.from_bytes(digest[:8]) % len(question.options)
    if place is None or place >= len(question.options):
        return invalid(f"the rule of {rule} reads no option")
    return Outcome(float(question.options[place] in question.targets), question.options[place])


def _muirbench(text: str, letters: str, words: tuple[str, ...]) -> int | None:
    for sign in ",.!?;:'":
        text = text.strip(sign)
    text = f" {text} "
    found = {text.rfind(f"({letter})"): place for place, letter in enumerate(letters) if f"({letter})" in text}
    if not found:
        found = {text.rfind(f" {letter} "): place for place, letter in enumerate(letters) if f" {letter} " in text}
    if not found and len(text.split()) > 5:
        lower = text.lower()
        found = {lower.rfind(word.lower()): place for place, word in enumerate(words) if word.lower() in lower}
    return found[max(found)] if found else None


def _blink(text: str, letters: str, _: tuple[str, ...]) -> int | None:
    whole = re.fullmatch(r"\(?([A-Z])\)?\.?", text.strip())
    if whole:
        return _place(whole[1], letters)
    for part in (text, text.strip().split("\n\n")[-1]):
        found = {letter for letter in letters if f"({letter})" in part}
        if len(found) == 1:
            return letters.index(found.pop())
    return None


def _mmiu(text: str, letters: str, _: tuple[str, ...]) -> int | None:
    said = text.strip()
    return _place(said.upper(), letters) if len(said) == 1 else None


def _mantis(text: str, letters: str, words: tuple[str, ...]) -> int | None:
    said = _behind_mark(text)
    marked = re.match(r"Answer: ([A-Z])", said)
    first = marked[1] if marked else next((c for c in said if c.isalpha()), "").upper()
    if (place := _place(first, letters)) is not None:
        return place
    return next((place for place, word in enumerate(words) if word == text.strip()), None)


def _behind_mark(text: str) -> str:
    """What stands behind the first "final answer:", else the whole reply."""
    place = text.lower().find(_MARK)
    return (text[place + len(_MARK) :] if place >= 0 else text).strip()


def _place(letter: str, letters: str) -> int | None:
    place = letters.find(letter) if letter else -1
    return place if place >= 0 else None


_READERS = {"muirbench": _muirbench, "blink": _blink, "mmiu": _mmiu, "mantis": _mantis}


@scorer("mirb", raw=True)
def mirb(answer: str, question: Question) -> Outcome:
    """Right where MIRB's own rule says so: the first line or sentence, its number, its yes or no, or its words.

    Numbers are compared by the first one (also a word up to ten), yes and no by "yes" alone, all others word for word;
    where the sample's field `subset` is sightseeing, an answer that contains the accepted one counts.
    """
    text = take_apart(answer).answer.strip()
    said = text.split("\n", 1)[0] if "\n" in text else text.split(".", 1)[0]
    said = said.strip().casefold()
    subset = question.sample.fields.get("subset", "")
    targets = [target.strip().casefold() for target in question.targets]
    if targets[0].isdecimal():
        number = _first_number(said)
        return Outcome(float(number in targets), number) if number else invalid("names no number")
    if targets[0] in ("yes", "no"):
        yes = "yes" in said
        return Outcome(float(yes == (targets[0] == "yes")), "yes" if yes else "no")
    if subset == "sightseeing":
        return Outcome(float(any(target in said for target in targets)), said)
    return Outcome(float(said in targets), said)


def _first_number(text: str) -> str:
    digits = re.search(r"\d+", text)
    if digits:
        return str(int(digits[0]))
    return next((str(value) for value, word in enumerate(_NUMBERS) if re.search(rf"\b{word}\b", text)), "")
