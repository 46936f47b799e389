"""Makes a bundle: selected runs with all that their numbers rest on, a card and the manifest, in one file."""

# ruff: noqa: S608  (names of tables and columns come from our own lists)
from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core.content import overlay
from sparkles_eval.core.errors import StoreError, UserError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import NO_VALUE, format_count, format_number, one_line
from sparkles_eval.publishing.bundle import (
    CARD,
    FORMAT,
    MANIFEST,
    STORE,
    BundleNotes,
    Manifest,
    ManifestMember,
    RunIdentity,
    identities,
    pack,
)
from sparkles_eval.publishing.discrepancies import Discrepancy
from sparkles_eval.publishing.merge_rows import RowSelection, merge_rows
from sparkles_eval.publishing.open_store import open_readonly
from sparkles_eval.publishing.stored_panels import recompute_panels
from sparkles_eval.publishing.table_keys import TABLES
from sparkles_eval.publishing.verify import verify
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.store import database, read_runs, spending
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store

CARD_TEMPLATE = "card.md.j2"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")


@dataclass(frozen=True, slots=True)
class CardLine:
    """One number of the card."""

    task: str
    protocol: str
    judge: str
    model: str
    metric: str
    value: str
    interval: str
    graded: str


@dataclass(frozen=True, slots=True)
class DataLicence:
    """Under which terms a task's data are, as its card says."""

    task: str
    licence: str


def card(summary: Summary, runs: Sequence[RunIdentity], about: BundleNotes) -> str:
    """The card of the runs in a summary: the same text for the same runs."""
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(overlay("reports", ())),
        autoescape=False,  # Markdown, not HTML: `_plain_text` writes out what either would take for mark-up
        finalize=_plain_text,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return made.get_template(CARD_TEMPLATE).render(
        models=sorted({run.model for run in runs}),
        version=__version__,
        about=about,
        rows=list(_card_lines(summary)),
        runs=runs,
        data_licences=_licences(summary, runs),
    )


def _plain_text(value: object) -> object:
    """Text that means nothing but itself, in Markdown and in HTML."""
    return _SPECIAL.sub(r"\\\1", one_line(value, 5000)) if isinstance(value, str) else value


def _card_lines(summary: Summary) -> Iterator[CardLine]:
    for panel in summary.panels:
        for entry in panel.entries:
            for measure in entry.measures:
                if measure.column.level != "detail":
                    unit = measure.column.unit
                    yield CardLine(
                        entry.run.task.name,
                        entry.run.protocol,
                        judge_name(entry.judge) if entry.judge else NO_VALUE,
                        entry.run.model.name,
                        measure.column.title + (" (%)" if unit == "percent" else ""),
                        format_number(measure.estimate.value, unit),
                        numbers.format_interval(measure.estimate, unit) or measure.estimate.note or NO_VALUE,
                        format_count(measure.estimate.n, measure.estimate.total),
                    )


def _licences(summary: Summary, runs: Sequence[RunIdentity]) -> list[DataLicence]:
    said = {panel.run.task.name: panel.run.task.licence for panel in summary.panels}
    return [DataLicence(name, said[name]) for name in sorted({run.task for run in runs}) if said[name]]


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


def extract(store: Store, run_ids: Sequence[str] | None, out: Path, *, thumbnails: bool = True) -> Summary:
    """Write the store of those runs (None: of all) to `out`, a new file; gives its metrics.

    Panels and metrics are worked out for these runs alone. Raises errors.StoreError for a run that is not there, and
    errors.UserError where a text looks like a key.
    """
    runs = read_runs.runs(store, run_ids)
    if not runs:
        raise UserError(f"{store.path}: holds no runs to publish")
    keys = sorted({key for run in runs for key in spending.asked(store, run)})
    part = RowSelection(
        {table.name: _WANTED.get(table.name, "0") for table in TABLES},
        {"runs": dump([run.id for run in runs]), "keys": dump(keys)},
    )
    draft = out.with_name(f"{out.name}.draft")
    with Store(draft) as made:
        with made.transaction() as db:
            merged = merge_rows(store, made, part)
            db.execute("UPDATE images SET bytes = NULL")  # pictures are their owners' to give away
            db.execute("UPDATE responses SET address = NULL")  # and machines are nobody else's business
            if not thumbnails:
                db.execute("UPDATE images SET thumbnail = NULL")
            recompute_panels(made, merged.panel_runs)
            db.execute("UPDATE _sqlite_migrations SET applied_at = ''")  # the only thing that says when this was made
        summary = summarise(made)
        for place in secrets(made):
            raise UserError(f"{place} looks like a key; a bundle is public, so fix the store before you publish it")
        made.connection.execute("VACUUM INTO ?", (str(out),))
    for name in (draft.name, f"{draft.name}-wal", f"{draft.name}-shm"):
        draft.with_name(name).unlink(missing_ok=True)
    return summary


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


_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was written, and what a reader of the bundle cannot work out again."""

    path: Path
    size: int
    manifest: Manifest
    unchecked: tuple[str, ...]
    unranked: tuple[str, ...] = ()
    """A line for each model with too few graded items to be ranked on a leaderboard."""


def submit(
    store: Path, run_ids: Sequence[str] | None, out: Path, about: BundleNotes | None = None, *, thumbnails: bool = True
) -> Submitted:
    """Write the bundle of those runs of a store (of all, where None is given) to `out`; the store is only read.

    The same runs give the same bytes. Raises errors.UserError where a number does not follow from the rows that it
    rests on (nobody would take such a bundle), where a text looks like a key, or where a file cannot be written.
    """
    about = about or BundleNotes()
    if out.suffix.lower() != ".zip":
        raise UserError(f"--out {out}: a bundle is a zip archive; name it so, such as {out.with_suffix('.zip')}")
    with tempfile.TemporaryDirectory(prefix="sparkles-bundle-") as folder:
        file = Path(folder) / STORE
        try:
            with open_readonly(store) as opened:
                summary = extract(opened, run_ids, file, thumbnails=thumbnails)
        except StoreError as error:  # the place where the bundle is made is nobody's business
            raise StoreError(str(error).replace(f"{file}.draft", str(store))) from error
        with open_readonly(file) as made:
            checked = verify(made)
        if not checked.sound:
            raise UserError(_refusal_text(store, checked.findings))
        runs, text = card_of(file, about)
        (Path(folder) / CARD).write_text(text, encoding="utf-8")
        manifest = Manifest(
            format=FORMAT,
            version=__version__,
            store_version=database.version(),
            files={"store.db": _member(file), "card.md": _member(Path(folder) / CARD)},
            runs=runs,
            about=about,
        )
        (Path(folder) / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        pack(out, {name: Path(folder) / name for name in (MANIFEST, STORE, CARD)})
    return Submitted(out, out.stat().st_size, manifest, checked.unchecked, summary.unranked)


def card_of(file: Path, about: BundleNotes) -> tuple[tuple[RunIdentity, ...], str]:
    """The runs of a bundle's store and its card; the file stays as it is. It must have been checked before."""
    # A summary writes its metrics down, so it is made of a copy.
    with (
        tempfile.TemporaryDirectory(prefix="sparkles-card-") as folder,
        Store(Path(shutil.copy(file, Path(folder) / STORE)), create=False) as copy,
    ):
        runs = identities(copy)
        return runs, card(summarise(copy), runs, about)


def _member(path: Path) -> ManifestMember:
    """A file as a manifest names it."""
    data = path.read_bytes()
    return ManifestMember(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _refusal_text(store: Path, findings: Sequence[Discrepancy]) -> str:
    more = [f"  ... and {len(findings) - _MOST_NAMED} more"] if len(findings) > _MOST_NAMED else []
    return "\n".join(
        [
            f"{store}: not everything in these runs follows from the rows that it rests on; no bundle was written:",
            *(f"  {finding}" for finding in findings[:_MOST_NAMED]),
            *more,
            f"see `sparkles-eval verify {store}`",
        ]
    )
