"""Questions per turn: what a sample file may say, what each turn is asked and scored with, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import Adapter, ModelOptions, Request
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import Conversation, Generation, Image, Sample, Text, Turn
from sparkles_eval.core.errors import DataError
from sparkles_eval.core.json import read_sample, sample_json, sample_key
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.engine.prepare import prepare
from sparkles_eval.tasks.load import load_task
from tests.tasks.conftest import Write

TURNS: list[dict[str, object]] = [
    {"text": "Where?", "options": ["Left", "Right"], "target": "Left"},
    {"text": "Sure?"},
    {"text": "How many?", "options": [1, 2, 3], "target": [2, 3]},
]


def no_image(sha256: str) -> Image:
    raise AssertionError(sha256)


def test_a_turn_has_its_own_options_and_targets(lines: Write) -> None:
    folder = lines({"id": "d", "turns": TURNS})
    (folder / "prompt.md.j2").write_text("{{ content }} ({{ options | join('/') }})")
    task = load_task(str(folder))
    (sample,) = task.samples
    assert sample.scored_turns == (1, 3)
    assert sample.targets_at(1) == ("Left",) and sample.targets_at(2) == () and sample.targets_at(3) == ("2", "3")
    asked = task.prompt.conversation(sample, ["a", "b"])
    assert [message.text for message in asked.messages if message.role == "user"] == [
        "Where? (Left/Right)", "Sure? ()", "How many? (1/2/3)"
    ]  # fmt: skip
    assert read_sample(json.dumps(sample_json(sample)), no_image) == sample


def test_turns_may_share_the_sample_s_options(lines: Write) -> None:
    turns = [{"text": "One?", "target": "Yes"}, {"text": "Two?", "target": "No"}]
    (sample,) = load_task(str(lines({"id": "d", "options": ["Yes", "No"], "turns": turns}))).samples
    assert sample.options_at(2) == ("Yes", "No") and sample.scored_turns == (1, 2)


def test_several_answers_count_for_a_sample_of_one_turn(lines: Write) -> None:
    folder = lines({"id": "s", "text": "How many?", "target": [5, "five"]}, answer="null, scorer: exact_match")
    (sample,) = load_task(str(folder)).samples
    assert (sample.target, sample.accepted, sample.targets_at(1)) == ("5", ("five",), ("5", "five"))
    assert read_sample(json.dumps(sample_json(sample)), no_image) == sample


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ({"turns": TURNS, "target": "Left"}, "a target of the sample and targets or options of its turns"),
        ({"turns": [{**TURNS[0], "target": "Up"}]}, "turn 1: label not an option: 'Up' is none of Left, Right"),
        ({"turns": [*TURNS, {"text": "x", "options": ["a", "b"]}]}, "turn 4: options but no target, although other"),
        ({"turns": [{**TURNS[0], "options": ["Left", "left"]}]}, "turn 1: two options read the same"),
        ({"turns": [{"text": "x", "target": "a"}]}, "turn 1: target 'a' but no options"),
    ],
)
def test_questions_that_cannot_be_scored_are_told(lines: Write, sample: dict[str, object], told: str) -> None:
    with pytest.raises(DataError) as caught:
        load_task(str(lines({"id": "d", **sample})))
    assert told in str(caught.value)


@pytest.mark.parametrize(("scorer", "target"), [("exact_match", "!"), ("anls", " "), ("numeric", "3 or 4")])
def test_a_target_that_a_scorer_cannot_compare_with_is_told(lines: Write, scorer: str, target: str) -> None:
    with pytest.raises(DataError, match="the target"):
        load_task(str(lines({"id": "s", "text": "?", "target": target}, answer=f"null, scorer: {scorer}")))
    with pytest.raises(DataError, match=f"no target, which the scorer '{scorer}' needs"):
        load_task(str(lines({"id": "s", "text": "?"}, answer=f"null, scorer: {scorer}")))


async def test_baselines_answer_the_turn_s_own_question() -> None:
    turns = (
        Turn((Text("Where?"),), options=("Left", "Right"), targets=("Right",)),
        Turn((Text("How many?"),), targets=("2", "two")),
    )
    sample = Sample("d", turns)
    oracle, first = (build_adapter(f"baseline/{name}", ModelOptions()) for name in ("oracle", "constant"))

    async def said(adapter: Adapter, turn: int) -> str:
        return (await adapter.answer(Request(Conversation(()), Generation(), sample, turn))).text

    assert "the answer is Right." in await said(oracle, 1) and await said(oracle, 2) == "2"
    assert "the answer is Left." in await said(first, 1)


def test_what_was_there_before_keeps_its_fingerprints(tmp_path: Path) -> None:
    """New fields are left out of a sample's hash where they are empty; a run's identity names `strict` as before."""
    known = {
        ("bison-mini", "strict"): "1937d451e617",
        ("bison-mini", "paper"): "86d2c446e442",
        ("nlvr2-mini", "strict"): "126be125b486",
        ("sparkleseval-mini", "strict"): "d46474f44248",
    }
    for (task, protocol), run in known.items():
        config = RunConfig(tasks=(task,), models=("baseline/chance",), protocol=protocol, task_args=("n=4",))
        assert prepare(config).jobs[0].run.id == run, (task, protocol)
    sample = Sample("s", (Turn((Text("?"),)),), options=("a", "b"), target="a")
    assert sample_key(sample) != sample_key(Sample("s", (Turn((Text("?"),)),), options=("a", "b"), target="b"))
