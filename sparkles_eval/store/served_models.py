"""Where models have answered, what their servers said of themselves there, and models whose address is part of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from sparkles_eval.core import Model
from sparkles_eval.store.mapping import insert, now
from sparkles_eval.store.store import Store

AskedAs: TypeAlias = Literal["model", "judge"]
ENDPOINT = "endpoint"
"""Setting that holds a model's address in stores of before; since then, that of a provider alone."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a server says of the model that it serves at an address; None where it does not say."""

    address: str
    served: str | None = None
    fingerprint: str | None = None
    listing: str | None = None

    @property
    def evidence(self) -> tuple[str, str, str] | None:
        """What has to be equal where another address serves the same model; None where some of it is not there."""
        if self.served is None or self.fingerprint is None or self.listing is None:
            return None
        return self.served, self.fingerprint, self.listing


def known_addresses(store: Store, identity: str, role: AskedAs) -> list[ServedModel]:
    """Where answers (or verdicts) of a model come from."""
    rows = store.connection.execute(
        "SELECT address, served, fingerprint, listing FROM addresses WHERE identity = ? AND role = ? ORDER BY since",
        (identity, role),
    )
    return [ServedModel(*row) for row in rows]


def add_addresses(store: Store, identity: str, role: AskedAs, addresses: Sequence[str]) -> None:
    """Answers of the model come from here, too."""
    with store.transaction() as db:
        for address in addresses:
            row = {"identity": identity, "role": role, "address": address, "since": now()}
            insert(db, "addresses", row, known="IGNORE")


def add_evidence(store: Store, identity: str, role: AskedAs, said: ServedModel) -> None:
    """What a server said of itself; what it said first stands."""
    with store.transaction() as db:
        db.execute(
            "UPDATE addresses SET served = coalesce(served, ?), fingerprint = coalesce(fingerprint, ?),"
            " listing = coalesce(listing, ?) WHERE identity = ? AND role = ? AND address = ?",
            (said.served, said.fingerprint, said.listing, identity, role, said.address),
        )


def listed_apart(store: Store) -> dict[tuple[str, str], list[ServedModel]]:
    """Models (identity, role) whose servers at several addresses list different models under the one name."""
    rows = store.connection.execute(
        "SELECT identity, role, address, served, fingerprint, listing FROM addresses WHERE listing IS NOT NULL"
        " ORDER BY identity, role, since, address"
    )
    found: dict[tuple[str, str], list[ServedModel]] = {}
    for identity, role, *said in rows:
        found.setdefault((identity, role), []).append(ServedModel(*said))
    return {key: servers for key, servers in found.items() if len({one.listing for one in servers}) > 1}


def has_model(store: Store, identity: str) -> bool:
    """True where the store holds the model as it is identified now."""
    row = store.connection.execute("SELECT 1 FROM models WHERE identity = ? LIMIT 1", (identity,)).fetchone()
    return row is not None


def addressed_models(store: Store, model: Model) -> list[Model]:
    """The model as the store knew it when its address was part of its identity, once for each; the last run first."""
    rows = store.connection.execute(
        "SELECT DISTINCT m.settings, (SELECT max(created_at) FROM runs WHERE model_id = m.id) AS last FROM models m"
        " WHERE m.kind = ? AND m.model_id = ? ORDER BY last DESC",
        (model.kind, model.model_id),
    )
    own = dict(model.settings)
    found = [dict(json.loads(row[0])) for row in rows]
    return [
        replace(model, settings=settings)
        for settings in found
        if ENDPOINT in settings and {k: v for k, v in settings.items() if k != ENDPOINT} == own
    ]


def has_judge(store: Store, judge_id: str) -> bool:
    """True where the store holds that judge."""
    return store.connection.execute("SELECT 1 FROM judges WHERE id = ?", (judge_id,)).fetchone() is not None
