"""Base class of models on this machine: arguments, device, precision, checks, replies."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue
from sparkles_eval.adapters.image_encoding import read_bytes
from sparkles_eval.adapters.local.device import DTYPES, QUANTISED
from sparkles_eval.adapters.options import (
    BASIC_FIELDS,
    Field,
    ModelArguments,
    Sampling,
    override,
    read_sampling,
    untaken,
    untaken_words,
)
from sparkles_eval.core import Generation, Image, Model, Reply, Status, Usage, fingerprint, pictures
from sparkles_eval.core.errors import AdapterError, OutOfMemory, Rejected, UserError
from sparkles_eval.core.json import conversation_json
from sparkles_eval.core.reply_parts import take_apart

if TYPE_CHECKING:
    import PIL.Image

LOCAL_ARGS: Mapping[str, str] = {
    "batch_size": "rows that are answered together at the most; memory may allow fewer",
    "device": "auto, cpu, cuda, cuda:1, or several with commas: one copy of the model each",
    "dtype": "auto, bf16, fp16, fp32, 8bit or 4bit",
    "keep_reasoning": "true sends earlier answers back with the reasoning that stood before them",
    "max_images": "images in one request at the most",
    "name": "how tables name the model",
    "reasoning_tokens": "tokens for reasoning, added to the limit for the answer",
}
MODEL_DEFAULTS = Generation(temperature=1.0)
"""What samples where neither protocol, user nor checkpoint says a temperature."""

_BATCH = {"cpu": 32, "cuda": 128}


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """Settings of a local model from the user and its preset."""

    model: Model
    sampling: Sampling
    defaults: Generation
    """The checkpoint's own settings, for what nobody names; its `max_tokens` also bounds what a protocol asks."""
    dtype: str
    """A key of `DTYPES`, or one of `QUANTISED`."""
    devices: tuple[str, ...]


def read_local_config(model: Model, options: ModelOptions, args: ModelArguments, defaults: Generation) -> LocalConfig:
    """Settle precision, devices and limits. Raises errors.UserError with the fix."""
    devices = _devices(model.name, args.text("device") or model.settings.get("device", "auto"))
    given = args.choice("dtype", ("auto", *DTYPES, *QUANTISED)) or model.settings.get("dtype", "auto")
    dtype = given if given != "auto" else "bf16" if devices[0].startswith("cuda") else "fp32"
    if dtype in QUANTISED:
        _needs_bitsandbytes(model.name, devices[0])
    declared = model.limits.batch_size if model.limits.batch_size > 1 else _BATCH[devices[0].partition(":")[0]]
    limits = replace(
        model.limits,
        batch_size=args.integer("batch_size") or declared,
        max_images=args.integer("max_images") or model.limits.max_images,
    )
    settings = {**model.settings, **({"keep_reasoning": "true"} if args.flag("keep_reasoning") else {})}
    ready = replace(model, name=args.text("name") or model.name, limits=limits, free=True, settings=settings)
    reasoning_tokens = args.integer("reasoning_tokens", low=0)
    sampled = (
        model.settings if reasoning_tokens is None else {**model.settings, "reasoning_tokens": str(reasoning_tokens)}
    )
    own_room = reasoning_tokens is not None
    sampling = read_sampling(model.name, sampled, options.generation, asks_room=own_room)
    return LocalConfig(ready, sampling, defaults, dtype, devices)


def _devices(who: str, wanted: str) -> tuple[str, ...]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted in ("auto", "cuda"):
        if wanted == "cuda" and not count:
            raise UserError(f"{who}: device=cuda, and torch sees no GPU here; leave device out to use the CPU")
        return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)
    devices = tuple(part.strip() for part in wanted.split(","))
    for device in devices:
        kind, _, number = device.partition(":")
        if device != "cpu" and not (kind == "cuda" and number.isdigit() and int(number) < count):
            known = ", ".join(["cpu", *(f"cuda:{number}" for number in range(count))])
            raise UserError(f"{who}: device={wanted}: there is no {device or 'empty device'} here; there are {known}")
    return devices


def _needs_bitsandbytes(who: str, device: str) -> None:
    import importlib.util

    if not device.startswith("cuda"):
        raise UserError(f"{who}: 8bit and 4bit need a GPU; leave dtype out")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(f"{who}: 8bit and 4bit need a library: pip install bitsandbytes")


def checkpoint_generation(folder_config: Mapping[str, object]) -> Generation:
    """A checkpoint's `generation_config.json` as our settings; greedy where it says `do_sample: false`."""

    def number(name: str) -> float | None:
        value = folder_config.get(name)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    top_k, limit = number("top_k"), number("max_new_tokens")
    sampled = folder_config.get("do_sample") is True
    return Generation(
        temperature=(number("temperature") or 1.0) if sampled else 0.0,
        top_p=number("top_p") if sampled else None,
        top_k=int(top_k) if sampled and top_k else None,
        max_tokens=int(limit) if limit else None,
    )


def settled(setup: LocalConfig, requested: Generation) -> Generation:
    """The generation settings in use: the user's own, then the requested ones, then the checkpoint's.

    A protocol's token limit beyond the checkpoint's own is lowered to it; the user's own number stands.
    """
    merged = setup.sampling.effective(requested)
    limit, most = merged.max_tokens, setup.defaults.max_tokens
    if setup.sampling.asked.max_tokens is None and most is not None:
        limit = most if limit is None else min(limit, most)
    full = replace(override(override(MODEL_DEFAULTS, setup.defaults), merged), max_tokens=limit)
    # Greedy has one answer: what would only shape a draw is left out, so that the request is the same one.
    return replace(full, top_p=None, top_k=None, min_p=None, seed=None) if full.temperature == 0 else full


def seed_of(request: Request, *, upright: bool = True) -> int:
    """A seed for this request alone: the same answer in whatever batch and order it is drawn."""
    said = conversation_json(request.conversation, upright=upright)
    asked = [said, request.generation.json(), request.epoch, request.draw]
    return int(fingerprint(asked, 16), 16)


class LocalAdapter(ABC):
    """One model on this machine. `work` runs in the engine's thread for the replica; `answer` is for a single use."""

    structured = False
    taken: ClassVar[tuple[Field, ...]] = BASIC_FIELDS
    """The generation settings that it heeds; others are refused."""

    def __init__(self, setup: LocalConfig) -> None:
        self._setup = setup
        self._alone = threading.Lock()

    @property
    def model(self) -> Model:
        return self._setup.model

    @property
    def replicas(self) -> int:
        return len(self._setup.devices)

    def effective(self, generation: Generation) -> Generation:
        return settled(self._setup, generation)

    @abstractmethod
    def length(self, request: Request) -> int: ...

    @abstractmethod
    def work(self, feed: RequestQueue, replica: int) -> None: ...

    @abstractmethod
    def release(self) -> None:
        """Release the weights."""

    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        """The settings among those given that this model does not heed, each with what to do instead."""
        return dict.fromkeys(untaken(generation, self.taken), "")

    def check(self, request: Request) -> str | None:
        messages = request.conversation.messages
        if not messages or messages[-1].role != "user" or any(message.role == "system" for message in messages):
            return "a conversation is user and assistant messages, a user's last"
        count, most = len(request.conversation.images), self.model.limits.max_images
        if most is not None and count > most:
            return f"{count} images, the model takes {most}"
        if request.schema is not None:
            return "a JSON schema for the reply, which local models do not follow"
        if problem := untaken_words(self.unsupported(request.generation)):
            return problem
        missing = next((image for image in request.conversation.images if image.path is None), None)
        return f"image {missing.relpath}: its bytes are not here" if missing is not None else None

    async def answer(self, request: Request) -> Reply:
        return await answer_alone(self.work, self._alone, request)

    async def stream(self, request: Request, grown: Callable[[str], None]) -> Reply:
        return await answer_alone(self.work, self._alone, request, grown)

    async def aclose(self) -> None:
        self.release()


async def answer_alone(
    work: Callable[[RequestQueue, int], None],
    lock: threading.Lock,
    request: Request,
    grown: Callable[[str], None] | None = None,
) -> Reply:
    """One request without the engine's queue; `lock` separates such calls. `grown` is called with the text so far.

    Cancelled, it halts the model at its next step.
    """
    single = _SingleQueue(request) if grown is None else _WatchedQueue(request, grown, asyncio.get_running_loop())

    def answer() -> None:
        with lock:
            try:
                work(single, 0)
            except OutOfMemory as error:
                raise Rejected(str(error)) from error

    try:
        await asyncio.to_thread(answer)
    finally:
        single.halted = True
    if isinstance(single.outcome, Reply):
        return single.outcome
    raise single.outcome or RuntimeError("the model gave no answer")


class _SingleQueue:
    """A queue of one request."""

    size = 1

    def __init__(self, request: Request) -> None:
        self._waiting = [request]
        self.halted = False
        self.outcome: Reply | AdapterError | None = None

    def take(self, most: int) -> Sequence[Request]:
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        return found

    def put_back(self, requests: Sequence[Request]) -> None:
        self._waiting.extend(requests)

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:  # noqa: ARG002 - there is but one
        self.outcome = outcome


class _WatchedQueue(_SingleQueue):
    """A queue of one request that passes the growing answer to a callback on an event loop."""

    def __init__(self, request: Request, grown: Callable[[str], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(request)
        self._grown = grown
        self._loop = loop

    def grown(self, request: Request, text: str) -> None:  # noqa: ARG002 - there is but one
        if not self.halted:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is watching any more
                self._loop.call_soon_threadsafe(self._grown, text)


def so_far(text: str, stops: Sequence[str] = ()) -> str:
    """An unfinished answer as it may be shown: without what the next token may take back.

    That is the beginning of a stop text, half a character, and blanks that may turn out to be the last.
    """
    for stop in stops:
        text = text.partition(stop)[0]
        half = next((cut for cut in range(len(stop) - 1, 0, -1) if text.endswith(stop[:cut])), 0)
        text = text[: len(text) - half]
    return text.rstrip("\N{REPLACEMENT CHARACTER}").strip()


def reply(text: str, prompt: int, answer: int, *, ended: bool, opened: bool = False) -> Reply:
    """A local model's reply. `prompt` and `answer` count tokens (and image vectors), stop tokens included.

    `opened` says that the prompt ended inside the model's reasoning.
    """
    usage, parts = Usage(prompt, answer, 0.0), take_apart(text, opened=opened)
    if ended:
        return Reply(parts.answer, usage=usage, reasoning=parts.reasoning, finish="stop")
    detail = f"the limit of {answer} tokens was reached"
    return Reply(parts.answer, Status.TRUNCATED, usage, detail=detail, reasoning=parts.reasoning, finish="length")


def open_picture(image: Image, *, upright: bool = True) -> PIL.Image.Image:
    """The image as a person sees it; with `upright` False by a bare conversion to RGB, as published code read it.

    Raises errors.Rejected where the file is missing, changed or cannot be decoded.
    """
    data = read_bytes(image)
    try:
        return pictures.decode(data) if upright else pictures.bare(data)
    except ValueError as error:
        raise Rejected(f"image {image.path}: cannot be decoded ({error})") from None
