"""The wheel and the sdist hold the project's files and no others, and the wheel works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

ROOT = Path(__file__).resolve().parents[2]


class Wheel(BaseModel):
    """What pyproject.toml says of the wheel."""

    only_include: tuple[str, ...] = Field(alias="only-include")
    sources: dict[str, str]


def _said() -> Wheel:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return Wheel.model_validate(tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"])


def _run(*command: str, cwd: Path = ROOT, path: str = "") -> str:
    env = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _tracked() -> list[str]:
    """Files of the project: tracked, or new and not ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout, to know which files belong to the project")
    names = _run(
        "git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"
    ).split("\0")
    return [name for name in names if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and an sdist of the project's files among others, built without the network: (wheel, sdist)."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "checkout"
    for name in _tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    for ignored in ("tasks/bison/__pycache__/left.pyc", "judges/runs/left.db", "sparkles_eval/build/left.txt"):
        (copy / ignored).parent.mkdir(parents=True)
        (copy / ignored).write_bytes(b"what git ignores is not the project's")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "out"), str(copy))
    wheel, sdist = next((folder / "out").glob("*.whl")), next((folder / "out").glob("*.tar.gz"))
    return wheel, sdist


def _expected() -> set[str]:
    """Where each tracked file of the wheel's folders lies in it, longest rewrite first."""
    said = _said()
    found = set()
    for name in _tracked():
        if name.split("/")[0] in said.only_include:
            homes = [(old, new) for old, new in said.sources.items() if name.startswith(f"{old}/")]
            old, new = max(homes, key=lambda home: len(home[0]), default=("", ""))
            found.add(new + name.removeprefix(old))
    return found


def test_the_wheel_holds_the_tracked_files_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == _expected()


def test_every_content_folder_is_in_the_wheel_and_in_the_sdist(built: tuple[Path, Path]) -> None:
    said = _said()
    content = [name for name in said.only_include if name != "sparkles_eval"]
    assert {"tasks", "judges", "adapters", "reports"} <= set(content)
    with zipfile.ZipFile(built[0]) as wheel:
        packed = wheel.namelist()
    with tarfile.open(built[1]) as sdist:
        source = {name.partition("/")[2] for name in sdist.getnames()}
    for folder in content:
        assert any(name.startswith(f"{said.sources[folder]}/") for name in packed), f"{folder} is not in the wheel"
        tracked = {name for name in _tracked() if name.startswith(f"{folder}/")}
        assert tracked <= source, f"missing from the sdist: {sorted(tracked - source)}"
    assert {"README.md", "LICENSE", "pyproject.toml", "Makefile", "constraints.txt", "CHANGELOG.md"} <= source


def test_content_folders_hold_no_python() -> None:
    content = [name for name in _said().only_include if name != "sparkles_eval"]
    assert [name for name in _tracked() if name.split("/")[0] in content and name.endswith((".py", ".pyc"))] == []


def test_the_wheel_works_from_another_folder(built: tuple[Path, Path], tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(site)  # noqa: S202 - built a moment ago
    # The wheel's own files go before the checkout's; the libraries are those of this environment.
    origin = _run(
        sys.executable, "-c", "import sparkles_eval; print(sparkles_eval.__file__)", cwd=tmp_path, path=str(site)
    )
    assert Path(origin.strip()).is_relative_to(site)
    listed = _run(sys.executable, "-m", "sparkles_eval", "list", "tasks", cwd=tmp_path, path=str(site))
    assert "bison-mini" in listed and "sparkleseval" in listed and "no:" not in listed
    command = ("run", "-t", "bison-mini", "-m", "baseline/oracle", "--limit", "3", "--store", "s.db")
    _run(sys.executable, "-m", "sparkles_eval", *command, cwd=tmp_path, path=str(site))
    assert (tmp_path / "s.html").stat().st_size > 1000


def test_an_adapter_package_is_found_by_its_entry_point(tmp_path: Path) -> None:
    site = tmp_path / "site"
    example = tmp_path / "own_model"
    example.mkdir()
    for file in (ROOT / "examples" / "own_model").iterdir():
        if file.is_file():
            (example / file.name).write_bytes(file.read_bytes())
    _run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--skip-dependency-check", str(example))
    with zipfile.ZipFile(next((example / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(site)  # noqa: S202 - built a moment ago
    path = os.pathsep.join((str(site), str(ROOT)))
    program = (sys.executable, "-m", "sparkles_eval")
    assert "colours/MODEL" in _run(*program, "list", "models", cwd=tmp_path, path=path)
    command = ("run", "-t", "bison-mini", "-m", "colours/plain", "--limit", "3", "--store", "s.db", "--no-report")
    assert "colours/plain" in _run(*program, *command, cwd=tmp_path, path=path)
