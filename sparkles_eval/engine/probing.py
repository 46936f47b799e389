"""Puts the probes of an audit to a judge, as runs like any other: the store keeps every verdict, and asking resumes.

Knows nothing of what the probes are for or what their scores mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.adapters.replay import Replay
from sparkles_eval.engine.cells import Cell, Seat
from sparkles_eval.judges.audit import Probe
from sparkles_eval.records import Generation, Model, fingerprint
from sparkles_eval.tasks.base import Task

VARIANT = "audit"
"""Variant of every run of an audit: they never stand in a table with a model's own."""
KIND = "audit"
"""Model kind of made-up answers."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A probe and the cell that it is judged in."""

    probe: Probe
    cell: Cell


def place(task: Task, probes: Sequence[Probe], seat: Seat) -> list[Placed]:
    """One cell a probe: its dialogues as the task's samples, its answers as a model's.

    A probe's model is named "audit/NAME"; its identity covers the answers, so changed texts are another run.
    """
    return [Placed(probe, _cell(task, probe, seat)) for probe in probes]


def _cell(task: Task, probe: Probe, seat: Seat) -> Cell:
    samples = replace(task, samples=probe.samples, variant=VARIANT, judges=(seat.judge.card.name,))
    said = {sample.id: list(texts) for sample, texts in zip(probe.samples, probe.answers, strict=True)}
    model = Model(
        name=f"{KIND}/{probe.name}",
        kind=KIND,
        model_id=probe.name,
        settings={"answers": fingerprint(said)},
        free=True,
        reads_sample=True,
    )
    answers = {(name, turn, 0): {0: text} for name, texts in said.items() for turn, text in enumerate(texts, start=1)}
    return Cell(samples, Replay(model, Path(probe.name), answers), Generation(), seats=(seat,))
