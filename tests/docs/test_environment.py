"""Every environment variable that the program reads stands in the guide, and no other of ours."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "configuration.md").read_text(encoding="utf-8")
_READ = re.compile(
    r"""environ(?:\.get)?[\[(]\s*["']([A-Z][A-Z0-9_]+)["']"""
    r"""|["'](SPARKLES_[A-Z_]+)["']"""
    r"""|_env="([A-Z_]+)\""""
)


def test_the_guide_names_every_variable() -> None:
    found = set()
    for path in (ROOT / "sparkles_eval").rglob("*.py"):
        for groups in _READ.findall(path.read_text(encoding="utf-8")):
            found |= {name for name in groups if name}
    assert found >= {"SPARKLES_EVAL_STORE", "SPARKLES_CACHE", "OPENAI_API_KEY"}
    assert sorted(name for name in found if f"`{name}`" not in GUIDE) == []
    ours = set(re.findall(r"`(SPARKLES_[A-Z_]+)`", GUIDE))
    assert ours <= found
