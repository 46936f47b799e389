"""The answer rule `strict`: reads the option that a reply plainly states, or says why it states none.

A complete statement of the answer counts unless it is explicitly corrected ("No, wait: B", "I change my answer to B").
Conditions, concessions, comparisons, denials, quotations and questions never choose an option; of two options, denying
one states the other. Two different statements with no correction between them are not an answer. A reply that a careful
reader cannot decide is invalid, with the reason. docs/guides/how-replies-are-read.md has the tables.

How plain a statement is matters more than its position (`strict_grammar.Strength`): a marked final answer comes before
"the answer is", that before "IMAGE#2 matches better", and that before the option with which a conclusion ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from sparkles_eval.tasks.scorers import strict_marks as marks
from sparkles_eval.tasks.scorers.strict_clauses import Clause, clauses, signed
from sparkles_eval.tasks.scorers.strict_decision import ALIKE, UNNAMED, AnswerPart, OptionReading, Read, decide
from sparkles_eval.tasks.scorers.strict_grammar import BASE, MOST, StatedOption, Strength, implied, mentions, said
from sparkles_eval.tasks.scorers.strict_options import Forms, forms_of
from sparkles_eval.tasks.scorers.strict_text import Token, plain, tokens

_HEAD, _TAIL = 20_000, 80_000
"""Characters that are read at the beginning and the end of a reply; the middle of a longer one is ignored."""


def read_strict(response: str, options: Sequence[str]) -> Read:
    """Read a reply: (index of the stated option or None, reason when None). Linear in its length; never guesses."""
    return _read(response, options, cut=False)


def read_strict_cut(response: str, options: Sequence[str]) -> Read:
    """Read a reply that was cut off: only plain statements in complete sentences count.

    A reply that was reconsidering its answer when it was cut off, or that reads like reasoning, states none.
    """
    return _read(response, options, cut=True)


def unreadable(options: Sequence[str]) -> list[tuple[str, str | None]]:
    """Options that the reader misreads: (option, the option that it is read as, or None)."""
    wrong: list[tuple[str, str | None]] = []
    for index, option in enumerate(options):
        read, _ = read_strict(option, options)
        if read != index:
            alike = (o for i, o in enumerate(options) if i != index and forms_of((option, o)) is None)
            other = options[read] if read is not None else next(alike, None)
            wrong.append((option, other))
    wrong.sort(key=lambda pair: pair[1] is None)  # an option taken for another one explains more
    return wrong


def _read(response: str, options: Sequence[str], *, cut: bool) -> Read:
    forms = forms_of(tuple(options)) if len(options) <= MOST else None
    if forms is None:
        return None, ALIKE
    text = response if len(response) <= _HEAD + _TAIL else f"{response[:_HEAD]}\n\n{response[-_TAIL:]}"
    whole = _whole(text, forms)
    if whole is not None and not cut:
        return whole, ""
    tail, turns = "", marks.own_turns(text)
    if cut:
        text, tail = marks.finished(text)
    found: Read = (None, UNNAMED)
    # A turn without a complete sentence may still hold a closed box.
    for block, entire in zip_longest(marks.own_turns(text), turns, fillvalue=""):
        reading = OptionReading(forms, len(options))
        for line in plain(block).split("\n"):
            if line.strip():
                _line(line, reading)
        found = decide(reading, _boxed(entire, forms), cut=cut)
        if found[0] is not None or reading.named:
            break
    if cut and found[0] is not None and (marks.musing(text) or marks.turns_over(tail)):
        return None, "the answer was still being turned over"
    return found


def _whole(text: str, forms: Forms) -> int | None:
    """The option that is the whole reply, apart from mark-up; symbols such as "+" are read only here."""
    bare = text.strip()
    symbol = forms.symbols.get(bare, forms.symbols.get(bare.strip(" \"'().`")))
    if symbol is not None:
        return symbol
    if len(bare) > 2_000:
        return None
    words = [token for token in tokens(plain(bare)) if token.word not in ('"', "(", ")")]
    while words and words[-1].word in (".", "!"):
        words.pop()
    form = forms.at(words, 0) if words else None
    return form.option if form is not None and not form.denied and len(form.words) == len(words) else None


def _boxed(text: str, forms: Forms) -> set[int | None]:
    """The contents of boxes, answer tags and JSON fields: options, and None for one that holds no option."""
    found: set[int | None] = set()
    answers = [*marks.boxes(text), *_fields(text)]
    for answer in answers:
        option = _whole(answer, forms)
        if option is None:
            reading = OptionReading(forms, 0)
            _line(plain(answer).replace("\n", " "), reading)
            strongest = reading.parts[-1].strongest
            inside = reading.parts[-1].by_strength[strongest] if strongest is not None else set()
            option = next(iter(inside)) if len(inside) == 1 else next(iter(reading.labels), None)
            option = option if len(reading.labels) <= 1 else None
        found.add(option)
    return found - {None} or found


def _fields(text: str) -> Iterator[str]:
    """The answer in a reply that is JSON, or ends with JSON."""
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end - begin > 20_000:
        return
    for part in (text[begin : end + 1], text[max(text.rfind("{", 0, end), 0) : end + 1]):
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            for name, answer in value.items():
                if marks.names_answer(name) and isinstance(answer, str | int | float):
                    yield str(answer).upper() if isinstance(answer, bool) else str(answer)
            return


def _line(line: str, reading: OptionReading) -> None:
    """Add what the sentences of one line state."""
    words = tokens(marks.unquoted(line))
    label = _label(words, reading)
    if label:
        words = words[label:]
    begin = 0
    for end in [i for i, token in enumerate(words) if token.ends] + [len(words) - 1]:
        sentence, mark = words[begin : end + 1], words[end].word if words else ""
        begin = end + 1
        if sentence and sentence[-1].ends:
            sentence = sentence[:-1]
        if not sentence:
            continue
        if mark == "?":
            reading.named = reading.named or bool(mentions(" ".join(signed(sentence, reading.forms))))
        else:
            _sentence(sentence, reading, whole=begin >= len(words) and end - len(sentence) < 1)
        reading.asked = mark == "?"
        reading.sentences += 1


def _label(words: Sequence[Token], reading: OptionReading) -> int:
    """Add a label at the start of a line ("B.", "(B)", "B:" with more text); returns its number of words, else 0."""
    i = 1 if words and words[0].word in ("(", "[") else 0
    i += i < len(words) and words[i].word in ("option", "choice", "answer") and i == 0
    form = reading.forms.at(words, i) if i < len(words) else None
    if form is None or form.denied:
        return 0
    begin = behind = i + len(form.words)
    while behind < len(words) and words[behind].word in (")", "]", ".", ":", "-") and behind - begin < 3:
        behind += 1
    if behind == begin or behind >= len(words):
        return 0
    rest = signed(words[behind:], reading.forms)
    letter = bool(form.letter) or form.words[0].isdecimal()
    sentence = words[begin].word == "." and not letter  # "TRUE. Both show dogs"
    listed = marks.only_signs(" ".join(rest)) or (words[behind - 1].word == ":" and mentions(" ".join(rest[:3])))
    said_of = marks.denies([token.word for token in words[behind : behind + 4]])
    if sentence or listed or said_of or marks.correction(" ".join(rest), settled=True)[0] is not None:
        return 0
    reading.named = True
    reading.labels.add(form.option)
    if any(mentions(a) and b in (")", ".", ":") for a, b in pairwise(rest)):
        reading.labels |= {ord(sign) - BASE for sign in mentions(" ".join(rest))}
    return behind


def _sentence(words: Sequence[Token], reading: OptionReading, *, whole: bool) -> None:
    """Add what one sentence states. `whole`: it is the whole line."""
    items = signed(words, reading.forms)
    text = " ".join(items)
    if mentions(text):
        reading.named = True
    if marks.revises(text):
        reading.parts.append(AnswerPart(retracts=True))
    kind, rest = marks.correction(text, bool(reading.settled))
    while kind is not None:
        if kind.retracts or reading.parts[-1].by_strength:
            reading.parts.append(AnswerPart(retracts=kind.retracts))
        text = rest
        kind, rest = marks.correction(text, True)
    if marks.undecided(text):
        if not any(said(clause.text, truth=reading.forms.truth) for clause in clauses(text.split())):
            reading.parts.append(AnswerPart(retracts=True))
        return
    found = clauses(text.split()) if text else []
    _clauses(found, reading, whole=whole)
    tail = next((marks.within(clause.text) for clause in found[1:] if marks.within(clause.text)), None)
    if tail is not None and tail.retracts:
        reading.parts.append(AnswerPart(retracts=True))


def _clauses(found: Sequence[Clause], reading: OptionReading, *, whole: bool) -> None:
    denied = fresh = False
    for i, clause in enumerate(found):
        if marks.within(clause.text) is not None:
            if reading.parts[-1].by_strength:
                reading.parts.append(AnswerPart(retracts=marks.is_retraction(clause.text)))
            fresh = True
            continue
        stated = _stated(clause, reading) if clause.free else None
        if stated is not None and stated.alone and not _stands_alone(found, i, first=fresh or not i, denied=denied):
            stated = None
        fresh = False
        if stated is not None and i and clause.lead == "," and marks.limits(found[i - 1].text):
            stated = None
        if stated is not None and stated.supposed and clause.lead not in marks.TURNING:
            stated = None if any(not marks.introduces(other.text) for other in found[:i]) else stated
        if stated is not None and stated.strength <= Strength.CALLED and _weakened(clause, found[i + 1 : i + 3]):
            stated = None
        if stated is None:
            if clause.free and (clause.lead in marks.CONCLUDING or (whole and len(found) == 1)):
                weak = implied(clause.text)
                if weak is not None and not (reading.forms.truth and clause.lead not in marks.CONCLUDING):
                    _add(weak, reading, lone=clause.lead not in marks.CONCLUDING)
            continue
        denied = stated.denied
        _add(stated, reading)


def _weakened(clause: Clause, behind: Sequence[Clause]) -> bool:
    """True for "B fits, but less well", which speaks of the second best; "B fits best, but not perfectly" stands."""
    if not behind or behind[0].lead not in marks.YIELDING or marks.is_superlative(clause.text):
        return False
    compared = len(behind) > 1 and behind[1].lead == "as"  # "as" begins a clause of its own
    return marks.weakens(f"{behind[0].text} as" if compared else behind[0].text)


def _stated(clause: Clause, reading: OptionReading) -> StatedOption | None:
    """What a clause states by itself, or by its parts around a bracket, colon or dash."""
    whole = said(clause.text, truth=reading.forms.truth)
    if whole is not None:
        return whole
    words = clause.text.split()
    return _described(words, reading) or _around_colon(words, reading)


def _described(words: Sequence[str], reading: OptionReading) -> StatedOption | None:
    """Read "The answer is (B) a red cup": the option in brackets, then its text."""
    bracket = next((i for i, word in enumerate(words) if word == ")" and i and mentions(words[i - 1])), None)
    if bracket is None or len(mentions(" ".join(words))) > 1 or marks.denies(words[bracket + 1 :]):
        return None
    found = said(" ".join(words[: bracket + 1]), truth=reading.forms.truth)
    return found if found is not None and not found.alone else None


def _around_colon(words: Sequence[str], reading: OptionReading) -> StatedOption | None:
    """Read "The answer is B: it shows a dog" and "Sure, here is my answer: B"; "B: a dog" is a label."""
    places = [i for i, word in enumerate(words) if word in (":", "-")]
    if not places:
        return None
    head = said(" ".join(words[: places[0]]), truth=reading.forms.truth)
    if head is not None and not head.denied and not marks.denies(words[places[0] + 1 :]):
        if head.alone and not marks.only_signs(" ".join(words[places[0] + 1 :])):
            reading.labels.add(ord(head.option) - BASE)
        return None if head.alone else head
    if not marks.announces(" ".join(words[: places[-1]])):
        return None
    behind = said(" ".join(words[places[-1] + 1 :]), truth=reading.forms.truth)
    return replace(behind, alone=False) if behind is not None else None


def _stands_alone(found: Sequence[Clause], i: int, *, first: bool, denied: bool) -> bool:
    """True where a clause that is only an option is an answer: neither a subject nor part of a list."""
    clause = found[i]
    first = first or clause.lead in marks.CONCLUDING or (clause.lead in ("but", "") and denied)
    behind = found[i + 1 :]
    if not first or any(marks.predicate(other.text) for other in behind):
        return False
    if (
        behind
        and mentions(behind[0].text)
        and (marks.only_signs(behind[0].text) or behind[0].text.split()[0] in ("and", "or"))
    ):
        return False
    return not any(other.lead == "which" for other in behind[:1])


def _add(stated: StatedOption, reading: OptionReading, *, lone: bool = False) -> None:
    option = ord(stated.option) - BASE
    if (stated.denied or stated.compared) and reading.count != 2:
        return  # of many, denying one leaves the others
    if stated.denied:
        option = 1 - option
    if lone:
        reading.lone = stated
        return
    strength = min(stated.strength, Strength.CALLED) if stated.denied and stated.alone else stated.strength
    if stated.alone and reading.asked:
        if reading.sentences > 1:
            reading.parts[-1].add(None, Strength.IMPLIED)
        strength = Strength.IMPLIED
    reading.parts[-1].add(option, strength)
