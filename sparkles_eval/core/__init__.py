"""The nouns of sparkles-eval: small frozen records that travel between all other rooms.

Knows nothing of files, models, judges or tables. Records change by `dataclasses.replace` only.
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
