"""Step-by-step answers: each step is computed from the scenes, and what they come to is the truth."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from sparkles_eval.synthetic.bison_items import choice
from sparkles_eval.synthetic.nlvr2_items import judged
from sparkles_eval.synthetic.scene import CELL_NAMES, dice
from sparkles_eval.tasks.scorers.rules import extract
from sparkles_eval.training.mini import curriculum
from sparkles_eval.training.mini.worked_answers import choice_steps, conclusion_drill, judgement_steps
from sparkles_eval.training.recipes import ExampleKind

SIDES = {"left": "IMAGE#1", "right": "IMAGE#2"}


def test_an_answer_reads_like_this() -> None:
    item = choice(-1, 0)
    assert choice_steps(item) == (
        "Wanted: red fish top left. IMAGE#1: top left yellow fish: no, found zero: fails. "
        "IMAGE#2: top left red fish: yes, found one: fits."
    )


@pytest.mark.parametrize("index", range(60))
def test_the_image_that_fits_is_the_target(index: int) -> None:
    item = choice(5, index)
    verdicts = re.findall(r"(fits|fails)\.", choice_steps(item))
    assert verdicts == (["fits", "fails"] if item.target == 0 else ["fails", "fits"])


@pytest.mark.parametrize("index", range(0, 144, 2))
def test_a_scan_tells_what_the_scene_holds(index: int) -> None:
    """Every attribute that is told of a cell is that of the thing there, and empty cells are told as such."""
    item = judged(5, index)
    scenes = {"IMAGE#1": item.left, "IMAGE#2": item.right}
    told = re.findall(r"(IMAGE#\d): (.*?), found", judgement_steps(item, SIDES))  # type: ignore[arg-type]
    assert told, "at least one image is looked at"
    for image, cells in told:
        things = {thing.cell: thing for thing in scenes[image].things}
        for cell in cells.split(", "):
            place = next(name for name in CELL_NAMES if cell.startswith(name))
            words = cell.removeprefix(place).split(":")[0].split()
            thing = things.get(place)
            assert words == ["nothing"] if thing is None else set(words) <= {thing.size, thing.colour, thing.kind}


def test_drills_are_true_as_often_as_not_and_know_every_rule() -> None:
    drawn = [conclusion_drill(dice("test", 0, number)) for number in range(2000)]
    assert 900 < sum(holds for _, holds in drawn) < 1100
    rules = Counter(step.removeprefix("Needed ").partition(",")[0] for step, _ in drawn)
    assert {"both", "neither", "more", "fewer", "same", "twice left", "exactly two", "above"} <= set(rules)


@pytest.mark.parametrize("kind", ["bison", "nlvr2"])
def test_the_tasks_own_rules_read_the_answers(kind: ExampleKind) -> None:
    """In both protocols: what a lesson teaches is read as its target by the unchanged extractors."""
    album = curriculum.SceneAlbum()
    for lesson in curriculum.make(album, {kind: 80}):
        paper = "step by step." in lesson.answer
        options = ("IMAGE#1", "IMAGE#2") if kind == "bison" else ("True", "False")
        wanted = lesson.answer.rstrip(".").rpartition(" ")[2]
        read = extract("paper" if paper else "strict", lesson.answer, options).option
        assert read is not None and read.lower() == wanted.lower()
