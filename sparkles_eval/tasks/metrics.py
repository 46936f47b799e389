"""The metrics that a task may name, and what each needs of the task. Computes nothing: that is the work of stats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Need: TypeAlias = Literal["options", "groups", "judge", "two turns"]
"""What a metric needs: a scorer (stored as "options"), samples in groups, a judge, or two-turn dialogues."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a report shows for a task."""

    name: str
    title: str
    description: str
    needs: tuple[Need, ...]
    high: float
    """The best value; the worst is 0 for shares and the low end of the judge's scale for ratings."""


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "Accuracy",
            "Mean over samples of the scorer's value: 1 right, 0 wrong, and an answer out of which nothing can be read "
            "counts as wrong. Where several turns are scored, a sample's value is their mean.",
            ("options",),
            1.0,
        ),
        Metric(
            "consistency",
            "Consistency",
            "Share of groups in which every sample is answered rightly (Suhr et al. 2019).",
            ("options", "groups"),
            1.0,
        ),
        Metric(
            "validity",
            "Validity",
            "Share of samples whose first answer can be read; it separates poor form from poor sight.",
            ("options",),
            1.0,
        ),
        Metric(
            "sparkles_score",
            "SparklesEval score",
            "(A1 + A2) / 2, each the mean over dialogues of the turn's criterion means (Huang et al. 2023).",
            ("judge", "two turns"),
            10.0,
        ),
        Metric(
            "judge_score",
            "Judge score",
            "Mean over samples of the weighted mean over all criteria and turns that the judge rated.",
            ("judge",),
            10.0,
        ),
        Metric(
            "group_score",
            "Mean over groups",
            "Mean over groups of each group's own mean judge score: a large group counts no more than a small one.",
            ("judge", "groups"),
            10.0,
        ),
    )
}
"""Known metrics by name, in the order in which reports show them."""
