"""Small real folders for the tests of loaders: drawn pictures and the published layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml
from PIL import Image

Draw = Callable[..., None]
Write = Callable[..., Path]


@pytest.fixture
def draw() -> Draw:
    """Draws small pictures, each of its own colour, under a folder."""

    def made(folder: Path, *names: str) -> None:
        for index, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            kind = "JPEG" if path.suffix == ".jpg" else "PNG"
            Image.new("RGB", (12, 10), (40 * index % 256, 90, len(name))).save(path, kind)

    return made


@pytest.fixture
def official(tmp_path: Path) -> Write:
    """Writes a published annotation file, evaluation/<name>/annotations/..., and gives the data root."""

    def made(name: str, rows: Sequence[object] | str) -> Path:
        file = tmp_path / "evaluation" / name / "annotations" / f"sparkles_evaluation_{name.lower()}_annotations.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "evaluation" / name / "images").mkdir(exist_ok=True)
        file.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
        return tmp_path

    return made


@pytest.fixture
def lines(tmp_path: Path) -> Write:
    """Writes a task folder of the jsonl loader with these samples, and gives its path."""

    def made(*samples: object, metrics: str = "[accuracy]", answer: str = "strict", judges: str = "[]") -> Path:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "task.yaml").write_text(
            "name: mine\nversion: 1\ntitle: Mine\ndescription: A test.\nloader: jsonl\n"
            "args: {samples: samples.jsonl, images: images}\n"
            f"protocols: {{strict: {{prompt: prompt.md.j2, answer: {answer}}}}}\n"
            f"metrics: {metrics}\njudges: {judges}\n",
            encoding="utf-8",
        )
        (folder / "prompt.md.j2").write_text("{{ content }}", encoding="utf-8")
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in samples)
        (folder / "samples.jsonl").write_text(text, encoding="utf-8")
        (folder / "images").mkdir(exist_ok=True)
        return folder

    return made


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def table_task(tmp_path: Path, own_cache: Path) -> Write:
    """Writes a task folder of the loader `table`."""

    def made(source: object, columns: object, scorer: object = "lettered", **more: object) -> Path:
        folder = tmp_path / "quiz"
        folder.mkdir(exist_ok=True)
        spec = {
            "name": "quiz",
            "version": 1,
            "title": "Quiz",
            "description": "A test.",
            "loader": "table",
            "source": source,
            "columns": columns,
            "protocols": {"strict": {"prompt": "prompt.md.j2", "scorer": scorer}},
            "metrics": ["accuracy"],
            **more,
        }
        (folder / "task.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        (folder / "prompt.md.j2").write_text("{{ content }}", encoding="utf-8")
        return folder

    return made
