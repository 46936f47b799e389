"""What the loopback server can be told: how each of its models behaves and fails. Knows nothing of HTTP."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Fault: TypeAlias = Literal["429", "500", "503", "529", "drop", "cut", "malformed", "html", "stall", "drip"]
"""An HTTP status, or: `drop` closes the connection before a reply, `cut` in the middle of one, `malformed` replies 200
with broken JSON, `html` 200 with a proxy's page, `stall` replies only after `stall_s`, `drip` in pieces over it."""

Persona: TypeAlias = Literal[
    "good", "weak", "echo", "slow", "flaky", "garbled-judge", "refuser", "filtered", "truncated", "empty", "reasoning"
]
"""How a model answers (see personas.py). A model's name begins with its persona: "good", "good-2", "weak:7b"."""

PERSONAS: tuple[Persona, ...] = (
    "garbled-judge",
    "good",
    "weak",
    "echo",
    "slow",
    "flaky",
    "refuser",
    "filtered",
    "truncated",
    "empty",
    "reasoning",
)


class Strict(BaseModel):
    """A record that refuses names it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Strict):
    """Reply with `reply` (`\\1` stands for the first group) where `pattern` is found in the last user message."""

    pattern: str
    reply: str


class Behaviour(Strict):
    """One model's answers, speed, limits and faults."""

    persona: Persona | None = None
    """None: the one that the model's name begins with."""
    rules: tuple[Rule, ...] = ()
    """Tried in order before the persona."""
    latency_s: float = 0.0
    latency_sigma: float = 0.0
    """Spread of a log-normal factor on the latency; 0 is a constant."""
    pace_s: float = 0.0
    """Between two events of a streamed reply."""
    stall_s: float = 30.0
    faults: dict[Fault, float] = Field(default_factory=dict)
    """Probability of each fault per attempt; the sum is at most 1."""
    fault_limit: int | None = 3
    """Faults at the most for one question, so that asking again succeeds; None: no end."""
    retry_after: Literal["none", "seconds", "date", "exact"] = "none"
    """The form of the Retry-After header that a 429 or 503 carries; "exact" says when there will be room."""
    retry_after_s: float = 1.0
    max_in_flight: int | None = None
    """Requests above this many at one time get a 429."""
    requests_per_s: float | None = None
    """Requests above this rate get a 429, after the first `burst`."""
    burst: float = 1.0
    tokens_per_minute: float | None = None
    """Input tokens above this rate get a 429, after the first `token_burst`."""
    token_burst: float = 1000.0
    announces: bool = False
    """Say in every reply what is left of both, in OpenAI's headers."""
    slots: int | None = None
    """Requests that are worked on at full speed: with more, each takes longer by as much."""
    shed_above: int | None = None
    """Requests above this many at one time get a 503."""
    declines: int | None = None
    """Reply to everything with this status and `words`."""
    words: str = ""
    usage: Literal["counted", "zero"] = "counted"
    """"zero" names 0 tokens in every reply, as servers do that count none."""
    max_images: int | None = None


class Settings(Strict):
    """The whole server. `models` overrides `default` by the model's full name and makes that name known."""

    seed: int = 0
    keys: tuple[str, ...] = ()
    """Keys that are accepted; empty: any key that does not begin with "wrong"."""
    default: Behaviour = Behaviour()
    models: dict[str, Behaviour] = Field(default_factory=dict)
    fingerprint: str | None = "fp_loopback"
    """What whole replies in OpenAI's format name as `system_fingerprint`."""
    listed: dict[str, dict[str, str]] = Field(default_factory=dict)
    """What `GET /v1/models` says of models by their names, beside the moment."""
    bench: bool = False
    """Leave out what only tests need: images are neither decoded nor hashed, requests are known by a CRC-32."""

    def behaviour(self, name: str) -> tuple[Behaviour, Persona] | None:
        """How the model of that name behaves, or None where there is none of that name."""
        own = self.models.get(name)
        named = next((p for p in PERSONAS if name == p or name.startswith((f"{p}-", f"{p}:"))), None)
        if own is None and named is None:
            return None
        behaviour = own or _PRESETS.get(named or "good", self.default)
        return behaviour, behaviour.persona or named or "good"


_PRESETS: dict[str, Behaviour] = {
    "slow": Behaviour(latency_s=1.0),
    "flaky": Behaviour(faults={"429": 0.1, "500": 0.08, "503": 0.06, "drop": 0.04, "cut": 0.04, "malformed": 0.04}),
}
