"""The first version of the answer rule `strict`: reads the last sentence of a response that states an option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from sparkles_eval.tasks.scorers import mentions as lexicon
from sparkles_eval.tasks.scorers.mentions import AnswerToken, OptionForms, OptionMention, option_forms, option_mentions

_READ = 100_000
"""Characters that are read from the end of a response; more than any model writes."""
_REACH = 12
"""Words that are read on either side of a mention, so that a sentence of a megabyte takes linear time."""
_SHORT = 200
"""Characters of a reply that may simply name its one option ("Looks like IMAGE#1 to me")."""
_STOP = re.compile(r"[.!?;][\"')\]]*\s+")
_QUOTE = re.compile(r"\"[^\"\n]{1,400}\"")


@dataclass(frozen=True, slots=True)
class Stated:
    """What one sentence states: an option, or None with the reason why, although it mentions one."""

    option: int | None
    reason: str = ""
    label: bool = False
    """True for an option at the start of a line with more text: an answer, or one line of a list of options."""
    weak: bool = False
    """True for an option that a conclusion only names: a plain statement elsewhere takes precedence."""


class Force(Enum):
    """How plainly a mention states an answer."""

    NONE = 0
    WEAK = 1
    """Named in a conclusion in any role; counts when nothing contradicts it."""
    STRONG = 2
    HEDGED = 3


@dataclass(frozen=True, slots=True)
class Vote:
    """What one mention states: how plainly, and which option (None where denying one of many leaves several)."""

    mention: OptionMention
    force: Force
    option: int | None
    label: bool = False


def read_strict(response: str, options: Sequence[str]) -> tuple[int | None, str]:
    """The rule `strict`: (index of the stated option or None, reason when None). Linear in the response."""
    forms = option_forms(options)
    if forms is None:
        return None, "two options of the task read alike"
    text = lexicon.plain(response[-_READ:].rpartition("</think>")[2])
    said: list[Stated] = []
    named: set[int] = set()
    for line in text.split("\n"):
        whole = _symbol(line, forms)
        if whole is not None:
            said.append(Stated(whole))
        elif line and not line.isspace():
            said += _line(_unquoted(line), forms, len(options), named)
    if len({stated.option for stated in said if stated.label}) > 1:
        said = [stated for stated in said if not stated.label]  # "A. a cat / B. a dog" lists, it chooses nothing
    said = [stated for stated in said if not stated.weak] or said
    if said:
        return said[-1].option, said[-1].reason
    if len(named) == 1 and len(text) <= _SHORT:
        return _only(text, forms, len(options))
    return None, "no statement of an answer" if named else "names no option"


def _line(line: str, forms: OptionForms, options: int, named: set[int]) -> list[Stated]:
    """What the sentences of one line state; the options that they name are added to `named`."""
    said: list[Stated] = []
    start, length = 0, len(line.rstrip())
    for stop in [*(match.end() for match in _STOP.finditer(line)), len(line)]:
        text = line[start:stop]
        words = lexicon.tokens(text)
        found = option_mentions(words, forms)
        named.update(mention.option for mention in found)
        if not text.rstrip(" \"')]").endswith("?"):
            said += _sentence(text, words, found, options, more=stop < length)
        start = stop
    return said


def _symbol(line: str, forms: OptionForms) -> int | None:
    """An option without letters or digits, such as "+", which is read only where it is the whole line."""
    return forms.symbols.get(line.strip(" \"'().")) if forms.symbols else None


def _unquoted(line: str) -> str:
    """The line without what it quotes: a quoted sentence is not the model's own. Quotes of one or two words stay."""

    def keep(match: re.Match[str]) -> str:
        quoted = match.group()
        whole = len(quoted) == len(line.strip())
        return quoted if whole or len(quoted.split(maxsplit=2)) < 3 else " quoted "

    return _QUOTE.sub(keep, line)


def _sentence(
    text: str, words: list[AnswerToken], found: list[OptionMention], options: int, more: bool
) -> list[Stated]:
    """What a sentence states: nothing (an empty list) or one entry. `more`: its line continues after it."""
    listed = _listed(words, found)
    votes = [_vote(words, mention, options, more) for mention in found]
    strong = [vote for vote in votes if vote.force is Force.STRONG and vote.mention not in listed]
    strong = [vote for vote in strong if vote.option is not None] or strong
    if strong and strong[-1].option is None:
        return []  # denying one of many leaves the others
    if strong:
        return [_decided(words, strong, [vote for vote in votes if vote.mention not in listed])]
    reason = ""
    if any(vote.force in (Force.STRONG, Force.HEDGED) for vote in votes):
        reason = "the last statement of an answer hedges"
    elif lexicon.UNDECIDED.search(text):
        reason = "the last statement of an answer is that it cannot be told"
    if reason:
        return [Stated(None, reason)]
    weak = {vote.option for vote in votes if vote.force is Force.WEAK} - {None}
    if len(weak) > 1:
        return [Stated(None, "the conclusion names several options", weak=True)]
    return [Stated(option, weak=True) for option in weak]


def _decided(words: list[AnswerToken], strong: list[Vote], votes: list[Vote]) -> Stated:
    """The last plain statement, unless the same clause also says something else."""
    last = strong[-1]
    place = last.mention
    after = next((i for i in range(place.end, len(words)) if _cuts(words, i)), len(words))
    before = next((i for i in range(place.start - 1, -1, -1) if words[i].word in lexicon.CLAUSE), -1)
    for vote in votes:
        other = vote.mention
        beside = vote.force is Force.STRONG and before < other.start < place.start
        behind = place.end <= other.start < after
        if (beside or behind) and vote.option is not None and vote.option != last.option:
            return Stated(None, "the last statement of an answer contradicts itself")
    return Stated(last.option, "", last.label)


def _cuts(words: list[AnswerToken], i: int) -> bool:
    """Whether the statement ends at word i; a comma before "and", "or", "but" does not end it."""
    word = words[i].word
    if word == "," and i + 1 < len(words):
        return words[i + 1].word not in lexicon.CONJUNCTION | {"but"}
    return word in lexicon.CUT


def _listed(words: list[AnswerToken], found: list[OptionMention]) -> set[OptionMention]:
    """Mentions that only enumerate: "A, B or C", "TRUE/FALSE", "both IMAGE#1 and IMAGE#2"."""
    listed: set[OptionMention] = set()
    for one, two in zip(reversed(found[:-1]), reversed(found), strict=False):
        between = [token.word for token in words[one.end : two.start][:4]]
        joined = any(word in lexicon.CONJUNCTION for word in between)
        plain = all(word in lexicon.CONJUNCTION | {",", "the", "option", "either"} for word in between)
        if one.option != two.option and between and plain and (joined or two in listed):
            listed |= {one, two}
    return listed


@dataclass(frozen=True, slots=True)
class _Back:
    """The words before a mention: whether "is" or ":" joins them, denials and hedges, and where the search ended."""

    stop: int
    """Index of the word that ended the search; -1 at the start of the sentence."""
    word: str
    joined: bool
    denials: int
    hedged: bool
    concluding: bool


def _back(words: list[AnswerToken], mention: OptionMention) -> _Back:
    i = mention.start - 1
    joined = hedged = concluding = False
    denials = 0
    while i >= 0 and i >= mention.start - _REACH:
        word = words[i].word
        if word in lexicon.HEDGE:
            hedged = True
        elif word not in lexicon.GLUE and not (word in lexicon.AUXILIARY and words[i + 1].word in lexicon.NOT):
            break
        joined = joined or word in lexicon.JOINS
        concluding = concluding or word in lexicon.CONCLUDING
        denials += word in lexicon.NOT
        i -= 1
    word = words[i].word if i >= 0 else ""
    denials += word in lexicon.INSTEAD or (word == "of" and i > 0 and words[i - 1].word == "instead")
    return _Back(i, word, joined, denials, hedged, concluding)


def _ahead(words: list[AnswerToken], mention: OptionMention) -> tuple[bool, int, bool]:
    """(is called right or wrong, denials, hedged) of the words after a mention: "... is not the better match"."""
    denials = 0
    hedged = verb = False
    for token in words[mention.end : mention.end + _REACH]:
        word = token.word
        if word in lexicon.MATCHING:
            return True, denials, hedged
        if word in lexicon.WRONG:
            return verb, denials + verb, hedged
        if word in lexicon.QUALITY:
            return verb, denials, hedged
        if word in lexicon.HEDGE:
            hedged = True
        elif word in lexicon.NOT:
            denials += 1
        elif word not in lexicon.FORWARD:
            break
        verb = verb or word in lexicon.BE
    return False, denials, hedged


def _vote(words: list[AnswerToken], mention: OptionMention, options: int, more: bool) -> Vote:
    """How plainly one mention states an answer, and which answer."""
    back = _back(words, mention)
    called, denials, maybe = _ahead(words, mention)
    ends = mention.end >= len(words) or words[mention.end].word in lexicon.CUT | {")", "}", "/", "and", "but", "so"}
    common = not mention.phrase and words[mention.start].word in lexicon.FUNCTION
    anchor = _anchor(words, mention, back, ends)
    alone = back.stop < 0 and ends
    strong = (anchor >= 0 and (ends or not common)) or alone or (called and (mention.phrase or not common))
    concluding = back.concluding or any(
        token.word in lexicon.CONCLUDING for token in words[max(0, mention.start - 3 * _REACH) : mention.start]
    )
    ended = concluding and (back.joined or back.concluding) and (ends or not common) and not mention.phrase
    around = words[max(0, (anchor if anchor >= 0 else back.stop) - 4) : mention.start]
    if any(token.word in lexicon.CONDITION for token in around) or _said_that(words, mention):
        return Vote(mention, Force.NONE, None)
    turns = back.denials + denials + mention.denied + _doubted(around)
    turns += anchor > 0 and words[anchor - 1].word in lexicon.NOT
    option = mention.option if turns % 2 == 0 else (1 - mention.option if options == 2 else None)
    hedged = back.hedged or maybe
    if strong or ended:
        force = Force.HEDGED if hedged else Force.STRONG
    else:
        force = Force.WEAK if concluding and mention.phrase and not hedged else Force.NONE
    return Vote(mention, force, option, alone and mention.start <= 1 and _labels(words, mention, more))


def _anchor(words: list[AnswerToken], mention: OptionMention, back: _Back, ends: bool) -> int:
    """Index of the word that makes the mention an answer ("answer", "choose", "statement", "it"), or -1."""
    first = words[mention.start].word
    truth = not mention.phrase and first.removeprefix("un").removeprefix("in") in lexicon.TRUTH
    direct = lexicon.CHOOSING | lexicon.MATCHING if mention.phrase else lexicon.CHOOSING
    if back.word in direct or (back.word in lexicon.ANSWERS and back.joined):
        return back.stop
    if back.word == "answer" and ends and words[mention.start - 1].word != "(":
        return back.stop  # "Final answer TRUE", but not the echo of "the answer (TRUE or FALSE) is"
    if truth and back.word in lexicon.STATEMENTS | lexicon.POINTING and (back.joined or ends):
        return back.stop
    if back.word == "it" and back.joined and (mention.phrase or len(first) == 1):
        return back.stop
    if not back.joined:
        return -1
    nouns = lexicon.ANSWERS | (lexicon.STATEMENTS if truth else lexicon.MATCHING if mention.phrase else frozenset())
    near = range(mention.start - 1, max(-1, mention.start - 3 * _REACH), -1)
    return next((i for i in near if words[i].word in nouns), -1)


def _said_that(words: list[AnswerToken], mention: OptionMention) -> bool:
    """True for "it is true that ...", which is not about the answer."""
    return mention.end < len(words) and words[mention.end].word == "that" and not mention.phrase


def _doubted(around: list[AnswerToken]) -> int:
    """1 where "I do not think" or "it is not the case" comes before, else 0."""
    pairs = pairwise(around)
    opinion = any(one.word in lexicon.NOT and two.word in lexicon.OPINION for one, two in pairs)
    return int(opinion or any(token.word == "case" for token in around))


def _labels(words: list[AnswerToken], mention: OptionMention, more: bool) -> bool:
    if mention.end >= len(words):
        return more
    return words[mention.end].word in (":", ")", "-") and (more or mention.end + 1 < len(words))


def _only(text: str, forms: OptionForms, options: int) -> tuple[int | None, str]:
    """The one option that a short reply names without saying that it is the answer."""
    words = lexicon.tokens(text)
    votes = [_vote(words, mention, options, more=False) for mention in option_mentions(words, forms)]
    sure = {
        v.option for v in votes if v.force in (Force.NONE, Force.WEAK) and (v.mention.phrase or not v.mention.start)
    }
    common = words[0].word in lexicon.FUNCTION if words else False
    if len(sure) == 1 and None not in sure and not common and not text.rstrip().endswith("?"):
        return sure.pop(), ""
    return None, "no statement of an answer"
