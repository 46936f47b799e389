"""Where a sentence names the options of a task: their written forms, as whole words. Knows nothing of answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.tasks.answers_words import NUMBERS, ORDINALS, TRUTH, Token, plain, tokens


@dataclass(frozen=True, slots=True)
class Mention:
    """An option found at words [start, end) of a sentence."""

    option: int
    start: int
    end: int
    phrase: bool
    """True for a form of several words, which no ordinary sentence holds by chance."""
    denied: bool = False
    """True when the form itself denies the option ("untrue")."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an option."""

    words: tuple[str, ...]
    option: int
    letter: str = ""
    """For a one-letter option: the letter as the task writes it, so that "a" is not read as A."""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Forms:
    """Every form by its first word, longest first; and options without letters or digits, by their text."""

    by_word: Mapping[str, tuple[Form, ...]]
    symbols: Mapping[str, int]


def forms_of(options: Sequence[str]) -> Forms | None:
    """The forms of a task's options, or None where two options would be read alike."""
    taken: dict[tuple[str, ...], Form] = {}
    symbols: dict[str, int] = {}
    for index, option in enumerate(options):
        words = tuple(token.word for token in tokens(plain(option)))
        if not any(character.isalnum() for word in words for character in word):
            symbols[option.strip()] = index
            continue
        if words in taken:
            return None
        letter = option.strip() if len(words) == 1 and len(words[0]) == 1 and words[0].isalpha() else ""
        taken[words] = Form(words, index, letter)
    if len(taken) + len(symbols) < len(options):
        return None
    for form in (*_numbered(list(taken.values())), *_denials(list(taken.values()))):
        taken.setdefault(form.words, form)
    by_word: dict[str, tuple[Form, ...]] = {}
    for form in sorted(taken.values(), key=lambda form: -len(form.words)):
        by_word[form.words[0]] = (*by_word.get(form.words[0], ()), form)
    return Forms(by_word, symbols)


def _numbered(forms: Sequence[Form]) -> list[Form]:
    """ "first image", "image one" for options that are one noun with different numbers (IMAGE#1, IMAGE#2)."""
    nouns = {form.words[0] for form in forms}
    if len(nouns) != 1 or any(len(form.words) != 2 or not form.words[1].isdecimal() for form in forms):
        return []
    more: list[Form] = []
    noun = nouns.pop()
    for form in forms:
        number = int(form.words[1][:4])
        if 0 < number < len(NUMBERS):
            more.append(Form((ORDINALS[number], noun), form.option))
            more.append(Form((noun, NUMBERS[number]), form.option))
    return more


def _denials(forms: Sequence[Form]) -> list[Form]:
    """ "untrue" for TRUE, "incorrect" for CORRECT, unless that is itself an option (it is then taken already)."""
    plain_truths = [form for form in forms if len(form.words) == 1 and form.words[0] in TRUTH]
    prefixes = {"true": "un", "correct": "in", "valid": "in", "supported": "un", "accurate": "in"}
    return [
        Form((prefixes[form.words[0]] + form.words[0],), form.option, denied=True)
        for form in plain_truths
        if form.words[0] in prefixes
    ]


def mentions_in(words: Sequence[Token], forms: Forms) -> list[Mention]:
    """Options named in a sentence, left to right, the longest form at each place. Linear in the words."""
    found: list[Mention] = []
    i = 0
    while i < len(words):
        form = next((form for form in forms.by_word.get(words[i].word, ()) if _matches(words, i, form)), None)
        if form is None:
            i += 1
            continue
        found.append(Mention(form.option, i, i + len(form.words), len(form.words) > 1, form.denied))
        i += len(form.words)
    return found


def _matches(words: Sequence[Token], i: int, form: Form) -> bool:
    end = i + len(form.words)
    here = words[i:end]
    if tuple(token.word for token in here) != form.words or here[0].tied_left or here[-1].tied_right:
        return False
    # An article or a pronoun is no option: a letter in another case counts only in brackets or at the end.
    return not form.letter or here[0].raw == form.letter or end == len(words) or words[end].word in (")", "}")
