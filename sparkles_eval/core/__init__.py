"""The records that every other package uses (sample, model, run, score, ...), and helpers for files, text and errors.

Records are frozen: `dataclasses.replace` makes a changed copy. Nothing here imports another package of the program.
"""

from __future__ import annotations

from sparkles_eval.core.models import Limits, Model, Prices, Run
from sparkles_eval.core.requests import (
    JSON,
    Conversation,
    Generation,
    Message,
    Reply,
    Response,
    Role,
    Status,
    Usage,
    fingerprint,
)
from sparkles_eval.core.samples import Fact, Image, Part, Sample, Text, Turn
from sparkles_eval.core.scores import Criterion, Estimate, Rating, Score, Verdict, VerdictStatus

__all__ = [
    "JSON",
    "Conversation",
    "Criterion",
    "Estimate",
    "Fact",
    "Generation",
    "Image",
    "Limits",
    "Message",
    "Model",
    "Part",
    "Prices",
    "Rating",
    "Reply",
    "Response",
    "Role",
    "Run",
    "Sample",
    "Score",
    "Status",
    "Text",
    "Turn",
    "Usage",
    "Verdict",
    "VerdictStatus",
    "fingerprint",
]
