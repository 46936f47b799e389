"""Where the content folders are found: the user's first, file by file, then the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from sparkles_eval.core import content
from sparkles_eval.core.content import content_dir, find_file, overlay
from sparkles_eval.core.errors import ContentError

KINDS: tuple[content.ContentKind, ...] = get_args(content.ContentKind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shipped_folder_is_there_and_holds_something(kind: content.ContentKind) -> None:
    folder = content_dir(kind)
    assert folder.is_dir()
    assert any(folder.iterdir())


def test_the_user_s_folders_go_first_in_their_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / "tasks").mkdir(parents=True)
    (second / "tasks").mkdir(parents=True)
    assert overlay("tasks", (first, second)) == (first / "tasks", second / "tasks", content_dir("tasks"))
    # A folder without judges adds none: it is no mistake.
    assert overlay("judges", (first, second)) == (content_dir("judges"),)


def test_one_file_of_a_shipped_folder_can_be_replaced_without_copying_the_folder(tmp_path: Path) -> None:
    own = tmp_path / "tasks" / "bison" / "prompt.md.j2"
    own.parent.mkdir(parents=True)
    own.write_text("{{ content }}", encoding="utf-8")
    assert find_file("tasks", "bison/prompt.md.j2", (tmp_path,)) == own
    assert find_file("tasks", "bison/task.yaml", (tmp_path,)) == content_dir("tasks") / "bison" / "task.yaml"
    assert find_file("tasks", "bison/absent.md", (tmp_path,)) is None


def test_a_broken_installation_names_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_PACKAGE", tmp_path / "sparkles_eval")
    with pytest.raises(ContentError) as error:
        content_dir("judges")
    assert str(tmp_path / "sparkles_eval" / "_content" / "judges") in str(error.value)
    assert str(tmp_path / "judges") in str(error.value)
    assert "reinstall" in str(error.value)


def test_a_packed_folder_goes_before_one_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_PACKAGE", tmp_path / "sparkles_eval")
    (tmp_path / "tasks").mkdir()
    assert content_dir("tasks") == tmp_path / "tasks"
    packed = tmp_path / "sparkles_eval" / "_content" / "tasks"
    packed.mkdir(parents=True)
    assert content_dir("tasks") == packed
