"""A function in a Python file as a model: `--model my_model.py:answer`.

Its parameters say what it is given, and whether it answers one conversation or several at once:

    answer(images, text)            PIL images in order, and the words with "<image>" where each stands
    answer(conversation)            messages as chat templates take them: {"role": ..., "content": [...]}
    answer(images, texts)           lists of both, several conversations at once: gives a list of answers
    answer(conversations)           the same with messages

A further parameter `generation` gets the sampling settings as a dict; a function without it samples nothing of ours.
Earlier turns stand in `text` as "User: ..." and "Assistant: ..." lines.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue
from sparkles_eval.adapters.local.base import answer_alone, open_picture
from sparkles_eval.adapters.options import ModelArguments, override
from sparkles_eval.core import Conversation, Generation, Image, Message, Model, Reply, Usage
from sparkles_eval.core.errors import OutOfMemory, Rejected, UserError
from sparkles_eval.core.files import sha256_file
from sparkles_eval.core.plugins import error_place, run_file
from sparkles_eval.core.reply_parts import take_apart

DEFAULT = "answer"
"""The function's name where `--model` names a file alone."""
_FORMS = {
    ("images", "text"): False,
    ("conversation",): False,
    ("images", "texts"): True,
    ("conversations",): True,
}
"""Parameters -> whether several conversations are answered at once."""
_ARGS = {
    "batch_size": "conversations that are answered together at the most, of a function that takes several",
    "max_images": "images in one request at the most",
    "name": "how tables name the model",
    "version": "anything that changes when its answers may, such as the weights' name; part of the run's identity",
}
_BATCH = 8
_CHARACTERS_PER_IMAGE = 1000
"""Roughly; only sorts requests."""
_MARK = "<image>"


def names_function(spec: str) -> bool:
    """True for what `--model` names as a function: FILE.py or FILE.py:FUNCTION."""
    file, colon, function = spec.rpartition(":")
    return spec.endswith(".py") or (bool(colon) and file.endswith(".py") and function.isidentifier())


def function_model(spec: str) -> Model:
    """The model of such a name. Tables call it by the file's and the function's name."""
    file, function = _split(spec)
    return Model(name=f"{file.stem}.{function}", kind="function", model_id=spec, free=True)


def _split(spec: str) -> tuple[Path, str]:
    file, colon, function = spec.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else (Path(spec), DEFAULT)


@dataclass(frozen=True, slots=True)
class _Function:
    """A user's function and what it takes."""

    call: Callable[..., object]
    file: Path
    takes: tuple[str, ...]
    samples: bool
    """True where it takes the sampling settings."""

    @property
    def several(self) -> bool:
        return _FORMS[self.takes]

    @property
    def name(self) -> str:
        return getattr(self.call, "__name__", "answer")

    @property
    def _who(self) -> str:
        return f"{self.file}: {self.name}"

    def answers(self, conversations: Sequence[Conversation], generation: Generation) -> list[str]:
        """One text a conversation. Raises errors.Rejected, with file and line, for whatever goes wrong in it."""
        given = {}
        for name in self.takes:
            values = [_GIVEN[name](it) for it in conversations]
            given[name] = values if self.several else values[0]
        settings = {"generation": generation.json()} if self.samples else {}
        try:
            said = self.call(**given, **settings)
        except Exception as error:
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's own, unimported
                raise OutOfMemory(f"{self.file}: {error}") from error
            raise Rejected(f"{self.file}{error_place(error, self.file)}: {type(error).__name__}: {error}") from error
        found = said if self.several else [said]
        wanted = len(conversations)
        if not isinstance(found, list | tuple) or len(found) != wanted:
            kind = f"{len(found)} answers" if isinstance(found, list | tuple) else type(found).__name__
            raise Rejected(f"{self._who} gave {kind} for {wanted} conversations, not a list of texts")
        for text in found:
            if not isinstance(text, str):
                raise Rejected(f"{self._who} gave {type(text).__name__} as an answer, not text")
        return list(found)


def _pictures(conversation: Conversation) -> list[object]:
    return [open_picture(image) for image in conversation.images]


def _text(conversation: Conversation) -> str:
    messages = conversation.messages
    if len(messages) == 1:
        return _words(messages[0])
    return "\n".join(f"{message.role.capitalize()}: {_words(message)}" for message in messages)


def _words(message: Message) -> str:
    return "".join(_MARK if isinstance(part, Image) else part.text for part in message.parts)


def _messages(conversation: Conversation) -> list[object]:
    return [{"role": message.role, "content": _content(message)} for message in conversation.messages]


def _content(message: Message) -> list[object]:
    content: list[object] = []
    for part in message.parts:
        if isinstance(part, Image):
            content.append({"type": "image", "image": open_picture(part)})
        else:
            content.append({"type": "text", "text": part.text})
    return content


_GIVEN: Mapping[str, Callable[[Conversation], object]] = {
    "images": _pictures,
    "text": _text,
    "texts": _text,
    "conversation": _messages,
    "conversations": _messages,
}
"""Parameter -> what it gets of one conversation."""


class FunctionAdapter:
    """Asks one function, in a thread of its own. A request that it fails on costs that request alone."""

    structured = False
    replicas = 1

    def __init__(self, model: Model, function: _Function, asked: Generation) -> None:
        self._model = model
        self._function = function
        self._asked = asked
        self._alone = threading.Lock()

    @property
    def model(self) -> Model:
        return self._model

    def effective(self, generation: Generation) -> Generation:
        return override(generation, self._asked) if self._function.samples else Generation()

    def check(self, request: Request) -> str | None:
        count, most = len(request.conversation.images), self._model.limits.max_images
        if most is not None and count > most:
            return f"{count} images, the model takes {most}"
        if request.schema is not None:
            return "a JSON schema for the reply, which a function is not given"
        if request.conversation.system is not None:
            return "a system text, which a function is not given"
        missing = next((image for image in request.conversation.images if image.path is None), None)
        return f"image {missing.relpath}: its bytes are not here" if missing is not None else None

    def length(self, request: Request) -> int:
        words = sum(len(message.text) for message in request.conversation.messages)
        return words + _CHARACTERS_PER_IMAGE * len(request.conversation.images)

    def work(self, feed: RequestQueue, replica: int) -> None:  # noqa: ARG002 - there is but one
        while not feed.halted and (requests := feed.take(feed.size)):
            for group in _alike(requests) if self._function.several else [[request] for request in requests]:
                self._ask(feed, group)

    def _ask(self, feed: RequestQueue, requests: Sequence[Request]) -> None:
        try:
            texts = self._function.answers([it.conversation for it in requests], requests[0].generation)
        except Rejected as error:
            if len(requests) == 1:
                feed.deliver(requests[0], error)
                return
            for request in requests:  # one of them may be what it fails on
                self._ask(feed, [request])
            return
        for request, text in zip(requests, texts, strict=True):
            parts = take_apart(text)
            feed.deliver(request, Reply(parts.answer, usage=Usage(cost_usd=0.0), reasoning=parts.reasoning))

    async def answer(self, request: Request) -> Reply:
        return await answer_alone(self.work, self._alone, request)

    async def aclose(self) -> None:
        """Holds nothing open."""


def _alike(requests: Sequence[Request]) -> list[list[Request]]:
    """Those with the same settings together: one call has one `generation`."""
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(repr(request.generation), []).append(request)
    return list(groups.values())


def make(model: Model, options: ModelOptions) -> FunctionAdapter:
    """The adapter factory of kind `function`. Raises errors.UserError with file, line and the fix."""
    file, name = _split(model.model_id)
    function = _load(file, name)
    # A changed file is another model: its stored answers are not taken for this one's.
    settings = {"code": sha256_file(file)[:16]}
    return _adapter(function, replace(model, model_id=f"{file.stem}.{name}", settings=settings), options)


def function_adapter(call: Callable[..., object], model: Model, options: ModelOptions) -> FunctionAdapter:
    """The adapter of a function of this process; `model` says its name and identity. Raises errors.UserError."""
    return _adapter(read_function(call, model.name), model, options)


def _adapter(function: _Function, model: Model, options: ModelOptions) -> FunctionAdapter:
    args = ModelArguments(model.name, options, _ARGS)
    if options.generation.json() and not function.samples:
        raise UserError(
            f"{function.file}: {function.name} takes no sampling settings; give it a parameter `generation`, or leave "
            "them out"
        )
    limits = replace(
        model.limits,
        batch_size=(args.integer("batch_size") or _BATCH) if function.several else 1,
        max_images=args.integer("max_images"),
    )
    version = args.text("version")
    settings = {**model.settings, "version": version} if version else model.settings
    named = replace(model, name=args.text("name") or model.name, limits=limits, settings=settings)
    return FunctionAdapter(named, function, options.generation)


def _load(file: Path, name: str) -> _Function:
    module = run_file(file, "--model")
    call = getattr(module, name, None)
    if not callable(call):
        offered = ", ".join(key for key, value in vars(module).items() if inspect.isfunction(value)) or "none"
        raise UserError(f"--model {file}:{name}: the file has no function {name}; it has {offered}")
    return read_function(call, f"--model {file}:{name}", file)


def read_function(call: Callable[..., object], who: str, file: Path | None = None) -> _Function:
    """A user's function with what it takes; `who` names it in messages. Raises errors.UserError for another form."""
    if not callable(call):
        raise UserError(f"{who}: {type(call).__name__} is no function")
    name = getattr(call, "__name__", "answer")
    if inspect.iscoroutinefunction(call):
        raise UserError(f"{who}: a coroutine; write it with def, it has a thread of its own")
    names = tuple(inspect.signature(call).parameters)
    takes = tuple(parameter for parameter in names if parameter != "generation")
    if takes not in _FORMS:
        forms = ", ".join(f"{name}({', '.join(form)})" for form in _FORMS)
        raise UserError(f"{who}: its parameters are ({', '.join(names)}); write it as one of {forms}")
    code = getattr(call, "__code__", None)
    return _Function(call, file or Path(code.co_filename if code else name), takes, "generation" in names)
