"""Where a model is asked: addresses compared, what a server lists of a model, and several servers of one model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

from sparkles_eval.adapters.base import AddressedAdapter, Request, StreamingAdapter
from sparkles_eval.core import Generation, Model, Reply

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CHANGING = ("created", "permission")
"""Fields of a listed model that some servers make anew for every request."""


def spellings(address: str) -> tuple[str, ...]:
    """The ways to write an address: itself, and for this machine its three names."""
    parts = urlsplit(address)
    if parts.hostname not in _LOOPBACK:
        return (address,)
    port = f":{parts.port}" if parts.port else ""
    named = (f"[{name}]" if ":" in name else name for name in _LOOPBACK)
    return tuple(dict.fromkeys((address, *(urlunsplit(parts._replace(netloc=f"{name}{port}")) for name in named))))


def listed_model(body: bytes, model_id: str) -> str | None:
    """What a list of models (`{"data": [...]}`) says of one of them, as canonical JSON; None where it is not there."""
    try:
        value = json.loads(body)
        listed = value["data"] if isinstance(value, dict) else value
        entry = next(one for one in listed if isinstance(one, dict) and one.get("id") == model_id)
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        return None
    return json.dumps({k: v for k, v in entry.items() if k not in _CHANGING}, sort_keys=True)


class EndpointPool:
    """Several servers of one model. The engine asks each by itself (`endpoints`); a single question goes to the first.

    Everything but the address is the same for all of them.
    """

    def __init__(self, endpoints: Sequence[AddressedAdapter]) -> None:
        self._first = endpoints[0]
        self.endpoints = tuple(endpoints)

    @property
    def model(self) -> Model:
        return self._first.model

    @property
    def structured(self) -> bool:
        return self._first.structured

    @property
    def address(self) -> str:
        """See base.AddressedAdapter."""
        return self._first.address

    @property
    def same_model(self) -> bool:
        """See base.AddressedAdapter."""
        return self._first.same_model

    def identify(self, model: Model) -> None:
        """See base.AddressedAdapter."""
        for endpoint in self.endpoints:
            endpoint.identify(model)

    async def listing(self) -> str | None:
        """See base.AddressedAdapter."""
        return await self._first.listing()

    def effective(self, generation: Generation) -> Generation:
        return self._first.effective(generation)

    def check(self, request: Request) -> str | None:
        return self._first.check(request)

    async def answer(self, request: Request) -> Reply:
        return await self._first.answer(request)

    async def stream(self, request: Request, grown: Callable[[str], None]) -> Reply:
        """See base.StreamingAdapter."""
        assert isinstance(self._first, StreamingAdapter)  # every model behind HTTP is one
        return await self._first.stream(request, grown)

    async def aclose(self) -> None:
        for endpoint in self.endpoints:
            await endpoint.aclose()
