"""Defines scorers: decorated functions that compare an answer with the answers that count as right.

    @scorer("same_letter")
    def same_letter(answer: str, question: Question, *, ignore_case: bool = True) -> Outcome:
        \"\"\"Right where the answer begins with the letter that an accepted answer begins with.\"\"\"
        ...
        return Outcome(1.0, answer="P")

Scorers are written the same way here, in a `--plugin` file and in an installed package. The keyword arguments are the
options that a task.yaml may set, checked like every other key; tables show the first sentence of the docstring.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from sparkles_eval.core import Response, Sample, Score, Status
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.tasks.validation import validation_messages

CRITERION = "accuracy"
"""The criterion under which every scorer's value is stored."""
KIND = "scorers"
"""The kind under which plugin files and packages offer scorers."""
MOST_SHOWN = 200
"""Characters that are kept of the text that a scorer read, and of the reason why it read none."""

Need: TypeAlias = Literal["target", "options"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question to be scored: the answers that count as right, its options and its sample."""

    targets: tuple[str, ...]
    """Every answer that counts as right; the first is the one that tables show."""
    options: tuple[str, ...]
    """The options to choose from; empty for a free answer."""
    sample: Sample
    turn: int
    """From 1."""

    @classmethod
    def of(cls, sample: Sample, turn: int) -> Question:
        """The question of a sample's turn."""
        return cls(sample.targets_at(turn), sample.options_at(turn), sample, turn)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scorer's result for one answer: a value from 0 (wrong) to 1 (right)."""

    value: float
    answer: str | None = None
    """The text that was read from the reply and compared; sample pages and exports show it."""
    reason: str | None = None
    invalid: bool = False
    """True where nothing could be read (`invalid`): the answer counts as wrong, and tables count it separately."""


def invalid(reason: str) -> Outcome:
    """The outcome of an answer that cannot be read, with the reason."""
    return Outcome(0.0, None, reason, invalid=True)


Function: TypeAlias = Callable[..., Outcome]
"""(answer, question, **options) -> Outcome."""
Check: TypeAlias = Callable[[Question, Mapping[str, Any]], str | None]
"""(question, options) -> what is wrong with the question for this scorer, or None."""


class NoOptions(Strict):
    """Base class of scorer options, itself for scorers without any: unknown keys and infinities are errors."""

    model_config = ConfigDict(allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A scorer as its author declared it. `scorer` makes one; a task.yaml names it and sets its options."""

    name: str
    version: int
    """Increased by the author whenever any answer would be scored differently."""
    description: str
    function: Function
    model: type[BaseModel]
    """The options and their defaults."""
    needs: tuple[Need, ...] = ("target",)
    title: str = "Accuracy"
    """The heading of its column in tables."""
    check_question: Check | None = None
    raw: bool = False
    """True: the function gets the unchanged reply with its reasoning, and also refused or cut-off replies."""
    read_cut: Function | None = None
    """Reads a reply that was cut off. None: `function` does where `raw`; otherwise such a reply is invalid."""
    identity: str = ""
    """Its name in a run's identity; "": the scorer's name for version 1, else its id.

    A reader of options has its bare name here, so that a new version rescores stored replies without new requests.
    """
    kind: str = field(default=KIND, init=False)

    def __call__(self, answer: str, question: Question, **options: object) -> Outcome:
        """Call the author's function."""
        return self.function(answer, question, **options)

    @property
    def options_shown(self) -> str:
        """The options with their defaults, such as "threshold=0.5, final_answer=true"."""
        defaults = self.model().model_dump(mode="json")
        return ", ".join(f"{name}={json.dumps(value)}" for name, value in defaults.items())

    def bind(self, options: Mapping[str, object]) -> BoundScorer:
        """The scorer with a task's options. Raises errors.ContentError, with the known options, for a wrong one."""
        try:
            chosen = self.model.model_validate(dict(options))
        except ValidationError as error:
            takes = "" if self.model.model_fields else "; it takes no options"
            raise ContentError("; ".join(validation_messages(error, self.model)) + takes) from None
        return BoundScorer(self, {name: getattr(chosen, name) for name in self.model.model_fields}, _unusual(chosen))


def _unusual(chosen: BaseModel) -> dict[str, object]:
    """The options that differ from their defaults, as JSON values in the order of their names."""
    defaults = type(chosen)().model_dump(mode="json")
    return {name: value for name, value in sorted(chosen.model_dump(mode="json").items()) if value != defaults[name]}


@dataclass(frozen=True, slots=True)
class BoundScorer:
    """A scorer with its options, as a task uses it; part of every run's identity."""

    scorer: Scorer
    options: Mapping[str, Any]
    """Every option."""
    chosen: Mapping[str, object] = field(default_factory=dict)
    """The options that differ from the defaults, as JSON values."""

    @property
    def name(self) -> str:
        """Its name in tables, such as `numeric` or `numeric(tolerance=0.05)`."""
        return f"{self.scorer.name}{self._chosen()}"

    @property
    def id(self) -> str:
        """Name, version and options, such as `numeric@1(tolerance=0.05)`, under which scores are stored."""
        return f"{self.scorer.name}@{self.scorer.version}{self._chosen()}"

    @property
    def rule(self) -> str:
        """Its name in a run's identity: the scorer's name for version 1, else the id."""
        if self.scorer.identity:
            return self.scorer.identity
        return self.name if self.scorer.version == 1 else self.id

    def _chosen(self) -> str:
        pairs = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.chosen.items())
        return f"({', '.join(pairs)})" if self.chosen else ""

    def check(self, question: Question) -> str | None:
        """Why the question cannot be scored, or None."""
        check = self.scorer.check_question
        return check(question, self.options) if check else None

    def score(self, response: Response, sample: Sample, turn: int) -> Score:
        """The score of a response to a turn. Where the scorer raises, the score has a reason and no value."""
        try:
            outcome = self._outcome(response, Question.of(sample, turn))
            value = float(outcome.value)
        except Exception as error:  # noqa: BLE001 - an author's code: its failure is no score
            return _unscored(turn, f"scorer {self.name}: {type(error).__name__}: {error}")
        if not 0.0 <= value <= 1.0:
            return _unscored(turn, f"scorer {self.name} gave {value:g}, which is not from 0 to 1")
        if outcome.invalid:
            reason = outcome.reason or "nothing could be read"
            if response.status is Status.TRUNCATED:
                reason = f"cut off ({response.error or 'token limit'}): {reason}"
            elif response.status is not Status.OK:
                reason = f"{response.status.value}: {response.error or reason}"
            elif response.reasoning and not (response.text or "").strip():
                reason = "the reply is empty: no text stands behind its reasoning"
            return Score(turn, CRITERION, 0.0, reason, invalid=True)
        answer = None if outcome.answer is None else outcome.answer[:MOST_SHOWN]
        return Score(turn, CRITERION, value, outcome.reason, answer=answer)

    def _outcome(self, response: Response, question: Question) -> Outcome:
        text = response.text or ""
        if not self.scorer.raw:
            if response.status is Status.TRUNCATED:
                return invalid("the reply was cut off")
            if response.status is not Status.OK:
                return invalid("the model did not answer")
            text = take_apart(text).answer
            if not text.strip():
                return invalid("an empty answer")
        elif self.scorer.read_cut is not None and response.status is not Status.OK:
            if response.status is Status.TRUNCATED:
                return self.scorer.read_cut(text, question, **self.options)
            return invalid("the model did not answer")
        return self.scorer.function(text, question, **self.options)


def _unscored(turn: int, reason: str) -> Score:
    return Score(turn, CRITERION, None, reason[:MOST_SHOWN])


def scorer(
    name: str,
    *,
    version: int = 1,
    title: str = "Accuracy",
    needs: tuple[Need, ...] = ("target",),
    check: Check | None = None,
    raw: bool = False,
) -> Callable[[Function], Scorer]:
    """Make a function `(answer, question, *, option=default, ...) -> Outcome` the scorer of that name.

    Increase `version` whenever any answer would be scored differently. Raises errors.ContentError for a bad name or
    version, an option without a default, or a missing docstring.
    """

    def made(function: Function) -> Scorer:
        description = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
        if not name.isidentifier() or not name.islower():
            raise ContentError(f"@scorer({name!r}): a scorer's name has lower case letters, digits and '_'")
        if version < 1:
            raise ContentError(f"@scorer({name!r}): version {version}: versions are counted from 1")
        if not description:
            raise ContentError(f"@scorer({name!r}): the function has no docstring; its first sentence describes it")
        return Scorer(name, version, description, function, _declared(name, function), needs, title, check, raw)

    return made


def _declared(name: str, function: Function) -> type[BaseModel]:
    """The keyword arguments of a scorer's function as a record of options."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for option, given in list(inspect.signature(function).parameters.items())[2:]:
        if given.kind is not inspect.Parameter.KEYWORD_ONLY or given.default is inspect.Parameter.empty:
            raise ContentError(f"@scorer({name!r}): {option!r} must stand behind `*` and have a default")
        fields[option] = (hints.get(option, str), given.default)
    return create_model(f"options of {name}", __base__=NoOptions, **fields)
