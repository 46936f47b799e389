"""Models with their prices and limits, and runs: one model on one task under one protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkles_eval.core.requests import JSON, Generation, Usage, fingerprint


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens, with the day they were read and where. Unknown is None, never 0."""

    input: float | None = None
    output: float | None = None
    date: str | None = None
    source: str | None = None
    cached_input: float | None = None
    """For input tokens that the provider had in its cache; None: they cost as much as other input tokens."""
    reasoning: float | None = None
    """For output tokens that were reasoning; None: they cost as much as other output tokens."""
    cache_write: float | None = None
    """For input tokens that the provider wrote into its cache; None: they cost as much as other input tokens."""

    def cost(self, usage: Usage) -> float | None:
        """Dollars of one request, or None where a price or a count is unknown."""
        if self.input is None or self.output is None or usage.input_tokens is None or usage.output_tokens is None:
            return None
        bill = usage.input_tokens * self.input + usage.output_tokens * self.output
        if self.cached_input is not None and usage.cached_tokens is not None:
            bill += min(usage.cached_tokens, usage.input_tokens) * (self.cached_input - self.input)
        if self.cache_write is not None and usage.cache_write_tokens is not None:
            bill += min(usage.cache_write_tokens, usage.input_tokens) * (self.cache_write - self.input)
        if self.reasoning is not None and usage.reasoning_tokens is not None:
            bill += min(usage.reasoning_tokens, usage.output_tokens) * (self.reasoning - self.output)
        return bill / 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model accepts. The engine and the adapters refuse what exceeds it; nothing is silently cut."""

    max_images: int | None = None
    max_connections: int = 64
    """Requests in flight at the most, unless the user names another number."""
    batch_size: int = 1
    """Batch size: conversations that a local model answers together; 1 for a model that answers one at a time."""
    max_image_edge: int | None = None
    """Pixels; an image with a longer edge is resized to it before it is sent."""
    max_image_bytes: int | None = None
    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/gif", "image/webp")
    timeout_s: float = 120.0
    max_reply_bytes: int = 8_000_000
    """Of one reply over HTTP, decompressed; a longer one is not read to its end and counts as a failure."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that answers: its adapter kind, the provider's model id, and everything that may change its answers.

    `settings` are the adapter's own answer-changing settings (label, field names, dtype, ...), as text; they are
    part of the request key and of the run's identity. Limits, prices and where a server is are not.
    """

    name: str
    """Its name in tables, such as "openai/gpt-4o"."""
    kind: str
    model_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    prices: Prices = Prices()
    free: bool = False
    """True for a model without a bill (baselines, replay, local weights): its cost is 0, not unknown."""
    reads_sample: bool = False
    """True for a model that reads the sample itself (baselines, replay): request keys then cover the sample too."""
    upright: bool = True
    """False for a model that reads images as its published code did, by a bare conversion to RGB."""

    @property
    def identity(self) -> str:
        """Hash of what may change an answer; two models with the same identity may share stored responses."""
        return fingerprint([self.kind, self.model_id, dict(self.settings)])

    @property
    def sees_upright(self) -> bool:
        """True where the model gets images as core.pictures reads them; request keys then say so."""
        return self.upright and not self.reads_sample


@dataclass(frozen=True, slots=True)
class Run:
    """One model on one task under one protocol. The same settings give the same id, so a repeated command resumes.

    `id` is a hash of all other fields except `total` (which `data_hash` implies). Judges are not part of it, since
    they can be added at any time; each score carries its judge's fingerprint.
    """

    task: str
    task_version: int
    model: Model
    protocol: str
    protocol_version: int
    answer_rule: str | None
    draws: int
    generation: Generation
    prompt_hash: str
    data_hash: str
    epochs: int
    total: int
    """Samples asked (before epochs): the denominator of every coverage."""
    variant: str = ""
    """How the task was altered on purpose ("images=dropped", "history=reference"); "" where it was not."""

    @property
    def identity(self) -> dict[str, JSON]:
        """What two runs must share to be compared, apart from the model."""
        return {
            "task": self.task,
            "task_version": self.task_version,
            "model": self.model.name,
            "model_identity": self.model.identity,
            "protocol": self.protocol,
            "protocol_version": self.protocol_version,
            "answer_rule": self.answer_rule,
            "draws": self.draws,
            "generation": self.generation.json(),
            "prompt_hash": self.prompt_hash,
            "data_hash": self.data_hash,
            "epochs": self.epochs,
            "variant": self.variant,
        }

    @property
    def id(self) -> str:
        """Twelve hex digits."""
        return fingerprint(self.identity, 12)
