"""What pages show of samples: marks, how far judges lie apart, people beside judges, labels that tell runs apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.groups import asked, groups
from sparkles_eval.reports.samples.sample_views import AnswerView, RatingView, SampleView, VerdictView
from sparkles_eval.store.store import Store
from tests.reports import hostile
from tests.reports.varied import FAR, NEAR, varied


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with varied(tmp_path_factory.mktemp("varied") / "v.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def shown(store: Store) -> dict[str, tuple[SampleView, ...]]:
    """Every sample by its task."""
    summary = summarise(store)
    return {task.name: group.samples for task in summary.tasks for group in groups(store, task, 100)}


def test_judges_and_people_stand_side_by_side(shown: dict[str, tuple[SampleView, ...]]) -> None:
    first, second, third = shown["sparkleseval-mini"][:3]
    (answer, *_) = first.answers
    assert [(v.judge, v.person) for v in answer.verdicts] == [
        ("careful-reader", False),
        ("stern-reader (openai/stern-1)", False),
        ("ada", True),
    ]
    one, two, three = answer.criteria(1)
    assert one.name == "Image understanding" and [said.value for said in one.said] == ["10", "6", "7.5"]
    assert [said.explanation for said in two.said] == ["The second answer follows from the first."] * 2 + [""]
    assert one.said[2].explanation == "Reads well; one place is wrong." and three.apart == FAR
    assert first.answers[0].apart == FAR and second.answers[0].apart == NEAR
    assert not any(verdict.person for verdict in third.answers[0].verdicts)


def test_only_judges_of_one_scale_lie_apart() -> None:
    def verdict(name: str, points: float, *, high: float = 10, person: bool = False) -> VerdictView:
        rating = RatingView(1, "Coherence", str(points), "", points)
        return VerdictView(name, str(points), (rating,), "", None, (1, high), person, points)

    def apart(*verdicts: VerdictView) -> float:
        return AnswerView("m", "", "rated", "5", None, (), verdicts, 5.0).apart

    assert apart(verdict("a", 9), verdict("b", 2)) == 7
    assert apart(verdict("a", 9), verdict("b", 2, high=5)) == 0
    assert apart(verdict("a", 9), verdict("ada", 2, person=True)) == 0
    assert apart(verdict("a", 9), verdict("a", 5), verdict("b", 6)) == 1  # repeats count with their mean
    assert apart() == 0


def test_facets_say_what_filters_read(shown: dict[str, tuple[SampleView, ...]]) -> None:
    options = [json.loads(view.facets) for view in shown["nlvr2-mini"]]
    assert all(len(one["m"]) == 5 and one["p"] == [] and one["l"] == "" and one["n"] == 2 for one in options)
    assert options[2]["m"].count("i") == 1 and options[4]["m"] == "ruuuu" and options[0]["h"] == 0
    first, second, third, *_ = [json.loads(view.facets) for view in shown["sparkleseval-mini"]]
    assert first["m"] == "ppp" and first["p"] == [9.33, 8.33, 7.33] and (first["d"], second["d"]) == (FAR, NEAR)
    assert (first["h"], second["h"], third["h"]) == (1, 1, 0)
    assert first["t"] == list(shown["sparkleseval-mini"][0].tags) != []


def test_many_answers_are_bars_by_height(shown: dict[str, tuple[SampleView, ...]]) -> None:
    levels = {answer.mark: answer.level for view in shown["nlvr2-mini"] for answer in view.answers}
    assert levels == {"right": 8, "wrong": 1, "invalid": 1, "unscored": 0}
    view = shown["sparkleseval-mini"][0]
    assert [answer.level for answer in view.answers] == [7, 7, 6] and view.few
    crowded = replace(view, answers=view.answers * 5)
    assert not crowded.few and json.loads(crowded.facets)["l"] == "776" * 5


def test_the_tally_says_the_marks_in_words(shown: dict[str, tuple[SampleView, ...]]) -> None:
    assert shown["nlvr2-mini"][4].tally == "1 right, 4 unscored"
    assert shown["sparkleseval-mini"][0].tally == "3 rated 7.33 to 9.33 by careful-reader"


def test_points_of_two_judges_are_never_one_range(shown: dict[str, tuple[SampleView, ...]]) -> None:
    view = shown["sparkleseval-mini"][0]
    first, *others = view.answers
    assert first.by == "careful-reader" and first.points == first.verdicts[0].points
    later = replace(first, by=first.verdicts[1].judge, points=first.verdicts[1].points)
    assert replace(view, answers=(later, *others)).tally == (
        "1 rated 5.33 by stern-reader (openai/stern-1), 2 rated 7.33 to 8.33 by careful-reader"
    )
    alone = replace(view, answers=tuple(replace(a, verdicts=a.verdicts[:1]) for a in view.answers))
    assert alone.tally == "3 rated 7.33 to 9.33"


def test_what_was_read_is_found_in_its_place(shown: dict[str, tuple[SampleView, ...]]) -> None:
    for view in shown["nlvr2-mini"]:
        for answer in view.answers:
            for turn in answer.turns:
                before, read, after = turn.parts
                assert before + read + after == turn.text.text
                assert (read == answer.extracted) if answer.extracted else (read == "")
                if read:
                    assert before.endswith("the answer is ") and after == "."


def test_one_model_asked_twice_has_two_labels(store: Store) -> None:
    (task, _) = summarise(store).tasks
    (group,) = asked(store, task)
    assert len(set(group.labels)) == len(group.labels) == 5
    assert {"lab-0/reader-00", "lab-0/reader-00 (altered: images=dropped)"} < set(group.labels)
    (made,) = groups(store, task, 2)
    assert made.labels == group.labels and made.left_out == 4 and made.id == group.id
    altered = next(answer for answer in made.samples[0].answers if answer.altered)
    assert altered.altered == "images=dropped" and "altered" in altered.label


def test_ids_of_groups_are_safe_in_addresses_and_stay_the_same(store: Store, tmp_path: Path) -> None:
    before = [group.id for task in summarise(store).tasks for group in asked(store, task)]
    assert before == [group.id for task in summarise(store).tasks for group in asked(store, task)]
    with hostile.build(tmp_path / "h.db") as other:
        made = [group.id for task in summarise(other).tasks for group in asked(other, task)]
    assert len(set(made)) == len(made) == 2
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._") for name in (*before, *made))


def test_a_stretch_can_be_read_from_anywhere(store: Store) -> None:
    from sparkles_eval.reports.samples.reader import sample_views

    (task, _) = summarise(store).tasks
    entries = task.panels[0].entries
    assert [view.position for view in sample_views(store, entries, offset=2, limit=3)] == [3, 4, 5]
    (some,) = asked(store, task)
    wanted = [view.id for view in sample_views(store, some.entries, offset=4, limit=9)]
    assert [view.id for view in sample_views(store, some.entries, limit=9, only=wanted)] == wanted
