"""The cache of drawn scenes: drawn once, checked when used again, mended when damaged, shared by processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.core.errors import ContentError
from sparkles_eval.synthetic.loader import SceneFolder
from sparkles_eval.synthetic.scene import any_scene, dice

SCENES = [any_scene(dice("gallery", 0, index)) for index in range(6)]


def _fill(cache: Path) -> list[Path]:
    gallery = SceneFolder(cache, "bison", 0)
    paths = [gallery.picture(index, 1, scene, "").path for index, scene in enumerate(SCENES)]
    return [path for path in paths if path]


def test_a_second_use_draws_nothing(tmp_path: Path) -> None:
    paths = _fill(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert _fill(tmp_path) == paths
    assert {path: path.stat().st_mtime_ns for path in paths} == before


@pytest.mark.parametrize("damage", [b"", b"not a picture"])
def test_a_damaged_file_is_drawn_again(damage: bytes, tmp_path: Path) -> None:
    paths = _fill(tmp_path)
    sound = paths[2].read_bytes()
    paths[2].write_bytes(damage or sound[:100])
    paths[3].unlink()
    assert _fill(tmp_path) == paths
    assert paths[2].read_bytes() == sound and paths[3].is_file()


def test_other_files_do_no_harm(tmp_path: Path) -> None:
    folder = _fill(tmp_path)[0].parent
    (folder / "notes.txt").write_text("mine")
    (folder / ".00000-1-0000000000000000.png.ab.part").write_bytes(b"half")
    assert len(_fill(tmp_path)) == len(SCENES) and (folder / "notes.txt").read_text() == "mine"


def test_processes_may_fill_it_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from sparkles_eval.tasks.base import Source\n"
        "from sparkles_eval.synthetic.loader import load\n"
        "c = Path(sys.argv[1]); load(Source('t', {'benchmark': 'bison', 'n': '12'}, c, None, c))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 24 and all(path.suffix == ".png" for path in files)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(ContentError, match="SPARKLES_CACHE"):
        _fill(tmp_path / "cache")
