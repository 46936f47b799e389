"""Executes examples/notebook/first_steps.ipynb in a kernel and writes it back with its results.

`python -m tests.docs.write_notebook` needs nbclient and ipykernel, which nothing else does. A test executes the cells
without them.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "examples" / "notebook" / "first_steps.ipynb"


def main() -> None:
    """Execute it in a fresh folder and write it."""
    import nbformat  # type: ignore[import-not-found, unused-ignore]
    from nbclient import NotebookClient  # type: ignore[import-not-found, unused-ignore]

    made = nbformat.read(FILE, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(made, resources={"metadata": {"path": folder}}, timeout=120).execute()
    for cell in made.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            # Times differ from run to run and say nothing about the program.
            cell.outputs = json.loads(re.sub(r"<td>[\d.]+/s</td>", "<td></td>", json.dumps(cell.outputs)))
    made.metadata.pop("language_info", None)
    FILE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
