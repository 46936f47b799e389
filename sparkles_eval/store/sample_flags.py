"""Flags samples as right, wrong, invalid, unscored or rated in the viewer's index, and filters by these flags."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core import Score
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store

SampleMark: TypeAlias = Literal["unscored", "wrong", "right", "invalid", "rated"]
MARKS: tuple[SampleMark, ...] = ("unscored", "wrong", "right", "invalid", "rated")
"""By the number that stands for them."""
SampleFlag: TypeAlias = Literal[
    "", "wrong", "all-wrong", "differ", "invalid", "unscored", "judges-differ", "first-better"
]
APART = 3.0
"""Points between two judges that make a sample worth a look."""


def mark_of(scores: Iterable[Score], *, reads: bool) -> SampleMark:
    """How a sample came out by one judge: the one rule for pages and filters. `reads`: a scorer, not a rating judge.

    A scorer's partial credit is neither right nor wrong: it is shown as points, like a rating.
    """
    known = list(scores)
    values = [score.value for score in known if score.value is not None]
    if not known or len(values) < len(known):
        return "unscored"
    if any(score.invalid for score in known):
        return "invalid"
    if not reads:
        return "rated"
    if min(values) >= 1:
        return "right"
    return "rated" if any(0 < value < 1 for value in values) else "wrong"


_MARK = (
    "CASE WHEN count(s.value) < count(*) THEN 0 WHEN max(s.invalid) THEN 3 WHEN NOT ? THEN 4"
    " WHEN min(s.value) >= 1 THEN 2 WHEN max(s.value > 0 AND s.value < 1) THEN 4 ELSE 1 END"
)
"""`mark_of` for all samples of a run at once, by the numbers of MARKS; a test holds that they agree."""
_FITS: Mapping[SampleFlag, str] = {
    "": "1",
    "wrong": "wrong > 0",
    "all-wrong": "wrong > 0 AND good = 0 AND rated = 0",
    "differ": "wrong > 0 AND good > 0",
    "invalid": "invalid > 0",
    "unscored": "unscored > 0",
    "judges-differ": f"apart >= {APART}",
}
_FACTS = (
    "total(m.mark IN (1, 3)) AS wrong, total(m.mark = 2) AS good, total(m.mark = 3) AS invalid,"
    " total(m.mark = 0) AS unscored, total(m.mark = 4) AS rated"
)
_APART = (
    "SELECT position, max(gap) AS apart FROM (SELECT m.position, max(m.points) - min(m.points) AS gap"
    " FROM {marks} m JOIN {entries} e ON e.number = m.entry WHERE m.place_group = ? AND m.mark = 4 {only}"
    " GROUP BY m.position, e.run_id) GROUP BY position"
)
"""Points between the judges of one run on a sample, the largest of its runs."""


@dataclass(frozen=True, slots=True)
class FlaggedRun:
    """A run as a judge scored it, by the number that marks have."""

    number: int
    run_id: str
    judge_id: str
    group: int
    reads: bool
    """The judge reads answers, which are right or wrong; else it rates them."""
    scored: int
    """Samples that are scored whole."""


@dataclass(frozen=True, slots=True)
class FlagQuery:
    """Which samples: by a flag, over some entries (all of the group, where none is named), with words in their data.

    With "first-better" exactly two entries: the first has it right, or more points, and the second has not.
    """

    flag: SampleFlag = ""
    entries: tuple[int, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class SampleRange:
    """A page of the samples asked for: positions in the run's order, and how many there are in all."""

    positions: tuple[int, ...]
    total: int


# --- keeping up -------------------------------------------------------------------------------------------------


def score_versions(side: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """What the scores of every run and judge amount to now."""
    rows = side.execute("SELECT run_id, judge_id, basis FROM store.score_basis")
    return {(row[0], row[1]): row[2] for row in rows}


def sum_up(side: sqlite3.Connection) -> None:
    """Make the facts of every sample out of its marks: after marks were made."""
    with _together(side):
        side.execute("DELETE FROM facts")
        for (group,) in side.execute("SELECT number FROM place_groups").fetchall():
            apart = _APART.format(marks="marks", entries="entries", only="")
            side.execute(
                f"INSERT INTO facts SELECT ?, f.position, f.wrong, f.good, f.invalid, f.unscored, f.rated,"  # noqa: S608
                f" coalesce(a.apart, 0) FROM (SELECT m.position, {_FACTS} FROM marks m WHERE m.place_group = ?"
                f" GROUP BY m.position) f LEFT JOIN ({apart}) a ON a.position = f.position",
                (group, group, group),
            )


def forget(side: sqlite3.Connection, now: Mapping[tuple[str, str], str]) -> bool:
    """Drop the marks of runs and judges whose scores are gone; True where there were some."""
    gone = [row for row in side.execute("SELECT * FROM entries") if (row["run_id"], row["judge_id"]) not in now]
    for row in gone:
        side.execute("DELETE FROM marks WHERE place_group = ? AND entry = ?", (row["place_group"], row["number"]))
        side.execute("DELETE FROM entries WHERE number = ?", (row["number"],))
    return bool(gone)


def outdated(side: sqlite3.Connection, now: Mapping[tuple[str, str], str]) -> list[tuple[str, str]]:
    """(run, judge) whose marks are missing, or not made of the scores that are there now (see `score_versions`)."""
    known = {(row["run_id"], row["judge_id"]): row["basis"] for row in side.execute("SELECT * FROM entries")}
    return [key for key, basis in now.items() if known.get(key) != basis]


@contextmanager
def _together(side: sqlite3.Connection) -> Iterator[None]:
    side.execute("BEGIN IMMEDIATE")
    try:
        yield
        side.execute("COMMIT")
    except BaseException:
        side.execute("ROLLBACK")
        raise


def mark(side: sqlite3.Connection, run_id: str, judge_id: str, basis: str, *, reads: bool) -> None:
    """Make the marks of a run and judge. `reads`: the judge reads answers, which are right or wrong; else it rates."""
    with _together(side):
        (name,) = side.execute(
            "SELECT t.name || ' ' || t.version || ' ' || r.data_hash FROM store.runs r"
            " JOIN store.tasks t ON t.id = r.task_id WHERE r.id = ?",
            (run_id,),
        ).fetchone()
        side.execute("INSERT OR IGNORE INTO place_groups(name) VALUES (?)", (name,))
        (group,) = side.execute("SELECT number FROM place_groups WHERE name = ?", (name,)).fetchone()
        side.execute(
            "INSERT INTO entries(run_id, judge_id, place_group, basis, reads) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET basis = excluded.basis",
            (run_id, judge_id, group, basis, int(reads)),
        )
        (number,) = side.execute(
            "SELECT number FROM entries WHERE run_id = ? AND judge_id = ?", (run_id, judge_id)
        ).fetchone()
        side.execute(
            f"INSERT OR REPLACE INTO marks SELECT ?, p.position, ?, {_MARK}, avg(s.value)"  # noqa: S608 - our own words
            " FROM store.run_samples p LEFT JOIN store.scores s ON s.run_id = p.run_id AND s.judge_id = ?"
            " AND s.sample_id = p.sample_id WHERE p.run_id = ? GROUP BY p.position",
            (group, number, int(reads), judge_id, run_id),
        )
        side.execute(
            "UPDATE entries SET scored = (SELECT count(*) FROM marks WHERE place_group = ? AND entry = ?"
            " AND mark != 0) WHERE number = ?",
            (group, number, number),
        )


# --- asking -----------------------------------------------------------------------------------------------------


def entries(store: Store) -> list[FlaggedRun]:
    """Everything that has marks, in the order of its first appearance."""
    rows = store.connection.execute(
        "SELECT number, run_id, judge_id, place_group, reads, scored FROM side.entries ORDER BY number"
    )
    return [FlaggedRun(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]


def samples(store: Store, group: int, run_id: str, query: FlagQuery, *, limit: int, offset: int) -> SampleRange:
    """The samples of a group that a query selects, in their order. `run_id`: any run of the group."""
    chosen, values = _chosen(group, run_id, query)
    like = "%" + query.words.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    rows = store.connection.execute(
        f"SELECT c.position, count(*) OVER () AS total FROM ({chosen}) c"  # noqa: S608 - values are parameters
        " JOIN run_samples p ON p.run_id = ? AND p.position = c.position"
        r" WHERE (? OR EXISTS (SELECT 1 FROM samples s WHERE s.id = p.sample_id AND s.body LIKE ? ESCAPE '\'))"
        " ORDER BY c.position LIMIT ? OFFSET ?",
        (*values, run_id, not query.words, like, limit, offset),
    ).fetchall()
    return SampleRange(tuple(row["position"] for row in rows), rows[0]["total"] if rows else 0)


def _chosen(group: int, run_id: str, query: FlagQuery) -> tuple[str, tuple[object, ...]]:
    """The query for the positions that a flag means, with its values."""
    if query.flag == "first-better":
        first, second = query.entries
        return (
            "SELECT a.position FROM side.marks a JOIN side.marks b ON b.place_group = a.place_group"
            " AND b.position = a.position AND b.entry = ? WHERE a.place_group = ? AND a.entry = ?"
            " AND a.mark != 0 AND b.mark != 0 AND a.points > b.points"
        ), (second, group, first)
    if not query.flag:
        return "SELECT position FROM run_samples WHERE run_id = ?", (run_id,)
    fits = _FITS[query.flag]
    if not query.entries:
        return f"SELECT position FROM side.facts WHERE place_group = ? AND {fits}", (group,)  # noqa: S608
    own = dump(list(query.entries))
    only = "AND m.entry IN (SELECT value FROM json_each(?))"
    if query.flag == "judges-differ":
        apart = _APART.format(marks="side.marks", entries="side.entries", only=only)
        return f"SELECT position FROM ({apart}) WHERE {fits}", (group, own)  # noqa: S608
    return (
        f"SELECT position FROM (SELECT m.position, {_FACTS} FROM side.marks m"  # noqa: S608 - our own words
        f" WHERE m.place_group = ? {only} GROUP BY m.position) WHERE {fits}"
    ), (group, own)


def marks_at(
    store: Store, group: int, positions: Sequence[int]
) -> dict[int, list[tuple[int, SampleMark, float | None]]]:
    """(entry, mark, points) of each of these positions, by entry."""
    rows = store.connection.execute(
        "SELECT m.position, m.entry, m.mark, m.points FROM side.entries e CROSS JOIN json_each(?) p"
        " CROSS JOIN side.marks m ON m.place_group = ? AND m.entry = e.number AND m.position = p.value"
        " WHERE e.place_group = ? ORDER BY m.position, m.entry",
        (dump(list(positions)), group, group),
    )
    found: dict[int, list[tuple[int, SampleMark, float | None]]] = {}
    for row in rows:
        found.setdefault(row["position"], []).append((row["entry"], MARKS[row["mark"]], row["points"]))
    return found
