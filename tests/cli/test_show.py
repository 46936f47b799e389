"""`show`: the whole story of one sample."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.load import load_task
from tests.end_to_end.running import here, judged, models, rows
from tests.server import Behaviour, LoopbackServer, Settings


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def _first(store: Path) -> tuple[str, str]:
    """A run and its first sample."""
    row = rows(store, "SELECT r.id, s.name FROM runs r JOIN run_samples p ON p.run_id = r.id JOIN samples s"
                      " ON s.id = p.sample_id WHERE p.position = 0 ORDER BY r.created_at")[0]  # fmt: skip
    return str(row[0]), str(row[1])


def test_a_judged_dialogue_from_prompt_to_score(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    server.configure(Settings(models={"good": Behaviour(faults={"500": 1.0}, fault_limit=1)}))
    asked = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=1", *models(server, "openai/good"), *judged(server)]
    assert here(*asked, "--no-report", "--store", str(store)).code == 0
    run, sample = _first(store)
    text = here("show", run[:6], sample, "--store", str(store)).out
    heads = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads[0] == f"Sample {sample}, 1 of 1"
    expected = []
    for turn in (1, 2):
        expected += [f"Prompt {turn}", "Settings", "Attempt 1", "Attempt 2", f"Answer {turn}"]
    assert [head for head in heads[1:] if head in expected] == expected
    assert heads[-3].startswith("Scored by sparkles") and heads[-2:] == ["Judge's prompt", "Judge's reply"]
    for words in ("HTTP 500", ".png, ", "A1 C1: ", "A2 C3: ", "served as", "model     openai/good"):
        assert words in text
    assert text.count("[system]") <= 1, "a later turn shows its own message"


def test_a_rule_and_a_failed_item(server: LoopbackServer, tmp_path: Path) -> None:
    store, answers = tmp_path / "s.db", tmp_path / "a.jsonl"
    first, second = load_task("nlvr2-mini", args={"n": "2"}).samples
    answers.write_text(json.dumps({"sample_id": first.id, "text": "Scored by strict\n\x1b[2J\nTrue"}) + "\n")
    args = ["run", "-t", "nlvr2-mini", "--task-arg", "n=2", "-m", f"replay/{answers}", "--no-report"]
    assert here(*args, "--store", str(store)).code == 3
    run, _ = _first(store)
    text = here("show", run, first.id, "--store", str(store)).out
    assert "\x1b" not in text and "  ⟦U+001B⟧[2J" in text
    assert [line for line in text.splitlines() if line.startswith("Scored by")] == ["Scored by strict"]
    assert "A1 accuracy: " in text and "read as 'True'" in text and f"target    {first.target}" in text
    missing = here("show", run, second.id, "--store", str(store)).out
    assert "the reason stands with the scores" in missing and "A1 accuracy: no score (" in missing


@pytest.mark.parametrize(
    ("run", "sample", "why"),
    [("zzz", "x", "no run 'zzz'"), ("", "x", "no run ''"), (None, "x", "its samples are called like nlvr2-mini-0-")],
)
def test_what_is_not_there(tmp_path: Path, run: str | None, sample: str, why: str) -> None:
    store = tmp_path / "s.db"
    args = ["run", "-t", "nlvr2-mini", "--task-arg", "n=1", "-m", "baseline/oracle", "--no-report"]
    assert here(*args, "--store", str(store)).code == 0
    with pytest.raises(UserError, match=why):
        here("show", _first(store)[0] if run is None else run, sample, "--store", str(store))
