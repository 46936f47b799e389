"""What a release needs that the source tree does not hold: a check of its version, and links to its repository.

`python .github/release.py check v0.2.0` fails unless the package, CHANGELOG.md and CITATION.cff name that version.
`python .github/release.py links ADDRESS TAG` gives the package's page absolute links: the README's relative ones, which
lead nowhere on a package registry, and `project.urls`. The address is known to the release alone, so that a fork's
packages point at the fork.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def check(tag: str, root: Path = _ROOT) -> list[str]:
    """Where `root` does not name the version of `tag`; empty when all is well."""
    version = tag.removeprefix("v")
    package = (root / "sparkles_eval" / "__init__.py").read_text(encoding="utf-8")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    problems = []
    if not re.search(rf'^__version__ = "{re.escape(version)}"$', package, re.MULTILINE):
        problems.append(f"sparkles_eval/__init__.py: __version__ is not {version}")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        problems.append(f"CHANGELOG.md: no heading '## {version} (YYYY-MM-DD)'")
    if not re.search(rf"^version: {re.escape(version)}$", citation, re.MULTILINE):
        problems.append(f"CITATION.cff: version is not {version}")
    return problems


def with_absolute_links(readme: str, address: str, tag: str) -> str:
    """`readme` with relative links and pictures at `address`, as they were at `tag`."""

    def absolute(found: re.Match[str]) -> str:
        start, target = found.groups()
        if "://" in target or target.startswith("#"):
            return found.group()
        return f"{start}({address}/{'raw' if start.startswith('!') else 'blob'}/{tag}/{target})"

    return re.sub(r"(!?\[[^\]]*\])\(([^)\s]+)\)", absolute, readme)


def with_urls(pyproject: str, address: str, tag: str) -> str:
    """`pyproject` with a `[project.urls]` table for `address`."""
    urls = f"""[project.urls]
Source = "{address}"
Documentation = "{address}/tree/{tag}/docs"
Changelog = "{address}/blob/{tag}/CHANGELOG.md"
Issues = "{address}/issues"

[project.scripts]"""
    return pyproject.replace("[project.scripts]", urls, 1)


def main(arguments: list[str]) -> int:
    """0 when all is well, 1 when `check` found problems, 2 for an unknown command."""
    match arguments:
        case ["check", tag]:
            problems = check(tag)
            print("\n".join(problems) or f"{tag}: package, changelog and citation agree")
            return bool(problems)
        case ["links", address, tag]:
            readme, pyproject = _ROOT / "README.md", _ROOT / "pyproject.toml"
            readme.write_text(with_absolute_links(readme.read_text(encoding="utf-8"), address, tag), encoding="utf-8")
            pyproject.write_text(with_urls(pyproject.read_text(encoding="utf-8"), address, tag), encoding="utf-8")
            return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
