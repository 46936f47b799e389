"""A torchvision that was built for another torch: what is said, in a process that finds one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.local.torchvision_check import fitting_torchvision


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with a torchvision 0.28.0 that fails as a mismatched build does."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    about = folder / "torchvision-0.28.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n")
    return folder


@pytest.mark.parametrize("model", ["sparkleschat-tiny", "transformers/nowhere"])
def test_every_local_kind_names_the_broken_torchvision_and_the_version_that_fits(
    broken: Path, model: str, tmp_path: Path
) -> None:
    path = os.pathsep.join([str(broken), *sys.path])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sparkles_eval",
            "run",
            "-t",
            "bison-mini",
            "-m",
            model,
            "--store",
            str(tmp_path / "s.db"),
        ],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((done.stderr + done.stdout).split())
    assert done.returncode == 2, said
    assert "torchvision 0.28.0 does not work with torch 2." in said
    assert "operator torchvision::nms does not exist" in said
    assert f"pip install {fitting_torchvision()}" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("torch", "fits"),
    [("2.13.0+cpu", "'torchvision==0.28.*'"), ("2.14.1", "'torchvision==0.29.*'"), ("3.0.0", "torchvision")],
)
def test_the_fitting_version_follows_torch(monkeypatch: pytest.MonkeyPatch, torch: str, fits: str) -> None:
    monkeypatch.setattr("sparkles_eval.adapters.local.torchvision_check.version", lambda _: torch)
    assert fitting_torchvision() == fits
