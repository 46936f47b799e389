"""One word, one meaning: the glossary lists every exception, and old words do not come back."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sparkles_eval"
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
FILES = sorted(PACKAGE.rglob("*.py"))

LEFT = {
    # Words that still stand somewhere, and in how many files. Numbers only go down; a word that is gone goes to 0.
    "mend": 0,
    "dear": 0,
    "by lot": 0,
    "keeper": 0,
}
"""Rooms that change next (engine, judges, adapters/remote) are not looked at yet."""
LATER = ("engine/", "judges/", "adapters/remote/")


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _public(path: Path) -> Iterator[str]:
    """Classes and named types at the top of a file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id if "TypeAlias" in ast.unparse(node.annotation) else "_"
        else:
            continue
        if not name.startswith("_"):
            yield name


def _excepted(start: str) -> set[str]:
    """What the first column of the first table behind `start` names."""
    text = GLOSSARY.read_text(encoding="utf-8").split(start, 1)[1]
    rows = text.split("\n\n", 2)[1].splitlines()[2:]
    return {name.strip(" `") for row in rows for name in row.split("|")[1].split(",")}


def test_no_public_class_is_defined_twice() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for name in _public(path):
            homes[name].append(_room(path))
    twice = {name: places for name, places in homes.items() if len(places) > 1}
    assert not twice, twice


def test_no_file_name_means_two_things_but_for_the_exceptions() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if not path.name.startswith("__") and not _room(path).startswith("cli/"):
            homes[path.name].append(_room(path))
    twice = {name: places for name, places in homes.items() if len(places) > 1}
    missing = twice.keys() - _excepted("File names that stand in several rooms.")
    assert not missing, {name: twice[name] for name in missing}


def test_old_words_do_not_come_back() -> None:
    texts = {_room(path): path.read_text(encoding="utf-8") for path in FILES}
    for word, most in LEFT.items():
        found = [
            room
            for room, text in texts.items()
            if not room.startswith(LATER) and re.search(rf"(?<![A-Za-z]){word}(?![A-Za-z])", text, re.IGNORECASE)
        ]
        assert len(found) <= most, (word, found)


def test_every_noun_of_the_store_and_the_core_stands_in_the_glossary() -> None:
    text = GLOSSARY.read_text(encoding="utf-8").lower()
    nouns = ("task", "sample", "turn", "image", "adapter", "model", "response", "judge", "rubric", "criterion")
    for noun in (*nouns, "verdict", "score", "run", "store", "estimate", "report", "protocol"):
        assert f"| {noun} |" in text, noun
