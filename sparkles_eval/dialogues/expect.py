"""What a plan would ask, cost and take, before anything is spent. Asks nobody.

Tokens are counted as engine.forecast does; a reply of which nothing is known is taken to be as long as published ones.
Repairs are not foreseen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sparkles_eval.dialogues import plan as planning
from sparkles_eval.dialogues.generate import CAPTION_TOKENS, call_request, caption_requests
from sparkles_eval.dialogues.prepare import Plan
from sparkles_eval.dialogues.reading import Kept
from sparkles_eval.engine.forecast import Forecast, Forecaster, tokens
from sparkles_eval.engine.keys import request_key
from sparkles_eval.store.dialogues import DialogueSet
from sparkles_eval.store.store import Store

TURN_TOKENS = 350
"""Of a question and an answer: the published means are 26 and 185 words (CC), 32 and 211 (VG)."""
_FILLER = "word " * 80
"""Stands for a caption that is not written yet."""


def expected(plan: Plan, path: Path, connections: int | None) -> list[Forecast]:
    """A line for captions, where some are to be written, and one for dialogues; what the store has is taken off."""
    if not path.is_file():
        return _lines(plan, None, connections)
    with Store(path, create=False) as store:
        return _lines(plan, store, connections)


def _lines(plan: Plan, store: Store | None, connections: int | None) -> list[Forecast]:
    forecaster = Forecaster(store, connections)
    lines = []
    if plan.caption_adapter is not None:
        model = plan.caption_adapter.model
        asked = [request for _, request in caption_requests(plan)]
        open_ = [r for r in asked if store is None or store.settled(request_key(model, r)) is None]
        total = sum(tokens(request.conversation) for request in open_)
        lines.append(forecaster.line(model, "captions", len(open_), total, CAPTION_TOKENS // 3))
    candidates = [replace(c, caption=c.caption or _FILLER) for c in plan.candidates]
    calls = list(planning.calls(candidates, plan.demonstrations, plan.spec, plan.count, plan.seed))
    if store is not None:
        kept = Kept(store, DialogueSet(plan.spec.name, plan.spec.title, plan.adapter.model, plan.identity).id)
        calls = [call for call in calls if not kept.done(call, repair=plan.repair)]
    asked_tokens = sum(tokens(call_request(plan, call).conversation) for call in calls)
    length = TURN_TOKENS * len(plan.spec.turns) * plan.spec.dialogues_per_call
    model = plan.adapter.model
    lines.append(forecaster.line(model, f"dialogues {plan.spec.name}", len(calls), asked_tokens, length))
    return lines
