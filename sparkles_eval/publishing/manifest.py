"""What a bundle says of itself: its members with their hashes, and what its runs asked whom. Knows no zip."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from sparkles_eval.store import queries
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.strict import Strict

FORMAT: Literal[1] = 1
MANIFEST, STORE, CARD = "manifest.json", "store.db", "card.md"
"""The members of a bundle, all of them, each once."""

_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
LONGEST_LINE, LONGEST_NOTE = 500, 5000
_Line = Annotated[str, StringConstraints(max_length=LONGEST_LINE)]


class Member(Strict):
    """One file of the bundle."""

    sha256: _Hash
    size: int = Field(ge=0)
    """Bytes, unpacked."""


class JudgeIdentity(Strict):
    """Who scored a run; `fingerprint` covers rubric, scale, settings and the model that was asked."""

    name: _Line
    fingerprint: _Line
    model: _Line | None


class RunIdentity(Strict):
    """What a run asked whom: all that two runs must share to be compared, and the model."""

    id: _Line
    model: _Line
    model_identity: _Line
    task: _Line
    task_version: int
    protocol: _Line
    protocol_version: int
    variant: _Line
    prompt_hash: _Line
    data_hash: _Line
    answer_rule: _Line | None
    draws: int
    epochs: int
    samples: int
    judges: tuple[JudgeIdentity, ...] = Field(max_length=200)


class About(Strict):
    """What only its author can say of a bundle."""

    contact: _Line = ""
    licence: _Line = ""
    note: Annotated[str, StringConstraints(max_length=LONGEST_NOTE)] = ""


class Manifest(Strict):
    """manifest.json."""

    format: Literal[1]
    version: _Line
    """Of the sparkles-eval that made it."""
    store_version: int
    files: dict[Literal["store.db", "card.md"], Member]
    runs: tuple[RunIdentity, ...] = Field(min_length=1, max_length=1000)
    about: About = About()


def identities(store: Store) -> tuple[RunIdentity, ...]:
    """Every run of a store with the judges that scored it, in the order of their ids."""
    return tuple(
        RunIdentity(
            id=run.id,
            model=run.model.name,
            model_identity=run.model.identity,
            task=run.task.name,
            task_version=run.task.version,
            protocol=run.protocol,
            protocol_version=run.protocol_version,
            variant=run.variant,
            prompt_hash=run.prompt_hash,
            data_hash=run.data_hash,
            answer_rule=run.answer_rule,
            draws=run.draws,
            epochs=run.epochs,
            samples=run.total,
            judges=tuple(
                JudgeIdentity(name=judge.name, fingerprint=judge.id, model=judge.model)
                for judge in sorted(queries.judges(store, run.id, every=True), key=lambda judge: judge.id)
            ),
        )
        for run in sorted(queries.runs(store), key=lambda run: run.id)
    )
