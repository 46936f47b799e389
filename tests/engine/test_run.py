"""What is kept of an invocation, and what is not: no key that somebody typed."""

from __future__ import annotations

import pytest

from sparkles_eval import __version__
from sparkles_eval.engine.run import environment


def test_versions_machine_and_command() -> None:
    row = environment(["sparkles-eval", "run", "--task", "my task"])
    assert row.command == "sparkles-eval run --task 'my task'"
    assert row.version == __version__
    assert {"pydantic", "jinja2", "openai"} <= set(row.packages)
    assert row.machine["platform"]


@pytest.mark.parametrize("name", ["api_key", "API-KEY", "token", "my_secret", "password", "apikey"])
def test_what_looks_like_a_key_is_left_out(name: str) -> None:
    row = environment(["sparkles-eval", "run", "--model-arg", f"{name}=sk-0123", "--model-arg", "timeout=5"])
    assert "sk-0123" not in row.command
    assert f"{name}=…" in row.command
    assert "timeout=5" in row.command
