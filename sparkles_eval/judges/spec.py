"""The keys of a judge.yaml, all of which are checked; also the card of a rule-based judge and a new judge's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from sparkles_eval.core import JSON, Criterion, fingerprint
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.generation_spec import GenerationSpec
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard, Sees
from sparkles_eval.judges.parsing import PAPER_PAIRS, PARSERS
from sparkles_eval.tasks.folders import copy_scaffold
from sparkles_eval.tasks.spec import PlainName, file_beside
from sparkles_eval.tasks.validation import read_yaml

FILE = "judge.yaml"
Scope: TypeAlias = Literal["dialogue", "turn", "criterion"]
"""What one call rates: everything, one answer, or one criterion of every answer."""


class CriterionSpec(Strict):
    """One thing that is rated."""

    id: str
    name: str
    description: str = ""
    weight: float = Field(default=1.0, ge=0)
    """Counts in the mean over criteria."""

    @field_validator("id")
    @classmethod
    def _word(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z]\w{0,39}", value) or value in ("overall", "explanation", "rating"):
            raise ValueError(
                f"{value!r} is no criterion id; use a short word such as C1 (not overall, explanation, rating)"
            )
        return value


class ScaleSpec(Strict):
    """Lowest and highest points, both allowed, with decimals between them."""

    low: float = Field(default=1.0, allow_inf_nan=False)
    high: float = Field(default=10.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _upward(self) -> ScaleSpec:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")
        return self


class VariantSpec(Strict):
    """How the judge asks and reads under one protocol name."""

    prompt: str
    """File name of the Jinja rubric, beside judge.yaml."""
    version: int = Field(default=1, ge=1)
    system: str | None = None
    """System text."""
    parser: str = "strict"
    """How a reply is read: `strict`, or `paper` as in the publication."""
    structured: bool = True
    """Ask for JSON by a schema where the model can follow one; otherwise, or where false, for the bracket layout."""
    attempts: int = Field(default=3, ge=1, le=100)
    """Attempts until a reply can be read."""
    generation: GenerationSpec = GenerationSpec()

    @field_validator("prompt")
    @classmethod
    def _beside(cls, value: str) -> str:
        return file_beside(value, FILE, "rubric.md.j2")

    @field_validator("parser")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in PARSERS:
            raise ValueError(f"unknown parser {value!r}; known: {', '.join(sorted(PARSERS))}")
        return value

    @model_validator(mode="after")
    def _layout_only(self) -> VariantSpec:
        if self.parser == "paper" and self.structured:
            raise ValueError("the paper parser reads the bracket layout only; say `structured: false`")
        return self


class JudgeSpec(Strict):
    """A judge.yaml. `kind: rubric` asks a model with a written rubric; the other kinds are rules and ask no model."""

    name: PlainName
    version: int = Field(ge=1)
    """Increase it whenever a change here makes older numbers incomparable."""
    title: str
    description: str = ""
    kind: Literal["rubric", "facts", "reference"] = "rubric"
    """`rubric` asks a model; `facts` counts facts; `reference` compares an answer with its reference."""
    sees: Sees
    """What it sees of the images."""
    scope: Scope = "dialogue"
    """What one call rates: everything, one answer, or one criterion of every answer."""
    criteria: tuple[CriterionSpec, ...] = Field(min_length=1)
    """Each is rated once for every answer."""
    scale: ScaleSpec = ScaleSpec()
    overall: bool = False
    """True to ask also for an overall rating of each answer, which is kept but never used."""
    repeats: int = Field(default=1, ge=1, le=100)
    """How often every answer is judged, to measure the judge's own noise."""
    model: str | None = None
    """Its model unless the user names another, such as openai/gpt-6.2-sol."""
    protocols: dict[str, VariantSpec] = Field(default_factory=dict)
    """A rubric has at least `strict`."""
    citation: str = ""

    @field_validator("criteria")
    @classmethod
    def _distinct(cls, value: tuple[CriterionSpec, ...]) -> tuple[CriterionSpec, ...]:
        ids = [criterion.id for criterion in value]
        twice = [name for name in ids if ids.count(name) > 1]
        if twice:
            raise ValueError(f"the criterion {twice[0]!r} stands twice; each id is one criterion")
        if not any(criterion.weight for criterion in value):
            raise ValueError("every weight is 0; at least one criterion must count")
        return value

    @model_validator(mode="after")
    def _whole(self) -> JudgeSpec:
        if self.kind == "facts":
            if self.sees != "facts":
                raise ValueError("a judge of kind facts says `sees: facts`")
            return self
        if self.kind == "reference":
            if self.sees != "text":
                raise ValueError("a judge of kind reference says `sees: text`")
            return self
        if self.sees == "facts":
            raise ValueError("a rubric sees captions, images or text; only a judge of kind facts sees facts")
        if "strict" not in self.protocols:
            raise ValueError("protocols.strict is missing: a rubric says at least how it is asked by default")
        paper = [name for name, variant in self.protocols.items() if variant.parser == "paper"]
        pairs = {criterion for _, criterion in PAPER_PAIRS}
        if paper and (self.scope != "dialogue" or {criterion.id for criterion in self.criteria} != pairs):
            raise ValueError(f"protocols.{paper[0]}: the paper parser needs criteria C1, C2, C3 and scope dialogue")
        return self

    def records(self) -> tuple[Criterion, ...]:
        """The criteria as records."""
        return tuple(Criterion(c.id, c.name, c.description.strip(), c.weight) for c in self.criteria)


def read_spec(path: Path) -> JudgeSpec:
    """Read and check a judge.yaml. Raises errors.ContentError with file, key and what is allowed, for every mistake."""
    if not path.is_file():
        raise ContentError(f"{path}: no such file; a judge folder holds a {FILE} and its rubric")
    return read_yaml(path, JudgeSpec)


def rule_card(spec: JudgeSpec, formula: Sequence[JSON]) -> JudgeCard:
    """The card of a rule. `formula` is everything beside the spec that may change a verdict."""
    scale: list[JSON] = [spec.scale.low, spec.scale.high]
    criteria: list[JSON] = [criterion.model_dump() for criterion in spec.criteria]
    return JudgeCard(
        name=spec.name,
        version=spec.version,
        title=spec.title,
        criteria=spec.records(),
        low=spec.scale.low,
        high=spec.scale.high,
        sees=spec.sees,
        fingerprint=fingerprint([*formula, spec.name, spec.version, criteria, scale]),
        attempts=1,
    )


def one_call(dialogue: AnsweredSample, card: JudgeCard) -> list[JudgeCall]:
    """One call without a conversation that expects every criterion of every answered turn."""
    turns = range(1, min(len(dialogue.answers), len(dialogue.sample.turns)) + 1)
    return [JudgeCall("dialogue", dialogue, tuple((turn, c.id) for turn in turns for c in card.criteria))]


def write_judge_scaffold(name: str, where: Path) -> Path:
    """Make the folder `where`/`name` with judge.yaml, rubric and card; returns its path. Raises as `copy_scaffold`."""
    return copy_scaffold("judges", (FILE, "rubric.md.j2", "README.md"), name, where)
