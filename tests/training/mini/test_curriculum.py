"""Lessons: never an item of an evaluation, images at their places, and one image only where one is promised."""

from __future__ import annotations

import pytest

from sparkles_eval.sparkleschat.prompts import PLACEHOLDER
from sparkles_eval.synthetic.bison_items import choice
from sparkles_eval.synthetic.nlvr2_items import judged
from sparkles_eval.training.mini import curriculum
from sparkles_eval.training.recipes import ExampleKind


@pytest.mark.parametrize("kind", list(curriculum.MAKERS))
def test_a_prompt_has_a_place_for_each_picture(kind: ExampleKind) -> None:
    album = curriculum.SceneAlbum()
    for lesson in curriculum.make(album, {kind: 60}):
        assert lesson.prompt.count(PLACEHOLDER) == len(lesson.pictures)
        assert lesson.prompt.startswith("###Human: ") and lesson.prompt.endswith("###Assistant:")
        assert PLACEHOLDER not in lesson.answer and "###" not in lesson.answer
        assert all(0 <= number < len(album.scenes) for number in lesson.pictures)


def test_a_single_image_model_sees_single_images() -> None:
    album = curriculum.SceneAlbum()
    made = curriculum.make(album, {"single": 300})
    assert {len(lesson.pictures) for lesson in made} == {1}
    asked = [lesson for lesson in made if "Therefore, the answer" in lesson.answer]
    assert {lesson.answer.rstrip(".").rpartition(" ")[2].upper() for lesson in asked} == {
        "IMAGE#1",
        "IMAGE#2",
        "TRUE",
        "FALSE",
    }, "it knows how the tasks want to be answered"


def test_scenes_of_lessons_are_not_those_of_evaluations() -> None:
    """The first 500 items of three evaluation seeds, against as many lessons: not one scene in common."""
    album = curriculum.SceneAlbum()
    curriculum.make(album, {"bison": 500, "nlvr2": 500})
    taught = set(album.scenes)
    asked = set()
    for seed in (0, 1, 2023):
        for index in range(500):
            pair = judged(seed, index)
            asked |= {*choice(seed, index).scenes, pair.left, pair.right}
    assert len(asked) > 5000 and not taught & asked


def test_a_scene_is_kept_once() -> None:
    album = curriculum.SceneAlbum()
    curriculum.make(album, {"dialogue": 20})
    before = len(album.scenes)
    curriculum.make(album, {"dialogue": 20})
    assert len(album.scenes) == before == len(set(album.scenes))
