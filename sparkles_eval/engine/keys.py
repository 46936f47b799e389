"""What makes a question the same question: the content addresses of requests and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.adapters.base import Request
from sparkles_eval.codec import conversation_json, sample_key
from sparkles_eval.judges.base import Call, JudgeCard
from sparkles_eval.records import Model, fingerprint


def request_key(model: Model, request: Request) -> str:
    """Covers everything that was asked: model and settings, conversation with image bytes, generation, schema, draw."""
    return fingerprint(
        {
            "model": model.identity,
            "conversation": conversation_json(request.conversation, upright=model.sees_upright),
            "generation": request.generation.json(),
            "schema": request.schema,
            "epoch": request.epoch,
            "draw": request.draw,
            "sample": sample_key(request.sample) if model.reads_sample else None,
            "turn": request.turn if model.reads_sample else None,
        }
    )


def verdict_key(card: JudgeCard, sample_id: str, answers: Sequence[str], call: Call, repeat: int) -> str:
    """Covers judge, sample and answers; not the rendered prompt, whose delimiters are drawn anew for every call."""
    return fingerprint([card.fingerprint, sample_id, list(answers), call.id, repeat])
