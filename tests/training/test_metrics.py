"""Metrics: kept as they come, forgotten from where a run resumes, drawn as a curve."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from sparkles_eval.training.metrics import TABLE, Metrics, curve


def test_steps_are_kept_and_those_after_a_resume_forgotten(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for step in range(45):
        metrics.add(step, "language", 2.0 - step / 45, 1e-3, 100, 40)
    assert [row.step for row in metrics.all()] == list(range(45))
    again = Metrics(tmp_path, resumed=30)
    again.add(30, "language", 0.5, 1e-3, 100, 40)
    assert [row.step for row in again.all()] == list(range(31))
    again.close()
    metrics._store.close()
    lines = (tmp_path / TABLE).read_text().splitlines()
    assert lines[0].split(",")[:4] == ["step", "stage", "loss", "rate"] and len(lines) == 32


def test_the_curve_is_a_picture_with_a_line_a_stage(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for step in range(300):
        metrics.add(step, "vision" if step < 100 else "language", 3.0 / (1 + step % 100), 1e-3, 1, 1)
    drawn = ET.fromstring(curve(metrics.all()))  # noqa: S314
    metrics.close()
    lines = [element for element in drawn.iter() if element.tag.endswith("polyline")]
    assert len(lines) == 2
    for line in lines:
        points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
        assert len(points) >= 50 and points[0][1] < points[-1][1], "a falling loss goes down on the page"
        assert all(0 <= x <= 720 and 0 <= y <= 320 for x, y in points)


def test_no_steps_give_an_empty_picture() -> None:
    assert ET.fromstring(curve([])).tag.endswith("svg")  # noqa: S314
