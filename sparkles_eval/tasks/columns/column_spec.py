"""The keys `source` and `columns` of a task.yaml: where rows lie, and which of their columns mean what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.strict_record import Strict

HUB_NAME = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}")
COMMIT = re.compile(r"[0-9a-f]{40}")


def _several(value: object) -> object:
    """`images: image_list` is short for `images: [image_list]`."""
    return () if value is None else value if isinstance(value, list | tuple) else (value,)


def _one_column(value: object) -> object:
    """`options: choices` is short for `options: {columns: [choices]}`."""
    return {"columns": value} if isinstance(value, str | list | tuple) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]


def _inside(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or not name:
            raise ValueError(f"{name!r} must be a relative path or pattern inside the data, written with '/'")
    return value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_several), AfterValidator(_inside)]


class RowSource(Strict):
    """Where the rows lie: a data set of the Hub, or files in `--data-root` or the task's folder."""

    hub: str | None = None
    """A data set of the Hub, as ORG/NAME. With `--data-root` its files are read from that folder instead."""
    revision: str = "main"
    """Commit (40 digits, which pins the data), tag or branch of the Hub's data set."""
    config: Names = ()
    """Configurations; all of them are read, in this order. `--task-arg config=` takes one of them."""
    split: str = ""
    """The split, such as test."""
    files: Patterns = ()
    """Files of the rows: .parquet, .arrow, a folder of `save_to_disk`, .tar (webdataset), .jsonl, .json, .csv, .tsv.

    Patterns such as `data/test-*.parquet`; `{config}` and `{split}` stand for those above. `a.zip!*/task.json` names
    files in an archive. Left out for the Hub: the files that its card lists, else those named by the split.
    """
    archives: Patterns = ()
    """Zip files in which pictures lie that the rows name by path."""
    folder: str = ""
    """The folder of the data, from the task's folder, where no `--data-root` is given. Left out: the task's folder."""
    images: str = ""
    """The folder, inside the data, from which the rows' picture paths count."""

    @field_validator("hub")
    @classmethod
    def _hub_name(cls, value: str | None) -> str | None:
        if value is not None and not HUB_NAME.fullmatch(value):
            raise ValueError(f"{value!r} is no data set of the Hub; write it as ORG/NAME")
        return value

    @field_validator("revision")
    @classmethod
    def _revision(cls, value: str) -> str:
        if not re.fullmatch(r"[\w][\w./-]{0,99}", value) or ".." in value:
            raise ValueError(f"{value!r} is no revision; write a commit of 40 digits, a tag or a branch")
        return value

    @model_validator(mode="after")
    def _somewhere(self) -> RowSource:
        if self.hub is None and not self.files:
            raise ValueError("name a data set of the Hub (`hub: ORG/NAME`) or `files`")
        return self

    def with_args(self, args: Mapping[str, str]) -> RowSource:
        """The source with what `--task-arg` says of it. Raises errors.ContentError for a wrong value."""
        given = {name: args[name] for name in ("config", "split", "revision", "files") if name in args}
        try:
            return RowSource.model_validate(self.model_dump() | given) if given else self
        except ValidationError as error:
            raise ContentError(
                "; ".join(f"--task-arg {one['loc'][0]}: {one['msg']}" for one in error.errors())
            ) from None

    def patterns(self) -> Iterator[tuple[str, str]]:
        """(configuration, pattern of row files) in order; empty where `files` is."""
        for config in self.config or ("",):
            for pattern in self.files:
                yield config, pattern.replace("{config}", config).replace("{split}", self.split)


class OptionColumns(Strict):
    """The options of a question."""

    columns: Names = ()
    """One column with a list (also as JSON text) or with lines "A: first"; or a column for each option."""
    within: bool = False
    """True: the options stand inside the question's text ("A. first", "(A) first") and are read out of it."""
    shown: str | None = "{letter}. {text}"
    """How each option is added to the question's words; null where the question shows them already."""

    @model_validator(mode="after")
    def _one_place(self) -> OptionColumns:
        if self.within == bool(self.columns):
            raise ValueError("name the options' `columns`, or say `within: true` where the question holds them")
        if self.shown is not None and ("{letter}" not in self.shown or "{text}" not in self.shown):
            raise ValueError("`shown` holds {letter} and {text}, such as '({letter}) {text}', or is null")
        return self


class AnswerColumn(Strict):
    """The answer that counts as right."""

    column: str
    kind: Literal["auto", "letter", "index", "text", "list", "flags"] = "auto"
    """`auto` takes a letter or an option's words and refuses what could be either; `index` counts from `first`;
    `list` holds several accepted texts; `flags` has true at the right option."""
    first: Literal[0, 1] = 0
    """Where `index` begins."""
    hidden: Names = ()
    """Values that stand for a label that is not published; such a row is refused with that reason."""


class TurnColumns(Strict):
    """A dialogue: one column with a list of messages or of questions. The keys name fields of its entries."""

    column: str
    role: str | None = "role"
    """Who speaks; null where every entry is a question."""
    text: str = "content"
    """What is said: text, or parts as in OpenAI's messages."""
    user: Names = ("user", "human")
    assistant: Names = ("assistant", "gpt", "model")
    images: Names = ()
    """Pictures of an entry."""
    image_options: Names = ()
    """Pictures of an entry that are its options."""
    options: Names = ()
    answer: Annotated[AnswerColumn | None, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)] = None
    fields: dict[str, str] = Field(default_factory=dict)
    """Further texts of an entry, for the judge: `checklist` becomes the field checklist_1 of answer 1."""


class SampleColumns(Strict):
    """Which column means what. `a|b` takes column b where a is empty; `a.b` takes b inside of a."""

    id: str | None = None
    """Left out: the row's number, from 0."""
    question: str | None = None
    """The words, with a mark such as `<image>` where each picture stands; without marks pictures come first. A list is
    a dialogue of several questions."""
    images: Names = ()
    """One column with a list of pictures, or several in order (`image_*` takes image_1, image_2, ...)."""
    image_options: Names = ()
    """Pictures that are the options themselves."""
    options: Annotated[OptionColumns | None, BeforeValidator(_one_column)] = None
    answer: Annotated[AnswerColumn | None, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)] = None
    reference: str | None = None
    """A good answer in words, for judges; a list has one for each question."""
    turns: Annotated[TurnColumns | None, BeforeValidator(lambda v: {"column": v} if isinstance(v, str) else v)] = None
    system: str | None = None
    """Becomes the field `system`, for the prompt."""
    caption: str | None = None
    """Captions of the pictures, for judges that see none."""
    group: str | None = None
    cluster: str | None = None
    tags: Names = ()
    fields: dict[str, str] = Field(default_factory=dict)
    """Texts that the prompt uses by name: name: column."""
    pairs: str | None = None
    """A column with the id of a row's twin; both form a group."""
    where: dict[str, Names] = Field(default_factory=dict)
    """Only rows whose column has one of these values."""
    marks: Literal["exact", "front"] = "exact"
    """`front`: pictures that have no mark of their own stand before the question; `exact` refuses such a row."""

    @model_validator(mode="after")
    def _asks(self) -> SampleColumns:
        if self.question is None and self.turns is None:
            raise ValueError("name the column of the `question`, or of the `turns`")
        if self.group and self.pairs:
            raise ValueError("`group` and `pairs` both make groups; keep one")
        return self

    def named(self) -> dict[str, tuple[str, ...]]:
        """Every key that names columns of a row, with the columns."""
        found: dict[str, tuple[str, ...]] = {
            key: (value,)
            for key in ("id", "question", "reference", "system", "caption", "group", "cluster", "pairs")
            if (value := getattr(self, key))
        }
        found |= {"images": self.images, "image_options": self.image_options, "tags": self.tags}
        found["options"] = self.options.columns if self.options else ()
        found["answer"] = (self.answer.column,) if self.answer else ()
        found["turns"] = (self.turns.column,) if self.turns else ()
        found |= {f"fields.{name}": (column,) for name, column in self.fields.items()}
        found |= {f"where.{column}": (column,) for column in self.where}
        return {key: columns for key, columns in found.items() if columns}
