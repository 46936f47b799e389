"""Splits a sentence into clauses and decides for each whether it can state an answer.

Conditions, concessions, explanations and the opinions of others cannot. In a clause, every option is replaced by one
sign (see `strict_grammar`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.tasks.scorers.strict_grammar import BASE
from sparkles_eval.tasks.scorers.strict_options import Forms
from sparkles_eval.tasks.scorers.strict_text import Token, word_set

_MAIN = word_set("so therefore thus hence consequently accordingly but however yet")
"""Words that begin a main clause."""
_ASIDE = word_set(
    "because since as while whereas although though albeit given where which who whose whom despite considering "
    "due weil obwohl da denn porque aunque puisque bien perché sebbene embora except even"
)
"""Words that begin an explaining or conceding clause."""
_CONDITION = word_set(
    "if unless provided assuming suppose supposing otherwise were had lest whether when only wenn falls si se если"
)
"""Words that begin a condition, which withdraws what comes directly before it and applies to what follows it."""
_CONDITION_SIGNS = frozenset("\u5982\u82e5\u5047\u308b\u3082\ub9cc")
_BREAKS = word_set("but however yet aber mais pero ma mas но")
"""Words that end the scope of a condition."""
_TENTATIVE = re.compile(
    r"\b(?:glance|sight|initially|hypothetically|theoretically|superficially|normally|otherwise|originally|previously|"
    r"someone|somebody|some|others|people|critics|says?|said|claim(?:s|ed)?|argue[sd]?|suggest(?:s|ed)?|thinks|thought|"
    r"believed|assumed|asked|might|may|could|would|tempting|tempted|expect|expected|if|unless|were|had|imagine|suppose|"
    r"pretend|mistaken(?:ly)?|at first|first i)\b"
)
"""Words of an opening that mark what follows as another person's or an earlier opinion."""
_DENYING = word_set("wrong incorrect not no unlikely impossible eliminated rejected out false")


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a sentence. `free` is False where it cannot state an answer, whatever its words."""

    text: str
    lead: str = ""
    """The word or mark that begins it; "" for a sentence's first."""
    free: bool = True


def signed(words: Sequence[Token], forms: Forms) -> list[str]:
    """The words of a sentence, with every option replaced by its sign."""
    found: list[str] = []
    i = 0
    while i < len(words):
        form = forms.at(words, i)
        if form is None:
            found += [words[i].word] if words[i].word not in (".", "!", "?", "\u2026", '"') else []
            i += 1
        else:
            found += (["not"] if form.denied else []) + [chr(BASE + form.option)]
            i += len(form.words)
    return found


def clauses(items: Sequence[str]) -> list[Clause]:
    """The clauses of one sentence, in order. Linear in its words."""
    raw = _cut(_without_asides(items))
    found: list[Clause] = []
    governed = aside = False
    for number, (lead, words) in enumerate(raw):
        text = " ".join(words)
        if lead in _BREAKS or lead == ";":
            governed = aside = False
        elif lead in _MAIN or (aside and number and lead == "," and found[0].lead in _ASIDE and number == 1):
            aside = False
        if _conditional(lead, words):
            governed = True
            if found and lead != "otherwise":
                found[-1] = Clause(found[-1].text, found[-1].lead, free=False)
        if lead in _ASIDE:
            aside = True
        elif lead == "," and found and found[0].lead in _ASIDE and number == 1:
            aside = False
        found.append(Clause(text, lead, free=not governed and not aside))
        if not governed and lead not in _ASIDE and not is_sign_only(text) and _TENTATIVE.search(text):
            governed = True
    return found


def is_sign_only(text: str) -> bool:
    """True for a clause that is one sign and nothing else."""
    return len(text) == 1 and ord(text) >= BASE


def _conditional(lead: str, words: Sequence[str]) -> bool:
    if lead in _CONDITION:
        return not (lead == "when" and words[:1] in (["looking"], ["comparing"], ["considering"]))
    return bool(words) and words[0] in _CONDITION_SIGNS


def _cut(items: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(lead, words) of every clause. Commas between options of a list do not split."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for i, word in enumerate(items):
        following = items[i + 1] if i + 1 < len(items) else ""
        before = items[i - 1] if i else ""
        last = found[-1][1]
        begins = word in _MAIN or word in _ASIDE or word in _CONDITION
        if word == "," and not last and found[-1][0] not in (",", ";", ""):
            continue  # "Therefore, ..."
        if word in (",", ";"):
            if not (word == "," and _signs(before) and _lists(items, i)):
                found.append((word, []))
                continue
        elif word == "which" and following in ("makes", "means", "renders", "indicates"):
            found.append((",", []))
            continue
        elif begins and not _inside(word, before, following, last):
            if last or found[-1][0] not in (",", ";", ""):
                found.append((word, []))
            else:
                found[-1] = (word, [])
            continue
        found[-1][1].append(word)
    return [(lead, words) for lead, words in found if words or lead]


def _inside(word: str, before: str, following: str, last: Sequence[str]) -> bool:
    """True where a leading word does not begin a clause, as in "even if", "as well as", "just as", "if not"."""
    if word == "as":
        return (
            following in ("the", "my", "a", "an", "well", "follows", "given", "opposed")
            or _signs(following)
            or (before in ("well", "such", "just", "same", "so", "far"))
        )
    if word == "even":
        return following not in ("if", "though", "when")
    if word in ("if", "when", "though") and before in ("even", "as"):
        return True
    if word == "so":
        return following in ("that", "much", "i", "far") or before in ("or", "not", "is")
    if word in ("had", "were", "only", "given", "due", "yet"):
        return bool(last) or (word == "given" and following in ("caption", "statement", "options", "image", "images"))
    return word == "which" and before in ("for", "of", "in", "image", "picture", "one")


def _lists(items: Sequence[str], i: int) -> bool:
    """True for a comma inside a list of options, or before "not" and an option."""
    behind = list(items[i + 1 : i + 4])
    while behind and behind[0] in ("and", "or", "not"):
        if len(behind) > 1 and _signs(behind[1]):
            return True
        behind = behind[1:]
    return bool(behind) and _signs(behind[0]) and (len(behind) == 1 or behind[1] in (",", "and", "or", "/", ":"))


def _signs(text: str) -> bool:
    return is_sign_only(text)


def _without_asides(items: Sequence[str]) -> list[str]:
    """The words without text in brackets, except an option alone, "(B)", or a condition."""
    found: list[str] = []
    opened: list[int] = []
    for word in items:
        if word in ("(", "[", "{"):
            opened.append(len(found))
            found.append("(")
        elif word in (")", "]", "}"):
            if not opened:
                found.append(")")
                continue
            begin = opened.pop()
            inner = found[begin + 1 :]
            del found[begin:]
            if len(inner) == 1 and is_sign_only(inner[0]):
                found += [inner[0], ")"]
            elif _DENYING.intersection(inner) and not any(map(is_sign_only, inner)):
                found += inner  # "A (wrong)" is no option alone
            elif inner and (inner[0] in _CONDITION or inner[0] in ("only", "partially", "partly")):
                found += [",", "if", *inner[1:], ","]
        else:
            found.append(word)
    return [word for word in found if word not in ("(", "<", ">")]
