"""Recognises corrections, quotations, boxes and the end of the model's own turn by their words and marks."""

# ruff: noqa: E501 - a pattern is read as one line
from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.tasks.scorers.strict_grammar import BASE, MOST
from sparkles_eval.tasks.scorers.strict_text import word_set

_SIGN = f"[{chr(BASE)}-{chr(BASE + MOST)}]"
CONCLUDING = word_set("so therefore thus hence consequently accordingly")
TURNING = word_set("but however yet")
YIELDING = TURNING | word_set("though although albeit while ,")


@dataclass(frozen=True, slots=True)
class Correction:
    """A place where the model corrects itself. `retracts`: earlier statements no longer count, whatever follows."""

    retracts: bool


_OH = r"(?:(?:oh|ah|but|and|no|hmm+|well|ok|okay|,|-) )*"
_TURNS = (
    r"(?:wait|hold on|hang on|hmm+|hm|actually|on (?:second|further) (?:thought|thoughts|reflection|consideration|look)|on reflection|"
    r"(?:up)?on (?:closer|further|careful) (?:inspection|look|examination|reflection)|let me (?:re-?check|recheck|double check|double-check|"
    r"look again|reconsider|re-?examine|think again|check again|verify|correct that|correct myself|rethink)(?: this| that| it)?|looking (?:again|closer|more closely)|"
    r"after (?:looking again|reconsidering|reconsideration|a second look|further review)|rethinking(?: this)?|reconsidering(?: this)?)"
)
_FALLS = (
    r"(?:i (?:was|am|must have been|may have been) (?:wrong|mistaken|incorrect|in error)|(?:that|this|it|which|my (?:first |previous |earlier )?answer|the above|what i said) "
    r"(?:is|was) (?:wrong|not right|incorrect|not correct|a mistake|an error|mistaken|not it)|i made (?:a mistake|an error)|"
    r"i take (?:that|it|this) back|i change my (?:mind|answer)|i have changed my mind|i misread(?: the (?:question|caption|image|images|statement))?|"
    r"i misspoke|i correct myself|i need to correct (?:myself|that|this)|i should correct that|i retract that)(?= [,:;-]|$)"
    r"|(?:scratch that|strike that|correction|my (?:mistake|bad|apologies)|i (?:apologize|apologise)(?: for (?:the|my) (?:error|mistake|confusion))?|"
    r"sorry|apologies|ignore that|disregard that)(?= |$)"
)
_CORRECTION = re.compile(rf"{_OH}(?:(?P<turn>{_TURNS})|(?P<fall>{_FALLS}))(?: (?:,|:|-|;|then|so|though))*(?: |$)")
_SCOPE = re.compile(
    r"(?!(?:in (?:conclusion|summary|short|my|the end|fact|both|this case|the (?:image|images|picture|pictures)$|total|other words|brief|contrast|addition)|"
    r"for (?:this (?:question|reason|task|pair)|these reasons|the (?:question|reasons)|example|both)|from (?:the|this|these|my|what)|"
    r"to (?:answer|conclude|sum|summarize|be|decide|determine)|on (?:the basis|balance)|by (?:comparing|looking|elimination|process|comparison|examining|analy)|"
    r"with (?:this|that|these) in|at the end|of (?:course|the two|the four|these|those|all)|among|within these)\b)"
    r"(?:under|for|in|by|on|with|without|at|during|inside|within|to|from|of|outside|beyond|per|against)\b"
)
_WEAKER = re.compile(
    r"(?:(?:it|this|that|it is|is|does so|matches|fits|only|just|much|far|rather|somewhat|a bit|a little|slightly) )*"
    r"(?:less|worse|not (?:as|so|quite|that|very|fully|entirely|completely|perfectly)|poorly|badly|weakly|loosely|"
    r"only (?:partly|partially|in part|roughly)|partly|partially|to a lesser)(?: |$)"
)
_SUPERLATIVE = re.compile(r"\b(?:best|better|closest|closer|most|more)\b")
_OPENING = re.compile(
    r"(?:based|looking|given|considering|judging|from|after|so|therefore|thus|hence|in (?:my|conclusion|summary|short)|according to (?:the|my)|to)\b|$"
)
_REVISES = re.compile(
    r"(?:^|.* )(?:change|changing|changed|switch|switching|revise|revising|correct) (?:my (?:final )?answer |it |that |this |my choice )?to "
)
_NO = re.compile(r"no (?:,|-|:|;) ")
_WITHIN = re.compile(rf"{_OH}(?:(?P<turn>{_TURNS})|(?P<fall>{_FALLS}))")
_UNDECIDED = re.compile(
    r"\b(?:(?:can not|could not|unable to|impossible to|hard to|difficult to|not possible to|do not|not able to) "
    r"(?:determine|tell|say|decide|know|be sure|be certain)|not sure|unsure|unclear|uncertain)(?: (?:whether|if|which|the (?:answer|correct)|for sure))"
    r"|\b(?:answer|statement|claim|it) (?:is (?:unclear|uncertain|undetermined|ambiguous|inconclusive)"
    r"|(?:can|could) not be (?:determined|decided|answered))"
)
_ANNOUNCES = re.compile(
    r"(?:(?:and|so|therefore|thus|hence|ok|okay|well|the|my|final|correct|best|right|our|in|to|a|short|brief|overall|conclusion|conclude|finally|"
    r"summary|answer|answers|choice|option|verdict|decision|result|ans|is|are|here|below|as|follows|following|question|this|for|that|selected|statement|claim|"
    r"true|false|or|yes|no|caption|match|matches|matching|better|closest|output|response|prediction|label|i|would|choose|pick|select|say|go|with|"
    rf"image|picture|most|likely|be|must|should|it|which|one|\(|\)|,|/|{_SIGN}) ?)+"
)
_HEAD = re.compile(
    r"\b(?:answers?|choice|option|verdict|decision|result|conclusion|conclude|summary|ans|statement|claim|match|prediction|label|"
    rf"output|response|so|therefore|thus|hence|finally|final|choose|pick|select|say|go with)\b|{_SIGN} (?:/|or) {_SIGN}"
)
_NEGATIVE = word_set(
    "incorrect wrong no not false never eliminated eliminate excluded ruled is does do can cannot unlikely less "
    "has lacks doesn fails partially partly only worse bad nope does would could might was"
)
_VERBS = word_set(
    "is are was were does do did has have can could would may might seems seem appears looks matches match fits "
    "fit fails lacks shows contains will should must also only remains cannot differs describes depicts never not"
)
_BOX = re.compile(
    r"\\boxed\s{0,9}\{(?:\\(?:text|mathrm|textbf|mathbf)\s{0,9}\{)?(?P<box>[^{}\n]{1,400})\}"
    r"|<(?P<tag>answer|final_answer|conclusion|final|output|choice)>(?P<in>[^<]{0,2000})</(?P=tag)>"
    r"|<\|begin_of_box\|>(?P<glm>[^<]{0,2000})<\|end_of_box\|>"
    r"|(?:^|\n)\s{0,9}####\s{0,9}(?P<hash>[^\n#]{1,200})(?=\n|$)"
    r"|\[\[(?P<square>[^\[\]\n]{1,200})\]\]",
    re.IGNORECASE,
)
_FIELD = word_set("answer final_answer finalanswer final choice option prediction selected selection label verdict")
_QUOTE = re.compile(r"\"[^\"\n]{1,400}\"|(?<!\w)'[^'\n]{10,400}'(?!\w)")
_OTHER_TURN = re.compile(
    r"(?:^|\n)[ #>*]{0,9}(?:(?:next |new |follow-up |another )?(?:question|problem|q|example|exercise)(?: ?#?\d{1,3})? ?[*]{0,3}(?:[:.)\uff1a]|(?=\n))"
    r"|(?:user|human|instruction|input) ?[:\uff1a]|<\|(?:im_start|start_header_id|start|user|eot_id|im_end|endoftext|end_of_turn)\|>|<end_of_turn>"
    r"|\[/?INST\]|</s>|(?:\u95ee\u9898|\u7528\u6237|\u9898\u76ee) ?[:\uff1a]|(?:frage|pregunta|domanda|pergunta|\u0432\u043e\u043f\u0440\u043e\u0441) ?:)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s|\n")
_MUSING = re.compile(
    r"\s*(?:okay|ok|alright|all right|hmm+|so,? (?:let|the user|i need|we need|i have)|let me (?:think|see|start|look|analy)|let's (?:think|see|tackle|look)|"
    r"first,? (?:i|let me|i'll) (?:need|should|look|have)|(?:the|this) user (?:wants|asks|is asking)|i need to|got it|we need to|we have to|well, (?:i|let))\b",
    re.IGNORECASE,
)
_TURNING = re.compile(
    r"\b(?:wait|hold on|hmm|actually|however|but|on second thought|let me(?= ?(?:re|doub|check|think|look|ver|make|$))|or rather|rather|alternatively|maybe|perhaps|no)\b",
    re.IGNORECASE,
)


def correction(text: str, settled: bool) -> tuple[Correction | None, str]:
    """The correction that a sentence begins with, and the sentence without it."""
    found = _CORRECTION.match(text)
    if found is not None:
        return Correction(found["fall"] is not None), text[found.end() :]
    no = _NO.match(text) if settled else None
    return (Correction(retracts=False), text[no.end() :]) if no else (None, text)


def revises(text: str) -> bool:
    """True where a sentence replaces the first answer by another: "I change my answer to B"."""
    return len(text) <= 400 and _REVISES.match(text) is not None


def limits(clause: str) -> bool:
    """True for an opening that restricts what follows to something else: "for the left image"."""
    return _SCOPE.match(clause) is not None


def weakens(clause: str) -> bool:
    """True for words that make of "B fits" less than an answer: "less well", "not as closely", "only partly"."""
    return _WEAKER.match(clause) is not None


def is_superlative(clause: str) -> bool:
    """True where a clause sets an option above the others: what weakens it afterwards takes nothing back."""
    return _SUPERLATIVE.search(clause) is not None


def introduces(clause: str) -> bool:
    """True for an opening that only names the basis of an answer: "based on the image"."""
    return _OPENING.match(clause) is not None


def within(clause: str) -> Correction | None:
    """The correction that a clause inside a sentence is."""
    found = _WITHIN.fullmatch(clause)
    return Correction(found["fall"] is not None) if found else None


def is_retraction(clause: str) -> bool:
    """True for a clause that withdraws an earlier statement."""
    found = within(clause)
    return found is not None and found.retracts


def undecided(text: str) -> bool:
    """True where a sentence says that the answer cannot be determined."""
    return _UNDECIDED.search(text) is not None


def announces(text: str) -> bool:
    """True for words that may introduce an answer before a colon: "final answer", "in conclusion"."""
    return len(text) <= 200 and _ANNOUNCES.fullmatch(text) is not None and _HEAD.search(text) is not None


def denies(words: Sequence[str]) -> bool:
    """True where the text after an option's label begins by denying the option or talking about it."""
    return bool(words) and words[0] in _NEGATIVE


def predicate(clause: str) -> bool:
    """True for a clause that begins with a verb, so that the words before it are its subject."""
    return clause.partition(" ")[0] in _VERBS


def only_signs(clause: str) -> bool:
    """True for a clause of options alone."""
    return re.fullmatch(rf"{_SIGN}(?: (?:and|or|,|/) {_SIGN}| {_SIGN})*", clause) is not None


def boxes(text: str) -> Iterator[str]:
    """The contents of boxes and answer tags."""
    for match in _BOX.finditer(text):
        yield next(match[name] for name in ("box", "in", "glm", "hash", "square") if match[name] is not None)


def names_answer(field: str) -> bool:
    """True for the name of a JSON field that holds the answer."""
    return field.lower().replace(" ", "_") in _FIELD


def unquoted(line: str) -> str:
    """The line without quoted sentences, which are not the model's own. Quotes of one or two words stay."""

    def keep(match: re.Match[str]) -> str:
        quoted = match.group()
        whole = len(quoted) == len(line.strip())
        return quoted.strip("\"'") if whole or len(quoted.split(maxsplit=2)) < 3 else " quoted "

    return _QUOTE.sub(keep, line)


def own_turns(text: str) -> list[str]:
    """The text split where another question begins; the first part is the model's own turn."""
    places = [match.start() for match in _OTHER_TURN.finditer(text)]
    return [
        text[begin:end]
        for begin, end in zip([0, *places], [*places, len(text)], strict=True)
        if text[begin:end].strip()
    ]


def finished(text: str) -> tuple[str, str]:
    """(the complete sentences of a reply that was cut off, the rest)."""
    last = begin = 0
    for match in _SENTENCE_END.finditer(text):
        # "B. a red c": a label is not a sentence.
        if match.group() == "\n" or " " in text[begin : match.start()].strip():
            last = match.end()
        begin = match.end()
    return text[:last], text[last:]


def musing(text: str) -> bool:
    """True where a reply begins like reasoning."""
    return _MUSING.match(text) is not None


def turns_over(tail: str) -> bool:
    """True where an unfinished sentence may be withdrawing an earlier statement."""
    return _TURNING.search(tail) is not None
