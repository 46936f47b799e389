"""Merges the rows of one store into another within a transaction: known rows are matched, row numbers assigned anew.

Rows are known by their content (`table_keys`), so neither the order of the stores nor a repetition changes the result.
"""
# ruff: noqa: S608 - table and column names are this package's own; values travel as parameters

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.text import one_line
from sparkles_eval.publishing.merge_renewed import take_newer_replies
from sparkles_eval.publishing.row_places import row_in_words
from sparkles_eval.publishing.stored_panels import PanelRun, find_panel, is_panel
from sparkles_eval.publishing.table_keys import LEDGER, TABLES, WORKED_OUT, TableKeys
from sparkles_eval.store import read_runs
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.store import Store

_REFERRED = {other for table in TABLES for other in table.refers.values()}


@dataclass(frozen=True, slots=True)
class Conflict:
    """The same row with other content: which file brought the second one, and what of it differs."""

    source: Path
    table: str
    row: str
    differs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.source}: {self.table} ({one_line(self.row, 400)}): another {', '.join(self.differs)}"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What was done: rows added by table, and the conflicts in which the first store's row was kept."""

    added: Mapping[str, int]
    filled: int
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    panel_runs: frozenset[PanelRun] = frozenset()
    """What panels had scored in the source; their scores are computed again from the votes."""

    @property
    def changed(self) -> bool:
        return bool(self.filled or any(self.added.values()))


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Which rows of a store are wanted: conditions by table, and the values that they name (`:runs`)."""

    where: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


def merge_rows(source: Store, target: Store, part: RowSelection = RowSelection()) -> MergeResult:
    """Bring one store's rows (of `part`) into another, within the caller's transaction. First rows stand.

    Raises errors.StoreError for a table that is not known here and holds rows, and for rows that hang in the air.
    """
    _known(source)
    return _RowMerger(source, target, part).done()


def _known(source: Store) -> None:
    names = [
        row[0]
        for row in source.connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%'"
            " ESCAPE '\\'"
        )
    ]
    strange = sorted(set(names) - {table.name for table in TABLES} - WORKED_OUT - LEDGER)
    held = [name for name in strange if source.connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()]
    if held:
        raise StoreError(f"{source.path}: holds rows of {', '.join(held)}, which this program cannot merge")
    if hanging := source.connection.execute("PRAGMA foreign_key_check").fetchone():
        raise StoreError(
            f"{source.path}: a row of {hanging[0]} refers to one of {hanging[2]} that is not there; "
            f"`sparkles-eval verify {source.path}` names them all"
        )


class _RowMerger:
    """One source on its way into the target: its rows are laid into a temporary table, one table after the other."""

    def __init__(self, source: Store, target: Store, part: RowSelection) -> None:
        self._source = source
        self._target = target
        self._db = target.connection
        self._part = part
        self._added: Counter[str] = Counter()
        self._filled = 0
        self._conflicts: list[Conflict] = []
        self._panel_runs: frozenset[PanelRun] = frozenset()

    def done(self) -> MergeResult:
        self._fresh("lost_items", "run_id, sample_id, epoch, PRIMARY KEY (run_id, sample_id, epoch)")
        self._fresh(
            "lost_votes",
            "run_id, judge_id, sample_id, epoch, repeat, PRIMARY KEY (run_id, judge_id, sample_id, epoch, repeat)",
        )
        for table in TABLES:
            if table.name in _REFERRED:
                self._fresh(f"new_{table.name}", "old INTEGER PRIMARY KEY, new INTEGER, lost INTEGER")
        for table in TABLES:
            self._bring(table)
        self._db.execute("DROP TABLE temp.incoming")
        return MergeResult(self._added, self._filled, tuple(self._conflicts), panel_runs=self._panel_runs)

    def _fresh(self, name: str, columns: str) -> None:
        self._db.execute(f"DROP TABLE IF EXISTS temp.{name}")
        self._db.execute(f"CREATE TEMP TABLE {name} ({columns})")

    def _bring(self, table: TableKeys) -> None:
        self._lay(table)
        self._leave_lost(table)
        for column, other in table.refers.items():
            self._run(
                f"UPDATE temp.incoming SET {column} = (SELECT new FROM temp.new_{other} WHERE old = {column})"
                f" WHERE {column} IS NOT NULL"
            )
        self._fresh("left", "row INTEGER PRIMARY KEY")
        if table.name == "responses":
            rows = take_newer_replies(self._source.connection, self._db, table.key)
            self._db.executemany("INSERT INTO temp.left VALUES (?)", [(row,) for row in rows])
        self._find_conflicts(table)
        self._fill(table)
        self._insert(table)
        if table.name in _REFERRED:
            self._number(table)

    def _lay(self, table: TableKeys) -> None:
        """Every wanted row of the source into temp.incoming; `id` keeps its old number."""
        names = (*(("id",) if table.numbered else ()), *table.columns)
        self._fresh("incoming", ", ".join(names))
        where = [self._part.where[table.name]] if table.name in self._part.where else []
        values = dict(self._part.values)
        if table.name == "scores":  # a panel's follow from its votes, which may be more here
            judges = list(read_runs.all_judges(self._target).values())
            panels = [judge.id for judge in judges if is_panel(judge) and find_panel(judge, judges)]
            values["panels"] = dump(panels)
            of_panels = "judge_id IN (SELECT value FROM json_each(:panels))"
            left = self._source.connection.execute(
                f"SELECT DISTINCT judge_id, run_id FROM main.scores WHERE {' AND '.join([*where, of_panels])}", values
            )
            self._panel_runs = frozenset((row[0], row[1]) for row in left)
            where.append(f"NOT {of_panels}")
        chosen = f"WHERE {' AND '.join(f'({condition})' for condition in where)}" if where else ""
        order = "ORDER BY id" if table.numbered else ""
        rows = self._source.connection.execute(
            f"SELECT {', '.join(names)} FROM main.{table.name} {chosen} {order}",
            values,
        )
        self._db.executemany(f"INSERT INTO temp.incoming VALUES ({', '.join('?' * len(names))})", map(tuple, rows))

    # --- what rests on a row that was not taken ---------------------------------------------------------------------

    def _leave_lost(self, table: TableKeys) -> None:
        item = "run_id, sample_id, epoch"
        if table.name == "answers":
            self._lose_items("response_id IN (SELECT old FROM temp.new_responses WHERE lost)")
        if table.name in ("answers", "scores", "ratings"):
            self._run(f"DELETE FROM temp.incoming WHERE ({item}) IN (SELECT * FROM temp.lost_items)")
        if table.name == "preferences":
            for side in ("left_run", "right_run"):
                self._run(
                    f"DELETE FROM temp.incoming WHERE ({side}, sample_id, epoch) IN (SELECT * FROM temp.lost_items)"
                )
        if table.name == "scores":
            self._lose_votes("verdict_id IN (SELECT old FROM temp.new_verdicts WHERE lost)")

    def _lose_items(self, condition: str) -> None:
        self._run(
            "INSERT OR IGNORE INTO temp.lost_items SELECT run_id, sample_id, epoch FROM temp.incoming"
            f" WHERE {condition}"
        )
        self._run("DELETE FROM temp.incoming WHERE (run_id, sample_id, epoch) IN (SELECT * FROM temp.lost_items)")

    def _lose_votes(self, condition: str) -> None:
        vote = "run_id, judge_id, sample_id, epoch, repeat"
        self._run(f"INSERT OR IGNORE INTO temp.lost_votes SELECT {vote} FROM temp.incoming WHERE {condition}")
        self._run(f"DELETE FROM temp.incoming WHERE ({vote}) IN (SELECT * FROM temp.lost_votes)")

    # --- conflicts --------------------------------------------------------------------------------------------------

    def _find_conflicts(self, table: TableKeys) -> None:
        """Name the rows that contradict the target's, and take them out of what is inserted."""
        self._fresh("clash", "row INTEGER PRIMARY KEY")
        differ = [f"(s.{column} IS NOT t.{column})" for column in table.content]
        differ += [
            f"(s.{column} IS NOT t.{column} AND s.{column} IS NOT NULL AND t.{column} IS NOT NULL)"
            for column in table.fills
            if column != "thumbnail"  # another version of the program draws it a little differently
        ]
        if not differ:
            return
        # A score without a value contradicts nothing: it is filled in, or fills nothing in.
        both = f" AND s.{table.until} IS NOT NULL AND t.{table.until} IS NOT NULL" if table.until else ""
        names = [*table.content, *(column for column in table.fills if column != "thumbnail")]
        found = self._db.execute(
            f"SELECT s.rowid, {', '.join(differ)}, {', '.join(f's.{column}' for column in table.key)}"
            f" FROM temp.incoming s CROSS JOIN main.{table.name} t ON {_same(table)}"
            f" WHERE ({' OR '.join(differ)}){both}"
        ).fetchall()
        for row in found:
            which = tuple(name for name, other in zip(names, row[1:], strict=False) if other)
            place = row_in_words(self._source.connection, table.name, table.key, row[1 + len(names) :])
            self._conflicts.append(Conflict(self._source.path, table.name, place, which))
        self._db.executemany("INSERT OR IGNORE INTO temp.clash VALUES (?)", [(row[0],) for row in found])
        clashing = "rowid IN (SELECT row FROM temp.clash)"
        if table.name == "answers":
            self._lose_items(clashing)
        elif table.name == "scores":
            self._lose_votes(clashing)
        elif not table.numbered:  # a numbered row stays, for its number is still looked up; it matches, so is not added
            self._run(f"DELETE FROM temp.incoming WHERE {clashing}")

    # --- writing ----------------------------------------------------------------------------------------------------

    def _fill(self, table: TableKeys) -> None:
        """What the target does not know and the source does."""
        for column in table.fills:
            self._filled += self._run(
                f"UPDATE main.{table.name} AS t SET {column} = s.{column} FROM temp.incoming s"
                f" WHERE {_same(table)} AND t.{column} IS NULL AND s.{column} IS NOT NULL"
            )
        if table.until:
            names = [name for name in table.columns if name not in table.key]
            # Of two reasons the later one, as in one store: whatever the order, the same stands.
            later = " OR s.created_at > t.created_at" if "created_at" in names else ""
            self._filled += self._run(
                f"UPDATE main.{table.name} AS t SET {', '.join(f'{name} = s.{name}' for name in names)}"
                f" FROM temp.incoming s WHERE {_same(table)} AND t.{table.until} IS NULL"
                f" AND (s.{table.until} IS NOT NULL{later})"
            )
        if table.name == "runs":
            self._filled += self._run(
                "UPDATE main.runs AS t SET created_at = s.created_at FROM temp.incoming s"
                " WHERE t.id = s.id AND s.created_at < t.created_at"
            )

    def _insert(self, table: TableKeys) -> None:
        columns = ", ".join(table.columns)
        if table.columns == table.key:  # nothing but its key: sorting both is quicker than looking each up
            rows = f"SELECT {columns} FROM temp.incoming EXCEPT SELECT {columns} FROM main.{table.name}"
        else:
            rows = (
                f"SELECT {columns} FROM temp.incoming s"
                f" WHERE NOT EXISTS (SELECT 1 FROM main.{table.name} t WHERE {_same(table)})"
                f" ORDER BY s.rowid"
            )
        self._added[table.name] += self._run(f"INSERT INTO main.{table.name} ({columns}) {rows}")

    def _number(self, table: TableKeys) -> None:
        """Under which number each row of the source stands in the target now, and whether another stands there."""
        self._run(
            f"INSERT INTO temp.new_{table.name} SELECT s.id, min(t.id), "
            " s.rowid IN (SELECT row FROM temp.clash UNION SELECT row FROM temp.left)"
            f" FROM temp.incoming s CROSS JOIN main.{table.name} t ON {_same(table)} GROUP BY s.id"
        )

    def _run(self, sql: str) -> int:
        try:
            return max(0, self._db.execute(sql).rowcount)
        except sqlite3.IntegrityError as error:
            raise StoreError(
                f"{self._source.path}: its rows do not fit together ({error}); "
                f"`sparkles-eval verify {self._source.path}` says which"
            ) from error


def _same(table: TableKeys) -> str:
    """SQL: the incoming row s is the target's row t."""
    plain = table.same or " AND ".join(f"t.{column} IS s.{column}" for column in table.key)
    if not table.one:
        return plain
    one = f"{table.one.format(row='t')} AND {table.one.format(row='s')}"
    key = " AND ".join(f"t.{column} = s.{column}" for column in table.one_key)
    return f"({key} AND ({one} OR ({plain})))"
