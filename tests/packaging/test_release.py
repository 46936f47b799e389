"""The release's script, the workflows and the promises of pyproject.toml agree with each other."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import sparkles_eval

_ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = "https://example.org/team/sparkles"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", _ROOT / ".github" / "release.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_tag_that_package_changelog_or_citation_contradict_is_refused(release: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sparkles_eval").mkdir()
    (tmp_path / "sparkles_eval" / "__init__.py").write_text('__version__ = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("## 1.2.0 (2026-12-01)\n\n- New.\n")
    (tmp_path / "CITATION.cff").write_text("version: 1.2.0\n")
    assert release.check("v1.2.0", tmp_path) == []
    problems = release.check("v1.2.1", tmp_path)
    assert [problem.partition(":")[0] for problem in problems] == [
        "sparkles_eval/__init__.py",
        "CHANGELOG.md",
        "CITATION.cff",
    ]


def test_the_package_page_has_no_relative_link(release: ModuleType) -> None:
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    changed = release.with_absolute_links(readme, _ADDRESS, "v9")
    targets = re.findall(r"\]\(([^)\s]+)\)", changed)
    assert targets and all(target.startswith(("https://", "#")) for target in targets)
    assert f"({_ADDRESS}/raw/v9/docs/images/" in changed, "a picture leads to its bytes"
    urls = tomllib.loads(release.with_urls((_ROOT / "pyproject.toml").read_text(encoding="utf-8"), _ADDRESS, "v9"))
    assert urls["project"]["urls"]["Source"] == _ADDRESS
    assert urls["project"]["scripts"]["sparkles-eval"]


def test_citation_names_the_version(release: ModuleType) -> None:
    citation = yaml.safe_load((_ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == sparkles_eval.__version__


@pytest.mark.parametrize("path", sorted((_ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_every_job_ends_by_itself_and_has_no_right_that_it_does_not_name(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name
        for step in job["steps"]:
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False, name


def test_workflows_call_targets_and_extras_that_exist() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    for path in (_ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text(encoding="utf-8")
        for target in re.findall(r"make ([a-z-]+)", text):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{path.name}: make {target}"
        for extras in re.findall(r"\.\[([a-z,]+)\]", text):
            assert set(extras.split(",")) <= set(project["optional-dependencies"]), f"{path.name}: {extras}"
        for folder in re.findall(r"tests/[a-z_/]+(?:\.py)?", text):
            assert (_ROOT / folder).exists(), f"{path.name}: {folder}"
