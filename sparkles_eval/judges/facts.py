"""The rule-based judge `facts`: rates which exact facts an answer states, contradicts or leaves out.

For turn t with F asked facts, of which the answer states s, contradicts c and leaves out F - s - c:

    C1 (image understanding and reasoning)       = 1 + 9 * s / (s + c)    1 when s + c = 0
    C2 (cross-image and cross-turn coherence)    = 1 + 9 * (1 - x / k)    1 when k = 0
    C3 (relevance and completeness)              = 1 + 9 * s / F

on a scale from 1 to 10 (any other scale: low + (high - low) * share). k counts the facts of this and earlier turns
that the answer mentions, rightly or wrongly. x counts those of them on which it contradicts itself: it gives two
values, or another value than the model's answer in an earlier turn, or it names an image as having the most of a thing
against its own counts. C2 does not depend on the truth: a model that is wrong twice in the same way is coherent.
An answer that mentions no fact gets the lowest points on all three.

A fact is stated when the answer gives its value and no other, contradicted when it gives another value or denies the
right one, and left out otherwise. Claims that the reader (synthetic.facts.claims) does not understand are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sparkles_eval.core import Fact, Rating, Sample, Verdict, VerdictStatus
from sparkles_eval.core.errors import ContentError
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard
from sparkles_eval.judges.spec import FILE, JudgeSpec, one_call, read_spec, rule_card
from sparkles_eval.synthetic.facts.claims import read_claims
from sparkles_eval.synthetic.facts.lexicon import ImageScope, Lexicon, lexicon_for
from sparkles_eval.synthetic.facts.stated_values import StatedValues, counted_most, stated_values

FORMULA = 1
"""Increased when the formulas or the reader change so that older numbers are incomparable; in the fingerprint."""


class FactStatus(StrEnum):
    """How an answer treats a fact."""

    STATED = "stated"
    CONTRADICTED = "contradicted"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class TurnFacts:
    """How one answer treats every fact that was asked for, and where it contradicts itself."""

    status: tuple[tuple[Fact, FactStatus, StatedValues], ...]
    spoken_of: tuple[Fact, ...]
    """Facts of this and earlier turns that the answer mentions, rightly or wrongly."""
    incoherent: tuple[Fact, ...]
    """Those of them on which it contradicts itself or the model's own earlier answer."""

    def facts(self, status: FactStatus) -> list[Fact]:
        return [fact for fact, found, _ in self.status if found is status]


def judge_facts(sample: Sample, answers: Sequence[str]) -> list[TurnFacts]:
    """Find the stated, contradicted and missing facts of every answered turn of a dialogue."""
    lexicon = lexicon_for(fact for turn in sample.turns for fact in turn.facts)
    findings: list[TurnFacts] = []
    earlier: dict[str, StatedValues] = {}
    shown: tuple[str, ...] = ()
    known: dict[str, Fact] = {}
    for turn, answer in zip(sample.turns, answers, strict=False):
        new = tuple(image.id for image in turn.images)
        shown = tuple(dict.fromkeys((*shown, *new)))
        known |= {fact.id: fact for fact in turn.facts}
        reading = read_claims(answer, ImageScope(new, shown), lexicon, _asked_nouns(turn.facts, lexicon))
        said = {
            fact.id: stated_values(fact, reading, lexicon, turn.facts, tuple(known.values())) for fact in known.values()
        }
        status = tuple((fact, _status(fact, said[fact.id]), said[fact.id]) for fact in turn.facts)
        spoken = tuple(fact for fact in known.values() if said[fact.id])
        own_counts = earlier | {name: value for name, value in said.items() if value}
        incoherent = tuple(
            fact for fact in spoken if _incoherent(fact, said[fact.id], earlier.get(fact.id), own_counts, known)
        )
        findings.append(TurnFacts(status, spoken, incoherent))
        earlier = own_counts
    return findings


def _asked_nouns(facts: Sequence[Fact], lexicon: Lexicon) -> dict[str, str]:
    """The noun of a one-word answer, by attribute, where all asked facts of that attribute share one noun."""
    nouns: dict[str, set[str]] = {}
    for fact in facts:
        nouns.setdefault(fact.attribute, set()).add(lexicon.subject(fact.subject)[0])
    return {attribute: next(iter(found)) for attribute, found in nouns.items() if len(found) == 1}


def _status(fact: Fact, said: StatedValues) -> FactStatus:
    value = fact.value.lower()
    if said.values - {value} or value in said.denied:
        return FactStatus.CONTRADICTED
    return FactStatus.STATED if value in said.values else FactStatus.LEFT_OUT


def _incoherent(
    fact: Fact, said: StatedValues, before: StatedValues | None, counts: dict[str, StatedValues], known: dict[str, Fact]
) -> bool:
    if len(said.values) > 1 or said.values & said.denied:
        return True
    if before is not None and (
        (before.values and said.values - before.values) or before.values & said.denied or said.values & before.denied
    ):
        return True
    if fact.attribute != "most" or not said.values:
        return False
    expected = counted_most(fact, counts, known)
    return expected is not None and expected.lower() not in said.values


class FactsJudge:
    """A judge of kind facts (judges.base.Judge). Made by `make_facts_judge`."""

    def __init__(self, spec: JudgeSpec) -> None:
        self._card = rule_card(spec, ["facts", FORMULA])

    @property
    def card(self) -> JudgeCard:
        return self._card

    def check(self, sample: Sample) -> str | None:
        """Why this judge cannot judge this sample, or None."""
        without = [number for number, turn in enumerate(sample.turns, 1) if not turn.facts]
        if without:
            return f"turn {', '.join(map(str, without))} has no exact facts; judge {self._card.name} needs them"
        return None

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        """One call without a conversation, since no model is asked."""
        return one_call(dialogue, self._card)

    def read(self, call: JudgeCall, text: str) -> Verdict:  # noqa: ARG002 - the interface has it, a rule has no reply
        """The verdict by rule; `text` is ignored, since no model is asked."""
        if reason := self.check(call.dialogue.sample):
            return Verdict(VerdictStatus.INVALID, reason=reason)
        findings = judge_facts(call.dialogue.sample, call.dialogue.answers)
        ratings = tuple(self._rating(turn, criterion, findings[turn - 1]) for turn, criterion in call.expects)
        return Verdict(VerdictStatus.GRADED, ratings)

    def _rating(self, turn: int, criterion: str, finding: TurnFacts) -> Rating:
        share, explanation = _SHARES[criterion](finding)
        points = self._card.low + (self._card.high - self._card.low) * share
        return Rating(turn, criterion, round(points, 6), explanation)


def _understanding(finding: TurnFacts) -> tuple[float, str]:
    stated, wrong = len(finding.facts(FactStatus.STATED)), len(finding.facts(FactStatus.CONTRADICTED))
    if not stated + wrong:
        return 0.0, "States none of the asked facts."
    return stated / (stated + wrong), _described(finding, FactStatus.STATED, FactStatus.CONTRADICTED)


def _coherence(finding: TurnFacts) -> tuple[float, str]:
    known, broken = finding.spoken_of, finding.incoherent
    if not known:
        return 0.0, "Speaks of no fact that could be coherent or not."
    if not broken:
        return 1.0, f"Speaks of {len(known)} known facts without contradicting itself."
    names = ", ".join(_name(fact) for fact in broken)
    return 1 - len(broken) / len(known), f"Contradicts itself or an earlier answer on {names} ({len(known)} spoken of)."


def _completeness(finding: TurnFacts) -> tuple[float, str]:
    stated = len(finding.facts(FactStatus.STATED))
    return stated / len(finding.status), _described(
        finding, FactStatus.STATED, FactStatus.CONTRADICTED, FactStatus.LEFT_OUT
    )


_SHARES = {"C1": _understanding, "C2": _coherence, "C3": _completeness}


def _name(fact: Fact) -> str:
    if fact.attribute == "most":
        return f"which image has the most of: {fact.subject}"
    attribute = "" if fact.attribute == fact.subject else f" {fact.attribute}"
    return f"IMAGE#{fact.image} {fact.subject}{attribute}"


def _described(finding: TurnFacts, *which: FactStatus) -> str:
    """The facts by how the answer treats them, such as "Stated: IMAGE#1 star count = two."."""
    sentences = []
    for status in which:
        names = []
        for fact, found, said in finding.status:
            if found is status:
                other = sorted(said.values - {fact.value.lower()})
                wrong = f", not {' or '.join(other)}" if status is FactStatus.CONTRADICTED and other else ""
                names.append(f"{_name(fact)} = {fact.value}{wrong}")
        if names:
            sentences.append(f"{status.capitalize()}: {'; '.join(names)}.")
    return " ".join(sentences) or "None."


def make_facts_judge(folder: Path) -> FactsJudge:
    """The facts judge of a judge folder. Raises errors.ContentError when its judge.yaml is not one of kind facts."""
    path = folder / FILE
    spec = read_spec(path)
    if spec.kind != "facts":
        raise ContentError(f"{path}: kind: {spec.kind} is not facts")
    unknown = [criterion.id for criterion in spec.criteria if criterion.id not in _SHARES]
    if unknown:
        raise ContentError(f"{path}: unknown criterion {unknown[0]!r}; the facts judge knows {', '.join(_SHARES)}")
    return FactsJudge(spec)
