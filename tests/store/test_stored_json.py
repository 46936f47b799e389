"""Damaged JSON in a column is one clear error."""

from __future__ import annotations

import pytest

from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store.read_runs import runs
from sparkles_eval.store.read_samples import samples as read_samples
from sparkles_eval.store.store import Store
from sparkles_eval.store.stored_json import read_json, read_records
from tests.store.making import Made


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, "5", '"text"', "null"])
def test_what_is_not_of_the_form_is_the_users_error(text: str) -> None:
    with pytest.raises(StoreError, match="sparkles-eval verify STORE"):
        read_json(text, dict)


def test_what_is_of_the_form_is_read() -> None:
    assert read_json('{"a": 1}', dict) == {"a": 1}
    assert read_records('[{"id": "a", "name": "A"}]', Criterion) == (Criterion("a", "A"),)


@pytest.mark.parametrize("text", ['[{"id": "a"}]', "[5]", '[{"id": "a", "name": "A", "more": 1}]', "{}{}"])
def test_records_of_another_form_are_the_users_error(text: str) -> None:
    with pytest.raises(StoreError, match="sparkles-eval verify STORE"):
        read_records(text, Criterion)


@pytest.mark.parametrize("column", ["metrics", "options", "args"])
def test_a_damaged_task_is_the_users_error(store: Store, made: Made, column: str) -> None:
    store.connection.execute(f"UPDATE tasks SET {column} = '3'")  # noqa: S608
    with pytest.raises(StoreError, match="should be JSON"):
        runs(store)


def test_a_damaged_sample_is_the_users_error(store: Store, made: Made) -> None:
    store.connection.execute("UPDATE samples SET body = '{}'")
    with pytest.raises(StoreError, match="should be JSON"):
        read_samples(store, made.run.id)
