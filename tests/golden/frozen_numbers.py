"""Gathers every number that a store, its report and commands on it give: `observe`.

Words for people (titles, notes, names of methods) are left out, for they may be put better, and so is what depends on
time, place, version and machine.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from tests.end_to_end.running import here

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
Found: TypeAlias = dict[str, Value]

_LEFT = {"control", "interval", "kind", "method", "next", "note", "reason", "test", "unit", "verdict"}
"""Columns of words for people."""
_PASSING = {"run", "seconds", "cost_usd", "judging_usd"}
"""Columns that time and machine decide. Ids stand in `ids` where they are the same everywhere."""


# --- from the store ---------------------------------------------------------------------------------------------------

_IDS = {
    "tasks": "SELECT name, id FROM tasks",
    "models": "SELECT name, id, identity FROM models",
    "judges": "SELECT name, model, id FROM judges",
    "runs": "SELECT t.name AS task, m.name AS model, protocol, variant, epochs, r.id, prompt_hash, data_hash"
    " FROM runs r JOIN tasks t ON t.id = r.task_id JOIN models m ON m.id = r.model_id",
}
_KEYS = {
    "samples": "SELECT id FROM samples ORDER BY 1",
    "requests": "SELECT key FROM requests ORDER BY 1",
    "verdicts": "SELECT DISTINCT key FROM verdicts ORDER BY 1",
}


def query(store: Path, sql: str) -> list[dict[str, Value]]:
    """Rows of a query by their columns' names."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql)]


def ids(store: Path) -> Found:
    """What tasks, models, judges and runs are known by; of samples, requests and verdicts the number and a hash."""
    found: Found = {name: _table(query(store, sql)) for name, sql in _IDS.items()}
    for name, sql in _KEYS.items():
        keys = [next(iter(row.values())) for row in query(store, sql)]
        found[name] = [len(keys), hashlib.sha256(json.dumps(keys).encode()).hexdigest()]
    return found


def raters(store: Path) -> dict[Value, str]:
    """Judges as a person would name them, by their ids (which differ where a server's address does)."""
    rows = query(store, "SELECT id, name, model FROM judges")
    return {row["id"]: f"{row['name']} ({row['model']})" if row["model"] else f"{row['name']}" for row in rows}


def _place(row: Mapping[str, Value], rater: str) -> str:
    words = (row["task"], row["protocol"], row["variant"], row["model"], rater)
    return ", ".join(str(word) for word in words if word)


def scores(store: Path) -> Found:
    """Every score: a line for each run, judge and criterion, a word for each item in the order of their names.

    `.` has no score, `x` is invalid.
    """
    rated = raters(store)
    found: dict[str, list[tuple[list[tuple[bool, int | str]], str]]] = {}
    epochs = {row["id"]: row["epochs"] for row in query(store, "SELECT id, epochs FROM runs")}
    for row in query(store, "SELECT * FROM item_scores"):
        value = row["value"]
        word = "x" if row["invalid"] else "." if value is None else f"{value:.12g}"
        line = f"{_place(row, rated[row['judge_id']])}, epoch {row['epoch']} of {epochs[row['run']]}"
        line += f", repeat {row['repeat']}, A{row['turn']}.{row['criterion']}"
        found.setdefault(line, []).append((_natural(str(row["sample"])), word))
    return {line: " ".join(word for _, word in sorted(found[line])) for line in sorted(found)}


def _natural(name: str) -> list[tuple[bool, int | str]]:
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name)]


def leaderboard(store: Path) -> Found:
    """The view `leaderboard`: for each run and judge its metrics as [value, low, high, n, total, clusters]."""
    rated = raters(store)
    found: dict[str, dict[str, Value]] = {}
    for row in query(store, "SELECT l.*, r.epochs FROM leaderboard l JOIN runs r ON r.id = l.run"):
        line = f"{_place(row, rated[row['judge_id']])}, epochs {row['epochs']}"
        values: list[Value] = [row[name] for name in ("value", "low", "high", "n", "total", "clusters")]
        found.setdefault(line, {})[str(row["metric"])] = values
    return {line: dict(sorted(found[line].items())) for line in sorted(found)}


# --- from commands ----------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Mapping[str, Value]], leave: Iterable[str] = ()) -> Value:
    """Rows as {"columns": names, "rows": values}, in an order that the rows' own words decide."""
    left = {*_LEFT, *_PASSING, *leave}
    names = [name for name in (rows[0] if rows else {}) if name not in left]
    lines: list[list[Value]] = [[row[name] for name in names] for row in rows]
    lines.sort(key=lambda line: ([cell for cell in line if isinstance(cell, str)], json.dumps(line)))
    return {"columns": [*names], "rows": [*lines]}


def command(store: Path, folder: Path, *args: str) -> Found:
    """The tables that a command with `--json` writes of the store, each by its name."""
    out = folder / "out.json"
    done = here(*args, "--store", str(store), "--json", str(out))
    assert done.code == 0, done.shown
    found = json.loads(out.read_text(encoding="utf-8"))
    tables: Found = {table["table"]: _table(table["rows"]) for table in found}
    assert len(tables) == len(found)
    return tables


_NUMBERS = ("value", "value_low", "value_high", "n", "total", "clusters")
_STANDING = ("model", "graded", "asked", "rank_low", "rank_high", "letters")


def report(store: Path, folder: Path, *, ranks: bool) -> Found:
    """The tables of a report's downloads: rows as they are printed, and each panel's ranks, letters and counts.

    Values and intervals that the view `leaderboard` has must be the view's, and are not kept twice.
    """
    done = here("report", "--store", str(store), "--site", "--out", str(folder), "--no-figures", "--samples", "0")
    assert done.code == 0, done.shown
    labels = {str(judge)[:size]: label for judge, label in raters(store).items() for size in (8, 12)}
    labels |= {str(row["id"]): f"epochs-{row['epochs']}" for row in query(store, "SELECT id, epochs FROM runs")}
    known = numbers_of(store)
    found: Found = {}
    for file in sorted((folder / "downloads").glob("*.json")):
        (table,) = json.loads(file.read_text(encoding="utf-8"))
        rows: list[dict[str, Value]] = table["rows"]
        with file.with_suffix(".csv").open(newline="", encoding="utf-8") as lines:
            assert [list(row.values()) for row in csv.DictReader(lines)] == [_as_csv(row) for row in rows], file.name
        panel: Found = {}
        if not file.stem.startswith("leaderboard-"):
            places = [(row["run"], str(row["metric"])) for row in rows]
            for place, row in zip(places, rows, strict=True):
                assert place not in known or tuple(row[name] for name in _NUMBERS) in known[place], (file.name, row)
            more = [row for place, row in zip(places, rows, strict=True) if place not in known]
            panel["values"] = _table([{name: row[name] for name in ("model", "metric", *_NUMBERS)} for row in more])
            models = {str(row["run"]): {name: row[name] for name in _STANDING} for row in rows}
            panel["models"] = _table([*models.values()], () if ranks else _STANDING[3:])
        if ranks:
            panel["printed"] = [*sorted(_printed(file.with_suffix(".md")))]
        name = re.sub(r"[0-9a-f]{12}|[0-9a-f]{8}", lambda hit: labels.get(hit[0], hit[0]), file.stem)
        name = re.sub(r"(-[0-9a-f]{6})+$", "", name)
        assert name not in found
        found[name] = panel
    return dict(sorted(found.items()))


def numbers_of(store: Path) -> dict[tuple[Value, str], set[tuple[Value, ...]]]:
    """(run, metric) -> (value, low, high, n, total, clusters) by each judge, as the view `leaderboard` has them."""
    known: dict[tuple[Value, str], set[tuple[Value, ...]]] = {}
    for row in query(store, "SELECT run, metric, value, low, high, n, total, clusters FROM leaderboard"):
        run, metric, *numbers = row.values()
        known.setdefault((run, str(metric)), set()).add(tuple(numbers))
    return known


def _as_csv(row: Mapping[str, Value]) -> list[str]:
    return ["" if value is None else str(value) for value in row.values()]


def _printed(file: Path) -> Iterator[str]:
    """The rows of a Markdown table without its head."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for line in lines[2:]:
        yield re.sub(r"\\(.)", r"\1", line).strip("| ")


def verified(store: Path) -> Found:
    """How much `verify` checks; nothing of it may be wrong."""
    done = here("verify", str(store), "--json", "-")
    said = json.loads(done.out)
    assert done.code == 0 and said["sound"] and not said["findings"], done.shown
    return {**said["checked"], "unchecked": len(said["unchecked"])}


def bundled(store: Path, folder: Path) -> Found:
    """`verified` of a bundle of all runs, whose numbers are the store's (`submit` verifies the store first)."""
    done = here("submit", "--store", str(store), "--out", str(folder / "bundle.zip"))
    assert done.code == 0, done.shown
    with zipfile.ZipFile(folder / "bundle.zip") as archive:
        inside = Path(archive.extract("store.db", folder))
    assert holds_all(leaderboard(inside), leaderboard(store))
    assert scores(inside) == scores(store)
    return verified(inside)


def holds_all(made: Value, stored: Found) -> bool:
    """Whether every number of a leaderboard that was stored before is in one that is made now.

    An earlier version may lack metrics, and intervals that it could not give.
    """
    newer = dict(_numbers(made))
    return all(newer.get(place) == number for place, number in _numbers(stored) if number is not None)


def _numbers(leaderboard_of: Value) -> Iterator[tuple[tuple[str, str, int], Value]]:
    assert isinstance(leaderboard_of, dict)
    for line, metrics in leaderboard_of.items():
        assert isinstance(metrics, dict)
        for name, estimate in metrics.items():
            assert isinstance(estimate, list)
            yield from (((line, name, at), number) for at, number in enumerate(estimate))
