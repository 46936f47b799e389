"""The tree as a stranger finds it: the files a project has, and text that speaks of nothing but the project."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written so that no pattern is found in this file itself.
_FOREIGN = {
    "an issue's number": r"\b(?:issue|PR|pull request) #?\d+\b",
    "a folder of somebody's machine": r"(?<![\w.])/(?:work|home/\w+|Users/\w+)/",
    "a package registry's host": r"(?:py[p]i\.org|python[h]osted\.org|artifactor[y]|registry\.npm[j]s)",
    "something left to do": r"\b(?:T[O]DO|F[I]XME|X[X]X)\b",
    "a merge left open": r"^(?:<{7}|>{7}) ",
}


def _texts() -> list[tuple[str, str]]:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout, to know which files belong to the project")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = []
    for name in names:
        file = ROOT / name
        if name and file.is_file():
            data = file.read_bytes()
            if b"\0" not in data[:8000]:
                found.append((name, data.decode("utf-8")))
    return found


@pytest.mark.parametrize("what", sorted(_FOREIGN))
def test_no_text_names(what: str) -> None:
    pattern = re.compile(_FOREIGN[what], re.MULTILINE)
    found = [f"{name}: {hit[0]!r}" for name, text in _texts() if (hit := pattern.search(text))]
    assert found == [], f"{what}: {found}"


def test_no_file_is_large_or_binary_by_mistake() -> None:
    listed = {name for name, _ in _texts()}
    for name in listed:
        assert (ROOT / name).stat().st_size < 3_000_000, name


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
        "CITATION.cff",
        "constraints.txt",
        "Makefile",
        "mkdocs.yml",
    ],
)
def test_a_project_has(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    pinned = {
        _plain(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    }
    wanted = {_plain(re.split(r"[\[<>=!~; ]", line)[0]) for line in project["dependencies"]}
    assert wanted <= pinned, f"not pinned: {sorted(wanted - pinned)}"
    assert "torch" in pinned


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower().strip()


def test_help_is_quick_and_loads_no_model_library() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from sparkles_eval.cli.app import app;"
        "done = CliRunner().invoke(app, ['--help']); assert done.exit_code == 0, done.output;"
        "heavy = {'torch', 'transformers', 'openai', 'anthropic', 'pandas', 'scipy'} & set(sys.modules);"
        "sys.exit(f'--help loads {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
