"""The reference page of the store says what the schema is."""

from __future__ import annotations

from pathlib import Path

from sparkles_eval.store.document import schema_markdown
from sparkles_eval.store.store import Store


def test_the_page_in_docs_is_the_one_that_the_schema_gives(root: Path) -> None:
    assert (root / "docs" / "reference" / "store.md").read_text(encoding="utf-8") == schema_markdown(), (
        "write it again: python -m sparkles_eval.store.document"
    )


def test_every_table_and_view_has_a_heading_and_a_description(store: Store) -> None:
    page = schema_markdown()
    names = store.connection.execute(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE '%sqlite%'"
    ).fetchall()
    assert len(names) > 15
    for name, kind in names:
        assert f"### {name}{' (view)' if kind == 'view' else ''}\n" in page
    assert "NULL: unknown" in page and "→ `runs.id`" in page
