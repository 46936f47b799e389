"""Any model that is registered with lm-eval: `--model lm-eval/hf-multimodal --model-arg pretrained=FOLDER`."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue
from sparkles_eval.adapters.image_encoding import read_bytes, ready
from sparkles_eval.adapters.local import base, device
from sparkles_eval.adapters.options import (
    BASIC_FIELDS,
    ModelArguments,
    Sampling,
    read_sampling,
    untaken,
    untaken_words,
)
from sparkles_eval.core import JSON, Conversation, Generation, Image, Limits, Message, Model, Reply, Text, Usage
from sparkles_eval.core.errors import AdapterError, Denied, TooLong, Transient, UserError
from sparkles_eval.core.reply_parts import take_apart

Speech: TypeAlias = Literal["template", "messages", "words"]
"""How a model is spoken to: its chat template with images beside it, chat messages over HTTP, or text alone."""

MARK = "<image>"
"""Stands for an image in what lm-eval's multimodal models are given."""
_OWN: Mapping[str, str] = {
    "batch_size": "questions that are handed over together",
    "device": "device for lm-eval's model, such as cuda:0 or cpu",
    "max_images": "images in one request at the most",
    "name": "how tables name the model",
}
_BATCH = 8
_NEW_TOKENS = 1000
_SECRETS = ("api_key", "key", "token", "password", "auth_token")


@dataclass(frozen=True, slots=True)
class _Setup:
    model: Model
    sampling: Sampling
    speech: Speech
    args: Mapping[str, str | int]
    """For lm-eval's model, as its command line would give them."""
    device: str | None


class LmEval:
    """One registered model. It is made by the first request, in the thread that works with it."""

    structured = False
    replicas = 1

    def __init__(self, setup: _Setup, kind: Any) -> None:
        self._setup = setup
        self._kind = kind
        self._lm: Any = None
        self._alone = threading.Lock()

    @property
    def model(self) -> Model:
        return self._setup.model

    def effective(self, generation: Generation) -> Generation:
        settled = self._setup.sampling.effective(generation)
        if not settled.temperature:
            return replace(settled, temperature=0.0, top_p=None, top_k=None, seed=None)
        return replace(settled, seed=None)

    def length(self, request: Request) -> int:
        conversation = request.conversation
        return sum(len(message.text) for message in conversation.messages) + 1000 * len(conversation.images)

    def check(self, request: Request) -> str | None:
        conversation = request.conversation
        if not conversation.messages or conversation.messages[-1].role != "user":
            return "a conversation ends with a user's message"
        if request.schema is not None:
            return "a JSON schema for the reply, which lm-eval does not send"
        gone = untaken_words(dict.fromkeys(untaken(request.generation, BASIC_FIELDS), ""))
        return gone or self._unfit(conversation)

    def _unfit(self, conversation: Conversation) -> str | None:
        """Why the model cannot be shown the conversation's images, or None."""
        images = conversation.images
        if images and self._setup.speech == "words":
            return f"{len(images)} images, and lm-eval's {self.model.model_id} reads text alone"
        most = self.model.limits.max_images
        if most is not None and len(images) > most:
            return f"{len(images)} images, the model takes {most}"
        if self._setup.speech == "template" and any(MARK in message.text for message in conversation.messages):
            return f"its own words hold {MARK}, which marks an image to lm-eval"
        missing = next((image for image in images if image.path is None), None)
        return f"image {missing.relpath}: its bytes are not here" if missing is not None else None

    async def answer(self, request: Request) -> Reply:
        return await base.answer_alone(self.work, self._alone, request)

    def work(self, feed: RequestQueue, replica: int) -> None:  # noqa: ARG002 - there is one
        """Small lists, because an error loses a whole list, its finished answers included."""
        while not feed.halted and (requests := feed.take(feed.size)):
            for group in _alike(requests):
                self._ask(feed, group)

    async def aclose(self) -> None:
        self._lm = None

    # --- asking --------------------------------------------------------------------------------------

    def _ask(self, feed: RequestQueue, requests: Sequence[Request]) -> None:
        lm = self._loaded()
        ready: list[Request] = []
        asked: list[object] = []
        for request in requests:
            try:
                asked.append(self._instance(lm, request, len(asked)))
            except AdapterError as error:
                feed.deliver(request, error)
            else:
                ready.append(request)
        if not ready:
            return
        with device.catch_out_of_memory(self._setup.device or "lm-eval"):
            try:
                texts = lm.generate_until(asked, disable_tqdm=True)
            except (MemoryError, RuntimeError):
                raise
            except Exception as error:  # noqa: BLE001 - a server's refusal arrives as whatever four libraries make of it
                for request in ready:
                    feed.deliver(request, Transient(f"lm-eval: {type(error).__name__}: {str(error)[:500]}"))
                return
        cost = 0.0 if self.model.free else None
        for request, text in zip(ready, texts, strict=True):
            parts = take_apart(str(text or "").strip())
            feed.deliver(request, Reply(parts.answer, usage=Usage(cost_usd=cost), reasoning=parts.reasoning))

    def _instance(self, lm: Any, request: Request, number: int) -> object:
        from lm_eval.api.instance import Instance

        settings = _settings(request.generation)
        conversation = request.conversation
        if self._setup.speech == "messages":
            from lm_eval.models.api_models import JsonChatStr

            # lm-eval would put every image before the last message's words: the parts are made here instead.
            arguments: tuple[object, ...] = (JsonChatStr(json.dumps(_messages(conversation))), settings)
        else:
            words = lm.apply_chat_template(_history(conversation))
            _refuse_too_long(lm, words, _new_tokens(request.generation))
            visual = [base.open_picture(image) for image in conversation.images]
            arguments = (words, settings, {"visual": visual}) if visual else (words, settings)
        return Instance("generate_until", doc={}, idx=number, arguments=arguments)

    def _loaded(self) -> Any:
        if self._lm is None:
            also = {"batch_size": 1 if self._setup.speech == "messages" else self.model.limits.batch_size}
            try:
                self._lm = self._kind.create_from_arg_obj(
                    dict(self._setup.args), {**also, "device": self._setup.device}
                )
            except (OSError, ValueError, TypeError, ImportError, KeyError, AssertionError) as error:
                raise Denied(f"{self.model.name}: lm-eval cannot make it: {type(error).__name__}: {error}") from error
        return self._lm


def make(model: Model, options: ModelOptions) -> LmEval:
    """The adapter factory of kind `lm-eval`. Raises errors.UserError for a name that is not registered.

    Arguments beside our own go to lm-eval's model as they are.
    """
    kind = _registered(model)
    others = [name for name, _ in options.args if name not in _OWN and name not in _SECRETS]
    args = ModelArguments(model.name, options, {**_OWN, **dict.fromkeys(others, "for lm-eval's model")})
    speech = _speech(kind)
    given = {name: args.text(name) or "" for name in others}
    if speech == "template" and "max_images" not in given and args.text("max_images") is not None:
        given["max_images"] = args.text("max_images") or ""
    batch = args.integer("batch_size") or int(given.get("num_concurrent", "0") or 0) or _BATCH
    limits = replace(model.limits, batch_size=batch, max_images=args.integer("max_images") or model.limits.max_images)
    ready = replace(
        model,
        name=args.text("name") or model.name,
        settings={**model.settings, **given, "lm_eval": version("lm_eval")},
        limits=limits,
        # What asks a server may have a bill, of which lm-eval says nothing.
        free=speech != "messages",
    )
    sampling = read_sampling(model.name, model.settings, options.generation)
    device = args.text("device") or (None if speech == "messages" else _without_gpu())
    return LmEval(_Setup(ready, sampling, speech, _typed(given), device), kind)


def _without_gpu() -> str | None:
    """ "cpu" where there is no GPU: lm-eval takes CUDA by default, and then fails at the first request."""
    import torch

    return None if torch.accelerator.is_available() else "cpu"


def _registered(model: Model) -> Any:
    import lm_eval.models  # noqa: F401 - fills the registry
    from lm_eval.api.registry import get_model

    try:
        return get_model(model.model_id)
    except (ValueError, ImportError, ModuleNotFoundError) as error:
        raise UserError(f"{model.name}: {str(error)[:2000]}") from error


def _speech(kind: Any) -> Speech:
    from lm_eval.models.anthropic_llms import AnthropicChat
    from lm_eval.models.openai_completions import LocalChatCompletion

    if issubclass(kind, AnthropicChat):
        raise UserError("lm-eval passes no images to Anthropic's models: use --model anthropic/MODEL")
    if issubclass(kind, LocalChatCompletion):
        return "messages"
    return "template" if getattr(kind, "MULTIMODAL", False) else "words"


def _typed(args: Mapping[str, str]) -> dict[str, str | int]:
    """As lm-eval's own command line reads `name=value` pairs: numbers and truth values become such."""
    from lm_eval.utils import handle_arg_string

    return {name: handle_arg_string(value) for name, value in args.items()}


def _alike(requests: Sequence[Request]) -> list[list[Request]]:
    """Lists of one generation setting each, with images or without: lm-eval looks at a list's first entry only."""
    groups: dict[tuple[Generation, bool], list[Request]] = {}
    for request in requests:
        groups.setdefault((request.generation, bool(request.conversation.images)), []).append(request)
    return list(groups.values())


def _new_tokens(generation: Generation) -> int:
    return generation.max_tokens or _NEW_TOKENS


def _refuse_too_long(lm: Any, words: str, new_tokens: int) -> None:
    """Raise errors.TooLong where lm-eval would cut the prompt's beginning off, which it does without a word.

    Counts words alone: what images take is known to the model's own processor, so a prompt with images may still be
    too long for it. Models behind a server say themselves what they do not take.
    """
    encode, most = getattr(lm, "tok_encode", None), getattr(lm, "max_length", None)
    if encode is None or not isinstance(most, int):
        return
    length = len(encode(words))
    if length + new_tokens > most:
        raise TooLong(
            f"the prompt has {length:,} tokens without its images, and lm-eval's model {most:,} positions, "
            f"{new_tokens:,} of them for the answer; a shorter text or a smaller max_tokens are needed"
        )


def _settings(generation: Generation) -> dict[str, object]:
    sampled = bool(generation.temperature)
    settings: dict[str, object] = {
        "until": list(generation.stop),
        "max_gen_toks": _new_tokens(generation),
        "do_sample": sampled,
    }
    if sampled:
        shaped = {"temperature": generation.temperature, "top_p": generation.top_p, "top_k": generation.top_k}
        settings |= {name: value for name, value in shaped.items() if value is not None}
    return settings


def _history(conversation: Conversation) -> list[dict[str, str]]:
    """Messages as text, with `MARK` where images stand; a fresh list, because lm-eval edits it."""
    messages = [_plain(message) for message in conversation.messages]
    if conversation.system is not None:
        messages.insert(0, {"role": "system", "content": conversation.system})
    return messages


def _plain(message: Message) -> dict[str, str]:
    words = [MARK if isinstance(part, Image) else part.text for part in message.parts]
    return {"role": message.role, "content": "".join(words)}


def _messages(conversation: Conversation) -> list[JSON]:
    """Messages in OpenAI's form, images at their words as data URLs."""

    def part(piece: Text | Image) -> JSON:
        if isinstance(piece, Text):
            return {"type": "text", "text": piece.text}
        encoded = ready(piece, read_bytes(piece), Limits())
        address = f"data:{encoded.media_type};base64,{encoded.base64.decode()}"
        return {"type": "image_url", "image_url": {"url": address}}

    messages: list[JSON] = []
    if conversation.system is not None:
        messages.append({"role": "system", "content": conversation.system})
    for message in conversation.messages:
        parts: list[JSON] = [part(piece) for piece in message.parts]
        messages.append({"role": message.role, "content": message.text if message.role == "assistant" else parts})
    return messages
