"""Seeded replies of every shape that a server may send, as both providers' formats, from a real server on loopback."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXTS = (
    "True",
    "The answer is False.",
    "(A)",
    "",
    " \n\t ",
    "\x00True\x00",
    "\ud800",
    "True\udfff \ud83d False",
    "\x1b[2J\x07\u202eeurT\u2066",
    "\u0000" * 50,
    "é" * 2_000 + "💥",
    "[" * 5_000,
    '{"ratings": [[10]]}',
    "Rating: [[10]]\nThe overall rating of A1 is [[10]]",
    "<think>True",
    "</think>False",
    "<|im_end|>",
    "-" * 20_000,
    "True " * 5_000,
    "\ufffe\uffff\U0010ffff",
    "Error: upstream timed out",
)
COUNTS: tuple[object, ...] = (
    0,
    1,
    7,
    -1,
    -5_000_000,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    10**400,
    1.5,
    1e308,
    -0.0,
    True,
    None,
    "12",
    "many",
    [],
    {},
)
FINISHES = (
    "stop",
    "length",
    "content_filter",
    "end_turn",
    "max_tokens",
    "refusal",
    "tool_use",
    None,
    "",
    "\x00",
    5,
    "x" * 9_000,
    "error",
)
NAMES = ("m-1", "", None, 5, "\x00m", "\ud800", "m" * 9_000, ["m"], "\x1b]0;x\x07")
ODD: tuple[object, ...] = (None, 0, -1, "", "text", [], {}, True, [None], {"a": []}, 1e400)
STATUSES = (400, 408, 413, 418, 422, 425, 429, 500, 502, 503, 529, 204, 206)
"""Without those that rightly end the work with a model, such as 401."""


_CANARY = re.compile(rb"the word ([a-z]{8})")
"""What a judge's prompt asks for; CANARY in a text becomes that word."""


def _deep(depth: int) -> str:
    return "[" * depth + "]" * depth


class Replies:
    """Draws replies. `wire` is `openai` or `anthropic`; `texts` are what a model may say."""

    def __init__(self, seed: int, texts: tuple[str, ...] = TEXTS) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - no cryptography
        self._pace = random.Random(seed)  # noqa: S311 - no cryptography
        self._texts = texts

    def one(self, wire: str) -> tuple[int, bytes]:  # noqa: PLR0911 - one kind a line
        """Status and body of one reply; about half of them are replies that hold a text."""
        draw = self._draw
        kind = draw.choice(("whole",) * 6 + ("odd", "status", "cut", "bytes", "deep", "error"))
        body = json.dumps(self._whole(wire))
        if kind == "whole":
            return 200, body.encode()
        if kind == "odd":
            return 200, json.dumps(self._spoiled(self._whole(wire))).encode()
        if kind == "status":
            return draw.choice(STATUSES), draw.choice((body, "", "<html>busy</html>", '{"error": 5}')).encode()
        if kind == "cut":
            return 200, body.encode()[: draw.randrange(len(body))]
        if kind == "bytes":
            return 200, draw.choice(
                (b"", b"\xff\xfe\x00", b"null", b"[]", b"NaN", b'"text"', b"<!doctype html>", b"{}" * 9)
            )
        if kind == "deep":
            place = draw.choice(('{"choices": %s}', '{"content": %s}', '{"error": %s}', "%s"))
            return draw.choice((200, 500)), (place % _deep(draw.choice((50, 5_000, 100_000)))).encode()
        return 200, json.dumps(
            {"error": draw.choice((*ODD, {"message": draw.choice(self._texts), "code": 500}))}
        ).encode()

    def pace(self) -> dict[str, str]:
        """Headers of a reply about limits and waits, as odd as its body."""
        return {name: self._pace.choice(_PACES) for name in self._pace.sample(_PACE, self._pace.randrange(5))}

    def _whole(self, wire: str) -> dict[str, object]:
        draw = self._draw
        text, finish, name = draw.choice(self._texts), draw.choice(FINISHES), draw.choice(NAMES)
        first, second = draw.choice(COUNTS), draw.choice(COUNTS)
        if draw.random() < 0.5:  # as servers are on most days, so that much is stored
            finish, name = ("stop" if wire == "openai" else "end_turn"), "m-1"
        if wire == "openai":
            message = {"role": "assistant", "content": text, "reasoning_content": draw.choice((None, text, 5))}
            usage: object = {"prompt_tokens": first, "completion_tokens": second, "total_tokens": draw.choice(COUNTS)}
            return {
                "model": name,
                "choices": [{"message": message, "finish_reason": finish}],
                "usage": draw.choice((usage, usage, None, 5)),
            }
        content = [{"type": "thinking", "thinking": draw.choice(self._texts)}, {"type": "text", "text": text}]
        usage = {"input_tokens": first, "output_tokens": second, "cache_read_input_tokens": draw.choice(COUNTS)}
        return {
            "model": name,
            "content": content[draw.randrange(2) :],
            "stop_reason": finish,
            "usage": draw.choice((usage, usage, None, 5)),
        }

    def _spoiled(self, value: object) -> object:
        """One place of a value is another, or is not there."""
        draw = self._draw
        if isinstance(value, dict) and value and draw.random() < 0.8:
            name = draw.choice(sorted(value))
            rest = {other: inner for other, inner in value.items() if other != name}
            return rest if draw.random() < 0.2 else {**rest, name: self._spoiled(value[name])}
        if isinstance(value, list) and value and draw.random() < 0.8:
            return [self._spoiled(value[0]), *value[1:]]
        return draw.choice(ODD)


_PACE = (
    *("Retry-After", "retry-after-ms", "x-should-retry", "ratelimit", "ratelimit-policy", "openai-processing-ms"),
    *(f"x-ratelimit-{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")),
    *(f"ratelimit-{what}" for what in ("limit", "remaining", "reset")),
    *(f"anthropic-ratelimit-{of}-{what}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")),
)
_PACES = (
    *("0", "-1", "-5000000", "1e400", "NaN", "inf", "-inf", str(2**64), "9" * 400, "", "\xff\xfe", "many", "1,2"),
    *("1;w=60", "6m0s", "-6m", "99999999999d", "12ms", "0x10", "1_000", "Fri, 31 Dec 9999 23:59:59 GMT", "1 2 3"),
    *("Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 2026", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "[1]"),
)


@contextmanager
def fuzzed(replies: Replies) -> Iterator[str]:
    """A server whose every reply is drawn, with headers about its pace; gives its address, for both formats."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                status, body = replies.one("anthropic" if self.path.endswith("/messages") else "openai")
                pace = replies.pace()
            if word := _CANARY.search(asked):
                body = body.replace(b"CANARY", word[1])
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, value in pace.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(0 if status == 204 else len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
