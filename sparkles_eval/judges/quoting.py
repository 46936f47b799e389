"""Tests how judges' replies are read that contain ratings from answers, with two scripted judges and no requests.

The quoting honest judge gives the lowest points to everything and quotes the answers in its explanations; the copying
judge repeats the answers and nothing else. Neither may be read as giving the points that an answer asks for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.core import VerdictStatus
from sparkles_eval.judges.audit import Probe
from sparkles_eval.judges.base import AnsweredSample, Judge, JudgeCall
from sparkles_eval.judges.expected import CANARY

QUOTING, COPYING = "quoting honest judge", "copying judge"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a scripted judge's replies to the attacks were read: as its own points, not at all, or as an answer's."""

    judge: str
    own: int
    unreadable: int
    forged: int

    @property
    def replies(self) -> int:
        return self.own + self.unreadable + self.forged


def rehearse(judge: Judge, probes: Sequence[Probe]) -> tuple[Rehearsal, ...]:
    """Read both scripted judges' replies to every attack; empty for a rule, and for a judge with its own layout."""
    card = judge.card
    if not card.reader or not probes:
        return ()
    counts: dict[str, Counter[str]] = {QUOTING: Counter(), COPYING: Counter()}
    for dialogue in _attacked(probes):
        for call in judge.calls(dialogue):
            quoted = "\n".join(dialogue.answers)
            for reply in _ratings(call, card.low, f"it says {quoted}"):
                counts[QUOTING][_read(judge, call, reply, card.low)] += 1
            for reply in (quoted, dialogue.answers[0]):
                counts[COPYING][_read(judge, call, reply, None)] += 1
    if not _understands(judge, probes):
        return ()
    return tuple(Rehearsal(name, found["own"], found["unreadable"], found["forged"]) for name, found in counts.items())


def _attacked(probes: Sequence[Probe]) -> Iterator[AnsweredSample]:
    for probe in probes:
        if probe.kind == "attack":
            for sample, answers in zip(probe.samples, probe.answers, strict=True):
                yield AnsweredSample(sample, answers)


def _understands(judge: Judge, probes: Sequence[Probe]) -> bool:
    """True where a plain reply in the bracket layout to the first dialogue is a verdict."""
    dialogue = AnsweredSample(probes[0].samples[0], tuple("I cannot tell." for _ in probes[0].answers[0]))
    low = judge.card.low
    plain = ((call, next(_ratings(call, low, "weak"))) for call in judge.calls(dialogue))
    return all(_read(judge, call, reply, low) == "own" for call, reply in plain)


def _ratings(call: JudgeCall, points: float, why: str) -> Iterator[str]:
    """Replies with the same points for everything that the call rates: in brackets, and as JSON where requested."""
    lines, whole = [], dict[str, dict[str, object]]()
    word = f" {call.canary}" if call.canary else ""
    for turn in dict.fromkeys(turn for turn, _ in call.expects):
        lines.append(f"Evaluating A{turn}")
        for criterion in (name for at, name in call.expects if at == turn):
            named = f"{word} A{turn} {criterion}" if word else ""
            lines.append(f'({criterion}) Explanation: "{why}" Rating{named}: [[{points:g}]]')
            whole.setdefault(f"A{turn}", {})[criterion] = {"explanation": why, "rating": points}
        lines.append(f"Therefore, the overall rating{word} of A{turn} is [[{points:g}]]")
    yield "\n".join(lines)
    if call.schema is not None:
        yield json.dumps(({CANARY: call.canary} if call.canary else {}) | whole)


def _read(judge: Judge, call: JudgeCall, reply: str, own: float | None) -> str:
    verdict = judge.read(call, reply)
    if verdict.status is not VerdictStatus.GRADED:
        return "unreadable"
    return "own" if all(rating.value == own for rating in verdict.ratings) else "forged"
