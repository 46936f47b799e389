"""Splits a response into words, and finds the options that a sentence names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT = _set("not never")
"""Words that negate an answer. "n't" and "cannot" are split first, so that "not" is a word of its own."""
BE = _set("is are was were be being been seems seem appears appear remains equals means would should must will")
AUXILIARY = _set("can could do does did")
"""Passed over like `GLUE`, but only before "not"."""
JOINS = BE | _set(": = > { →")
"""Words and marks that may join "the answer" and the option."""
GLUE = (
    JOINS
    | NOT
    | _set(
        "the an my our most very really clearly definitely indeed actually in fact also just simply likely probably "
        "certainly obviously evidently completely entirely absolutely strictly overall finally only option choice "
        "letter final correct right best considered deemed judged evaluated as to that with for i we so therefore "
        "thus hence "
        "consequently accordingly conclusion summary well okay ok wait hmm text textbf mathrm ( -"
    )
)
"""Words that may occur between an option and the earlier word that makes it an answer."""
HEDGE = _set(
    "neither partially partly somewhat half mostly maybe perhaps possibly might may could necessarily either sometimes"
)
ANSWERS = _set("answer choice selection match verdict conclusion prediction pick decision solution boxed label winner")
CHOOSING = _set(
    "choose chose chosen choosing pick picked picking select selected selecting opt vote go going say answering "
    "prefer evaluates label mark marked classify classified"
)
STATEMENTS = _set("statement claim caption sentence assertion description hypothesis proposition")
POINTING = _set("it this that which")
TRUTH = _set(
    "true false correct incorrect right wrong yes no valid invalid supported unsupported entailed contradicted "
    "accurate inaccurate"
)
"""Options of which "the statement is X" and "it is X" can speak."""
CONCLUDING = _set("therefore thus hence so consequently accordingly overall conclude conclusion finally final summary")
QUALITY = _set("correct best right better answer match choice closest winner option accurate matching")
MATCHING = _set("match matches fit fits describes corresponds correspond aligns align satisfies wins")
WRONG = _set("incorrect wrong eliminated excluded ruled worse inaccurate")
FORWARD = _set(
    "is are was seems appears would should must be a the much more clearly definitely does do did can also in fact "
    "overall therefore considered one what that"
)
INSTEAD = _set("than over unlike nor neither except without")
"""Directly before an option, these mark it as the one that is not meant."""
CONDITION = _set("if whether unless suppose supposing assuming when had")
OPINION = _set("think believe agree consider say")
CUT = _set("because since as whereas while although though which where unlike given due considering compared : ( ; - ,")
"""Words and marks that end the part of a sentence that states the answer."""
CLAUSE = CUT | _set("but however so then therefore")
CONJUNCTION = _set("or and / nor vs versus")
FUNCTION = _set("a an i no none one all both some the it is as in or and so not to do more less same")
"""Ordinary words; as options they count only at the end of a phrase ("is no." but not "is no dog")."""

UNDECIDED = re.compile(
    r"\b(?:(?:can(?: ?not|'t)|could(?: not|n't)|(?:unable|impossible|hard|difficult|not possible) to)"
    r" (?:determine|tell|say|decide|know)|not sure|unsure|unclear|uncertain)"
    r" (?:whether|if|which|the (?:answer|correct))"
    r"|\b(?:answer|statement|claim|it) (?:is (?:unclear|uncertain|undetermined|ambiguous|inconclusive)"
    r"|(?:can(?: ?not|'t)|could(?: not|n't)) be (?:determined|decided|answered))",
    re.IGNORECASE,
)
"""The model says that it does not know, which withdraws what it said before."""
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = (
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip

_WORD = re.compile(
    r"(?:(?<![\w#])-)?\d+(?:[.,]\d+)*"  # a number, its sign and its decimals
    r"|[^\W\d_]+(?:'[^\W\d_]+)*"  # a word
    r"|[,:;()/=>{}→]|(?<=\s)-(?=\s)"  # the marks that mean something here
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SAME = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"',
    "*": "", "`": "", "~": "", "_": " ", "|": " ", "\\": " ", "$": " ", "\r": "\n", "\u2028": "\n", "\t": " ",
})  # fmt: skip


class AnswerToken(NamedTuple):
    """One word or mark: lower case, as written, and whether a hyphen ties it to the words beside it."""

    word: str
    raw: str
    tied_left: bool = False
    tied_right: bool = False


def plain(text: str) -> str:
    """The text without mark-up and invisible characters, quotes and dashes made uniform."""
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_SAME)
    return re.sub("[\u2013\u2014\u2212]", " - ", text)


def tokens(text: str) -> list[AnswerToken]:
    """Words and meaningful marks in order; "isn't" gives "is", "not" and "it's" gives "it", "is"."""
    return [token for match in _WORD.finditer(text) for token in _split(text, match.start(), match.end())]


def _split(text: str, start: int, end: int) -> Iterator[AnswerToken]:
    raw = text[start:end]
    word = raw.lower()
    if word in ("cannot", "can't"):
        yield from (AnswerToken("can", raw), AnswerToken("not", raw))
    elif word.endswith("n't"):
        yield from (AnswerToken(word[:-3], raw[:-3]), AnswerToken("not", raw))
    elif word.endswith("'s"):
        yield from (AnswerToken(word[:-2], raw[:-2]), AnswerToken("is", raw))
    elif word.endswith(("'d", "'ll")):
        yield from (AnswerToken(word.partition("'")[0], raw.partition("'")[0]), AnswerToken("would", raw))
    else:
        left = text[max(start - 2, 0) : start]
        right = text[end : end + 2]
        yield AnswerToken(
            word,
            raw,
            len(left) == 2 and left[1] == "-" and left[0].isalnum(),
            len(right) == 2 and right[0] == "-" and right[1].isalnum(),
        )


@dataclass(frozen=True, slots=True)
class OptionMention:
    """An option found at words [start, end) of a sentence."""

    option: int
    start: int
    end: int
    phrase: bool
    """True for a form of several words, which an ordinary sentence does not contain by chance."""
    denied: bool = False
    """True when the form itself denies the option ("untrue")."""


@dataclass(frozen=True, slots=True)
class OptionForm:
    """One way to write an option."""

    words: tuple[str, ...]
    option: int
    letter: str = ""
    """For a one-letter option: the letter as the task writes it, so that "a" is not read as A."""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class OptionForms:
    """Every form by its first word, longest first; and options without letters or digits, by their text."""

    by_word: Mapping[str, tuple[OptionForm, ...]]
    symbols: Mapping[str, int]


def option_forms(options: Sequence[str]) -> OptionForms | None:
    """The forms of a task's options, or None where two options would be read alike."""
    taken: dict[tuple[str, ...], OptionForm] = {}
    symbols: dict[str, int] = {}
    for index, option in enumerate(options):
        words = tuple(token.word for token in tokens(plain(option)))
        if not any(character.isalnum() for word in words for character in word):
            symbols[option.strip()] = index
            continue
        if words in taken:
            return None
        letter = option.strip() if len(words) == 1 and len(words[0]) == 1 and words[0].isalpha() else ""
        taken[words] = OptionForm(words, index, letter)
    if len(taken) + len(symbols) < len(options):
        return None
    for form in (*_numbered(list(taken.values())), *_denials(list(taken.values()))):
        taken.setdefault(form.words, form)
    by_word: dict[str, tuple[OptionForm, ...]] = {}
    for form in sorted(taken.values(), key=lambda form: -len(form.words)):
        by_word[form.words[0]] = (*by_word.get(form.words[0], ()), form)
    return OptionForms(by_word, symbols)


def _numbered(forms: Sequence[OptionForm]) -> list[OptionForm]:
    """ "first image", "image one" for options that are one noun with different numbers (IMAGE#1, IMAGE#2)."""
    nouns = {form.words[0] for form in forms}
    if len(nouns) != 1 or any(len(form.words) != 2 or not form.words[1].isdecimal() for form in forms):
        return []
    more: list[OptionForm] = []
    noun = nouns.pop()
    for form in forms:
        number = int(form.words[1][:4])
        if 0 < number < len(NUMBERS):
            more.append(OptionForm((ORDINALS[number], noun), form.option))
            more.append(OptionForm((noun, NUMBERS[number]), form.option))
    return more


def _denials(forms: Sequence[OptionForm]) -> list[OptionForm]:
    """ "untrue" for TRUE, "incorrect" for CORRECT, unless that is itself an option (it is then taken already)."""
    plain_truths = [form for form in forms if len(form.words) == 1 and form.words[0] in TRUTH]
    prefixes = {"true": "un", "correct": "in", "valid": "in", "supported": "un", "accurate": "in"}
    return [
        OptionForm((prefixes[form.words[0]] + form.words[0],), form.option, denied=True)
        for form in plain_truths
        if form.words[0] in prefixes
    ]


def option_mentions(words: Sequence[AnswerToken], forms: OptionForms) -> list[OptionMention]:
    """Options named in a sentence, left to right, the longest form at each place. Linear in the words."""
    found: list[OptionMention] = []
    i = 0
    while i < len(words):
        form = next((form for form in forms.by_word.get(words[i].word, ()) if _matches(words, i, form)), None)
        if form is None:
            i += 1
            continue
        found.append(OptionMention(form.option, i, i + len(form.words), len(form.words) > 1, form.denied))
        i += len(form.words)
    return found


def _matches(words: Sequence[AnswerToken], i: int, form: OptionForm) -> bool:
    end = i + len(form.words)
    here = words[i:end]
    if tuple(token.word for token in here) != form.words or here[0].tied_left or here[-1].tied_right:
        return False
    # An article or a pronoun is no option: a letter in another case counts only in brackets or at the end.
    return not form.letter or here[0].raw == form.letter or end == len(words) or words[end].word in (")", "}")
