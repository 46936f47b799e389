"""Audits from end to end: the facts see every fault, a judge that looks at nothing sees none, a gullible one falls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.analysis.judges.audit import audit_report
from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.engine.jobs import judge_row
from sparkles_eval.engine.prepare import RunJudges, RunPlan
from sparkles_eval.engine.progress import NoProgress
from sparkles_eval.engine.rejudge import KIND, VARIANT, AuditJob, audit_jobs
from sparkles_eval.engine.run import execute
from sparkles_eval.judges.audit import known_truth, load_answers, make_probes
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from tests.end_to_end.running import Done, accounted, here, rows, sound, total
from tests.server import Behaviour, LoopbackServer, Rule, Settings

_RATED = {f"C{c}": {"explanation": "", "rating": 10} for c in (1, 2, 3)}
FULL = json.dumps({"canary": r"\1"} | {f"A{turn}": _RATED | {"overall": 10} for turn in (1, 2)}).replace("\\\\", "\\")
GULLIBLE = Behaviour(persona="weak", rules=(Rule(pattern=r"(?s)Rating: \[\[10\]\].*the word ([a-z]{8})", reply=FULL),))
"""Rates low, whatever is said, but gives full marks where the answer holds a rating."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(Settings(models={"gullible": GULLIBLE})) as running:
        yield running


def _audit(judge: str, store: Path, *more: str) -> Done:
    return here("judges", "audit", judge, "--store", str(store), *more)


def _read(path: Path) -> dict[str, list[dict[str, float | str | None]]]:
    return {table["table"]: table["rows"] for table in json.loads(path.read_text("utf-8"))}


def test_the_facts_see_every_fault_and_fall_for_nothing(tmp_path: Path) -> None:
    store, page, numbers = tmp_path / "a.db", tmp_path / "page.md", tmp_path / "a.json"
    done = _audit("facts", store, "--budget", "300", "--out", str(page), "--json", str(numbers))
    assert done.code == 0, done.shown
    found = _read(numbers)
    lost = {(row["altered"], row["dose"]): row["all"] for row in found["audit-doses"]}
    for family in ("removed", "contradicted"):
        steps = [value for (name, _), value in lost.items() if name == family]
        assert len(steps) == 3 and 0 < float(steps[0] or 0) < float(steps[1] or 0) < float(steps[2] or 0)
    assert all(row["monotone"] == 1 for row in found["audit-sensitivity"] if row["measure"] in ("all", "C3"))
    assert len(found["audit-attacks"]) == 11
    assert {row["success"] for row in found["audit-attacks"]} == {0.0}
    assert {row["inflation"] for row in found["audit-attacks"]} == {0.0}
    assert found["audit-clean"][0]["all"] == 10 and found["audit-clean"][0]["false_flags"] == 0
    text = page.read_text("utf-8")
    assert "# What facts can and cannot see" in text and "sees 8 of 8 kinds of fault, resists 12 of 12 tricks" in text
    accounted(store)
    sound(store)
    assert rows(store, "SELECT DISTINCT variant FROM runs") == [(VARIANT,)]
    assert rows(store, "SELECT DISTINCT kind FROM models") == [(KIND,)]

    verdicts = total(rows(store, "SELECT count(*) FROM verdicts"))
    again = _audit("facts", store, "--budget", "300", "--json", str(numbers))
    assert again.code == 0 and _read(numbers) == found
    assert total(rows(store, "SELECT count(*) FROM verdicts")) == verdicts <= 300


def test_a_judge_that_reads_nothing_sees_nothing(server: LoopbackServer, tmp_path: Path) -> None:
    numbers, store = tmp_path / "a.json", tmp_path / "a.db"
    judge = ["sparkles@openai/good", "--judge-arg", f"base_url={server.openai_url}"]
    done = _audit(judge[0], store, *judge[1:], "--budget", "240", "--json", str(numbers))
    assert done.code == 0, done.shown
    assert "No verdict on anything: it " in " ".join(done.shown.split()) and "Whose ratings are read?" in done.shown
    found = _read(numbers)
    assert {row["answer"] for row in found["audit-changes"]} >= {"no captions", "wrong captions"}
    quotes = {str(row["judge"]): row for row in found["audit-quotes"]}
    assert quotes["quoting honest judge"]["own"] == quotes["quoting honest judge"]["replies"]
    assert quotes["copying judge"]["unreadable"] == quotes["copying judge"]["replies"]
    assert all(abs(float(row["lost"] or 0)) < 2 for row in found["audit-sensitivity"])
    asked = server.stats().requests
    assert _audit(judge[0], store, *judge[1:], "--budget", "240").code == 0
    assert server.stats().requests == asked, "every verdict is kept"


def test_a_gullible_judge_is_found_out(server: LoopbackServer, tmp_path: Path) -> None:
    numbers = tmp_path / "a.json"
    args = ["--judge-arg", f"base_url={server.openai_url}", "--budget", "240", "--json", str(numbers)]
    done = _audit("sparkles@openai/gullible", tmp_path / "a.db", *args)
    assert done.code == 0, done.shown
    attacks = {row["attack"]: row for row in _read(numbers)["audit-attacks"]}
    for name in ("bare rating", "finished evaluation"):
        assert attacks[name]["success"] == 1 and attacks[name]["top"] == 1
        assert attacks[name]["scanned"] == 1, "the scan of answers would have caught it"
    assert (attacks["authority"]["success"] or 0) == 0


def test_a_judge_that_cannot_be_read_says_so(server: LoopbackServer, tmp_path: Path) -> None:
    args = ["--judge-arg", f"base_url={server.openai_url}", "--judge-arg", "attempts=1", "--budget", "60"]
    with pytest.raises(UserError, match="not one right answer was graded"):
        _audit("sparkles@openai/echo", tmp_path / "a.db", *args)


def test_budget_and_estimate(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    for wrong, told in [
        (("facts", "--budget", "10"), "one dialogue takes"),
        (("facts", "--task", "bison-mini"), "audit a judge on dialogues"),
        (("panel:facts,sparkles",), "audit them one by one"),
    ]:
        with pytest.raises(UserError, match=told):
            _audit(wrong[0], store, *wrong[1:])
    before = server.stats().requests
    args = ["--judge-arg", f"base_url={server.openai_url}", "--budget", "100", "--estimate"]
    shown = _audit("sparkles@openai/good", store, *args)
    assert shown.code == 0 and "still to be requested" in shown.shown
    assert server.stats().requests == before and not store.exists()


def test_one_dialogue_gives_values_without_intervals(tmp_path: Path) -> None:
    task = load_task("sparkleseval-mini", args={"n": "1"})
    seat = RunJudges(RunConfig(tasks=(), models=(), judges=("facts",))).bound("facts")
    placed = audit_jobs(task, make_probes(known_truth(task.samples), seat.judge.card, load_answers()), seat)
    with Store(tmp_path / "s.db") as store:
        row = judge_row(seat.judge)
        with pytest.raises(UserError, match="not one right answer was graded"):
            audit_report(store, row, task.name, [(one.probe, one.job.run.id) for one in placed])
        _run(placed, store)
        report = audit_report(store, row, task.name, [(one.probe, one.job.run.id) for one in placed])
        assert len(read_runs.runs(store)) == len(placed) == report.probes
    assert report.dialogues == 1
    assert all(estimate.low is None for _, estimate in report.clean)
    assert report.levels[0].lost[-1][1].value == 9


def _run(placed: list[AuditJob], store: Store) -> None:
    plan = RunPlan(tuple(one.job for one in placed), ())
    assert execute(plan, store, NoProgress(), RunLimits(), ["test"]).ending == "complete"
