"""Planning tables against the published values of the methods."""

from __future__ import annotations

import pytest

from sparkles_eval.analysis.config import PlanQuestion
from sparkles_eval.analysis.planning import plan
from sparkles_eval.analysis.tables import Table
from sparkles_eval.core.errors import UserError


def tables(question: PlanQuestion) -> dict[str, Table]:
    return {table.name.removeprefix("plan-"): table for table in plan(question).tables}


def test_what_150_items_could_show() -> None:
    found = tables(PlanQuestion(items=(150,)))
    (accuracy,) = found["accuracy"].records()
    expected = {10: 0.0718, 20: 0.1015, 30: 0.1243, 40: 0.1435, 50: 0.1605}
    assert {share: accuracy[f"discordant_{share}"] for share in expected} == pytest.approx(expected, abs=5e-5)
    (scores,) = found["scores"].records()
    assert (scores["r_0"], scores["r_50"], scores["half_width"]) == pytest.approx((0.4884, 0.3454, 0.2420), abs=5e-5)
    (chance,) = found["chance"].records()
    assert chance["right"] == 88 and chance["true"] == pytest.approx(0.6167, abs=5e-5)


def test_human_labels_and_repeats() -> None:
    found = tables(PlanQuestion(items=(150,)))
    endless = [record["endless"] for record in found["labels"].records()]
    assert endless == [97, 73, 49, 35, 19]
    worth = [record["fifty"] for record in found["labels"].records()]
    assert [round(float(str(value))) for value in worth] == [50, 60, 74, 87, 109]
    five = [record["repeats_5"] for record in found["repeats"].records()]
    assert five == pytest.approx([0.1175, 0.1068, 0.0949], abs=5e-5)


def test_clusters_cost_items() -> None:
    alone, shared = PlanQuestion(items=(150,)), PlanQuestion(items=(300,), cluster_size=2, icc=1.0)
    for name in ("accuracy", "scores"):
        first, second = (tables(question)[name].records()[0] for question in (alone, shared))
        assert {**first, "items": 0} == pytest.approx({**second, "items": 0}), "pairs that agree are one item"


def test_wished_differences_name_the_items_they_need() -> None:
    found = tables(PlanQuestion(mde=0.05, mde_score=0.3))
    assert "1,254 items where 40% differ" in found["accuracy"].notes[-1]
    assert "395 items at r = 0" in found["scores"].notes[-1]
    doubled = tables(PlanQuestion(mde=0.05, cluster_size=2, icc=1.0))["accuracy"].notes[-1]
    assert "2,508 items where 40% differ" in doubled


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"items": (1,)}, "2 or more"),
        ({"power": 0.01}, "power between alpha and 1"),
        ({"icc": 2.0}, "correlations within clusters 0 to 1"),
        ({"mde": 0.7}, "70 points is outside"),
        ({"mde_score": 0.0}, "0 points cannot be planned for"),
    ],
)
def test_questions_without_an_answer(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(UserError, match=told):
        plan(PlanQuestion(**wrong))  # type: ignore[arg-type]
