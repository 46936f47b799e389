"""The shipped folders of published benchmarks on made-up data in the published layouts, from files to scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sparkles_eval.core import Model, Sample, Text
from sparkles_eval.core.errors import DataError
from sparkles_eval.judges.base import AnsweredSample
from sparkles_eval.judges.load import load_judge
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.columns.column_spec import RowSource
from sparkles_eval.tasks.folders import expand_groups, find_task
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.scorers import Question
from tests.end_to_end.running import here, rows
from tests.tasks.published_layouts import LAYOUTS

pytest.importorskip("pyarrow")
MODEL = Model("openai/gpt-4o", "openai", "gpt-4o")


def loaded(name: str, root: Path, **more: object) -> Task:
    return load_task(name, data_root=LAYOUTS[name](root), **more)  # type: ignore[arg-type]


def words(sample: Sample, turn: int = 0) -> str:
    return "".join(part.text if isinstance(part, Text) else "▣" for part in sample.turns[turn].content)


def score(task: Task, sample: Sample, text: str, turn: int = 1) -> float:
    bound = task.protocol.scorer
    assert bound is not None
    return bound.scorer(text, Question.of(sample, turn), **bound.options).value


@pytest.mark.parametrize("name", sorted(set(LAYOUTS) - {"mmdu", "multiverse"}))
def test_the_oracle_has_all_points_and_the_lazy_model_fewer(name: str, own_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    root, store = LAYOUTS[name](tmp_path / "data"), tmp_path / "s.db"
    baselines = ("-m", "baseline/oracle", "-m", "baseline/constant")
    places = ("--data-root", str(root), "--store", str(store), "--no-report")
    done = here("run", "-t", name, *baselines, *places, "--skip-bad")
    assert done.code == 0, done.shown
    found: dict[Any, Any] = dict(
        rows(  # type: ignore[arg-type]
            store,
            "SELECT m.name, AVG(s.value) FROM scores s JOIN runs r ON r.id = s.run_id"
            " JOIN models m ON m.id = r.model_id GROUP BY 1",
        )
    )
    assert found["baseline/oracle"] == 1.0
    assert float(str(found["baseline/constant"])) < 1.0


def test_muirbench_places_pictures_in_options_and_pairs_twins(own_cache: Path, tmp_path: Path) -> None:
    first, twin, third, fourth = loaded("muirbench", tmp_path).samples
    assert words(first) == "Which one is like ▣?\n(A) ▣\n(B) ▣\n(C) None of the choices provided"
    assert first.group == twin.group and third.group == fourth.group != first.group
    assert words(fourth).startswith("▣How many cups are there?▣")
    paper = loaded("muirbench", tmp_path, protocol="paper")
    said = {"(A) or rather (D)": 1.0, "A . D": 1.0, "I count them all and there are three": 1.0, "D.": 1.0, "A": 0.0}
    assert {text: score(paper, third, text) for text in said} == said
    drawn = {sample.id: score(paper, sample, "") for sample in paper.samples}
    assert drawn == {sample.id: score(paper, sample, "no idea") for sample in paper.samples}


def test_blink_asks_its_own_prompt_and_refuses_hidden_labels(own_cache: Path, tmp_path: Path) -> None:
    task = loaded("blink", tmp_path)
    assert len(task.samples) == 28 and {len(sample.images) for sample in task.samples} == {1, 2, 3, 4}
    assert words(task.samples[0]).count("(A)") == 1 and task.metrics[0] == "macro_accuracy"
    assert len(load_task("blink", data_root=tmp_path, args={"config": "Jigsaw"}).samples) == 2
    with pytest.raises(DataError, match="label is not published"):
        load_task("blink", data_root=tmp_path, args={"split": "test"})
    paper = load_task("blink", data_root=tmp_path, protocol="paper", args={"config": "Jigsaw"})
    right = ("(B)", "B", "It is (B), I think", "(A) or (B)\n\n(B)")
    said = dict.fromkeys(right, 1.0) | dict.fromkeys(("The third", "B: the third"), 0.0)
    assert {text: score(paper, paper.samples[0], text) for text in said} == said


def test_mmiu_reads_archives_and_lists_options_once(own_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no answer in the column 'output'"):
        loaded("mmiu", tmp_path)
    task = load_task("mmiu", data_root=tmp_path, skip_bad=True)
    shown = [task.prompt.conversation(sample, ()).messages[0].text for sample in task.samples]
    assert [text.count("A: ") for text in shown] == [1, 1] and len(task.skipped) == 1
    assert [sample.target for sample in task.samples] == ["third", "1, 2"]
    paper = load_task("mmiu", data_root=tmp_path, skip_bad=True, protocol="paper")
    said = {"C": 1.0, " c ": 1.0, "C.": 0.0, "third": 0.0}
    assert {text: score(paper, paper.samples[0], text) for text in said} == said


def test_mantis_eval_mixes_choices_and_short_answers(own_cache: Path, tmp_path: Path) -> None:
    task, paper = loaded("mantis-eval", tmp_path), loaded("mantis-eval", tmp_path, protocol="paper")
    choice, bare, short = task.samples
    assert words(choice) == "▣ ▣ Which holds more?\n(A) the first\n(B) the second"
    assert words(short) == "▣Is ▣ larger?" and (short.options, short.target) == ((), "Yes")
    assert [score(task, choice, text) for text in ("B", "the second.", "Answer: (A)")] == [1.0, 1.0, 0.0]
    assert [score(task, bare, text) for text in ("An anvil", "It is an anvil.")] == [1.0, 1.0]
    assert [score(task, short, text) for text in ("Yes.", "Answer: yes", "No")] == [1.0, 1.0, 0.0]
    assert [score(paper, choice, text) for text in ("Final Answer: B", "Better: A", "the second")] == [1, 1, 1]
    assert [score(paper, choice, text) for text in ("It is the second.", "final answer: a", "")] == [0, 0, 0]
    assert [score(paper, short, text) for text in ("Final Answer: yes", "Yes, it is")] == [1.0, 0.0]


def test_mirb_reads_as_published_with_its_faults(own_cache: Path, tmp_path: Path) -> None:
    task = loaded("mirb", tmp_path, protocol="paper")
    count, analogy, code, _ = task.samples
    assert [score(task, count, text) for text in ("3", "Three cups.", "I see 3. Or 4.", "4")] == [1, 1, 1, 0]
    assert [score(task, analogy, text) for text in ("No", "", "yes")] == [1, 1, 0]
    assert [score(task, code, text) for text in ("A", "a.", "A cat")] == [1, 1, 0]
    prompt = task.prompt.conversation(count, ()).messages[0].text
    assert "one number" in prompt and len(count.images) == 1


def test_mmdu_spreads_pictures_over_the_dialogue_and_its_judge_sees_reference_and_images(
    own_cache: Path, tmp_path: Path
) -> None:
    (sample,) = loaded("mmdu", tmp_path).samples
    assert [words(sample, turn) for turn in range(3)] == [
        "Describe ▣ and ▣.",
        "Which is older?",
        "Compare them with ▣.",
    ]
    judge = load_judge("mmdu", adapter_model=MODEL)
    assert judge.check(sample) is None and len(judge.card.criteria) == 6
    calls = judge.calls(AnsweredSample(sample, ("One.", "Two.", "Three.")))
    assert len(calls) == 3 and [len(call.expects) for call in calls] == [6, 6, 6]
    last = calls[-1].conversation
    assert last is not None
    shown = last.messages[0].text
    assert "It is greener." in shown and "The red one." not in shown


def test_vischainbench_offers_the_pictures_of_each_turn_as_options(own_cache: Path, tmp_path: Path) -> None:
    task = loaded("vischainbench", tmp_path)
    first = task.samples[0]
    assert words(first).startswith("A table is laid.\nWhat comes next (0)?") and words(first, 1).endswith("\nC. ▣")
    assert [turn.targets for turn in first.turns] == [("A",), ("C",)]
    assert [score(task, first, "Answer: C", turn) for turn in (1, 2)] == [0.0, 1.0]


def test_multiverse_gives_the_judge_each_answers_checklist(own_cache: Path, tmp_path: Path) -> None:
    (sample,) = loaded("multiverse", tmp_path).samples
    assert [turn.reference for turn in sample.turns] == ["A cup.", "To drink."]
    judge = load_judge("checklist", adapter_model=MODEL)
    assert judge.check(sample) is None
    one, two = (call.conversation for call in judge.calls(AnsweredSample(sample, ("It is a cup.", "To drink."))))
    assert (
        one is not None
        and "Is the cup named?" in one.messages[0].text
        and "Is a use named?" not in one.messages[0].text
    )
    assert two is not None and "Is a use named?" in two.messages[0].text


def test_groups_and_folders_without_python(own_cache: Path) -> None:
    group = expand_groups(["multi-image", "multi-turn", "blink"])
    assert set(group) == set(LAYOUTS) and len(group) == len(LAYOUTS)
    for name in LAYOUTS:
        spec = find_task(name).spec
        assert spec.loader == "table" and isinstance(spec.source, RowSource)
        assert not list(find_task(name).path.glob("*.py"))
