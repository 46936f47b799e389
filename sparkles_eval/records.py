"""The nouns of sparkles-eval: small frozen records that travel between all other rooms.

Knows nothing of files, models, judges or tables. Records change by `dataclasses.replace` only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant"]
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""Any JSON value; used only where a foreign schema (a JSON schema, a provider's extra field) passes through."""


def fingerprint(value: object, length: int = 64) -> str:
    """Hex SHA-256 (first `length` digits) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


# --- what is asked ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Image:
    """One picture, known by its bytes. `path` says where they are now, `relpath` where they are in the data root."""

    sha256: str
    media_type: str
    """As sniffed from the bytes, such as "image/jpeg"; a file's name is not trusted."""
    width: int
    height: int
    size: int
    """Bytes."""
    relpath: str
    id: str = ""
    """The data set's own name of the image, if it has one ("101" in IMAGE#101)."""
    caption: str | None = None
    path: Path | None = None
    """None when the sample was read back from a store and the bytes were not embedded."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words of a turn between two images."""

    text: str


Part: TypeAlias = Text | Image


@dataclass(frozen=True, slots=True)
class Fact:
    """One exact truth about an image that a good answer to a turn states (drawn scenes know theirs)."""

    id: str
    image: str
    """`Image.id` of the image that it is about."""
    subject: str
    """The noun, such as "star"."""
    attribute: str
    """Such as "count", "colour", "size", "position", "background"."""
    value: str
    alternatives: tuple[str, ...] = ()
    """The other values that the attribute could have had: stating one of them contradicts the fact."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's message: words and images in order. `reference` is a good answer to it, where the data has one."""

    content: tuple[Part, ...]
    reference: str | None = None
    facts: tuple[Fact, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(part for part in self.content if isinstance(part, Image))


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task, with a stable id.

    `fields` are the named texts of the data that the task's prompt template may use (a caption, a statement).
    `target` is the right one of `options` (None for tasks that only judges can score).
    `cluster` names the unit that is independent of all others (standard errors are clustered on it) and
    `group` the items that must all be right together (NLVR2 consistency); both default to the sample itself.
    """

    id: str
    turns: tuple[Turn, ...]
    fields: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    target: str | None = None
    group: str = ""
    cluster: str = ""
    tags: tuple[str, ...] = ()
    """Free labels to break results down by (linguistic categories, statement types)."""

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(image for turn in self.turns for image in turn.images)


# --- asking a model ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a model is sent it."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The words alone, images left out."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one request asks: an optional system text, then user and assistant messages, a user's last."""

    messages: tuple[Message, ...]
    system: str | None = None

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(p for message in self.messages for p in message.parts if isinstance(p, Image))


@dataclass(frozen=True, slots=True)
class Generation:
    """Sampling settings. None means "not sent": the model's own default holds. All of them are in the request key."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def json(self) -> dict[str, JSON]:
        """What is set, by name; the written form in keys and in the store."""
        settings: dict[str, JSON] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": list(self.stop) or None,
        }
        return {name: value for name, value in settings.items() if value is not None}


class Status(StrEnum):
    """How one attempt at a request ended."""

    OK = "ok"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    API_ERROR = "api_error"
    TIMEOUT = "timeout"

    @property
    def settled(self) -> bool:
        """True when the model itself replied: asking again would only buy another draw."""
        return self not in (Status.API_ERROR, Status.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request used. None means unknown, which is never the same as 0."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What an adapter returns when the model replied."""

    text: str
    status: Status = Status.OK
    """OK, REFUSED or TRUNCATED; what is not a reply is raised (errors.AdapterError)."""
    usage: Usage = Usage()
    model_version: str | None = None
    """The snapshot name that the provider reports, such as "gpt-4o-2024-08-06"."""
    detail: str | None = None
    """Why it was refused or truncated, in the provider's words."""
    latency_s: float | None = None
    """Seconds that the model took, where a clock around the request would count its time in a queue too."""


@dataclass(frozen=True, slots=True)
class Response:
    """One attempt at a request, as the store keeps it. `key` covers everything that was asked."""

    key: str
    attempt: int
    status: Status
    text: str | None
    error: str | None
    usage: Usage
    latency_s: float
    model_version: str | None
    created_at: str
    """UTC, ISO 8601."""
    id: int | None = None
    """Row id, once stored."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens, with the day they were read and where. Unknown is None, never 0."""

    input: float | None = None
    output: float | None = None
    date: str | None = None
    source: str | None = None

    def cost(self, usage: Usage) -> float | None:
        """Dollars of one request, or None where a price or a count is unknown."""
        if self.input is None or self.output is None or usage.input_tokens is None or usage.output_tokens is None:
            return None
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model can take. The engine and the adapters refuse what exceeds them; nothing is silently cut."""

    max_images: int | None = None
    max_connections: int = 64
    """Requests in flight at the most, unless the user names another number."""
    batch_size: int = 1
    """Conversations answered together by a local model; 1 for what answers one at a time."""
    max_image_edge: int | None = None
    """Pixels; an image with a longer edge is resized to it before it is sent."""
    max_image_bytes: int | None = None
    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/gif", "image/webp")
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers: an adapter kind, the provider's model id, and everything that may change its answers.

    `settings` are the adapter's own answer-changing settings (base_url, field names, dtype, ...), as text; they are
    part of the request key and of the run's identity. Limits and prices are not.
    """

    name: str
    """How tables name it, such as "openai/gpt-4o"."""
    kind: str
    model_id: str
    settings: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    prices: Prices = Prices()
    free: bool = False
    """True for what runs without a bill (baselines, replay, local weights): its cost is 0, not unknown."""
    reads_sample: bool = False
    """True for what looks at the sample itself (baselines, replay): its request key then covers the sample too."""

    @property
    def identity(self) -> str:
        """Hash of what may change an answer; two models with the same identity may share stored responses."""
        return fingerprint([self.kind, self.model_id, dict(self.settings)])


@dataclass(frozen=True, slots=True)
class Run:
    """One model on one task under one protocol. The same asking has the same id, so asking again resumes.

    `id` is a hash of all the other fields but `total` (which `data_hash` implies): the run's identity. Judges are no
    part of it, they can be added at any time; each score carries its judge's fingerprint.
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
    """How the task was altered on purpose ("images=dropped", "history=reference"); "" as it is."""

    @property
    def identity(self) -> dict[str, JSON]:
        """What two runs must share to be compared, but for the model."""
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


# --- scoring ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a judge rates, on the judge's scale. `weight` counts in the mean over criteria."""

    id: str
    name: str
    description: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Rating:
    """One number inside a verdict: which turn (1-based), which criterion, how many points, and the judge's reason."""

    turn: int
    criterion: str
    value: float
    explanation: str = ""


class VerdictStatus(StrEnum):
    """How one attempt at a verdict ended. Only GRADED has ratings."""

    GRADED = "graded"
    INVALID = "invalid"
    """The judge replied, but not with every criterion of every turn exactly once on the scale."""
    REFUSED = "refused"
    ERROR = "error"
    """The judge's model could not be asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judge reply on one answered sample, raw text kept. `reason` says why there are no ratings."""

    status: VerdictStatus
    ratings: tuple[Rating, ...] = ()
    overall: Mapping[int, float] = field(default_factory=dict)
    """The judge's own overall per turn: kept, never used (protocol)."""
    reason: str | None = None
    prompt: str | None = None
    raw: str | None = None
    usage: Usage = Usage()
    latency_s: float = 0.0
    model_version: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A number for response x criterion x judge, or None with a reason. Not graded is not zero.

    `invalid` marks a model answer that names no option: it counts as wrong (value 0) and widens the bounds.
    `answer` is the option that was read out of the response, for tasks with options.
    """

    turn: int
    criterion: str
    value: float | None
    reason: str | None = None
    invalid: bool = False
    answer: str | None = None

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError(f"a score without a value needs a reason (turn {self.turn}, {self.criterion})")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number as every table prints it: value with its 95% interval, from `n` graded of `total` asked.

    `low`/`high` are None where no interval is honest (n too small, no variation); `note` then says why.
    `clusters` is the number of independent units behind n.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    clusters: int | None = None
    method: str = ""
    note: str = ""
