"""Every table and column that the migrations make is known to merge and publish: a new one fails here by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.publishing.table_keys import LEDGER, TABLES, WORKED_OUT
from sparkles_eval.store.store import Store


@pytest.fixture
def made(tmp_path: Path) -> dict[str, set[str]]:
    """The columns of every table of a new store, without row numbers that are given anew."""
    with Store(tmp_path / "new.db") as store:
        names = store.connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
        tables = [row[0] for row in names if not row[0].startswith("sqlite_")]
        return {
            name: {row[1] for row in store.connection.execute(f"PRAGMA table_info({name})")}
            for name in tables
            if name not in LEDGER
        }


def test_every_table_is_merged_or_worked_out(made: dict[str, set[str]]) -> None:
    assert set(made) == {table.name for table in TABLES} | WORKED_OUT, "say in publishing/tables.py how it is merged"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_key_content_or_aside(made: dict[str, set[str]], table: object) -> None:
    from sparkles_eval.publishing.table_keys import TableKeys

    assert isinstance(table, TableKeys)
    own = {"id"} if table.numbered else set()
    assert set(table.columns) | own == made[table.name]


def test_a_table_stands_behind_those_that_it_refers_to(tmp_path: Path) -> None:
    order = {table.name: place for place, table in enumerate(TABLES)}
    with Store(tmp_path / "new.db") as store:
        for table in TABLES:
            for row in store.connection.execute(f"PRAGMA foreign_key_list({table.name})"):
                assert order[row[2]] < order[table.name], f"{table.name} refers to {row[2]}"


def test_numbers_that_are_given_anew_are_looked_up_wherever_they_stand(tmp_path: Path) -> None:
    numbered = {table.name for table in TABLES if table.numbered}
    with Store(tmp_path / "new.db") as store:
        for table in TABLES:
            found = {
                row[3]: row[2]
                for row in store.connection.execute(f"PRAGMA foreign_key_list({table.name})")
                if row[2] in numbered
            }
            assert found == dict(table.refers)
