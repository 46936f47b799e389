"""Run health: each way in which the replies of a run can be ill has its line, with the count and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.run_health import HealthLine, RunHealth, loud_lines, run_health
from sparkles_eval.core import Generation, Model, Response, Sample, Score, Status, Text, Turn, Usage
from sparkles_eval.store import read_runs
from sparkles_eval.store.mapping import dump, now
from sparkles_eval.store.rows import AnswerRow, RequestRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store
from tests.analysis.making import ENVIRONMENT, RULE, RUN

WHOLE = Response("", 1, Status.OK, "The left cup is red.", None, Usage(), 0.1, None, now())


def said(text: str, **changes: object) -> Response:
    return replace(WHOLE, text=text, **changes)  # type: ignore[arg-type]


def health(
    folder: Path,
    replies: Sequence[Response],
    *,
    options: tuple[str, ...] = (),
    scores: Sequence[Score] = (),
    variant: str = "",
    kind: str = "openai",
    free: bool = False,
    max_tokens: int | None = None,
) -> tuple[RunHealth, ...]:
    """The health of a run with these replies, one an item."""
    generation = Generation(max_tokens=max_tokens)
    model = Model("openai/m", kind, "m", free=free)
    rule = RUN.answer_rule if options else None
    run = replace(RUN, model=model, total=len(replies), generation=generation, variant=variant, answer_rule=rule)
    samples = [
        Sample(f"item-{i}", (Turn((Text(f"{i}?"),)),), cluster=f"c{i}", group=f"c{i}") for i in range(len(replies))
    ]
    folder.mkdir(exist_ok=True)
    with Store(folder / "s.db") as store:
        environment = store.add_environment(ENVIRONMENT)
        store.add_judge(RULE)
        task = TaskRow(run.task, 1, "Pairs", ("accuracy",), options, {}, "", "", "")
        keys = store.add_run(run, task, samples, [], environment)
        for place, (key, reply) in enumerate(zip(keys, replies, strict=True)):
            asked = RequestRow(f"k{place}", model, "{}", dump(generation.json()), 0, 0)
            stored = store.add_response(asked, replace(reply, key=f"k{place}"))
            assert stored.id is not None
            store.add_answer(run.id, AnswerRow(key, 0, 1, stored.id, 1, stored.status.value, stored.text or ""))
        store.add_scores([ScoreRow(run.id, key, 0, RULE.id, 0, s) for key, s in zip(keys, scores, strict=False)])
        return run_health(store, read_runs.runs(store))


def only(found: tuple[RunHealth, ...], kind: str) -> HealthLine:
    (line,) = [line for line in found[0].lines if line.kind == kind]
    return line


def test_a_thinking_model_that_the_limit_cuts_says_so_in_one_line(tmp_path: Path) -> None:
    cut = said("", status=Status.TRUNCATED, error="length", reasoning="so the answer is A. But wait")
    found = health(tmp_path, [cut] * 12, max_tokens=500)
    (line,) = found[0].lines
    assert (line.kind, line.level, line.count, line.of) == ("cut", "alarm", 12, 12)
    assert line.text == (
        "12 of 12 replies were cut off at the token limit (max_tokens=500), 12 of them while still reasoning, before "
        "any answer; give them room: --generation max_tokens=2000, "
        "or beside the answer's own limit --model-arg reasoning_tokens=4096"
    )
    assert loud_lines(found) == [f"openai/m on pairs: {line.text}"]


def test_an_unclosed_thought_in_the_text_of_an_older_store_is_no_answer(tmp_path: Path) -> None:
    found = health(tmp_path, [said("<think>the left is red. So the answer is A.")] * 3)
    assert only(found, "reasoning").text.startswith(
        "3 of 3 replies were empty: reasoning came, and no answer behind it"
    )


def test_empty_replies_and_those_with_reasoning_alone_are_told_apart(tmp_path: Path) -> None:
    found = health(tmp_path, [said(""), said(" \n"), said("", reasoning="B"), *[WHOLE] * 6])
    assert (only(found, "empty").count, only(found, "reasoning").count) == (2, 1)
    assert only(found, "empty").level == "warning"


@pytest.mark.parametrize(
    ("kind", "free", "fix"),
    [
        ("openai", False, "look at the server's reasoning parser, or give more room: --generation max_tokens=4096"),
        ("sparkleschat", True, "give more room: --generation max_tokens=4096"),
        ("replay", True, "look at one in the samples, and in the file that the answers were read from"),
    ],
)
def test_the_advice_names_a_server_only_where_there_is_one(tmp_path: Path, kind: str, free: bool, fix: str) -> None:
    blind = said("I cannot see the image.")
    found = health(tmp_path, [said("", reasoning="B"), said(""), blind, WHOLE], kind=kind, free=free)
    assert only(found, "reasoning").text.endswith(f"behind it; {fix}")
    assert all(("server" in only(found, line).text) is not free for line in ("empty", "blind"))


def test_a_single_fault_among_many_is_a_note(tmp_path: Path) -> None:
    found = health(tmp_path, [said(""), *[said(f"Answer number {i}") for i in range(39)]])
    assert [(line.kind, line.level) for line in found[0].lines] == [("empty", "note")]
    assert loud_lines(found) == []


def test_refusals_come_with_their_reasons(tmp_path: Path) -> None:
    refused = said("", status=Status.REFUSED, error="content_filter")
    line = only(health(tmp_path, [refused, refused, WHOLE]), "refused")
    assert line.text == "2 of 3 replies were refused or filtered (content_filter: 2)" and line.level == "alarm"


@pytest.mark.parametrize(
    ("text", "blind"),
    [
        ("I'm sorry, but I cannot see the images you mention.", True),
        ("As a text-based AI model, I have no eyes.", True),
        ("I\u2019m unable to view images directly.", True),
        ("No image was provided.", True),
        ("Could you please upload the pictures?", True),
        ("You cannot see the cup behind the box.", False),
        ("The two images are alike; I see no difference.", False),
    ],
)
def test_who_says_that_it_sees_nothing(tmp_path: Path, text: str, blind: bool) -> None:
    found = health(tmp_path, [said(text)])
    assert [line.kind for line in found[0].lines] == (["blind"] if blind else [])


def test_where_images_were_dropped_it_is_the_truth(tmp_path: Path) -> None:
    assert health(tmp_path, [said("I cannot see any images.")], variant="images=dropped")[0].lines == ()


def test_one_text_for_many_items_is_suspicious_unless_it_is_short(tmp_path: Path) -> None:
    own = [said(f"The cup of item {i} is red.") for i in range(36)]
    line = only(health(tmp_path / "long", [*own, *[said("What  lovely pictures these are!")] * 4]), "identical")
    assert (line.count, line.of, line.level) == (4, 40, "warning")
    assert health(tmp_path / "short", [*own, *[said("red")] * 4])[0].lines == ()


def test_one_option_for_all_items_is_suspicious_unless_it_is_right(tmp_path: Path) -> None:
    scores = [Score(1, "accuracy", float(i % 2), None, answer="B") for i in range(20)]
    found = health(tmp_path / "half", [said("B")] * 20, options=("A", "B"), scores=scores)
    assert only(found, "one_option").text == "B is the answer to 20 of 20 items, and right for 10 of them"
    all_right = [replace(score, value=1.0) for score in scores]
    assert health(tmp_path / "right", [said("B")] * 20, options=("A", "B"), scores=all_right)[0].lines == ()


def test_two_served_versions_are_both_named(tmp_path: Path) -> None:
    found = health(tmp_path, [said("a", model_version="v-1")] * 3 + [said("b", model_version="v-2")] * 2)
    assert found[0].served == (("v-1", 3), ("v-2", 2))
    assert only(found, "versions").text == (
        "2 versions were served under one name: v-1: 3, v-2: 2; the score is of a mixture"
    )


def test_invalid_answers_are_counted_by_cause(tmp_path: Path) -> None:
    scores = [Score(1, "accuracy", 0.0, "names no option", invalid=True)] * 2
    scores += [
        Score(1, "accuracy", 0.0, "names two options", invalid=True),
        Score(1, "accuracy", 1.0, None, answer="A"),
    ]
    line = only(health(tmp_path, [said("?")] * 4, options=("A", "B"), scores=scores), "invalid")
    assert line.text == "3 of 4 answers are invalid (names no option: 2, names two options: 1)"


def test_prompts_that_were_too_long_are_counted(tmp_path: Path) -> None:
    why = "the prompt has 6,009 tokens, images included, and the model 2,048 positions"
    scores = [Score(1, "accuracy", None, why), Score(1, "accuracy", 1.0, None)]
    line = only(health(tmp_path, [said("A"), said("A")], options=("A", "B"), scores=scores), "long")
    assert line.text.startswith("1 of 2 items have prompts longer than the model takes")


def test_baselines_are_what_they_are_and_healthy_runs_have_no_lines(tmp_path: Path) -> None:
    assert health(tmp_path / "chance", [said("")] * 3, kind="baseline") == ()
    assert health(tmp_path / "well", [said(f"Answer number {i}") for i in range(12)])[0].lines == ()
