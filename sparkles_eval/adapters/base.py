"""The adapter interface: a conversation in, a reply out, for one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from sparkles_eval.adapters.remote.rate_headers import RateLimits
from sparkles_eval.core import JSON, Conversation, Generation, Model, Reply, Sample
from sparkles_eval.core.errors import AdapterError


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model. Everything in it that may change the answer is part of the request key.

    `sample` and `turn` (1-based) let replay and the baselines look up what to say; they are not sent to any
    model. `epoch` counts independent repetitions of the whole sample, `draw` the tries of a protocol that samples
    again until an answer is valid; both start at 0 and make a new request.
    """

    conversation: Conversation
    generation: Generation
    sample: Sample
    turn: int
    epoch: int = 0
    draw: int = 0
    schema: JSON = None
    """JSON schema that the reply should follow, for models that declare `structured`; None for free text."""


class Adapter(Protocol):
    """The connection to one model. All methods are called on one event loop."""

    @property
    def model(self) -> Model: ...

    @property
    def structured(self) -> bool:
        """True when `Request.schema` is honoured by the provider."""
        ...

    def effective(self, generation: Generation) -> Generation:
        """The generation settings that are sent for a requested `generation`; call once, before `Request` is made.

        The user's own `--generation` settings go over it, what the model's preset says it does not take is left
        out, and a missing token limit becomes the preset's. The result belongs in `Request.generation`, so that
        the request key covers what is sent, not what was requested.
        """
        ...

    def check(self, request: Request) -> str | None:
        """Why this request cannot be sent ("4 images, the model takes 1"), or None. Sends nothing."""
        ...

    async def answer(self, request: Request) -> Reply:
        """Send the request once; retries belong to the engine.

        Raises errors.Transient (RateLimited, TimedOut), errors.Rejected or errors.Denied; any other exception is
        a fault of the adapter itself.
        """
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class StreamingAdapter(Adapter, Protocol):
    """An adapter that can show an answer while it is written, for chat; evaluations use `answer`."""

    async def stream(self, request: Request, grown: Callable[[str], None]) -> Reply:
        """As `answer`, and meanwhile calls `grown` on the event loop with the whole text so far, as often as it grows.

        The reply's text holds: it may differ from what was shown last. Cancelling ends the model's work, too.
        """
        ...


@runtime_checkable
class AddressedAdapter(Adapter, Protocol):
    """A model behind one or several addresses, which are no part of its identity."""

    @property
    def endpoints(self) -> Sequence[AddressedAdapter]:
        """The adapter of each address; the adapter itself where there is one."""
        ...

    @property
    def address(self) -> str:
        """The address, such as http://localhost:8000/v1; the first one of several."""
        ...

    @property
    def same_model(self) -> bool:
        """True where the user says that it is the model whose answers are stored from other addresses."""
        ...

    def identify(self, model: Model) -> None:
        """Take over the identity under which a store knows this model."""
        ...

    async def listing(self) -> str | None:
        """The entry of this model in the server's list of models, as JSON; None where there is none. Costs nothing."""
        ...


@runtime_checkable
class AnnouncedLimits(Protocol):
    """An adapter whose provider announces the remaining rate limits in each reply."""

    def on_rate_limits(self, listener: Callable[[RateLimits], None]) -> None:
        """Call `listener` on the event loop with the limits of every reply, errors included."""
        ...


class RequestQueue(Protocol):
    """The queue that a local model takes requests from and delivers replies to."""

    @property
    def size(self) -> int:
        """Requests in one batch: `limits.batch_size`, or less once memory ran out."""
        ...

    @property
    def halted(self) -> bool:
        """True when no more replies are wanted: return at the next chance."""
        ...

    def take(self, most: int) -> Sequence[Request]:
        """Up to so many waiting requests, alike in length, longest first; none where nothing waits. Never blocks."""
        ...

    def put_back(self, requests: Sequence[Request]) -> None:
        """Return requests that were taken and have to wait after all."""
        ...

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
        """The reply to a taken request, or why it has none. It counts at once, whatever happens afterwards."""
        ...


@runtime_checkable
class ForeseeingRequestQueue(RequestQueue, Protocol):
    """A request queue that also shows what it will give next, so that pictures are prepared meanwhile."""

    def coming(self, most: int) -> Sequence[Request]:
        """Up to so many requests that `take` would give now. They stay in the queue; others may still come first."""
        ...


@runtime_checkable
class WatchedRequestQueue(RequestQueue, Protocol):
    """A request queue that also receives answers while they are written."""

    def grown(self, request: Request, text: str) -> None:
        """The text so far of a request that is not yet delivered. Called in the model's thread."""
        ...


@runtime_checkable
class BatchAdapter(Adapter, Protocol):
    """A local model that answers several requests at once and blocks meanwhile; the engine queues and sorts for it."""

    @property
    def replicas(self) -> int:
        """Copies of the model (one a device) that work side by side, each in a thread of its own."""
        ...

    def length(self, request: Request) -> int:
        """Positions of the prompt, roughly (tokens and image vectors): what requests are sorted by."""
        ...

    def work(self, feed: RequestQueue, replica: int) -> None:
        """Take, answer and deliver until `feed` has nothing more. Blocks; always called in that replica's thread.

        Raises errors.OutOfMemory when it had too many rows: what was taken and not delivered is given again.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The user's options for one model.

    `args` are the `--model-arg k=v` pairs, as text; an adapter refuses names that it does not know. `protocol` is the
    one that tasks are asked under, for a model whose published reading belongs to `paper`. `settings` "card" asks with
    what the model's makers recommend (adapters.cards).
    """

    args: tuple[tuple[str, str], ...] = ()
    generation: Generation = Generation()
    protocol: str = "strict"
    settings: Literal["protocol", "card"] = "protocol"
    sends: bool = True
    """False where nothing will be asked (a cost estimate): a key that is not set is then no error."""


class AdapterFactory(Protocol):
    """How an adapter kind is made (entry-point group `sparkles_eval.adapters`, or a plugin's `ADAPTERS` mapping).

    `model_id` is what follows the first "/" of `--model kind/model_id`. Raises errors.UserError with the fix when
    it cannot be made (missing key, unknown argument, optional part not installed).
    """

    def __call__(self, model: Model, options: ModelOptions) -> Adapter: ...
