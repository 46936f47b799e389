"""The controls: empty praise, right answers to other items, the references."""

from __future__ import annotations

import pytest

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.baselines import GOLD, NULL, SHUFFLED, make_controls
from sparkles_eval.core import Conversation, Generation, Message, Sample, Text
from sparkles_eval.core.errors import Rejected
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.scorers.rules import extract


async def said(task: Task, name: str, sample: Sample, turn: int) -> str:
    (control,) = [c for c in make_controls(task.samples, task.data_hash) if c.model.name == name]
    conversation = Conversation((Message("user", (Text("?"),)),))
    return (await control.answer(Request(conversation, Generation(), sample, turn))).text


async def test_on_questions_with_options() -> None:
    task = load_task("nlvr2-mini", args={"n": "36"})
    read = [
        [extract("strict", await said(task, name, sample, 1), sample.options).option for sample in task.samples]
        for name in (NULL, SHUFFLED, GOLD)
    ]
    assert set(read[0]) == {None}, "praise names no option"
    assert None not in read[1] and read[1] != read[2]
    assert read[2] == [sample.target for sample in task.samples]


async def test_on_dialogues() -> None:
    task = load_task("sparkleseval-mini", args={"n": "6"})
    for turn in (1, 2):
        gold = [sample.turns[turn - 1].reference for sample in task.samples]
        assert [await said(task, GOLD, sample, turn) for sample in task.samples] == gold
        dealt = [await said(task, SHUFFLED, sample, turn) for sample in task.samples]
        assert all(text in gold and text != own for text, own in zip(dealt, gold, strict=True))
        assert len({await said(task, NULL, sample, turn) for sample in task.samples}) == 1


async def test_what_the_shuffled_one_says_is_part_of_its_identity() -> None:
    task = load_task("nlvr2-mini", args={"n": "8"})
    first, second = (make_controls(task.samples, data) for data in ("a" * 64, "b" * 64))
    assert [one.model.identity == two.model.identity for one, two in zip(first, second, strict=True)] == [
        True,
        False,
        True,
    ]
    assert all(control.model.reads_sample and control.model.free for control in first)
    alone = make_controls(task.samples[:1], "c" * 64)[1]
    conversation = Conversation((Message("user", (Text("?"),)),))
    with pytest.raises(Rejected, match="no other item"):
        await alone.answer(Request(conversation, Generation(), task.samples[0], 1))
