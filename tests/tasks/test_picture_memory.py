"""What is remembered of pictures between runs: previews by hash, up to a number, and nothing where none can be kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.tasks import picture_memory
from sparkles_eval.tasks.picture_memory import known_previews, remember_previews


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_previews_are_known_again_by_the_pictures_hash() -> None:
    remember_previews({"a" * 64: b"one", "b" * 64: b""})
    assert known_previews(["a" * 64, "b" * 64, "c" * 64]) == {"a" * 64: b"one", "b" * 64: b""}


def test_the_folder_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_memory, "_MOST_PREVIEWS", 2)
    remember_previews({"a": b"1", "b": b"2"})
    remember_previews({"c": b"3"})
    assert sorted(known_previews("abc")) == ["a", "b"]


def test_a_cache_that_cannot_be_opened_costs_only_time(cache: Path) -> None:
    cache.write_text("a file in the folder's place")
    remember_previews({"a": b"1"})
    assert known_previews(["a"]) == {}
