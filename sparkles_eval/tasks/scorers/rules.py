"""Answer rules, which read the option that a response chooses, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.reply_parts import ReplyParts, take_apart
from sparkles_eval.tasks.scorers import strict_reader
from sparkles_eval.tasks.scorers.strict import read_strict


@dataclass(frozen=True, slots=True)
class Extraction:
    """The option that a response chooses, spelled as the task spells it, or None and the reason."""

    option: str | None
    reason: str | None = None


Reader: TypeAlias = Callable[[str, Sequence[str]], tuple[int | None, str]]


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """One way to read an answer. `version` grows when any response would be read differently."""

    name: str
    version: int
    description: str
    """One sentence for reports."""
    read: Reader
    """(response, options) -> (index of the option or None, reason when None)."""
    read_cut: Reader | None = None
    """The same for a reply that was cut off; None where the rule ignores how a reply ended.

    A rule that has it also removes reasoning from the text, and does not read refusals.
    """

    @property
    def id(self) -> str:
        """Its name in stores, such as "strict@1"."""
        return f"{self.name}@{self.version}"


_FOLLOWERS = (",", ".", ":", " because")
"""What must follow "the answer is X" for the published rule to accept it where both options are mentioned."""


def read_paper(response: str, options: Sequence[str]) -> tuple[int | None, str]:
    """The rule of the published evaluation (Huang et al. 2023), for exactly two options; linear in the text.

    Only what follows the last "therefore" counts. "not o0" becomes o1 (never "not o1"). When both options occur
    there, "the answer is <either>" must be followed by `,` `.` `:` or " because"; then the option that occurs first
    wins, which is not always the one that was trusted. All comparisons are of lower-case substrings.
    """
    if len(options) != 2:
        return None, f"the paper rule reads exactly two options, the task has {len(options)}"
    first, second = (option.lower() for option in options)
    _, word, tail = response.lower().rpartition("therefore")
    if not word:
        return None, 'no "therefore" in the response'
    tail = tail.strip().replace("answer (true or false) is", "answer is")
    tail = tail.replace("image #1", "image#1").replace("image #2", "image#2")
    tail = tail.replace("answer (image#1 or image#2) is", "answer is")
    # Twice, as published: a first pass can put a new "not o0" together ("notnot true true").
    tail = tail.replace(f"not {first}", second).replace(f"not {first}", second)
    places = tail.find(first), tail.find(second)
    if min(places) >= 0:
        trusted = any(f"the answer is {option}{end}" in tail for option in (first, second) for end in _FOLLOWERS)
        if not trusted:
            return None, 'both options after the last "therefore"'
        return int(places[1] < places[0]), ""
    if max(places) < 0:
        return None, 'no option after the last "therefore"'
    return int(places[0] < 0), ""


KEPT: Mapping[str, AnswerRule] = MappingProxyType(
    {
        rule.id: rule
        for rule in (
            AnswerRule(
                "strict",
                1,
                "The last statement that gives an answer counts; negation is understood, hedging and contradiction are "
                "invalid, and options match as whole words.",
                read_strict,
            ),
            AnswerRule(
                "strict",
                2,
                "A complete statement of the answer stands unless it is explicitly corrected; conditions, concessions, "
                "comparisons and denials choose nothing, and what a careful reader cannot tell is invalid.",
                strict_reader.read_strict,
                strict_reader.read_strict_cut,
            ),
            AnswerRule(
                "paper",
                1,
                'The published rule: only what follows the last "therefore" counts, matched as substrings, with its '
                "known faults (a denied second option is read as chosen, IMAGE#12 as IMAGE#1).",
                read_paper,
            ),
        )
    }
)
"""Every version of every rule by its stored name, so that old scores can be recomputed."""

RULES: Mapping[str, AnswerRule] = MappingProxyType({rule.name: rule for rule in KEPT.values()})
"""The current version of every answer rule by the name that task.yaml uses."""


def rule(name: str) -> AnswerRule:
    """The rule of that name, in its current version or in the one named ("strict@1").

    Raises errors.ContentError with the names that exist.
    """
    found = KEPT.get(name) or RULES.get(name)
    if found is None:
        what = "version" if name.partition("@")[0] in RULES else "rule"
        known = sorted(KEPT if "@" in name else RULES)
        raise ContentError(f"unknown answer rule {name!r}; the {what}s are {', '.join(known)}")
    return found


def minds_ending(name: str) -> bool:
    """True where a rule treats a complete reply differently from one that was cut off or refused."""
    return rule(name).read_cut is not None


def extract(name: str, response: str, options: Sequence[str], *, cut: bool = False) -> Extraction:
    """The option of `options` that `response` chooses by the rule `name`. Linear in the response; never guesses.

    `cut`: the reply was cut off. Raises errors.ContentError for an unknown rule, but never for a response.
    """
    known = rule(name)
    read = known.read
    if known.read_cut is not None:
        parts = take_apart(response)
        response = parts.answer
        if not response.strip():
            return Extraction(None, _nothing(parts))
        read = known.read_cut if cut else read
    index, reason = read(response, options)
    return Extraction(None, reason) if index is None else Extraction(options[index])


def _nothing(parts: ReplyParts) -> str:
    if parts.unclosed:
        return "the reply is empty: its reasoning does not end"
    return "the reply is empty: no text stands behind its reasoning" if parts.reasoning else "the reply is empty"
