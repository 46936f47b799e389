"""Whether the JSON inside a store's rows has the form that this program writes. Knows nothing of what it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Protocol

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from sparkles_eval.publishing.findings import Finding, address
from sparkles_eval.publishing.tables import TABLES
from sparkles_eval.records import Role
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.strict import Strict

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Names = TypeAdapter(list[str])
_Texts = TypeAdapter(dict[str, str])


class _Form(Protocol):
    """What a pydantic TypeAdapter of any type can do."""

    def validate_json(self, data: str, /) -> object: ...


class _Prices(Strict):
    input: _Number | None
    output: _Number | None
    date: str | None
    source: str | None
    cached_input: _Number | None = None
    reasoning: _Number | None = None


class _Criterion(Strict):
    id: str
    name: str
    description: str
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Rating(Strict):
    turn: Annotated[int, Field(ge=1, le=10_000)]
    criterion: str
    value: _Number
    explanation: str


class _Image(Strict):
    image: str
    reading: Annotated[str, Field(pattern=r"^[a-z]{1,20}@[0-9]{1,4}$")] = ""
    """How a picture was shown that is not as its file is (core.pictures)."""


class _Message(Strict):
    role: Role
    parts: list[str | _Image]


class _Conversation(Strict):
    system: str | None
    messages: list[_Message]


class _Identity(Strict):
    task: str
    task_version: int
    model: str
    model_identity: str
    protocol: str
    protocol_version: int
    answer_rule: str | None
    draws: int
    generation: dict[str, int | _Number | list[str]]
    prompt_hash: str
    data_hash: str
    epochs: int
    variant: str


_Criteria = TypeAdapter(list[_Criterion])
_FORMS: tuple[tuple[str, str, _Form], ...] = (
    ("tasks", "metrics", _Names),
    ("tasks", "options", _Names),
    ("tasks", "args", _Texts),
    ("models", "settings", _Texts),
    ("models", "prices", TypeAdapter(_Prices)),
    ("runs", "identity", TypeAdapter(_Identity)),
    ("environments", "machine", _Texts),
    ("environments", "packages", _Texts),
    ("samples", "tags", _Names),
    ("requests", "conversation", TypeAdapter(_Conversation)),
    ("requests", "generation", TypeAdapter(dict[str, int | _Number | list[str]])),
    ("judges", "criteria", _Criteria),
    ("verdicts", "ratings", TypeAdapter(list[_Rating])),
    ("verdicts", "overall", TypeAdapter(dict[Annotated[str, Field(pattern=r"^[0-9]{1,4}$")], _Number])),
    ("sheets", "criteria", _Criteria),
    ("trainings", "recipe", TypeAdapter(dict[str, JsonValue])),
    ("dialogue_sets", "identity", TypeAdapter(dict[str, JsonValue])),
    ("dialogue_calls", "candidates", _Names),
)


def check_documents(store: Store) -> Iterator[Finding]:
    """Every JSON text that is not of its form."""
    keys = {table.name: table.key for table in TABLES}
    for table, column, form in _FORMS:
        names = keys[table]
        sql = f"SELECT {', '.join(names)}, {column} FROM {table}"  # noqa: S608 - our own names
        for row in store.connection.execute(sql):
            *place, text = tuple(row)
            try:
                form.validate_json(text)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(map(str, first["loc"]))
                what = (
                    f"{column} is not as this program writes it ({where + ': ' if where else ''}{first['msg'][:200]})"
                )
                yield Finding(table, address(names, place), what)
