"""Parts for the tests of the engine: a listener that remembers, models on the loopback server, one small request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sparkles_eval.adapters.base import Adapter, ModelOptions, Request
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import Conversation, Generation, Message, Model, Reply, Sample, Text, Turn, Usage
from tests.server import LoopbackServer


@dataclass
class Heard:
    """A listener that remembers everything it was told."""

    plans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    through: list[tuple[str, str, bool]] = field(default_factory=list)
    waits: list[tuple[str, datetime]] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    usd: float = 0.0
    unknown: int = 0

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        self.plans[who, task] = (total, done)

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        self.through.append((who, task, scored))

    def spent(self, usd: float, unknown: int) -> None:
        self.usd, self.unknown = usd, unknown

    def waiting(self, who: str, until: datetime) -> None:
        self.waits.append((who, until))

    def event(self, kind: str, who: str, message: str) -> None:
        self.events.append((kind, who, message))

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.events]


def openai(server: LoopbackServer, name: str = "good", *args: tuple[str, str]) -> Adapter:
    """A model of the loopback server through the openai SDK."""
    return build_adapter(f"openai/{name}", ModelOptions((("base_url", server.openai_url), *args)))


def anthropic(server: LoopbackServer, name: str = "good", *args: tuple[str, str]) -> Adapter:
    """A model of the loopback server through the anthropic SDK."""
    return build_adapter(f"anthropic/{name}", ModelOptions((("base_url", server.anthropic_url), *args)))


def request(words: str = "Is it so? Answer (TRUE or FALSE).") -> Request:
    """A question in words alone."""
    sample = Sample(words, (Turn((Text(words),)),), options=("TRUE", "FALSE"), target="TRUE")
    return Request(Conversation((Message("user", (Text(words),)),)), Generation(temperature=0.0), sample, 1)


class Scripted:
    """An adapter that does what its script says, one entry a request, the last one again and again."""

    structured = False

    def __init__(self, script: Sequence[Exception | Reply], name: str = "scripted/one") -> None:
        self.model = Model(name, "scripted", "one")
        self.asked = 0
        self._script = script

    def effective(self, generation: Generation) -> Generation:
        return generation

    def check(self, request: Request) -> str | None:  # noqa: ARG002 - takes anything
        return None

    async def answer(self, request: Request) -> Reply:  # noqa: ARG002 - reads nothing
        step = self._script[min(self.asked, len(self._script) - 1)]
        self.asked += 1
        if isinstance(step, Exception):
            raise step
        return step

    async def aclose(self) -> None:
        """Holds nothing."""


YES = Reply("Therefore, the answer is TRUE.", usage=Usage(5, 5, 0.001))
