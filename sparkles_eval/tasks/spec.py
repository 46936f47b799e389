"""The keys of a task.yaml, all of which are checked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.generation_spec import GenerationSpec
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.tasks.base import Orders
from sparkles_eval.tasks.columns.column_spec import RowSource, SampleColumns
from sparkles_eval.tasks.metrics import find_metrics, nameable
from sparkles_eval.tasks.scorers.rules import RULES
from sparkles_eval.tasks.validation import Name, read_yaml

FILE = "task.yaml"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def valid_name(name: str) -> bool:
    """True for a name that a task, protocol or file may have: lower case, digits, ".", "_", "-"."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def file_beside(value: str, file: str, example: str = "prompt.md.j2") -> str:
    """The name of a file that lies beside `file`. Raises ValueError for one that leads elsewhere."""
    if not valid_name(value):
        raise ValueError(f"{value!r} is no plain file name beside {file} (lower case, such as {example})")
    return value


def _plain_name(value: str) -> str:
    if not valid_name(value):
        raise ValueError(f"{value!r} is no name; use lower case letters, digits, '.', '_' and '-'")
    return value


PlainName = Annotated[str, AfterValidator(_plain_name)]
"""A name that can also be the name of a file or folder (`valid_name`)."""


def _default_only(value: object) -> object:
    """`n: 60` is short for `n: {default: 60}`."""
    return value if isinstance(value, dict) else {"default": value}


class ArgSpec(Strict):
    """One `--task-arg` that the task takes. `default` None means that the loader decides or that it is optional."""

    default: Name | None = None
    """Its value where the user gives none."""
    choices: tuple[Name, ...] = ()
    """The values that are allowed; empty for any."""
    help: str = ""
    """What it is for."""

    @model_validator(mode="after")
    def _default_is_a_choice(self) -> ArgSpec:
        if self.choices and self.default is not None and self.default not in self.choices:
            raise ValueError(f"the default {self.default!r} is none of the choices {', '.join(self.choices)}")
        return self


def _name_only(value: object) -> object:
    """`scorer: numeric` is short for `scorer: {name: numeric}`."""
    return {"name": value} if isinstance(value, str) else value


class ScorerSpec(Strict):
    """Which scorer compares an answer with the accepted ones; every further key is an option of that scorer."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
    """A [built-in scorer](scorers.md), or one of a `--plugin` file or an installed package."""

    @property
    def options(self) -> dict[str, object]:
        """The options that were set; the scorer checks them when the task is loaded."""
        return dict(self.model_extra or {})


class ProtocolSpec(Strict):
    """How the task is asked and its answers are read under one protocol (see tasks.base.Protocol)."""

    prompt: str
    """File name of the Jinja template, beside task.yaml."""
    system: str | None = None
    """System text, a Jinja template too; it sees `fields`, `options` and `turns`."""
    version: int = Field(default=1, ge=1)
    """Increase it whenever a change here makes older numbers incomparable."""
    answer: str | None = None
    """Rule that reads an option out of a response (`strict`, `paper`), or null where a judge scores."""
    scorer: Annotated[ScorerSpec | None, BeforeValidator(_name_only)] = None
    """Instead of `answer`: the scorer under this protocol, by its name or with options (`{name: numeric, tolerance:
    0.05}`)."""
    draws: int = Field(default=1, ge=1, le=100)
    """Above 1: a question is repeated, up to this often, until its answer can be read."""
    generation: GenerationSpec = GenerationSpec()
    judging: str = "strict"
    """The protocol variant of the judges that belongs to this protocol."""

    @field_validator("prompt")
    @classmethod
    def _beside(cls, value: str) -> str:
        return file_beside(value, FILE)

    @field_validator("answer")
    @classmethod
    def _known_rule(cls, value: str | None) -> str | None:
        if value is not None and value not in RULES:
            raise ValueError(f"unknown answer rule {value!r}; known: {', '.join(RULES)}, or null where a judge scores")
        return value

    @model_validator(mode="after")
    def _one_scorer(self) -> ProtocolSpec:
        if self.answer is not None and self.scorer is not None:
            raise ValueError("`answer` and `scorer` both say how an answer is scored; keep one of them")
        return self


class OrdersSpec(Strict):
    """How a sample changes when its two images are swapped (`--orders both`)."""

    target: Literal["swaps", "stays"]
    """`swaps`: the right option is the place of an image and moves with it; `stays`: the right option is the same."""
    fields: dict[str, Name] = Field(default_factory=dict)
    """Fields of the swapped sample, by which its prompt names the images (`first: right`)."""

    def record(self) -> Orders:
        return Orders(self.target, self.fields)


class TaskSpec(Strict):
    """A task.yaml."""

    name: PlainName
    version: int = Field(ge=1)
    """Increase it whenever samples or scoring change so that older numbers are incomparable."""
    title: str
    description: str
    loader: str
    """The loader that reads the data: a built-in one or an entry point of `sparkles_eval.loaders`."""
    source: RowSource | None = None
    """Where the rows lie that the loader `table` reads."""
    columns: SampleColumns | None = None
    """Which of their columns mean what, for the loader `table`."""
    args: dict[str, Annotated[ArgSpec, BeforeValidator(_default_only)]] = Field(default_factory=dict)
    """Every `--task-arg` that is allowed, with its default."""
    needs_data_root: bool = False
    """True when nothing can be loaded without `--data-root`."""
    protocols: dict[str, ProtocolSpec]
    """At least one; `strict` is used unless the user names another."""
    metrics: tuple[str, ...]
    """The metrics that a report shows: accuracy, consistency, validity, sparkles_score, judge_score, group_score."""
    judges: tuple[str, ...] = ()
    """The judges that score it unless the user names others."""
    scorer: Annotated[ScorerSpec | None, BeforeValidator(_name_only)] = None
    """The scorer of every protocol that names no `scorer` or `answer` of its own."""
    orders: OrdersSpec | None = None
    """For samples with two images in one turn: allows `--orders both`."""
    citation: str = ""
    licence: str = ""
    homepage: str = ""
    get_data: str = ""
    """How to get the data, for people; shown when it is not there."""

    @field_validator("protocols")
    @classmethod
    def _some_protocols(cls, value: dict[str, ProtocolSpec]) -> dict[str, ProtocolSpec]:
        if not value:
            raise ValueError("at least one protocol is needed, such as `strict`")
        for name in value:
            if not valid_name(name):
                raise ValueError(f"{name!r} is no protocol name; use lower case letters, digits, '.', '_' and '-'")
        return value

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError(f"at least one is needed; known: {', '.join(nameable())}")
        try:
            find_metrics(value)
        except UserError as error:
            raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _table_keys(self) -> TaskSpec:
        given = [key for key in ("source", "columns") if getattr(self, key) is not None]
        if self.loader == "table" and len(given) < 2:
            raise ValueError("the loader `table` needs `source` (where the rows lie) and `columns` (what they mean)")
        if given and self.loader != "table":
            raise ValueError(f"`{given[0]}` is for the loader `table`, this task has {self.loader!r}")
        return self

    @model_validator(mode="after")
    def _draws_need_a_scorer(self) -> TaskSpec:
        for name, protocol in self.protocols.items():
            if protocol.draws > 1 and self.scorer_of(name) is None:
                raise ValueError(
                    f"protocols.{name}: draws above 1 ask again until an answer is valid, so they need an `answer` "
                    "rule or a `scorer`"
                )
        return self

    @model_validator(mode="after")
    def _can_be_scored(self) -> TaskSpec:
        for metric in find_metrics(self.metrics):
            needs = metric.needs
            if "options" in needs:
                without = [name for name in self.protocols if self.scorer_of(name) is None]
                if without:
                    raise ValueError(
                        f"metric {metric.name!r} needs an `answer` rule in protocols.{', protocols.'.join(without)}, "
                        "or a `scorer`"
                    )
        return self

    def scorer_of(self, protocol: str) -> ScorerSpec | None:
        """The scorer of a protocol: its own, the reader that its `answer` names, or the task's; None: judges score."""
        own = self.protocols[protocol]
        return own.scorer or (ScorerSpec(name=own.answer) if own.answer else None) or self.scorer


def read_spec(path: Path) -> TaskSpec:
    """Read and check a task.yaml. Raises errors.ContentError with file, key and what is allowed, for every mistake."""
    if not path.is_file():
        raise ContentError(
            f"{path}: no such file; a task folder holds a {FILE} (`sparkles-eval task new NAME` writes one)"
        )
    return read_yaml(path, TaskSpec)
