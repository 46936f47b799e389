"""Reads the claims of an answer about each image: counts, values, and which image has more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sparkles_eval.synthetic.facts.clauses import CLEAR, FactClause, Mention, parse_clause
from sparkles_eval.synthetic.facts.lexicon import FactToken, ImageScope, Lexicon, T, tokens

LONGEST = 20_000
"""Characters of an answer that are read; the rest is ignored."""
SAME = "the same"


@dataclass(frozen=True, slots=True)
class MostClaim:
    """A claim that `winner` ("IMAGE#2", or "the same") has the most of a noun, over `images` where they are named."""

    noun: str
    winner: str
    images: tuple[str, ...]
    denied: bool = False


@dataclass(slots=True)
class AnswerClaims:
    """Everything that one answer claims."""

    mentions: list[Mention] = field(default_factory=list)
    most: list[MostClaim] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    """What carries over from sentence to sentence: the images mentioned last, and the noun."""

    images: tuple[str, ...]
    noun: str = ""
    named: tuple[str, ...] = ()


def read_claims(text: str, scope: ImageScope, lexicon: Lexicon, asked: Mapping[str, str]) -> AnswerClaims:
    """Read an answer's claims. `asked`: the question's noun by attribute, for one-word answers."""
    reading = AnswerClaims()
    state = _State(scope.turn if len(scope.turn) == 1 else ())
    for sentence in sentences(text):
        found = _tidied(list(tokens(sentence, lexicon, scope)))
        if not found:
            continue
        _read_most(found, scope, state, asked, reading)
        _read_mentions(found, sentence, scope, state, asked, reading)
    return reading


_REFUSAL = re.compile(
    r"\b(?:can(?:not|'t| not)|could(?:n't| not)|unable|not (?:sure|certain|able|clear)|unsure|uncertain|unclear|"
    r"(?:do not|don't) know|impossible|hard to|difficult to|whether|if)\b.*?(?=\bbut\b|\bhowever\b|$)"
)
_NOISE = re.compile(
    r"\[\[[^\]\n]{0,40}\]\]|\brat(?:ing|e|ed)s?\b[^.\n]*|\b\d+ out of \d+\b"  # points that an answer gives itself
    r"|```|[*_`\"“”]|(?m:^\s*(?:\d{1,2}[.)]|[-•+])\s+)"  # mark-up and the marks of lists
)
_END = re.compile(r"(?<=[.!?])\s+|[\n;]+")


def sentences(text: str) -> list[str]:
    """The assertions of a text in lower case, without questions, "I cannot tell", mark-up and ratings."""
    plain = _NOISE.sub(" ", text[:LONGEST].lower().replace("\u2019", "'"))
    pieces = (piece.strip() for piece in _END.split(plain))
    return [_REFUSAL.sub(" ", piece) for piece in pieces if piece and not piece.endswith("?")]


def _tidied(found: list[FactToken]) -> list[FactToken]:
    """Tokens without misleading ones ("the first star", "that one", "No, ..."), with lists of images as one token."""
    kept: list[FactToken] = []
    for at, token in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else FactToken(T.BREAK, "")
        before = kept[-1] if kept else FactToken(T.BREAK, "")
        if token.value == "former" and after.kind in (T.NOUN, T.VALUE, T.NUMBER):
            kept.append(FactToken(T.WORD, token.value))
        elif token.kind is T.NUMBER and token.value == "1" and before.value in ("the", "that", "this", "which"):
            if after.kind is T.NOUN:
                kept.append(token)
        elif not (token.kind is T.NOT and token.value in ("no", "not") and after.kind is T.BREAK):
            kept.append(token)
    return _joined([token for at, token in enumerate(kept) if not _between_adjectives(kept, at)])


def _between_adjectives(found: Sequence[FactToken], at: int) -> bool:
    """True for the comma of "a big, red star"."""
    if found[at].value != "," or at + 1 == len(found):
        return False
    start = at
    while start and _adjective(found[start - 1]):
        start -= 1
    end = at + 1
    while end < len(found) and _adjective(found[end]):
        end += 1
    opens = start and (found[start - 1].kind in (T.ARTICLE, T.NUMBER) or found[start - 1].value == "the")
    return bool(opens) and at + 1 < end < len(found) and start < at and found[end].kind is T.NOUN


def _adjective(token: FactToken) -> bool:
    return token.kind is T.VALUE or (token.kind is T.WORD and token.value in CLEAR)


_SINGULAR = ("has", "have", "shows", "show", "contains", "contain", "there", "is")


def _joined(found: list[FactToken]) -> list[FactToken]:
    """Join "IMAGE#1, IMAGE#2 and IMAGE#3" to one token, but not in "two in IMAGE#1 and IMAGE#2 has three"."""
    made: list[FactToken] = []
    for at, token in enumerate(found):
        run = len(made) > 1 and token.kind is T.IMAGE and made[-1].kind is T.BREAK and made[-2].kind is T.IMAGE
        if run and made[-1].value in ("and", "or", ","):
            content = any(t.kind in (T.NUMBER, T.NOUN, T.VALUE, T.SCENERY) for t in made[:-2])
            after = found[at + 1].value if at + 1 < len(found) else ""
            listed = made[-1].value != "," or _ends_in_and(found[at + 1 :])
            if listed and not (content and after in _SINGULAR):
                made[-2:] = [replace(token, value="list", images=(*made[-2].images, *token.images))]
                continue
        made.append(token)
    return made


def _ends_in_and(rest: Sequence[FactToken]) -> bool:
    """True for ", and IMAGE#3" and "and IMAGE#3", which show that the comma before belongs to a list."""
    kinds = [token.kind for token in rest[:3]]
    values = [token.value for token in rest[:2]]
    return (kinds[:2] == [T.BREAK, T.IMAGE] and values[0] == "and") or (
        kinds == [T.BREAK, T.BREAK, T.IMAGE] and values == [",", "and"]
    )


_CONTRASTS = ("but", "while", "whilst", "whereas", "however", "though", "although")


def _read_most(
    found: list[FactToken], scope: ImageScope, state: _State, asked: Mapping[str, str], reading: AnswerClaims
) -> None:
    """Add the claims of a sentence about which image has more, for each contrasted part."""
    parts: list[list[FactToken]] = [[]]
    for token in found:
        if token.kind is T.BREAK and token.value in _CONTRASTS:
            parts.append([])
        else:
            parts[-1].append(token)
    for part in parts:
        if claim := _most(part, scope, state, asked):
            reading.most.append(claim)


def _most(found: list[FactToken], scope: ImageScope, state: _State, asked: Mapping[str, str]) -> MostClaim | None:
    at = next((i for i, token in enumerate(found) if token.kind in (T.MORE, T.FEWER, T.EQUAL)), None)
    named = tuple(dict.fromkeys(image for token in found for image in token.images))
    if at is None:
        # "IMAGE#2." or "It is IMAGE#2." as the answer to which image has the most.
        alone = len(named) == 1 and len(found) <= 6 and all(t.kind in (T.IMAGE, T.WORD) for t in found)
        return MostClaim(asked["most"], f"IMAGE#{named[0]}", ()) if alone and asked.get("most") else None
    nouns = [token.value for token in found if token.kind is T.NOUN]
    noun = nouns[0] if nouns else state.noun or asked.get("most", "")
    denials = [token.value for token in found[:at] if token.kind is T.NOT]
    if found[at].kind is T.EQUAL:
        return MostClaim(noun, SAME, named, bool(denials))
    more, other = _compared(found, at, scope, state)
    winner = more if found[at].kind is T.MORE else other
    if not winner or "neither" in denials:
        return None
    return MostClaim(noun, f"IMAGE#{winner}", named, bool(denials))


def _compared(found: list[FactToken], at: int, scope: ImageScope, state: _State) -> tuple[str, str]:
    """The image that has more (or fewer), and the one after "than"; "" where none is named."""
    than = next((i for i, token in enumerate(found) if token.kind is T.THAN), len(found))
    single = [i for i, token in enumerate(found) if len(token.images) == 1]
    # "Compared to IMAGE#1, IMAGE#2 has more": the image directly after "than" is the other one, in any position.
    behind = next((i for i in single if i > than), None)
    leading = [i for i in single if i < at and i != behind]
    trailing = [i for i in single if i > at and i != behind]
    other = "" if behind is None else found[behind].images[0]
    if leading or trailing:
        return found[leading[-1] if leading else trailing[0]].images[0], other
    for spoken_of in (state.images, scope.turn):
        if other and len(spoken_of) == 1 and spoken_of[0] != other:
            return spoken_of[0], other
    return "", other


def _read_mentions(
    found: list[FactToken],
    sentence: str,
    scope: ImageScope,
    state: _State,
    asked: Mapping[str, str],
    reading: AnswerClaims,
) -> None:
    """Add the mentions of a sentence, each with the images that it is about."""
    clauses = _clauses(found)
    _place(clauses, scope, state)
    if "respectively" in sentence and (paired := _respectively(found, state, asked)):
        reading.mentions += paired
        return
    together = re.search(r"\b(?:total|together|altogether|combined|in all)\b", sentence) is not None
    for clause in clauses:
        for mention in clause.mentions:
            noun = mention.noun or state.noun or asked.get(mention.attribute, "")
            state.noun = noun or state.noun
            made = replace(mention, noun=noun, images=clause.images, implicit=clause.implicit)
            if together and len(clause.images) != 1:
                made = replace(made, number=None)
            last = reading.mentions[-1] if reading.mentions else None
            if last and not mention.noun and mention.values and mention.number is None and made.same_thing(last):
                # "There are two stars. Both are red.": said of those two.
                reading.mentions[-1] = replace(last, after=(*last.after, *mention.values))
            else:
                reading.mentions.append(made)


def _clauses(found: list[FactToken]) -> list[FactClause]:
    """Split a sentence at breaks and at "than" and parse each piece; a place alone joins its neighbour."""
    pieces: list[list[FactToken]] = [[]]
    for token in found:
        if token.kind in (T.BREAK, T.THAN):
            pieces.append([token] if token.kind is T.THAN else [])
        else:
            pieces[-1].append(token)
    clauses: list[FactClause] = []
    held: tuple[tuple[str, str], ...] = ()
    for piece in pieces:
        if held and any(token.kind is T.IMAGE for token in piece):
            clauses[-1].mentions.append(Mention(after=held))
            held = ()
        clause = parse_clause(piece, held)
        held = ()
        if clause.places:
            last = next((c for c in reversed(clauses) if c.mentions), None)
            if last is not None and "position" not in dict(last.mentions[-1].values):
                last.mentions[-1] = replace(last.mentions[-1], after=(*last.mentions[-1].after, *clause.places))
            else:
                held = clause.places
        clauses.append(clause)
    if held:
        clauses.append(FactClause([Mention(after=held)]))
    return clauses


def _place(clauses: list[FactClause], scope: ImageScope, state: _State) -> None:
    """Decide which images each clause is about."""
    own = [at for at, clause in enumerate(clauses) if clause.named]
    for at, clause in enumerate(clauses):
        if clause.other:
            clause.images = _the_other(scope, state)
        if clause.images:
            state.named = (*state.named, *clause.images)
        if clause.named:
            continue
        earlier = [i for i in own if i < at]
        later = [i for i in own if i > at]
        if earlier and clauses[earlier[-1]].leads:
            clause.images = clauses[earlier[-1]].images
        elif later and not clauses[later[0]].leads:
            clause.images = clauses[later[0]].images
        elif earlier:
            clause.images = clauses[earlier[-1]].images
        else:
            clause.images, clause.implicit = state.images, True
    spoken = [i for i in own if not clauses[i].compared]
    if own:
        state.images = clauses[(spoken or own)[-1]].images


def _the_other(scope: ImageScope, state: _State) -> tuple[str, ...]:
    """The images of "the other one": of two images, the one that was not named last."""
    pair = scope.pair or tuple(dict.fromkeys(state.named))
    if len(pair) != 2 or not (last := (state.named or state.images)[-1:]):
        return ()
    return tuple(image for image in pair if image != last[0])


def _respectively(found: list[FactToken], state: _State, asked: Mapping[str, str]) -> list[Mention]:
    """The mentions in "IMAGE#1 and IMAGE#2 show two and three stars, respectively"."""
    images = [image for token in found if token.kind is T.IMAGE for image in token.images] or list(state.images)
    nouns = [token.value for token in found if token.kind is T.NOUN]
    numbers = [int(token.value) for token in found if token.kind is T.NUMBER]
    values = [(token.attribute, token.value) for token in found if token.kind is T.VALUE]
    attribute = "count" if numbers else values[0][0] if values else ""
    noun = nouns[0] if nouns else state.noun or asked.get(attribute, "")
    state.noun = noun
    if len(numbers) == len(images):
        return [Mention(noun, n, said=True, images=(i,)) for n, i in zip(numbers, images, strict=True)]
    if len(values) == len(images):
        return [Mention(noun, after=(v,), images=(i,)) for v, i in zip(values, images, strict=True)]
    return []
