"""Finds questions that stand under several ids in a run: however often asked, each is one independent unit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.json import question_of
from sparkles_eval.store.store import Store

_KNOWN: WeakKeyDictionary[Store, dict[str, Mapping[str, str]]] = WeakKeyDictionary()
"""By store and hash of the data: samples never change, and every judge and model of a task has the same."""


def joined_clusters(store: Store, run_id: str) -> Mapping[str, str]:
    """Clusters of a run that share a question, and the one that all of them count as; {} where none does.

    Raises errors.StoreError for a sample that cannot be read.
    """
    row = store.connection.execute("SELECT data_hash FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        return {}
    known = _KNOWN.setdefault(store, {})
    if row[0] not in known:
        known[row[0]] = _joined(store, run_id)
    return known[row[0]]


def _joined(store: Store, run_id: str) -> Mapping[str, str]:
    rows = store.connection.execute(
        "SELECT s.cluster, s.name, s.body FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " WHERE p.run_id = ? ORDER BY p.position",
        (run_id,),
    )
    first: dict[int, str] = {}
    joined: dict[str, str] = {}

    def root(cluster: str) -> str:
        while cluster in joined:
            cluster = joined[cluster]
        return cluster

    for cluster, name, body in rows:
        try:
            question = hash(question_of(json.loads(body)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{store.path}: sample {name!r} cannot be read; `sparkles-eval verify {store.path}` says more"
            ) from error
        one, other = root(first.setdefault(question, cluster)), root(cluster)
        if one != other:
            joined[other] = one
    return {cluster: root(cluster) for cluster in joined}
