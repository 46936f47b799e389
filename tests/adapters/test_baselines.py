"""The answers that no model gave."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Generation, Sample, Text, Turn
from sparkles_eval.core.errors import Rejected, UserError
from sparkles_eval.tasks.scorers.rules import extract
from tests.adapters.making import build, request

PAIR = Sample("7", (Turn((Text("Which?"),)),), options=("IMAGE#1", "IMAGE#2"), target="IMAGE#2")
TALK = Sample("t", (Turn((Text("One?"),), reference="It is one."), Turn((Text("Two?"),), reference="It is two.")))


async def said(spec: str, asked: Request, **args: object) -> str:
    return (await build(spec, **args).answer(asked)).text


async def test_chance_draws_every_option_about_equally_often() -> None:
    adapter = build("baseline/chance")
    drawn = Counter(
        [(await adapter.answer(request("Which?", sample=replace(PAIR, id=str(i))))).text for i in range(400)]
    )
    assert len(drawn) == 2 and all(150 < count < 250 for count in drawn.values())


async def test_chance_is_the_same_for_the_same_and_another_for_another() -> None:
    base = request("Which?", sample=PAIR)

    async def draws(**args: object) -> list[str]:
        adapter = build("baseline/chance", **args)
        return [(await adapter.answer(replace(base, epoch=i))).text for i in range(30)]

    first = await draws()
    assert first == await draws() and first != await draws(seed=1)
    assert len(set(first)) == 2, "a repetition is another draw"
    assert build("baseline/chance").model.identity != build("baseline/chance", seed=1).model.identity


async def test_constant_and_echo_and_oracle() -> None:
    asked = request("Which?", sample=PAIR)
    assert await said("baseline/constant", asked) == "Let's think step by step. Therefore, the answer is IMAGE#1."
    assert await said("baseline/constant", asked, text="I pass.") == "I pass."
    assert await said("baseline/echo", asked) == "Which?"
    assert await said("baseline/oracle", asked) == "Let's think step by step. Therefore, the answer is IMAGE#2."


@pytest.mark.parametrize("options", [("IMAGE#1", "IMAGE#2"), ("TRUE", "FALSE")])
@pytest.mark.parametrize("rule", ["strict", "paper"])
async def test_every_rule_reads_the_option(rule: str, options: tuple[str, ...]) -> None:
    for target in options:
        asked = request("Which?", sample=replace(PAIR, options=options, target=target))
        assert extract(rule, await said("baseline/oracle", asked), options).option == target


async def test_dialogues() -> None:
    second = request("Two?", history=[(["One?"], "…")], sample=TALK)
    assert await said("baseline/oracle", second) == "It is two."
    assert "look" in await said("baseline/chance", second)
    bare = replace(TALK, turns=(TALK.turns[0], Turn((Text("Two?"),))))
    with pytest.raises(Rejected, match="t: the data has no target and no reference for turn 2"):
        await said("baseline/oracle", replace(second, sample=bare))


async def test_every_baseline_is_free_and_takes_no_settings() -> None:
    for name in ("chance", "constant", "echo", "oracle"):
        adapter = build(f"baseline/{name}", Generation(temperature=1.0))
        reply = await adapter.answer(request("Which?", sample=PAIR))
        assert adapter.model.free and reply.usage.cost_usd == 0
        assert adapter.effective(Generation(temperature=1.0, seed=5)) == Generation()
        await adapter.aclose()


def test_unknown_baselines_and_arguments() -> None:
    with pytest.raises(UserError, match="there are chance, constant, echo, oracle"):
        build("baseline/genius")
    with pytest.raises(UserError, match="this model knows name, seed"):
        build("baseline/chance", text="x")
