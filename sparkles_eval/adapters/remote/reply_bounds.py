"""Bounds what a server can make us read, and where it can send a request on to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from sparkles_eval.adapters.remote.errors import ErrorMapper

STREAM_FACTOR = 8
"""A streamed reply wraps every few letters in an event of its own: so many times the bytes of a plain one."""
_LAST = 64
"""Bytes of the end that are kept: enough for a stream's closing mark."""
_PORTS = {"http": 80, "https": 443}


class HookedResponse(Protocol):
    """A reply as the SDKs' HTTP client gives it to its hooks: the headers are here, the body is not read yet."""

    aiter_bytes: Callable[..., AsyncGenerator[bytes, None]]
    """Reads the body, decompressed, in pieces of some ten thousand bytes; everything else reads through it."""
    last_read: bytes
    """The end of what was read so far, once `bound_reply` has seen the reply."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def url(self) -> object: ...

    @property
    def has_redirect_location(self) -> bool: ...


def bound_reply(response: HookedResponse, most: int, reporter: ErrorMapper) -> None:
    """Let reading the body raise errors.Unreadable after `most` bytes, counted after decompression.

    So nothing beyond is held in memory, whatever the headers promise. For a stream of events `most` is larger.
    """
    read = response.aiter_bytes
    response.last_read = b""
    if "event-stream" in response.headers.get("content-type", ""):
        most *= STREAM_FACTOR

    async def bounded(chunk_size: int | None = None) -> AsyncGenerator[bytes, None]:
        size = 0
        async for piece in read(chunk_size):
            size += len(piece)
            if size > most:
                raise reporter.too_large(most)
            response.last_read = (response.last_read + piece[-_LAST:])[-_LAST:]
            yield piece

    response.aiter_bytes = bounded


def refuse_other_hosts(response: HookedResponse, reporter: ErrorMapper) -> None:
    """Raises errors.Denied for a redirect to another host: it would be sent the prompt, the images and maybe the key.

    Another path, and https in place of http, are followed.
    """
    if not response.has_redirect_location:
        return
    try:
        here = _origin(str(response.url))
        there = _origin(urljoin(str(response.url), response.headers["location"]))
    except ValueError:
        raise reporter.sent_on("an address that cannot be read") from None
    if there not in (here, _encrypted(here)):
        raise reporter.sent_on("{}://{}:{}".format(*there))


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises ValueError."""
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme.lower(), 0)


def _encrypted(origin: tuple[str, str, int]) -> tuple[str, str, int]:
    """The same host's usual https address, where `origin` is its usual http address; else `origin`."""
    return ("https", origin[1], 443) if origin[0] == "http" and origin[2] == 80 else origin
