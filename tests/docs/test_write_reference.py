"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from tests.docs.write_reference import FOLDER, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == pages()[name], f"docs/reference/{name} is behind: run python -m tests.docs.write_reference"


def test_the_command_line_page_has_every_command_and_its_options() -> None:
    page = pages()["cli.md"]
    for command in ("run", "judge", "report", "list", "task new", "protocol import"):
        assert f"## sparkles-eval {command}\n" in page
    assert "| `--task`, `-t` `NAME` |" in page
    assert "| `--store` `PATH` | " in page and "`runs/sparkles.db`" in page
    assert "[bold]" not in page
