"""Reads the option that a response chooses: the answer rules, by name. Knows nothing of what is right or of models.

A task's protocol names one rule. `strict` is ours and the default; `paper` is the published one, faults included, so
that numbers can be compared with published numbers. What no rule can read is invalid and says why: never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sparkles_eval.errors import ContentError
from sparkles_eval.tasks.answers_strict import read_strict


@dataclass(frozen=True, slots=True)
class Extraction:
    """The option that a response chooses, spelled as the task spells it, or None and the reason."""

    option: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to read an answer. `version` grows when any response would be read differently."""

    name: str
    version: int
    description: str
    """One sentence for reports."""
    read: Callable[[str, Sequence[str]], tuple[int | None, str]]
    """(response, options) -> (index of the option or None, reason when None)."""


_FOLLOWERS = (",", ".", ":", " because")
"""What stands directly behind "the answer is X" when the published rule trusts it beside a mention of the other."""


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


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule(
                "strict",
                1,
                "The last statement that gives an answer counts; negation is understood, hedging and contradiction are "
                "invalid, and options match as whole words.",
                read_strict,
            ),
            Rule(
                "paper",
                1,
                'The published rule: only what follows the last "therefore" counts, matched as substrings, with its '
                "known faults (a denied second option is read as chosen, IMAGE#12 as IMAGE#1).",
                read_paper,
            ),
        )
    }
)
"""Every answer rule, by the name that task.yaml uses."""


def rule(name: str) -> Rule:
    """The rule of that name. Raises errors.ContentError with the names that exist."""
    if name not in RULES:
        raise ContentError(f"unknown answer rule {name!r}; the rules are {', '.join(sorted(RULES))}")
    return RULES[name]


def extract(name: str, response: str, options: Sequence[str]) -> Extraction:
    """What `response` chooses among `options` by the rule `name`. Linear in the response; never guesses.

    Raises errors.ContentError for an unknown rule; any response gives an Extraction.
    """
    index, reason = rule(name).read(response, options)
    return Extraction(None, reason) if index is None else Extraction(options[index])
