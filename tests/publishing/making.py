"""Parts of stores, bundles that were tampered with, and a store's whole content without its row numbers."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sparkles_eval.publishing.table_keys import TABLES, TableKeys

Place = tuple[str, int]
"""Run and position of a sample."""


@contextmanager
def edited(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as anybody could change it: no checks of references, committed at the end."""
    with closing(sqlite3.connect(path)) as connection:
        yield connection
        connection.commit()


def copied(source: Path, path: Path) -> Path:
    """A copy of a closed store."""
    return Path(shutil.copy(source, path))


def part(source: Path, path: Path, keep: Callable[[str, int], bool]) -> Path:
    """What a job leaves that was stopped: only those items of each run (run id, position) are answered and scored."""
    copied(source, path)
    with edited(path) as db:
        places = db.execute("SELECT run_id, position, sample_id FROM run_samples").fetchall()
        gone = [(run, sample) for run, position, sample in places if not keep(run, position)]
        for table in ("scores", "answers"):
            db.executemany(f"DELETE FROM {table} WHERE run_id = ? AND sample_id = ?", gone)  # noqa: S608
        db.execute(
            "DELETE FROM verdicts WHERE key NOT IN (SELECT v.key FROM verdicts v JOIN scores s ON s.verdict_id = v.id)"
        )
        db.execute("DELETE FROM responses WHERE id NOT IN (SELECT response_id FROM answers)")
        db.execute("DELETE FROM requests WHERE key NOT IN (SELECT key FROM responses)")
        db.execute("DELETE FROM estimates")
    return path


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, row numbers replaced by what the row is known by."""
    with closing(sqlite3.connect(path)) as db:
        known = {table.name: _known(db, table) for table in TABLES if table.numbered}
        return {table.name: _rows(db, table, known) for table in TABLES}


def _known(db: sqlite3.Connection, table: TableKeys) -> dict[int, str]:
    rows = db.execute(f"SELECT id, {', '.join(table.key)} FROM {table.name}")  # noqa: S608
    return {row[0]: repr(row[1:]) for row in rows}


def _rows(db: sqlite3.Connection, table: TableKeys, known: dict[str, dict[int, str]]) -> list[tuple[object, ...]]:
    found = []
    # A panel's scores are dated by its votes when they are worked out again.
    columns = [name for name in table.columns if (table.name, name) != ("scores", "created_at")]
    for row in db.execute(f"SELECT {', '.join(columns)} FROM {table.name}"):  # noqa: S608
        cells = dict(zip(columns, row, strict=True))
        for column, other in table.refers.items():
            if cells[column] is not None:
                cells[column] = known[other][cells[column]]
        found.append(tuple(cells.values()))
    return sorted(found, key=repr)


def runs_of(path: Path) -> list[str]:
    """Ids of a store's runs in the order of their making."""
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT id FROM runs ORDER BY created_at, id")]


def members(bundle: Path) -> dict[str, bytes]:
    """What a bundle holds."""
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, files: dict[str, bytes], *, only: Collection[str] = ()) -> Path:
    """A zip archive of those files (or of those named)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            if not only or name in only:
                archive.writestr(name, data)
    return path


def tampered(bundle: Path, path: Path, *statements: str, honest: bool = True) -> Path:
    """A bundle whose store was changed by SQL; `honest` renews the hashes, as whoever cheats would."""
    files = members(bundle)
    store = path.with_suffix(".db")
    store.write_bytes(files["store.db"])
    with edited(store) as db:
        for statement in statements:
            db.execute(statement)
    files["store.db"] = store.read_bytes()
    store.unlink()
    if honest:
        sign(files)
    return packed(path, files)


def sign(files: dict[str, bytes]) -> None:
    """Let the manifest name the files as they are."""
    manifest = json.loads(files["manifest.json"])
    for name in manifest["files"]:
        data = files[name]
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    files["manifest.json"] = json.dumps(manifest).encode()


def lines(texts: Sequence[str]) -> str:
    """All of it as one text to look into."""
    return "\n".join(texts)
