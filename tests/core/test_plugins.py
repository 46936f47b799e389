"""A user's Python file is run once, and its mistakes are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import load_plugin


def test_a_file_runs_once_and_gives_its_mappings(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    log = tmp_path / "log"
    file.write_text(
        "from dataclasses import dataclass\n"
        "from pathlib import Path\n"
        f"log = Path({str(log)!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + 'run ')\n"
        "@dataclass\nclass Thing:\n    x: int = 0\n"
        "JUDGES = {'strict': Thing}\nLOADERS = {'mine': len}\n"
    )
    first = load_plugin(file)
    again = load_plugin(tmp_path / "." / "mine.py")
    assert first is again and log.read_text() == "run "
    assert set(first.judges) == {"strict"} and first.loaders["mine"]("abc") == 3 and first.adapters == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("1/0", "ZeroDivisionError while it was loaded"),
        ("def f(:", "SyntaxError while it was loaded"),
        ("x = 1", "declares none of ADAPTERS, JUDGES, LOADERS"),
        ("ADAPTERS = [1]", "ADAPTERS must be a mapping"),
        ("ADAPTERS = {'a': 1}", "ADAPTERS['a'] must be a callable"),
        ("ADAPTERS = {1: len}", "ADAPTERS[1] must be a callable"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_plugin(file)
    assert complaint in str(caught.value) and "wrong.py" in str(caught.value)


def test_missing_files_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_plugin(tmp_path / "none.py")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"must end in \.py"):
        load_plugin(tmp_path / "notes.txt")
