"""Splits an answer into tokens that the claim reader understands: images, numbers, nouns, values, negation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from sparkles_eval.core import Fact
from sparkles_eval.synthetic import scene


class T(Enum):
    """Kinds of tokens."""

    IMAGE = auto()
    """One or several images, by ids; without ids for an image that was never shown."""
    NUMBER = auto()
    ARTICLE = auto()
    NOUN = auto()
    VALUE = auto()
    """A value of an attribute of a thing: red, big, top left."""
    SCENERY = auto()
    """A value of an attribute of the whole picture: meadow."""
    PART = auto()
    """Half of a position: top, left."""
    NOT = auto()
    MORE = auto()
    FEWER = auto()
    EQUAL = auto()
    THAN = auto()
    BREAK = auto()
    """A word or mark between two parts of a sentence."""
    WORD = auto()


@dataclass(frozen=True, slots=True)
class FactToken:
    """A word or phrase; `value` is its canonical form, `attribute` that of a VALUE, `images` the ids of an IMAGE."""

    kind: T
    value: str
    attribute: str = ""
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageScope:
    """The images that an answer can mention, by id: those of the turn, and all so far, in order of appearance."""

    turn: tuple[str, ...]
    all: tuple[str, ...]

    @property
    def pair(self) -> tuple[str, ...]:
        """The two images of "both images", where that is clear."""
        return next((ids for ids in (self.turn, self.all) if len(ids) == 2), ())


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The known nouns and values by the words for them, and the pattern that finds all tokens."""

    nouns: Mapping[str, str]
    values: Mapping[str, tuple[str, str]]
    """Words to (attribute, canonical value)."""
    scenery: frozenset[str]
    """Attributes of the whole picture."""
    pattern: re.Pattern[str]

    def subject(self, text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        """A fact's subject as noun and qualities: "red star" -> ("star", (("colour", "red"),))."""
        pieces, qualities = text.lower().split(), []
        while len(pieces) > 1 and pieces[0] in self.values:
            qualities.append(self.values[pieces.pop(0)])
        noun = " ".join(pieces)
        return self.nouns.get(noun, noun), tuple(qualities)


_TABLES = {
    "colour": (*scene.COLOURS, *scene.OTHER_COLOURS),
    "size": scene.SIZES,
    "position": (*scene.CELLS, scene.Word("middle", others=("centre", "center"))),
    "background": scene.BACKGROUNDS,
}
_OWN = ("count", "most")
"""Attributes whose values are read by rule, not by the lexicon."""


def lexicon_for(facts: Iterable[Fact]) -> Lexicon:
    """The vocabulary of the drawn scenes with the words of these facts."""
    return _lexicon(tuple(sorted({(f.subject, f.attribute, *sorted((f.value, *f.alternatives))) for f in facts})))


@lru_cache(maxsize=256)
def _lexicon(facts: tuple[tuple[str, ...], ...]) -> Lexicon:
    values = {
        form: (attribute, word.name)
        for attribute, table in _TABLES.items()
        for word in table
        for form in (word.name, *word.others)
    }
    nouns = {form: word.name for word in scene.KINDS for form in (word.name, word.plural, *word.others)}
    for _, attribute, *forms in facts:
        if attribute not in _OWN:
            for form in forms:
                values.setdefault(form.lower(), (attribute, form.lower()))
    for subject, attribute, *_ in facts:
        pieces = subject.lower().split()
        while len(pieces) > 1 and pieces[0] in values:
            del pieces[0]
        noun = " ".join(pieces)
        if noun and noun != attribute and noun not in nouns:
            nouns[noun] = nouns[_plural(noun)] = noun
    scenery = {"background", *(attribute for subject, attribute, *_ in facts if subject == attribute)}
    return Lexicon(nouns, values, frozenset(scenery), _pattern(nouns, values))


def _plural(noun: str) -> str:
    """The usual plural: buses, berries, cars."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"


_ORDINALS = {
    **dict.fromkeys(("first", "1st", "one", "former"), 0),
    **dict.fromkeys(("second", "2nd", "two"), 1),
    **dict.fromkeys(("third", "3rd", "three"), 2),
    **dict.fromkeys(("fourth", "4th", "four"), 3),
    **dict.fromkeys(("last", "latter", "latest", "final", "new", "newest"), -1),
}
_NUMBERS = {word: str(value) for value, word in enumerate(scene.NUMBERS)}
_NUMBERS |= {"none": "0", "single": "1", "pair of": "2", "couple of": "2"}
_PICTURE = r"(?:images?|pictures?|pics?|photos?|scenes?|drawings?|illustrations?)"
_FEW = r"(?:\d{1,3}|zero|one|two|three|four|five|six|seven|eight|nine|ten)"

_END = r"(?:(?![\w'])|(?='s (?:colou?r|size|position|location|place)\b))"
"""The end of a noun or value. "The house's roof" is not about the house; "the house's colour" is."""

_RULES: tuple[tuple[str, str], ...] = (
    ("named", r"(?:image|img|picture|photo)s?\s?#\s?([\w-]+)"),
    ("ordered", rf"(?:the )?(first|1st|second|2nd|third|3rd|fourth|4th|last|latest|final|newest|new) {_PICTURE}\b"),
    ("numbered", rf"{_PICTURE} (?:no\.? ?|number )?(\d{{1,4}}|one|two|three|four)\b"),
    ("sided", rf"(?:the )?(left|right|middle|center|centre)(?:-?most|-hand)? {_PICTURE}\b"),
    ("sided_after", rf"{_PICTURE} (?:on|to|at|in) the (left|right|middle|center|centre)\b"),
    ("both", rf"(?:both|these two|the two|neither|either)(?: of)?(?: the)?(?: two)? (?:{_PICTURE}|them)\b|in both\b"),
    ("every", rf"(?:all|each|every)(?: of)?(?: the)?(?: (?:two|three|four|\d))? (?:{_PICTURE}|them)\b|in each\b"),
    ("this", rf"this (?:new |last )?{_PICTURE}\b"),
    ("former", r"the (first|second|third|fourth|former|latter|last)\b(?: one\b)?"),
    ("other", rf"the other (?:one )?(?:{_PICTURE}\b|(?=(?:has|shows|contains|had|showed)\b))"),
    ("decimal", r"\d+[.,]\d+"),
    ("vague", rf"(?:(?:more|fewer|less) than|at least|at most|up to) {_FEW}\b|{_FEW} or (?:more|less|fewer)\b"),
    ("gap", rf"(?:an?|{_FEW}) (?:more|fewer|less|extra|additional)\b|(?:twice|half) as many\b"),
    ("some", rf"(?:{_FEW}|both|some|all|each|none) of (?:the|them|these|those|its)\b"),
    ("equal", r"(?:same|equal|identical) (?:number|amount|count)s?\b|equally many\b|equal in number\b|as many\b"),
    ("more", r"(?:more|most|greater number|(?:highest|larger|largest|higher) (?:number|count|amount))\b"),
    ("fewer", r"(?:fewer|fewest|less|least|(?:lowest|smaller|smallest|lower) (?:number|count|amount))\b"),
    ("than", r"(?:than|compared (?:to|with)|in comparison (?:to|with)|versus|vs)\b"),
    ("nouns", ""),
    ("values", ""),
    ("part", r"(?:at|on|in|near|towards?|to) the (top|bottom|left|right|upper|lower)\b(?! of |[ -](?:left|right)\b)"),
    ("number", rf"({_FEW}|none|single|pair of|couple of)\b(?!\.\d|%|/)"),
    ("article", r"(?:an?|another)\b"),
    ("no", r"(?:not|no|without|never|neither|nor|cannot|[a-z]+n't)\b"),
    ("break", r" - |(?:and|but|while|whilst|whereas|however|though|although|or|plus|with|also)\b"),
    ("word", r"[a-z0-9'%/]+"),
)


def _pattern(nouns: Mapping[str, str], values: Mapping[str, tuple[str, str]]) -> re.Pattern[str]:
    def any_of(forms: Iterable[str]) -> str:
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        return "(?:" + "|".join(re.escape(form).replace(r"\ ", "[ -]") for form in longest_first) + f"){_END}"

    own = {"nouns": any_of(nouns), "values": any_of(values)}
    groups = [f"(?P<{name}>{own.get(name) or _flat(rule)})" for name, rule in _RULES]
    return re.compile(r"(?<!\w)(?:" + "|".join(groups) + r")|(?P<mark>[,;()\u2013\u2014])")


def _flat(rule: str) -> str:
    """The rule without its own groups, so that the name of the matching group identifies the rule."""
    return re.sub(r"\((?!\?)", "(?:", rule)


_INNER = {name: re.compile(rule) for name, rule in _RULES if rule}
_KINDS = {"more": T.MORE, "fewer": T.FEWER, "equal": T.EQUAL, "than": T.THAN, "article": T.ARTICLE, "no": T.NOT}


def tokens(sentence: str, lexicon: Lexicon, scope: ImageScope) -> Iterator[FactToken]:
    """The tokens of a sentence in lower case."""
    for match in lexicon.pattern.finditer(sentence):
        rule, text = match.lastgroup or "", match[0]
        if rule == "nouns":
            yield FactToken(T.NOUN, lexicon.nouns[text.replace("-", " ")])
        elif rule == "values":
            attribute, value = lexicon.values[text.replace("-", " ")]
            yield FactToken(T.SCENERY if attribute in lexicon.scenery else T.VALUE, value, attribute)
        elif rule in _KINDS:
            yield FactToken(_KINDS[rule], text)
        elif rule in ("break", "mark"):
            yield FactToken(T.BREAK, text.strip())
        elif rule == "number":
            yield FactToken(T.NUMBER, _NUMBERS.get(text, text))
        elif rule == "part":
            yield FactToken(
                T.PART, {"upper": "top", "lower": "bottom"}.get(word := _inner(rule, text), word), "position"
            )
        elif rule in ("word", "decimal", "vague", "gap", "some"):
            yield FactToken(T.MORE if rule == "gap" and " more" in text else T.WORD, text)
        elif rule == "this" and len(scope.turn) != 1:
            yield FactToken(T.WORD, text)
        else:
            if text.startswith("neither"):
                yield FactToken(T.NOT, "neither")
            yield FactToken(T.IMAGE, rule, images=_images(rule, text, scope))


def _inner(rule: str, text: str) -> str:
    """The text of the rule's own group."""
    match = _INNER[rule].match(text)
    return match[1] if match and match.re.groups else ""


def _images(rule: str, text: str, scope: ImageScope) -> tuple[str, ...]:
    """The images that a phrase means; empty where it is ambiguous or no image has that name."""
    several = scope.turn if len(scope.turn) > 1 else scope.all
    groups = {"both": scope.pair, "this": scope.turn, "every": several, "other": ()}
    if rule in groups:
        return groups[rule]
    word = _inner(rule, text)
    by_name = tuple(image for image in scope.all if image.lower() == word)
    if rule == "named" or (rule == "numbered" and by_name):
        return by_name
    if rule.startswith("sided"):
        return _sided(word, scope)
    at = int(word) - 1 if word.isdigit() else _ORDINALS[word]
    return scope.all[at : at + 1 or None] if -1 <= at < len(scope.all) else ()


def _sided(word: str, scope: ImageScope) -> tuple[str, ...]:
    """Left, right or middle of the images that were shown side by side: the turn's, or those before it."""
    row: Sequence[str] = scope.turn if len(scope.turn) > 1 else scope.all[: len(scope.all) - len(scope.turn)]
    if len(row) < 2 or (word not in ("left", "right") and len(row) != 3):
        return ()
    return (row[{"left": 0, "right": -1}.get(word, 1)],)
