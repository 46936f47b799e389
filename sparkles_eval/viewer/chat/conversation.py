"""A conversation with one model or with several side by side: asked, stopped, asked again.

Only whole answers belong to it. A model is shown its own earlier answers and no other model's; a question whose answer
failed, was stopped, or is empty stays on the page, and is left out of what the model is asked next and of what is
saved. So what is saved is what was asked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic

from sparkles_eval.adapters.base import Adapter, Request, StreamingAdapter
from sparkles_eval.core import Conversation, Generation, Image, Message, Model, Part, Reply, Sample, Text, Turn
from sparkles_eval.core.errors import AdapterError, Rejected, UserError
from sparkles_eval.sparkleschat.prompts import PLACEHOLDER
from sparkles_eval.store.spending import Sum

LONGEST = 100_000
"""Characters of a message."""


class Stage(StrEnum):
    """How far an answer is."""

    WRITING = "writing"
    WHOLE = "whole"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(eq=False)
class ChatAnswer:
    """One model's answer to one question, as it grows."""

    model: Model
    text: str = ""
    """So far; with `Stage.WHOLE` all of it."""
    stage: Stage = Stage.WRITING
    reply: Reply | None = None
    error: str = ""
    seconds: float | None = None
    draw: int = 0
    """How often this question was answered before: another try is another draw."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def counts(self) -> bool:
        """True when it is part of the conversation."""
        return self.stage is Stage.WHOLE and bool(self.text.strip())

    @property
    def cost(self) -> Sum | None:
        """US dollars, None where nothing was asked of a provider."""
        if self.reply is None or self.model.free:
            return None
        known = self.reply.usage.cost_usd
        return Sum(known or 0.0, 1, int(known is None))

    def grow(self, text: str) -> None:
        """The whole text so far."""
        if self.stage is Stage.WRITING:
            self.text = text
            self._tell()

    def settle(self, stage: Stage, error: str = "") -> None:
        """It changes no more."""
        self.stage, self.error = stage, error
        self._tell()

    async def follow(self) -> AsyncIterator[ChatAnswer]:
        """Itself at once, and again whenever it has grown, until it is settled."""
        while True:
            news = self._news
            yield self
            if self.stage is not Stage.WRITING:
                return
            await news.wait()

    def _tell(self) -> None:
        waiting, self._news = self._news, asyncio.Event()
        waiting.set()


@dataclass(eq=False)
class ChatExchange:
    """A question, and what each model answered."""

    question: tuple[Part, ...]
    answers: list[ChatAnswer]

    @property
    def writing(self) -> bool:
        return any(answer.stage is Stage.WRITING for answer in self.answers)


class Chat:
    """Questions to the same models, one after another. All methods are called on one event loop."""

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self.id = f"chat-{secrets.token_hex(6)}"
        self.adapters = tuple(adapters)
        self.exchanges: list[ChatExchange] = []
        self._tasks: dict[ChatAnswer, asyncio.Task[None]] = {}

    @property
    def models(self) -> tuple[Model, ...]:
        return tuple(adapter.model for adapter in self.adapters)

    @property
    def writing(self) -> bool:
        return bool(self.exchanges) and self.exchanges[-1].writing

    @property
    def images(self) -> tuple[Image, ...]:
        """Every picture that was shown, each once, in order."""
        shown = (part for exchange in self.exchanges for part in exchange.question if isinstance(part, Image))
        return tuple({image.sha256: image for image in shown}.values())

    def ask(self, question: Sequence[Part]) -> ChatExchange:
        """Ask all models; the answers grow from now on. Raises errors.UserError for what cannot be asked now."""
        self._quiet()
        exchange = ChatExchange(merge_text(question), [ChatAnswer(model) for model in self.models])
        self.exchanges.append(exchange)
        for number in range(len(self.adapters)):
            self._start(number)
        return exchange

    def retry(self, number: int) -> ChatAnswer:
        """Ask the last question of one model again. Raises errors.UserError where there is none, or it is writing."""
        if not self.exchanges or not 0 <= number < len(self.adapters):
            raise UserError("there is no answer to ask for again")
        answers = self.exchanges[-1].answers
        if answers[number].stage is Stage.WRITING:
            raise UserError("this model is still writing; stop it first")
        answers[number] = ChatAnswer(self.models[number], draw=answers[number].draw + 1)
        self._start(number)
        return answers[number]

    def take_back(self) -> tuple[Part, ...]:
        """The last question, which with its answers is no longer part of the conversation.

        Raises errors.UserError where there is none, or a model is writing.
        """
        self._quiet()
        if not self.exchanges:
            raise UserError("there is no message to edit")
        return self.exchanges.pop().question

    async def stop(self) -> None:
        """End what is being written; what stands there so far stays to be read."""
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def asked(self, number: int, turn: int) -> Conversation:
        """What model `number` is asked at `turn` (0-based): its own whole answers before it, then the question."""
        messages: list[Message] = []
        for exchange in self.exchanges[:turn]:
            if exchange.answers[number].counts:
                messages += as_messages(exchange, number)
        return Conversation((*messages, Message("user", self.exchanges[turn].question)))

    def _quiet(self) -> None:
        if self.writing:
            raise UserError("a model is still writing; wait, or stop it first")

    def _start(self, number: int) -> None:
        answer = self.exchanges[-1].answers[number]
        conversation = self.asked(number, len(self.exchanges) - 1)
        task = asyncio.create_task(_write(self.adapters[number], conversation, answer, self.id))
        self._tasks[answer] = task
        task.add_done_callback(lambda _: self._ended(answer))

    def _ended(self, answer: ChatAnswer) -> None:
        self._tasks.pop(answer, None)
        if answer.stage is Stage.WRITING:  # stopped before it began
            answer.settle(Stage.STOPPED)


def merge_text(question: Sequence[Part]) -> tuple[Part, ...]:
    """A question as it is asked: neighbouring texts in one, blanks at its ends left out.

    Raises errors.UserError for one without content, one that is too long, and words that mean an image elsewhere.
    """
    parts: list[Part] = []
    for part in question:
        if isinstance(part, Text) and parts and isinstance(parts[-1], Text):
            parts[-1] = Text(parts[-1].text + part.text)
        else:
            parts.append(part)
    if parts and isinstance(parts[0], Text):
        parts[0] = Text(parts[0].text.lstrip())
    if parts and isinstance(parts[-1], Text):
        parts[-1] = Text(parts[-1].text.rstrip())
    kept = tuple(part for part in parts if part != Text(""))
    words = "".join(part.text for part in kept if isinstance(part, Text))
    if not kept:
        raise UserError("there is nothing to ask yet; write something, or add a picture")
    if len(words) > LONGEST:
        raise UserError(f"{len(words):,} characters; a message may have {LONGEST:,}")
    if PLACEHOLDER in words:
        raise UserError(f"the words {PLACEHOLDER} mark a picture in saved dialogues; write them another way")
    return kept


def as_messages(exchange: ChatExchange, number: int) -> tuple[Message, Message]:
    """A question and model `number`'s answer, as messages."""
    answer = Message("assistant", (Text(exchange.answers[number].text),))
    return Message("user", exchange.question), answer


async def _write(adapter: Adapter, conversation: Conversation, answer: ChatAnswer, chat: str) -> None:
    questions = [message for message in conversation.messages if message.role == "user"]
    sample = Sample(chat, tuple(Turn(message.parts) for message in questions))
    generation = adapter.effective(Generation())
    request = Request(conversation, generation, sample, len(questions), draw=answer.draw)
    began = monotonic()
    try:
        reply = await _reply(adapter, request, answer)
    except asyncio.CancelledError:
        answer.settle(Stage.STOPPED)
    except (AdapterError, UserError) as error:
        answer.settle(Stage.FAILED, str(error))
    except Exception:
        logging.getLogger(__name__).exception("%s failed", adapter.model.name)
        answer.settle(Stage.FAILED, f"{adapter.model.name}: a fault of the program; the terminal says more")
    else:
        answer.seconds = reply.latency_s if reply.latency_s is not None else monotonic() - began
        answer.reply, answer.text = reply, reply.text
        answer.settle(Stage.WHOLE)


async def _reply(adapter: Adapter, request: Request, answer: ChatAnswer) -> Reply:
    if problem := adapter.check(request):
        raise Rejected(f"{adapter.model.name}: {problem}")
    if isinstance(adapter, StreamingAdapter):
        return await adapter.stream(request, answer.grow)
    return await adapter.answer(request)
