"""The nouns of sparkles-eval: small frozen records that travel between all other rooms.

Knows nothing of files, models, judges or tables. Records change by `dataclasses.replace` only.
"""

from __future__ import annotations

from sparkles_eval.records.asking import Conversation, Generation, Message, Reply, Response, Status, Usage
from sparkles_eval.records.models import Limits, Model, Prices, Run
from sparkles_eval.records.samples import Fact, Image, Part, Sample, Text, Turn
from sparkles_eval.records.scores import Criterion, Estimate, Rating, Score, Verdict, VerdictStatus
from sparkles_eval.records.values import JSON, Role, fingerprint

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
