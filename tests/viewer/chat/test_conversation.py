"""What a model is asked next, and what is not part of a conversation: failures, stopped answers, empty ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sparkles_eval.core import Conversation, Image, Message, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.viewer.chat.conversation import LONGEST, Chat, ChatExchange, Stage, merge_text
from tests.server import LoopbackServer
from tests.viewer.chat.making import album, cast, drawn


@asynccontextmanager
async def chat(*names: str, server: LoopbackServer | None = None) -> AsyncIterator[Chat]:
    who = cast(*names, server=server)
    yield Chat(who.adapters(names))
    await who.aclose()


async def whole(exchange: ChatExchange) -> ChatExchange:
    """Wait until every answer is settled."""
    for answer in exchange.answers:
        async for _ in answer.follow():
            pass
    return exchange


def said(conversation: Conversation) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in conversation.messages]


async def test_each_model_sees_its_own_answers_and_images_at_their_words(tmp_path: Path) -> None:
    pictures = album(tmp_path)
    red, blue = pictures.add(drawn("red")), pictures.add(drawn("blue"))
    async with chat("baseline/echo", "baseline/constant") as talk:
        first = await whole(talk.ask([Text("Is "), red, Text(" darker than "), blue, Text("?")]))
        assert first.answers[0].text == "Is  darker than ?"
        second = await whole(talk.ask([Text("And "), red, Text(" now?")]))
        assert second.answers[0].text == "And  now?" and second.answers[0].counts
        for number, answer in enumerate(first.answers):
            asked = talk.asked(number, 1)
            assert asked.messages[0] == Message("user", (Text("Is "), red, Text(" darker than "), blue, Text("?")))
            assert asked.messages[1] == Message("assistant", (Text(answer.text),))
            assert asked.images == (red, blue, red)
        assert talk.images == (red, blue)


async def test_an_answer_grows_and_is_then_whole(server: LoopbackServer) -> None:
    async with chat("openai/words", server=server) as talk:
        (answer,) = talk.ask([Text("Which?")]).answers
        assert talk.writing
        with pytest.raises(UserError, match="still writing"):
            talk.ask([Text("And?")])
        with pytest.raises(UserError, match="still writing"):
            talk.take_back()
        with pytest.raises(UserError, match="still writing"):
            talk.retry(0)
        shown = [grown.text async for grown in answer.follow()]
        assert answer.stage is Stage.WHOLE and len(set(shown)) > 3
        assert answer.reply is not None and shown[-1] == answer.reply.text
        assert answer.cost is not None and answer.cost.unknown == 1
        assert not talk.writing
        assert [grown.text async for grown in answer.follow()] == [answer.text], "who looks later sees it at once"


async def test_failures_stops_and_empty_answers_are_not_part_of_it(server: LoopbackServer) -> None:
    async with chat("openai/slow", "openai/broken", "openai/empty", "baseline/oracle", server=server) as talk:
        exchange = talk.ask([Text("Which?")])
        stopped, broken, empty, oracle = exchange.answers
        async for grown in stopped.follow():
            if grown.text:
                break
        await talk.stop()
        await whole(exchange)
        assert stopped.stage is Stage.STOPPED and stopped.text
        assert broken.stage is Stage.FAILED and "HTTP 500" in broken.error and broken.text == ""
        assert empty.stage is Stage.WHOLE and not empty.counts
        assert oracle.stage is Stage.FAILED and "no target" in oracle.error
        more = talk.ask([Text("And now?")])
        await talk.stop()
        await whole(more)
        for number in range(4):
            assert said(talk.asked(number, 1)) == [("user", "And now?")]


async def test_the_last_question_can_be_asked_again_or_taken_back() -> None:
    async with chat("baseline/echo", "baseline/constant") as talk:
        with pytest.raises(UserError, match="no message to edit"):
            talk.take_back()
        with pytest.raises(UserError, match="no answer to ask for again"):
            talk.retry(0)
        await whole(talk.ask([Text("one")]))
        exchange = await whole(talk.ask([Text("two")]))
        before = exchange.answers[1]
        again = talk.retry(0)
        assert again.draw == 1
        await whole(exchange)
        assert exchange.answers[0] is again and exchange.answers[1] is before and again.text == "two"
        assert talk.take_back() == (Text("two"),)
        assert len(talk.exchanges) == 1
        await whole(talk.ask([Text("three")]))
        assert said(talk.asked(0, 1)) == [("user", "one"), ("assistant", "one"), ("user", "three")]


async def test_a_fault_of_the_program_is_told_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "brittle.py"
    plugin.write_text(
        "from sparkles_eval.adapters.baselines import Baseline\n"
        "def say(request): raise ZeroDivisionError('a detail')\n"
        "ADAPTERS = {'brittle': lambda model, options: Baseline(model, say)}\n",
        encoding="utf-8",
    )
    from sparkles_eval.viewer.chat.chat_models import ChatModels
    from sparkles_eval.viewer.config import ChatModelsConfig

    talk = Chat(ChatModels(ChatModelsConfig(("brittle/one",), plugins=(plugin,))).adapters(["brittle/one"]))
    (answer,) = (await whole(talk.ask([Text("?")]))).answers
    assert answer.stage is Stage.FAILED and "a detail" not in answer.error and "terminal" in answer.error
    assert "ZeroDivisionError" in caplog.text


async def test_followers_miss_nothing_and_wait_for_nothing_that_is_over(server: LoopbackServer) -> None:
    async with chat("openai/words", server=server) as talk:
        (answer,) = talk.ask([Text("Which?")]).answers

        async def last() -> str:
            text = ""
            async for grown in answer.follow():
                text = grown.text
            return text

        assert set(await asyncio.gather(last(), last())) == {answer.text}


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    red = album(tmp_path).add(drawn("red"))
    assert merge_text([Text("  a"), Text(" b "), red, Text("")]) == (Text("a b "), red)
    assert merge_text([red]) == (red,)
    for nothing in ([], [Text(" \n")], [Text(""), Text(" ")]):
        with pytest.raises(UserError, match="nothing to ask"):
            merge_text(nothing)
    with pytest.raises(UserError, match="100,001 characters"):
        merge_text([Text("x" * (LONGEST + 1))])
    with pytest.raises(UserError, match="mark a picture in saved dialogues"):
        merge_text([Text("see <Image"), Text("Here>")])
    assert isinstance(red, Image)
