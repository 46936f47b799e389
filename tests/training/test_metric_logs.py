"""Metrics: kept as they come, forgotten from where a run resumes, drawn as a curve."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from sparkles_eval.store import trainings
from sparkles_eval.store.rows import EnvironmentRow
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import MeasuredStep, Training
from sparkles_eval.training.metric_logs import TABLE, StepMetrics, loss_curve


def begun(store: Store, out: Path, first: int) -> StepMetrics:
    """The metrics of a training that begins, or is resumed at a step."""
    environment = store.add_environment(EnvironmentRow("train", "0", None, "3.11", {}, {}))
    trainings.begin(store, Training("abc", "run", "Title", "{}", "r", "d", 45), environment, first)
    return StepMetrics(out, store, "abc")


def test_steps_are_kept_and_those_after_a_resume_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        metrics = begun(store, tmp_path, 0)
        for step in range(45):
            metrics.add(step, "language", 2.0 - step / 45, 1e-3, 100, 40)
        assert [row.step for row in metrics.all()] == list(range(45))
        again = begun(store, tmp_path, 30)
        again.add(30, "language", 0.5, 1e-3, 100, 40)
        assert [row.step for row in again.all()] == list(range(31))
        again.close()
    lines = (tmp_path / TABLE).read_text().splitlines()
    assert lines[0].split(",")[:4] == ["step", "stage", "loss", "rate"] and len(lines) == 32


def test_the_curve_is_a_picture_with_a_line_a_stage() -> None:
    rows = [
        MeasuredStep(step, "vision" if step < 100 else "language", 3.0 / (1 + step % 100), 1e-3, 1, 1, 0.1)
        for step in range(300)
    ]
    drawn = ET.fromstring(loss_curve(rows))  # noqa: S314
    lines = [element for element in drawn.iter() if element.tag.endswith("polyline")]
    assert len(lines) == 2
    for line in lines:
        points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        assert len(points) >= 50 and points[0][1] < points[-1][1], "a falling loss goes down on the page"
        assert all(0 <= x <= 720 and 0 <= y <= 320 for x, y in points)


def test_no_steps_give_an_empty_picture() -> None:
    assert ET.fromstring(loss_curve([])).tag.endswith("svg")  # noqa: S314
