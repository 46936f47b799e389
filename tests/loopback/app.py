"""The loopback server's HTTP side: authentication, limits, faults, records and the control endpoints.

Knows both providers' paths; their formats are in openai_wire.py and anthropic_wire.py, the answers in personas.py.

Control: `GET /__stats` (counts), `GET /__records` (every request), `POST /__configure` (a Settings as JSON; forgets
the records too), `POST /__reset` (forgets the records).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from email.utils import formatdate
from typing import Protocol

from aiohttp import web
from pydantic import JsonValue, ValidationError

from tests.loopback import anthropic_wire, openai_wire, personas
from tests.loopback.capacity import Capacity
from tests.loopback.plan import delay_of, fault_of
from tests.loopback.question import BadRequest, Question
from tests.loopback.settings import Behaviour, Fault, Persona, Settings

_LARGEST_BODY = 200 * 2**20
_WORDS = {
    429: "too many requests, slow down",
    500: "the server had an error while processing the request",
    503: "the service is overloaded, try again later",
    529: "overloaded",
}


@dataclass(slots=True)
class Record:
    """One request as the server saw it. `status` 0: the connection was closed without a whole reply."""

    at: float
    """Seconds on the server's monotonic clock."""
    provider: str
    in_flight: int
    """Requests being served at its arrival, itself included."""
    model: str = ""
    key: str = ""
    images: tuple[str, ...] = ()
    attempt: int = 0
    """The how-manieth time this question was asked, from 1."""
    status: int = 0
    fault: str | None = None
    delivered: bool = False
    """False when the client was gone before the reply was written."""
    user_agent: str = ""
    tokens: int = 0


@dataclass(slots=True)
class State:
    """Everything that changes while the server runs."""

    settings: Settings
    records: list[Record] = field(default_factory=list)
    in_flight: int = 0
    by_model: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    faults_met: Counter[str] = field(default_factory=Counter)
    capacities: dict[str, Capacity] = field(default_factory=dict)

    def forget(self) -> None:
        """Forget every request, but not those being served now."""
        self.records, self.asked, self.faults_met, self.capacities = [], Counter(), Counter(), {}

    def capacity(self, model: str, behaviour: Behaviour) -> Capacity:
        """What that model can take now."""
        if model not in self.capacities:
            self.capacities[model] = Capacity(behaviour)
        return self.capacities[model]

    def stats(self) -> JsonValue:
        """Counts over all records; `asked` and `answered` give each question's key and how often."""
        ok = [record for record in self.records if record.status == 200 and record.fault is None]
        answered = Counter(record.key for record in ok if record.delivered)
        return {
            "requests": len(self.records),
            "in_flight": self.in_flight,
            "max_in_flight": max((record.in_flight for record in self.records), default=0),
            "by_status": dict(Counter(str(record.status) for record in self.records)),
            "by_fault": dict(Counter(record.fault for record in self.records if record.fault)),
            "by_model": dict(Counter(record.model for record in self.records)),
            "delivered": sum(answered.values()),
            "asked": dict(Counter(record.key for record in self.records if record.key)),
            "answered": dict(answered),
            "tokens": sum(record.tokens for record in self.records),
            "first_at": self.records[0].at if self.records else None,
            "last_at": self.records[-1].at if self.records else None,
        }


STATE: web.AppKey[State] = web.AppKey("state", State)


class Wire(Protocol):
    """A provider's format (openai_wire, anthropic_wire)."""

    @property
    def HEADERS(self) -> tuple[str, ...]: ...  # noqa: N802 - a module's constant

    def read(self, body: bytes, *, bench: bool) -> Question: ...

    def reply(self, question: Question, answer: personas.Answer, number: int) -> JsonValue: ...

    def events(self, question: Question, answer: personas.Answer, number: int) -> Iterator[tuple[str, JsonValue]]: ...

    def error(self, status: int, message: str, param: str | None, number: int) -> JsonValue: ...


class Provider:
    """One provider's endpoint: reads, judges and answers requests in its format."""

    def __init__(self, name: str, wire: Wire, state: State) -> None:
        self.name, self.wire, self.state = name, wire, state

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request and record it."""
        state = self.state
        state.in_flight += 1
        agent = request.headers.get("User-Agent", "")
        record = Record(time.monotonic(), self.name, state.in_flight, user_agent=agent)
        state.records.append(record)
        try:
            response = await self._serve(request, record)
            record.status = 0 if record.fault in ("drop", "cut") else response.status
            record.delivered = request.transport is not None and not request.transport.is_closing()
            return response
        finally:
            state.in_flight -= 1

    def _error(self, record: Record, status: int, message: str, param: str | None = None) -> web.Response:
        number = len(self.state.records)
        body = self.wire.error(status, message, param, number)
        record.status = status
        return _json(body, status, {"x-request-id": f"req_{number}"})

    async def _serve(self, request: web.Request, record: Record) -> web.StreamResponse:
        settings = self.state.settings
        body = await request.read()
        refused = _refused_key(request, settings)
        missing = next((name for name in self.wire.HEADERS if name not in request.headers), None)
        if refused or missing:
            return self._error(record, 401 if refused else 400, refused or f"the header {missing} is required")
        try:
            question = self.wire.read(body, bench=settings.bench)
            record.model, record.key, record.images = question.model, question.key, question.images
            record.tokens = personas.input_tokens(question)
            known = settings.behaviour(question.model)
            if known is None:
                return self._error(record, 404, f"there is no model {question.model!r}", "model")
            _check_takable(question, *known)
        except BadRequest as error:
            return self._error(record, 400, str(error), error.param)
        behaviour, persona = known
        capacity = self.state.capacity(question.model, behaviour)
        busy = self.state.by_model[question.model]
        response: web.StreamResponse | None = self._turned_away(record, question, behaviour, busy)
        if response is None:
            self.state.by_model[question.model] += 1
            try:
                response = await self._reply(request, record, question, behaviour, persona)
            finally:
                self.state.by_model[question.model] -= 1
        if behaviour.announces and not response.prepared:
            response.headers.update(capacity.headers())
        return response

    def _turned_away(self, record: Record, question: Question, behaviour: Behaviour, busy: int) -> web.Response | None:
        """The refusal of a request that is beyond what the model can take, or None."""
        if behaviour.declines is not None:
            return self._error(record, behaviour.declines, behaviour.words)
        if behaviour.shed_above is not None and busy >= behaviour.shed_above:
            record.fault = "shed"
            return self._limited(record, behaviour, status=503)
        wait = self.state.capacity(question.model, behaviour).take(personas.input_tokens(question))
        if wait or (behaviour.max_in_flight is not None and busy >= behaviour.max_in_flight):
            record.fault = "busy"
            return self._limited(record, behaviour, wait)
        return None

    def _limited(self, record: Record, behaviour: Behaviour, wait: float = 0.0, *, status: int = 429) -> web.Response:
        response = self._error(record, status, _WORDS[status])
        if behaviour.retry_after == "seconds":
            response.headers["Retry-After"] = f"{behaviour.retry_after_s:g}"
        elif behaviour.retry_after == "exact":
            response.headers["Retry-After"] = f"{wait:.3f}"
        elif behaviour.retry_after == "date":
            response.headers["Retry-After"] = formatdate(time.time() + behaviour.retry_after_s, usegmt=True)
        return response

    async def _reply(
        self, request: web.Request, record: Record, question: Question, behaviour: Behaviour, persona: Persona
    ) -> web.StreamResponse:
        state, key = self.state, question.key
        state.asked[key] += 1
        attempt = record.attempt = state.asked[key]
        fault = fault_of(behaviour, state.settings.seed, key, attempt, state.faults_met[key])
        delay = delay_of(behaviour, state.settings.seed, key, attempt)
        if fault:
            record.fault = fault
            state.faults_met[key] += 1
        if fault == "stall":
            delay += behaviour.stall_s
        if behaviour.slots is not None:
            delay *= max(1.0, state.by_model[question.model] / behaviour.slots)
        if delay:
            await asyncio.sleep(delay)
        if fault in ("429", "500", "503", "529"):
            status = int(fault)
            return (
                self._limited(record, behaviour, status=status)
                if status in (429, 503)
                else self._error(record, status, _WORDS[status])
            )
        said = personas.answer(question, persona, behaviour.rules, attempt)
        if behaviour.usage == "zero":
            said = replace(said, input_tokens=0, output_tokens=0)
        if question.stream and fault in (None, "stall", "drip", "cut"):
            return await self._stream(request, question, said, behaviour.pace_s, cut=fault == "cut")
        reply = self.wire.reply(question, said, len(state.records))
        if isinstance(reply, dict) and "system_fingerprint" in reply:
            reply["system_fingerprint"] = state.settings.fingerprint
        text = json.dumps(reply).encode()
        if fault in (None, "stall"):
            return web.Response(body=text, content_type="application/json")
        return await (_drip(request, text, behaviour.stall_s) if fault == "drip" else _break(request, fault, text))

    async def _stream(
        self, request: web.Request, question: Question, said: personas.Answer, pace_s: float, *, cut: bool
    ) -> web.StreamResponse:
        """The reply as server-sent events, `pace_s` apart; `cut` loses the line half way."""
        events = list(self.wire.events(question, said, len(self.state.records)))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for name, data in events[: len(events) // 2] if cut else events:
            text = data if isinstance(data, str) else json.dumps(data)
            await response.write((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())
            if pace_s:
                await asyncio.sleep(pace_s)
        if cut and request.transport is not None:
            request.transport.close()
        return response


def _refused_key(request: web.Request, settings: Settings) -> str | None:
    """Why the request's key is not accepted, or None. Either provider's header will do, as for the real ones."""
    bearer = request.headers.get("Authorization", "")
    key = bearer.removeprefix("Bearer ") if bearer.startswith("Bearer ") else request.headers.get("x-api-key", "")
    if not key and not settings.keys:
        return None
    if not key:
        return "no API key was sent (Authorization: Bearer KEY, or x-api-key)"
    accepted = key in settings.keys if settings.keys else not key.startswith("wrong")
    return None if accepted else "the API key is not valid"


def _check_takable(question: Question, behaviour: Behaviour, persona: Persona) -> None:
    """Raise BadRequest for what this model does not take of a well-formed question."""
    limit = behaviour.max_images
    if limit is not None and len(question.images) > limit:
        raise BadRequest(f"{len(question.images)} images, this model takes at most {limit}", "messages")
    if persona == "reasoning" and question.unsupported:
        name = question.unsupported[0]
        raise BadRequest(f"unsupported parameter: {name} is not supported with this model", name)


def _json(body: JsonValue, status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json", headers=headers)


async def _drip(request: web.Request, text: bytes, within_s: float) -> web.StreamResponse:
    """The whole reply in ten pieces, each soon enough for whoever waits for the next byte alone."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(text))})
    await response.prepare(request)
    size = len(text) // 10 + 1
    for at in range(0, len(text), size):
        await response.write(text[at : at + size])
        await asyncio.sleep(within_s / 10)
    return response


async def _break(request: web.Request, fault: Fault, text: bytes) -> web.StreamResponse:
    """The reply spoiled on its way."""
    if fault == "malformed":
        return web.Response(body=text[: len(text) // 2], content_type="application/json")
    if fault == "html":
        return web.Response(text="<html><body>502 Bad Gateway</body></html>", content_type="text/html")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(text))})
    if fault == "cut":
        await response.prepare(request)
        await response.write(text[: len(text) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _models(request: web.Request) -> web.Response:
    listed = request.app[STATE].settings.listed
    data = [{"id": name, "object": "model", "created": time.time_ns(), **said} for name, said in listed.items()]
    return web.json_response({"object": "list", "data": data})


async def _stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[STATE].stats())


async def _records(request: web.Request) -> web.Response:
    return web.json_response([asdict(record) for record in request.app[STATE].records])


async def _reset(request: web.Request) -> web.Response:
    request.app[STATE].forget()
    return web.json_response({})


async def _configure(request: web.Request) -> web.Response:
    try:
        settings = Settings.model_validate_json(await request.read())
    except ValidationError as error:
        return web.Response(status=400, text=str(error))
    state = request.app[STATE]
    state.settings = settings
    state.forget()
    return web.json_response({})


def make_app(settings: Settings) -> web.Application:
    """The application; one State lives in it."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    state = app[STATE] = State(settings)
    app.router.add_post(openai_wire.PATH, Provider("openai", openai_wire, state).handle)
    app.router.add_post(anthropic_wire.PATH, Provider("anthropic", anthropic_wire, state).handle)
    app.router.add_get("/v1/models", _models)
    app.router.add_get("/__stats", _stats)
    app.router.add_get("/__records", _records)
    app.router.add_post("/__reset", _reset)
    app.router.add_post("/__configure", _configure)
    return app
