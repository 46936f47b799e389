"""Response cache: keys of requests and verdicts, per-key locks, stored replies before new requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Generation, Model, Response, fingerprint
from sparkles_eval.core.json import conversation_json, sample_key
from sparkles_eval.engine.attempts import Attempt
from sparkles_eval.engine.endpoint_pool import AnyClient
from sparkles_eval.engine.turns import SendTurns
from sparkles_eval.judges.base import JudgeCall, JudgeCard
from sparkles_eval.store.mapping import dump, now
from sparkles_eval.store.rows import RequestRow
from sparkles_eval.store.served_models import ENDPOINT
from sparkles_eval.store.store import Store


def request_key(model: Model, request: Request) -> str:
    """Hash of everything that is asked: model and settings, conversation with image bytes, generation, schema, draw."""
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


def verdict_key(card: JudgeCard, sample_id: str, answers: Sequence[str], call: JudgeCall, repeat: int) -> str:
    """Hash of judge, sample and answers, without the prompt, whose delimiters change with each call."""
    return fingerprint([card.fingerprint, sample_id, list(answers), call.id, repeat])


class KeyedLock:
    """Per-key async lock: identical concurrent requests are sent once."""

    def __init__(self) -> None:
        self._busy: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Hold the lock of `key` for the block."""
        while other := self._busy.get(key):
            await other.wait()
        done = self._busy[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._busy[key]
            done.set()


class ResponseCache:
    """Replies of one model: stored ones first, else new ones. `once` is shared by all senders of the same request."""

    def __init__(
        self, store: Store, client: AnyClient, once: KeyedLock, turns: SendTurns, before: Sequence[Model] = ()
    ) -> None:
        """`before`: the same model as an older store identifies it (addresses.models_before)."""
        self._store = store
        self._client = client
        self._once = once
        self._turns = turns
        self._before = before

    def known(self, request: Request) -> bool:
        """True when the store has the model's reply to this very request."""
        models = (self._client.adapter.model, *self._before)
        return any(self._store.settled(request_key(model, request)) is not None for model in models)

    async def reply(self, request: Request, again: Callable[[Response], bool] = lambda _: False) -> Response:
        """The stored reply to exactly this request, or a new one. Raises as `ModelClient.ask` does.

        A stored reply that `again` is true of is asked for once more, and stays where no newer one comes.
        """
        key = request_key(self._client.adapter.model, request)
        async with self._once.alone(key):
            stored = self._store.settled(key) or self._taken_over(key, request)
            if stored is not None and not again(stored):
                return stored
            return await self._ask(key, request, stored)

    async def _ask(self, key: str, request: Request, before: Response | None) -> Response:
        row, stored = self._row(key, request), list[Response]()

        def record(attempt: Attempt) -> None:
            response = _as_response(key, attempt, before.attempt if before else 0)
            stored.append(self._store.add_response(row, response, before.id if before else None))

        await self._client.ask(request, record)
        await self._turns.replied()
        return stored[-1]

    def _taken_over(self, key: str, request: Request) -> Response | None:
        """The reply that the model gave under an identity of before, from now on also under its present one."""
        for model in self._before:
            old = self._store.settled(request_key(model, request))
            if old is not None:
                address = old.address or model.settings.get(ENDPOINT)
                return self._store.add_response(self._row(key, request), replace(old, key=key, address=address))
        return None

    def _row(self, key: str, request: Request) -> RequestRow:
        model = self._client.adapter.model
        conversation = dump(conversation_json(request.conversation, upright=model.sees_upright))
        return RequestRow(key, model, conversation, dump(request.generation.json()), request.epoch, request.draw)


def _as_response(key: str, attempt: Attempt, earlier: int) -> Response:
    reply = attempt.reply
    return Response(
        key=key,
        attempt=earlier + attempt.number,
        status=attempt.status,
        text=reply.text if reply else None,
        error=attempt.error,
        usage=attempt.usage,
        latency_s=attempt.latency_s,
        model_version=reply.model_version if reply else None,
        created_at=now(),
        reasoning=reply.reasoning if reply else None,
        finish=reply.finish if reply else None,
        address=attempt.address,
    )


def reseeded(generation: Generation, number: int) -> Generation:
    """The generation with a seed of its own for each draw and epoch, since one seed would give one reply."""
    if generation.seed is None or number == 0:
        return generation
    return replace(generation, seed=generation.seed + number)
