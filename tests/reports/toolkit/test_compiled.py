"""Compiled templates are kept, only where nobody else can put code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from sparkles_eval.reports.toolkit.compiled import compiled_templates


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path))
    return tmp_path


def test_a_template_is_compiled_once_and_a_changed_one_again(cache: Path) -> None:
    for text, shown in (("{{ 1 + 1 }}", "2"), ("{{ 1 + 1 }}", "2"), ("{{ 1 + 2 }}", "3")):
        made = Environment(loader=DictLoader({"a.html": text}), bytecode_cache=compiled_templates(), autoescape=True)
        assert made.get_template("a.html").render() == shown
    kept = [path for path in cache.rglob("*") if path.is_file()]
    assert len(kept) == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX permissions")
def test_a_folder_that_others_may_write_to_is_not_used(cache: Path) -> None:
    first = compiled_templates()
    assert first is not None
    folder = next((cache / "templates").iterdir())
    folder.chmod(0o777)
    assert compiled_templates() is None


def test_a_cache_that_cannot_be_made_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SPARKLES_CACHE", str(blocked))
    assert compiled_templates() is None
