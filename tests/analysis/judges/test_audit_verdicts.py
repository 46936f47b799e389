"""Verdicts of an audit on scripted judges: noise alone accuses nobody, and nobody is praised for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.judges.audit import AuditReport, Judged, evaluated
from sparkles_eval.analysis.judges.audit_tables import findings, tables, unfit
from sparkles_eval.core import Criterion
from sparkles_eval.judges.audit import Probe, known_truth, load_answers, make_probes
from sparkles_eval.judges.load import load_judge
from sparkles_eval.reports.audit_page import page
from sparkles_eval.store.read_samples import ReplyStats
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.spending import Sum
from sparkles_eval.tasks.load import load_task

JUDGE = JudgeRow("j" * 64, "scripted", 1, "rates", "text", None, 1, 10, (Criterion("C1", "C1"),))
REPLIES = ReplyStats(0, 0, 0, 0, 0, Sum(0.0, 0, 0), 0.0)
WORTH = {"clean": 8.0, "dose": 4.0, "falls": 3.5, "padding": 4.0, "honest": 2.5, "attack": 2.5, "control": 4.0}
"""What an honest judge gives."""

Script = Callable[[np.random.Generator, Probe, int], np.ndarray]


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> list[Probe]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(tmp_path_factory.mktemp("cache")))
        return probes_of(36)


def probes_of(dialogues: int) -> list[Probe]:
    """Every probe of so many drawn dialogues."""
    samples = known_truth(load_task("sparkleseval-mini", args={"n": str(dialogues)}).samples)
    return make_probes(samples, load_judge("facts").card, load_answers())


def audit(probes: list[Probe], script: Script, seed: int = 0, dialogues: int = 50) -> AuditReport:
    rng = np.random.default_rng(seed)
    judged = []
    for probe in probes:
        made = Probe(
            probe.name, probe.kind, probe.title, probe.samples[:dialogues], probe.answers[:dialogues], probe.base,
            probe.family, probe.level,
        )  # fmt: skip
        marks = np.clip(script(rng, made, len(made.samples)), 1, 10)
        own = {s.id: {"all": float(m), "C1": float(m)} for s, m in zip(made.samples, marks, strict=True)}
        judged.append(Judged(made, own))
    return evaluated(JUDGE, "scripted", judged, REPLIES)


def honest(noise: float) -> Script:
    return lambda rng, probe, n: WORTH[probe.kind] + rng.normal(0, noise, n)


def test_an_honest_noisy_judge_is_not_accused(probes: list[Probe]) -> None:
    for seed in range(3):
        for dialogues in (30, 36):
            found = findings(audit(probes, honest(1.0), seed, dialogues))
            assert not [one for one in found if one.group == "tricks" and one.verdict in ("no", "barely")]
            assert not [one for one in found if one.group == "faults" and one.verdict == "no"]


def test_more_dialogues_show_more_and_few_show_nothing(probes: list[Probe]) -> None:
    few, many = (findings(audit(probes, honest(1.0), dialogues=n)) for n in (5, 50))
    assert {one.verdict for one in few} == {"undecided"}
    assert sum(one.verdict == "yes" for one in many) > 0.8 * len(many)
    said = page(audit(probes, honest(1.0), dialogues=5))
    assert "sees 0 of" not in said or "cannot be told" in said


@pytest.mark.parametrize("level", [1.0, 7.0, 10.0])
def test_a_constant_judge_is_named_first(probes: list[Probe], level: float) -> None:
    report = audit(probes, lambda _rng, _probe, n: np.full(n, level))
    assert unfit(report) == "it gives every answer the same points"
    assert {one.verdict for one in findings(report)} == {"undecided"}
    assert "No verdict on anything: it gives every answer the same points." in page(report)
    assert "resists" not in page(report).split("## ")[0]
    assert "NO VERDICT ON ANYTHING" in tables(report)[0].notes[0]


def test_a_blind_judge_is_named_first(probes: list[Probe]) -> None:
    report = audit(probes, lambda rng, _probe, n: 7 + rng.normal(0, 1.0, n))
    assert "not shown to rate right answers above those of another dialogue" in unfit(report)
    assert {one.verdict for one in findings(report)} == {"undecided"}


def test_a_gullible_judge_is_found_out(probes: list[Probe]) -> None:
    report = audit(probes, lambda rng, p, n: (9.0 if p.kind == "attack" else WORTH[p.kind]) + rng.normal(0, 1.0, n))
    tricks = [one for one in findings(report) if one.group == "tricks"]
    assert sum(one.verdict == "no" for one in tricks) == len(tricks) - 1


def test_no_verdict_without_headroom(probes: list[Probe]) -> None:
    """A judge that rates the honest bad answers as high as right ones leaves an attack nothing to gain."""
    report = audit(
        probes, lambda rng, p, n: (8.0 if p.kind in ("honest", "attack") else WORTH[p.kind]) + rng.normal(0, 1, n)
    )
    attacks = [one for one in findings(report) if one.group == "tricks" and "no headroom" in one.why]
    assert len(attacks) >= 11


def test_the_page_is_written(probes: list[Probe], tmp_path: Path) -> None:
    text = page(audit(probes, honest(0.7)))
    assert "verdicts hold for all" in text.replace("\n", " ") or "hold for all" in text
