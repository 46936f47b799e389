"""Analyses the words of texts: counts, similarity, and a question's root verb with its noun."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Protocol, TypeAlias

from sparkles_eval.data.dialogues.spec import shared_file

Root: TypeAlias = tuple[str, str]
"""Verb and noun in their dictionary forms: ("compare", "mood")."""

SPACY_MODELS = ("en_core_web_sm", "en_core_web_md", "en_core_web_lg")
_WORD = re.compile(r"[^\W_]+(?:['\u2019\-][^\W_]+)*")
_NAMED = re.compile(r"(?:\bIMAGES?\s?)?#\s?[\w.\-]+(?:<Img>.*?</Img>)?", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FUNCTION = _set(
    "a an the this that these those some any each every both all no another other such same and or but nor so yet if "
    "then than as of in on at by for with from to into onto over under between among across through during before "
    "after above below about against within without near next beside beyond like i you he she it we they me him her us "
    "them my your his its our their who whom whose which what when where why how there here is are was were be been "
    "being am do does did done have has had having will would shall should can could may might must not only just very "
    "also too more most less least much many few several lot lots s t re ve ll d m one two three four up down out off "
    "again once please image images picture pictures photo photos photograph scene shows show showing shown seen see "
    "appears appear seems seem visible while because "
    "still nobody somebody everybody anyone anybody someone everyone nothing something anything everything always "
    "never often sometimes itself themselves himself herself myself yourself others around together way thing things"
)
"""Words that do not describe an image, or that every text about images has."""
_AUXILIARY = _set("is are was were be been do does did have has had will would shall should can could may might must")
_STOP_NOUN = _set(
    "of in on at by for with from to into onto over under between among across through during before after above below "
    "about against within without near beside beyond like and or but than as if when where while that which who whom "
    "whose because so how why what is are was were do does did have has had will would can could may might must "
    "should not if there here"
)
_BEFORE_NOUN = _set(
    "a an the this that these those some any each every both all no another other such same my your his its our their "
    "more most many few several much me us one two three main different specific possible detailed short brief new own "
    "any certain overall unique particular key"
)


def tokens(text: str) -> list[str]:
    """The words of a text in lower case; an image's name is one word, "#"."""
    pieces = _NAMED.split(text)
    found: list[str] = []
    for number, piece in enumerate(pieces):
        if number:
            found.append("#")
        found += [word.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for word in _WORD.findall(piece)]
    return found


def count_words(text: str) -> int:
    """The number of words of a text; each image's name counts as one."""
    return len(tokens(text))


def content_words(text: str) -> set[str]:
    """The stems of the content words of a text: no articles, pronouns, prepositions, auxiliaries."""
    return {stem(word) for word in tokens(text) if len(word) > 2 and word not in _FUNCTION and not word.isdigit()}


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without the usual English endings, so that "dogs" and "dog" are equal."""
    word = word.removesuffix("'s").removesuffix("'")
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            cut = word[: len(word) - len(ending)] + instead
            doubled = len(cut) > 3 and cut[-1] == cut[-2] and ending in ("ing", "ed") and cut[-1] not in "sl"
            return cut[:-1] if doubled else cut.removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def shingles(text: str, size: int = 3) -> frozenset[str]:
    """Every sequence of `size` words; a text with fewer words is one sequence."""
    words = tokens(text)
    if len(words) < size:
        return frozenset([" ".join(words)] if words else [])
    return frozenset(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))


# --- root verb and noun ------------------------------------------------------------------------------


class _Token(Protocol):
    """The attributes of a spaCy token that are used."""

    lemma_: str
    dep_: str
    pos_: str

    @property
    def children(self) -> Iterable[_Token]: ...


class _Sentence(Protocol):
    @property
    def root(self) -> _Token: ...


class _Parsed(Protocol):
    @property
    def sents(self) -> Iterable[_Sentence]: ...


def root_finder() -> tuple[str, Callable[[str], Root | None]]:
    """The method that finds roots, by name, and its function: spaCy where it can be loaded, else a rule."""
    if importlib.util.find_spec("spacy") is not None:
        spacy = importlib.import_module("spacy")
        for name in SPACY_MODELS:
            if importlib.util.find_spec(name) is not None:
                return f"spaCy {name}", partial(_parsed_root, spacy.load(name, disable=["ner"]))
    return "rule", rule_root


def _parsed_root(parse: Callable[[str], _Parsed], text: str) -> Root | None:
    """The lemmas of the first sentence's root verb that has a direct object (else a subject), and of that noun."""
    for sentence in parse(_NAMED.sub("it", text)).sents:
        verb = sentence.root
        if verb.pos_ not in ("VERB", "AUX"):
            continue
        nouns = [child for child in verb.children if child.dep_ in ("dobj", "obj", "attr", "nsubj", "nsubjpass")]
        nouns = [child for child in nouns if child.pos_ in ("NOUN", "PROPN")]
        best = min(nouns, key=lambda child: child.dep_.startswith("nsubj"), default=None)
        if best is not None:
            return verb.lemma_.lower(), best.lemma_.lower()
    return None


def rule_root(text: str) -> Root | None:
    """Find verb and noun of a question by rule, without a parser; None where there are none.

    Sentence by sentence, questions first: the first word that dialogues/_shared/verbs.txt lists (in any of its forms)
    is the verb. The noun is the last word of the run of words after it, up to a preposition, a conjunction or the end
    of the clause, without determiners; if there is none, that of "what ..." or "which ..." before it, else that of the
    words before the verb.
    """
    sentences = _SENTENCE.findall(text)
    for sentence in sorted(sentences, key=lambda said: not said.rstrip().endswith("?")):
        clause = re.split(r"[,;:]", sentence)
        for part in [sentence, *clause] if len(clause) > 1 else [sentence]:
            if found := _clause_root(tokens(part)):
                return found
    return None


def _clause_root(words: Sequence[str]) -> Root | None:
    verbs = _verbs()
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word not in verbs or before in ("what", "which") or before in _BEFORE_NOUN - {"me", "us"}:
            continue
        noun = _noun(words[place + 1 :]) or _fronted(words[:place]) or _noun(words[:place], last=True)
        if noun:
            return verbs[word], noun
    return None


def _noun(words: Sequence[str], *, last: bool = False) -> str | None:
    """The head of the first (or last) run of words that are not function words."""
    runs: list[list[str]] = [[]]
    for word in words:
        if word == "#" and not last and not any(runs):
            return None  # "compare IMAGE#1": what is compared is an image
        participle = bool(runs[-1]) and word.endswith(("ed", "ing")) and word in _verbs()
        if word == "#" or word in _STOP_NOUN or word in _AUXILIARY or participle:
            runs.append([])
        elif word not in _BEFORE_NOUN and word not in _FUNCTION and not word.endswith("ly"):
            runs[-1].append(word)
    filled = [run for run in (reversed(runs) if last else runs[:1] or runs) if run]
    if not filled or len(filled[0]) > 4 or (last and filled[0][-1] in _verbs()):
        return None
    return singular(filled[0][-1])


def _fronted(words: Sequence[str]) -> str | None:
    """The noun of "what similarities do you ..."."""
    for place, word in enumerate(words):
        if word in ("what", "which"):
            return _noun(words[place + 1 :])
    return None


def singular(noun: str) -> str:
    """A plural noun's singular by the usual endings."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")):
        if noun.endswith(ending) and len(noun) > len(ending) + 1:
            return noun.removesuffix(ending) + instead
    plain = noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 3
    return noun[:-1] if plain else noun


@lru_cache(maxsize=1)
def _verbs() -> dict[str, str]:
    """Every form of the listed verbs, with the verb."""
    forms: dict[str, str] = {}
    for line in shared_file("verbs.txt").read_text(encoding="utf-8").splitlines():
        first, *others = line.partition("#")[0].split()[:6] or [""]
        if not first:
            continue
        base = first.removesuffix("e")
        for form in (first, f"{first}s", f"{first}es", f"{base}ing", f"{base}ed", *others):
            forms.setdefault(form, first)
        if first.endswith("y"):
            forms.setdefault(f"{first[:-1]}ies", first)
            forms.setdefault(f"{first[:-1]}ied", first)
    return forms
