"""Flat records of table rows, for what the common records do not hold. Fields that hold JSON text say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparkles_eval.core import JSON, Criterion, Estimate, Model, Score, Verdict, fingerprint


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A benchmark as it was asked."""

    name: str
    version: int
    title: str
    metrics: tuple[str, ...]
    options: tuple[str, ...]
    args: Mapping[str, str]
    card: str
    citation: str
    licence: str

    @property
    def id(self) -> str:
        args: dict[str, JSON] = dict(self.args)
        return fingerprint(
            [
                self.name,
                self.version,
                self.title,
                list(self.metrics),
                list(self.options),
                args,
                self.card,
                self.citation,
                self.licence,
            ],
            16,
        )


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """Who scores: a judge that asks a model, a rule, or a protocol's answer extractor."""

    id: str
    """Its fingerprint."""
    name: str
    version: int
    title: str
    sees: str
    model: str | None
    low: float
    high: float
    criteria: tuple[Criterion, ...]
    reader: str | None = None
    """How its replies are read ("strict@2"); None for rules, and for stores that do not say."""
    canary: bool | None = None
    """Whether its ratings carry a random word of their call; None where nothing is read, or not known."""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A question to a model; `conversation` and `generation` are the JSON of what was asked."""

    key: str
    model: Model
    conversation: str
    generation: str
    epoch: int
    draw: int


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A judge's reply with the address it belongs to. `key` is the same for the same question to the same judge."""

    key: str
    judge_id: str
    sample_id: str
    call: str
    repeat: int
    attempt: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A score with the address it belongs to."""

    run_id: str
    sample_id: str
    epoch: int
    judge_id: str
    repeat: int
    score: Score
    verdict_id: int | None = None


@dataclass(frozen=True, slots=True)
class PixelsRow:
    """What is to be filled in of an image: its thumbnail, its bytes, or both; None leaves what is there."""

    sha256: str
    thumbnail: bytes | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """A metric of a run as a judge scored it."""

    run_id: str
    judge_id: str
    metric: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """One invocation of the program: what is needed to do it again."""

    command: str
    version: str
    git_commit: str | None
    python: str
    machine: Mapping[str, str]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """The response that stands as a run's answer to a turn."""

    sample_id: str
    epoch: int
    turn: int
    response_id: int
    draws: int
    status: str
    text: str
    """Of a refusal: what the model wrote instead of an answer, often nothing."""
    reasoning: str | None = None
    """The model's reasoning before it."""
