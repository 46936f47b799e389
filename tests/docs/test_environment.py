"""Every environment variable that the program reads stands on its page, and no other of ours."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
_READ = re.compile(
    r"""environ(?:\.get)?[\[(]\s*["']([A-Z][A-Z0-9_]+)["']"""
    r"""|["'](SPARKLES_[A-Z_]+)["']"""
    r"""|_env="([A-Z_]+)\""""
)


def test_the_page_names_every_variable() -> None:
    found = set()
    for path in (ROOT / "sparkles_eval").rglob("*.py"):
        for groups in _READ.findall(path.read_text(encoding="utf-8")):
            found |= {name for name in groups if name}
    assert found >= {"SPARKLES_EVAL_STORE", "SPARKLES_CACHE", "OPENAI_API_KEY"}
    assert sorted(name for name in found if f"`{name}`" not in PAGE) == []
    ours = set(re.findall(r"`(SPARKLES_[A-Z_]+)`", PAGE))
    assert ours <= found
