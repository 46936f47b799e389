"""Finds the options of a task in a text, as whole words and in the forms in which people write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sparkles_eval.tasks.scorers.strict_text import Token, plain, tokens, word_set

TRUTH = word_set(
    "true false correct incorrect right wrong yes no valid invalid supported unsupported entailed contradicted "
    "accurate inaccurate"
)
"""Options that can complete "the statement is X"."""
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_ORDINALS = ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_PREFIXED = {"true": "un", "correct": "in", "valid": "in", "supported": "un", "accurate": "in"}
_PRONOUN = word_set(
    "think would will choose pick select believe am can conclude see say go have chose was do vote opt prefer"
)
"""After "I", these words show that it is the speaker and not an option."""
_ARTICLE = word_set("resposta opção alternativa letra solução escolha melhor minha")
"""After "A", these words show that it is the Portuguese article."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an option."""

    words: tuple[str, ...]
    option: int
    letter: str = ""
    """For a one-letter option: the letter as the task writes it, so that "a" is not read as A."""
    denied: bool = False
    """True where the form itself denies the option ("untrue")."""


@dataclass(frozen=True, slots=True)
class Forms:
    """Every form by its first word, longest first; and options without letters or digits, by their text."""

    by_word: Mapping[str, tuple[Form, ...]]
    symbols: Mapping[str, int]
    truth: bool
    """True where every option is a word for true or false."""
    percent: bool
    """True where an option has a percent sign, which a reply must then contain."""

    def at(self, words: Sequence[Token], i: int) -> Form | None:
        """The longest form that begins at word `i`, or None."""
        word = words[i].word
        for form in self.by_word.get(word if self.percent else word.removesuffix("%") or word, ()):
            if self._matches(words, i, form):
                return form
        return None

    def _matches(self, words: Sequence[Token], i: int, form: Form) -> bool:
        end = i + len(form.words)
        here = words[i:end]
        said = tuple(t.word if self.percent or t.word == "%" else t.word.removesuffix("%") for t in here)
        if said != form.words or here[0].tied_left or here[-1].tied_right:
            return False
        following = words[end] if end < len(words) else None
        if form.letter == "I" and following is not None and following.word in _PRONOUN:
            return False
        if form.letter == "A" and following is not None and following.word in _ARTICLE:
            return False
        # An article or a pronoun is no option: a letter in another case counts only in brackets or at the end.
        return not form.letter or here[0].raw == form.letter or following is None or _closes(following)


def _closes(token: Token) -> bool:
    return token.ends or token.word in (")", "}", "]", ">", "<")


@lru_cache(maxsize=512)
def forms_of(options: tuple[str, ...]) -> Forms | None:
    """The forms of a task's options, or None where two options would be read alike."""
    taken: dict[tuple[str, ...], Form] = {}
    symbols: dict[str, int] = {}
    for index, option in enumerate(options):
        words = tuple(token.word for token in tokens(plain(option)))
        while words and words[-1] in (".", "!", "?") and len(words) > 1:
            words = words[:-1]
        if not any(character.isalnum() for word in words for character in word):
            if option.strip() in symbols:
                return None
            symbols[option.strip()] = index
            continue
        if words in taken:
            return None
        letter = option.strip() if len(words) == 1 and len(words[0]) == 1 and words[0].isalpha() else ""
        taken[words] = Form(words, index, letter)
    plain_forms = list(taken.values())
    for form in (*_numbered(plain_forms), *_denials(plain_forms)):
        taken.setdefault(form.words, form)
    by_word: dict[str, tuple[Form, ...]] = {}
    for form in sorted(taken.values(), key=lambda form: -len(form.words)):
        by_word[form.words[0]] = (*by_word.get(form.words[0], ()), form)
    truth = bool(plain_forms) and all(len(form.words) == 1 and form.words[0] in TRUTH for form in plain_forms)
    return Forms(by_word, symbols, truth, any("%" in word for form in plain_forms for word in form.words))


def _numbered(forms: Sequence[Form]) -> list[Form]:
    """ "first image", "image one" for options that are one noun with different numbers (IMAGE#1, IMAGE#2)."""
    nouns = {form.words[0] for form in forms}
    if len(nouns) != 1 or any(len(form.words) != 2 or not form.words[1].isdecimal() for form in forms):
        return []
    more: list[Form] = []
    noun = nouns.pop()
    for form in forms:
        number = int(form.words[1][:4])
        more.append(Form((noun, "number", form.words[1]), form.option))
        if 0 < number < len(_NUMBERS):
            more.append(Form((_ORDINALS[number], noun), form.option))
            more.append(Form((noun, _NUMBERS[number]), form.option))
    return more


def _denials(forms: Sequence[Form]) -> list[Form]:
    """ "untrue" for TRUE, "incorrect" for CORRECT, unless that is itself an option (it is then taken already)."""
    truths = [form for form in forms if len(form.words) == 1 and form.words[0] in _PREFIXED]
    return [Form((_PREFIXED[form.words[0]] + form.words[0],), form.option, denied=True) for form in truths]
