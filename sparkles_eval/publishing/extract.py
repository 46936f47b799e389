"""Cuts some runs out of a store into a small store of their own, with all that their numbers rest on and nothing else.

People's ratings, trainings, other runs and the pictures themselves stay at home. The same runs give the same bytes.
"""
# ruff: noqa: S608 - table and column names are this package's own; values travel as parameters

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.errors import UserError
from sparkles_eval.publishing.bringing import Part, bring
from sparkles_eval.publishing.panels import work_out
from sparkles_eval.publishing.tables import TABLES
from sparkles_eval.store import queries
from sparkles_eval.store.encode import dump
from sparkles_eval.store.store import Store

_OF_RUNS = "run_id IN (SELECT value FROM json_each(:runs))"
_IDS = "(SELECT value FROM json_each(:runs))"
_WHO = (
    f"SELECT name FROM models WHERE id IN (SELECT model_id FROM runs WHERE id IN {_IDS})"
    f" UNION SELECT model FROM judges WHERE id IN (SELECT judge_id FROM scores WHERE {_OF_RUNS})"
)
_WANTED: Mapping[str, str] = {
    "tasks": f"id IN (SELECT task_id FROM runs WHERE id IN {_IDS})",
    "models": f"id IN (SELECT model_id FROM runs WHERE id IN {_IDS})"
    " OR id IN (SELECT model_id FROM requests WHERE key IN (SELECT value FROM json_each(:keys)))",
    "runs": f"id IN {_IDS}",
    "environments": f"id IN (SELECT environment_id FROM run_environments WHERE {_OF_RUNS})",
    "run_environments": _OF_RUNS,
    "samples": f"id IN (SELECT sample_id FROM run_samples WHERE {_OF_RUNS})",
    "run_samples": _OF_RUNS,
    "skipped": _OF_RUNS,
    "images": "sha256 IN (SELECT json_extract(part.value, '$.image') FROM samples,"
    " json_each(samples.body, '$.turns') AS turn, json_each(turn.value, '$.content') AS part"
    f" WHERE part.type = 'object' AND samples.id IN (SELECT sample_id FROM run_samples WHERE {_OF_RUNS}))",
    "requests": "key IN (SELECT value FROM json_each(:keys))",
    "responses": "key IN (SELECT value FROM json_each(:keys))",
    "answers": _OF_RUNS,
    "judges": f"id IN (SELECT judge_id FROM scores WHERE {_OF_RUNS})",
    "verdicts": f"key IN (SELECT v.key FROM scores s JOIN verdicts v ON v.id = s.verdict_id WHERE s.{_OF_RUNS})",
    "scores": _OF_RUNS,
    "events": f"(who IN ({_WHO}) OR who IN {_IDS})"
    f" AND environment_id IN (SELECT environment_id FROM run_environments WHERE {_OF_RUNS})",
}
"""Which rows belong to the runs :runs, whose answers rest on the requests :keys. Tables that are not here stay out."""
PUBLISHED = frozenset(_WANTED)
"""The tables that a bundle's rows are of; what people rated or trained is none of them."""


def extract(store: Store, run_ids: Sequence[str] | None, out: Path, *, thumbnails: bool = True) -> None:
    """Write the store of those runs (None: of all) to `out`, a new file.

    Panels and metrics are worked out for these runs alone. Raises errors.StoreError for a run that is not there, and
    errors.UserError where a text looks like a key.
    """
    runs = queries.runs(store, run_ids)
    if not runs:
        raise UserError(f"{store.path}: holds no runs to publish")
    keys = sorted({key for run in runs for key in queries.asked(store, run)})
    part = Part(
        {table.name: _WANTED.get(table.name, "0") for table in TABLES},
        {"runs": dump([run.id for run in runs]), "keys": dump(keys)},
    )
    draft = out.with_name(f"{out.name}.draft")
    with Store(draft) as made:
        with made.transaction() as db:
            bring(store, made, part)
            db.execute("UPDATE images SET bytes = NULL")  # pictures are their owners' to give away
            if not thumbnails:
                db.execute("UPDATE images SET thumbnail = NULL")
            work_out(made)
            db.execute("UPDATE _sqlite_migrations SET applied_at = ''")  # the only thing that tells when this was made
        summarise(made)
        for place in secrets(made):
            raise UserError(f"{place} looks like a key; a bundle is public, so mend the store before you publish it")
        made.connection.execute("VACUUM INTO ?", (str(out),))
    for name in (draft.name, f"{draft.name}-wal", f"{draft.name}-shm"):
        draft.with_name(name).unlink(missing_ok=True)


_KEYS = re.compile(
    r"\b(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{30,})|(?i:bearer\s+[A-Za-z0-9._~+/-]{20,})"
)
_OURS = {
    "environments": ("command", "machine"),
    "events": ("message",),
    "models": ("settings", "model_id"),
    "responses": ("error",),
    "runs": ("identity",),
    "skipped": ("reason",),
    "tasks": ("args",),
    "verdicts": ("reason",),
    "scores": ("reason",),
}
"""Columns that this program and its user write; what a model says may look like anything."""


def secrets(store: Store) -> Iterator[str]:
    """Places of a store that hold something like a key; never the key itself."""
    for table, columns in _OURS.items():
        names = ", ".join(columns)
        rows = store.connection.execute(f"SELECT {names} FROM {table}")
        for number, row in enumerate(rows, 1):
            for name, text in zip(columns, row, strict=True):
                if isinstance(text, str) and _KEYS.search(text):
                    yield f"{table}.{name}, row {number},"
