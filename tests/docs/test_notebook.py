"""The notebook in examples/ holds results, and its cells give them again in a running event loop."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.docs.write_notebook import FILE


def cells() -> list[dict[str, Any]]:
    read: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return [cell for cell in read["cells"] if cell["cell_type"] == "code"]


def shown(cell: dict[str, Any]) -> str:
    """The text of the cell's last result."""
    results = [one for one in cell["outputs"] if one["output_type"] == "execute_result"]
    return "".join(results[-1]["data"]["text/plain"]) if results else ""


async def executed(source: str, names: dict[str, Any]) -> Any:
    """The value of a cell's last expression, as a kernel works it out."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_last", ast.Store())], last.value, lineno=1), last)
        ast.fix_missing_locations(tree)
    made = FunctionType(compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)()
    if inspect.iscoroutine(made):
        await made
    return names.pop("_last", None)


def test_every_cell_gives_what_the_notebook_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))

    async def notebook() -> None:
        names: dict[str, Any] = {"__name__": "__main__"}
        for cell in cells():
            result = await executed("".join(cell["source"]), names)
            assert shown(cell), "the notebook was saved without its results"
            told = [re.sub(r"\s+", " ", text).strip() for text in (repr(result), shown(cell))]
            assert told[0] == told[1]
            for output in cell["outputs"]:
                assert output["output_type"] != "error"

    asyncio.run(notebook())
