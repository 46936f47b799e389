"""Offers our models in lm-eval: `--model sparkles --model_args model=sparkleschat/FOLDER,dtype=fp32`."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.models  # noqa: F401 - first: the registry fills itself only while it is empty
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from sparkles_eval.adapters.base import Adapter, BatchAdapter, ModelOptions, Request
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import Conversation, Generation, Image, Message, Part, Reply, Sample, Text, Turn
from sparkles_eval.core.errors import AdapterError, OutOfMemory, Rejected, Transient, UserError
from sparkles_eval.core.pictures import upright

if TYPE_CHECKING:
    import PIL.Image


class RequestList:
    """A request queue that is complete from the start; `deliver` gets each outcome with the request's position."""

    halted = False

    def __init__(
        self,
        adapter: BatchAdapter,
        requests: Sequence[tuple[int, Request]],
        deliver: Callable[[int, Reply | AdapterError], None],
    ) -> None:
        self.size = max(1, adapter.model.limits.batch_size)
        self._adapter = adapter
        self._deliver = deliver
        self._places = {id(request): place for place, request in requests}
        self._waiting = sorted((one for _, one in requests), key=adapter.length, reverse=True)
        self._taken: dict[int, Request] = {}

    def run(self) -> None:
        """Answer all requests on this thread. When memory runs out, the batch size is halved."""
        while self._waiting:
            try:
                self._adapter.work(self, 0)
            except OutOfMemory as error:
                rows = list(self._taken.values())
                if len(rows) <= 1:
                    for request in rows:
                        self.deliver(request, Rejected(str(error)))
                    if not rows:
                        raise
                    continue
                self.size = max(1, len(rows) // 2)
                self.put_back(rows)

    def take(self, most: int) -> Sequence[Request]:
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        self._taken |= {id(request): request for request in found}
        return found

    def put_back(self, requests: Sequence[Request]) -> None:
        for request in requests:
            del self._taken[id(request)]
        self._waiting = [*requests, *self._waiting]

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
        del self._taken[id(request)]
        self._deliver(self._places[id(request)], outcome)


MARK = "<image>"
"""Marks the place of an image in lm-eval's texts."""
_TURNS = "sparkles-conversation:"
"""Begins a prompt that holds a whole conversation as JSON (lm-eval's `--apply_chat_template`)."""
_ATTEMPTS = 4
_log = logging.getLogger("sparkles_eval.lmeval")


@register_model("sparkles")
class SparklesLM(LM):  # type: ignore[misc]  # lm-eval has no types
    """One of our models. `model` is a name as for `--model`; other arguments are that model's `--model-arg`s.

    on_error: "raise" ends the evaluation where a request has no answer (the answered ones are in lm-eval's cache);
    "empty" gives the answer "" and logs a warning, because lm-eval has no unscored items.
    """

    MULTIMODAL = True
    tokenizer_name = "sparkles"

    def __init__(
        self,
        model: str = "",
        on_error: str = "raise",
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,  # noqa: ARG002 - lm-eval hands it to every model
        device: str | None = None,
        **args: object,
    ) -> None:
        super().__init__()
        if not model:
            raise UserError("--model sparkles: name our model, as in --model_args model=sparkleschat/FOLDER")
        if on_error not in ("raise", "empty"):
            raise UserError(f"--model sparkles: on_error={on_error}: raise or empty is needed")
        given = {name: str(value) for name, value in args.items()}
        local = model.partition("/")[0] in ("sparkleschat", "transformers")
        if local and device and _device_available(device):
            given.setdefault("device", device)
        if local and batch_size not in (None, "auto", 1, "1"):
            given.setdefault("batch_size", str(batch_size))
        self._adapter: Adapter = build_adapter(model, ModelOptions(tuple(given.items())))
        self._on_error = on_error
        self._folder = Path(tempfile.mkdtemp(prefix="sparkles-lmeval-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:  # noqa: ARG002
        """Answers in the order of the requests; each is written to lm-eval's cache at once."""
        asked = list(self._requests(requests))
        found: dict[int, str] = {}
        faults: list[AdapterError] = []

        def deliver(place: int, outcome: Reply | AdapterError) -> None:
            if isinstance(outcome, AdapterError):
                faults.append(outcome)
                found[place] = ""
                return
            settings = requests[place].args[1]
            found[place] = _until(outcome.text, settings.get("until") or [])
            self.cache_hook.add_partial("generate_until", requests[place].args, found[place])

        _answer_all(self._adapter, asked, deliver)
        for fault in faults:
            if self._on_error == "raise":
                raise fault
            _log.warning("no answer, counted as an empty one: %s", fault)
        return [found[place] for place in range(len(requests))]

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:  # noqa: ARG002
        raise UserError(
            "--model sparkles answers in words and gives no likelihoods; for the language model inside SparklesChat "
            "use `python -m sparkles_eval.lmeval text`"
        )

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:  # noqa: ARG002
        raise UserError("--model sparkles gives no likelihoods; use `python -m sparkles_eval.lmeval text`")

    def chat_template(self, chat_template: bool | str = False) -> str:  # noqa: ARG002 - there is one
        return self._adapter.model.name

    def apply_chat_template(self, chat_history: Sequence[dict[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG002
        """The conversation as it is; the adapter writes its own prompt."""
        return _TURNS + json.dumps(list(chat_history))

    # --- one request ---------------------------------------------------------------------------------

    def _requests(self, requests: Sequence[Any]) -> Iterator[Request]:
        again: Counter[str] = Counter()
        for request in requests:
            words, settings, *beside = request.args
            pictures = beside[0].get("visual", []) if beside else []
            conversation = self._conversation(words, [self._keep(one) for one in pictures])
            generation = self._adapter.effective(_generation(settings))
            turns = tuple(Turn(message.parts) for message in conversation.messages if message.role == "user")
            key = repr((conversation, generation))
            # lm-eval repeats a request for another draw of it.
            yield Request(conversation, generation, Sample(str(request.idx), turns), len(turns), draw=again[key])
            again[key] += 1

    def _conversation(self, words: str, images: Sequence[Image]) -> Conversation:
        if words.startswith(_TURNS):
            history = json.loads(words.removeprefix(_TURNS))
        else:
            history = [{"role": "user", "content": words}]
        system = "\n\n".join(one["content"] for one in history if one["role"] == "system") or None
        rest = iter(images)
        messages = tuple(
            Message(one["role"], tuple(_parts(one["content"], rest))) for one in history if one["role"] != "system"
        )
        if (left := len(list(rest))) > 0:
            raise UserError(f"a request has {left} images more than places ({MARK}) in its text: fix the task")
        return Conversation(messages, system)

    def _keep(self, picture: PIL.Image.Image) -> Image:
        """Write a picture of lm-eval as PNG (without loss), since our adapters read files."""
        out = io.BytesIO()
        seen = upright(picture)
        seen.save(out, "PNG")
        data = out.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{sha256}.png"
        if not path.is_file():
            path.write_bytes(data)
        return Image(sha256, "image/png", *seen.size, len(data), path.name, path=path)


def _device_available(device: str) -> bool:
    """lm-eval passes cuda:0 by default, whether there is a GPU or not."""
    import torch

    return not device.startswith("cuda") or torch.cuda.is_available()


def _until(text: str, until: Sequence[str]) -> str:
    for stop in until:
        text = text.split(stop, maxsplit=1)[0] if stop else text
    return text


def _parts(words: str, images: Iterator[Image]) -> Iterator[Part]:
    first, *others = words.split(MARK)
    if first:
        yield Text(first)
    for piece in others:
        image = next(images, None)
        if image is None:
            raise UserError(f"a request has more places ({MARK}) in its text than images: fix the task")
        yield image
        if piece:
            yield Text(piece)


def _generation(settings: dict[str, Any]) -> Generation:
    """lm-eval's settings as ours; greedy unless it says `do_sample`."""
    sampled = bool(settings.get("do_sample"))
    return Generation(
        temperature=float(settings.get("temperature") or 1.0) if sampled else 0.0,
        top_p=settings.get("top_p") if sampled else None,
        top_k=settings.get("top_k") if sampled else None,
        max_tokens=settings.get("max_gen_toks"),
        stop=tuple(stop for stop in settings.get("until") or () if stop),
    )


def _answer_all(
    adapter: Adapter, requests: Sequence[Request], deliver: Callable[[int, Reply | AdapterError], None]
) -> None:
    refused = {place: problem for place, one in enumerate(requests) if (problem := adapter.check(one))}
    for place, problem in refused.items():
        deliver(place, Rejected(f"{adapter.model.name}: {problem}"))
    places = [place for place in range(len(requests)) if place not in refused]
    if isinstance(adapter, BatchAdapter):
        RequestList(adapter, [(place, requests[place]) for place in places], deliver).run()
    else:
        asyncio.run(_ask_all(adapter, [(place, requests[place]) for place in places], deliver))


async def _ask(adapter: Adapter, request: Request) -> Reply | AdapterError:
    attempt = 0
    while True:
        attempt += 1
        try:
            return await adapter.answer(request)
        except AdapterError as error:
            if attempt == _ATTEMPTS or not isinstance(error, Transient):
                return error
        await asyncio.sleep(2.0 ** (attempt - 1))


async def _ask_all(
    adapter: Adapter, requests: Sequence[tuple[int, Request]], deliver: Callable[[int, Reply | AdapterError], None]
) -> None:
    slots = asyncio.Semaphore(adapter.model.limits.max_connections)

    async def one(place: int, request: Request) -> None:
        async with slots:
            deliver(place, await _ask(adapter, request))

    await asyncio.gather(*(one(place, request) for place, request in requests))
