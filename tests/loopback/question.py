"""One request in neither provider's format: what was asked, of whom, with which images. Knows nothing of HTTP."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from tests.loopback.ratings import canary

_FENCE = re.compile(r"\b(?=\w*\d)[0-9A-Za-z]{8,}\b")
"""Random delimiters (letters and digits, 8 or more) that differ each time the same thing is asked."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
)


class BadRequest(Exception):
    """The request cannot be taken: 400 with this message and the path of the offending part."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Question:
    """What one request asks. `texts` are (role, words) in order, the system text first where there is one."""

    model: str
    texts: tuple[tuple[str, str], ...]
    images: tuple[str, ...]
    """SHA-256 of every image's decoded bytes in order; in bench mode "" for each."""
    key: str
    """Known again when the same is asked again: model, words (random fences folded) and images; not the settings."""
    schema: JsonValue = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    """The reply is wanted as server-sent events."""
    unsupported: tuple[str, ...] = field(default=())
    """Names of the settings that a reasoning model refuses, as far as they were sent."""

    @property
    def last(self) -> str:
        """The words of the last user message."""
        return next((text for role, text in reversed(self.texts) if role == "user"), "")


def question_key(model: str, texts: Sequence[tuple[str, str]], images: Sequence[str]) -> str:
    """Hex SHA-256 over who is asked, the words without random fences and canaries, and the images."""
    words = "\x1e".join(f"{role}\x1f{_FENCE.sub('#', _without_canary(text))}" for role, text in texts)
    return hashlib.sha256("\x1d".join([model, words, *images]).encode()).hexdigest()


def _without_canary(text: str) -> str:
    """The words with the canary blanked, which is new in every call of a judge."""
    word = canary(text)
    return text.replace(word, "#") if word else text


def bench_key(body: bytes) -> str:
    """CRC-32 of the whole body: enough to know a repeated request in a benchmark."""
    return f"{zlib.crc32(body):08x}"


def sniff(head: bytes) -> str | None:
    """The media type that an image's first bytes show."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def read_image(media_type: str, data: str, where: str) -> str:
    """SHA-256 of the image's decoded bytes. Raises BadRequest where it is not an image of the type that it claims."""
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"the image is not valid base64: {error}", where) from error
    found = sniff(raw[:12])
    if found is None:
        raise BadRequest("the image is none of JPEG, PNG, GIF or WebP", where)
    if found != media_type:
        raise BadRequest(f"the image is declared as {media_type} and is {found}", where)
    return hashlib.sha256(raw).hexdigest()
