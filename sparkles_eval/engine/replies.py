"""The reply to a request: the stored one, or a new one that is stored the moment it arrives. Asked once, by whomever.

Knows nothing of what the reply is for.
"""

from __future__ import annotations

from dataclasses import replace

from sparkles_eval.adapters.base import Request
from sparkles_eval.codec import conversation_json
from sparkles_eval.engine.asking import Asker, Attempt
from sparkles_eval.engine.keys import request_key
from sparkles_eval.engine.once import Once
from sparkles_eval.records import Generation, Response
from sparkles_eval.store.encode import dump, now
from sparkles_eval.store.rows import RequestRow
from sparkles_eval.store.store import Store


class Replies:
    """Gets replies of one model for one store. `once` is shared by all that may ask the same at the same time."""

    def __init__(self, store: Store, asker: Asker, once: Once) -> None:
        self._store = store
        self._asker = asker
        self._once = once

    def known(self, request: Request) -> bool:
        """True when the store has the model's reply to this very request."""
        return self._store.settled(request_key(self._asker.adapter.model, request)) is not None

    async def reply(self, request: Request) -> Response:
        """The stored reply to this very request, or a new one. Raises as `Asker.ask` does."""
        key = request_key(self._asker.adapter.model, request)
        async with self._once.alone(key):
            return self._store.settled(key) or await self._ask(key, request)

    async def _ask(self, key: str, request: Request) -> Response:
        model = self._asker.adapter.model
        conversation = dump(conversation_json(request.conversation, upright=model.sees_upright))
        row = RequestRow(key, model, conversation, dump(request.generation.json()), request.epoch, request.draw)
        stored: list[Response] = []

        def record(attempt: Attempt) -> None:
            stored.append(self._store.add_response(row, _as_response(key, attempt)))

        await self._asker.ask(request, record)
        return stored[-1]


def _as_response(key: str, attempt: Attempt) -> Response:
    reply = attempt.reply
    return Response(
        key=key,
        attempt=attempt.number,
        status=attempt.status,
        text=reply.text if reply else None,
        error=attempt.error,
        usage=attempt.usage,
        latency_s=attempt.latency_s,
        model_version=reply.model_version if reply else None,
        created_at=now(),
        reasoning=reply.reasoning if reply else None,
        finish=reply.finish if reply else None,
    )


def reseeded(generation: Generation, number: int) -> Generation:
    """A seed of its own for every draw and epoch: the same seed would only buy the same reply again."""
    if generation.seed is None or number == 0:
        return generation
    return replace(generation, seed=generation.seed + number)
