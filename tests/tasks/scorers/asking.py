"""Replies and questions for the tests of scorers."""

from __future__ import annotations

from sparkles_eval.core import Response, Sample, Status, Text, Turn, Usage
from sparkles_eval.tasks.scorers import Question


def replied(text: str | None, status: Status = Status.OK, error: str | None = None) -> Response:
    """A model's reply."""
    return Response("", 1, status, text, error, Usage(), 0.0, None, "")


def question(*targets: str, options: tuple[str, ...] = ()) -> Question:
    """A question of one turn."""
    turn = Turn((Text("?"),), options=options, targets=targets)
    return Question.of(Sample("s", (turn,)), 1)
