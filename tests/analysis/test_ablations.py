"""Altered runs beside the runs as they are, and both image orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.ablation_tables import OrderEffect
from sparkles_eval.analysis.ablations import ablations
from sparkles_eval.analysis.compare import compare
from sparkles_eval.core import Criterion, Generation, Image, Model, Run, Sample, Score, Text, Turn
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.rows import JudgeRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.base import Orders
from sparkles_eval.tasks.variants import swapped
from tests.analysis.making import ENVIRONMENT, RULE, RUN, counts, fill


def test_every_altered_run_stands_beside_the_one_as_it_is(evaluated: Store) -> None:
    found = ablations(evaluated)
    told = {(row.base.run.task.name, row.base.label, row.altered.variant, row.metric) for row in found.ablations}
    names = ("baseline/chance", "baseline/constant", "baseline/oracle")
    assert told == {
        *((task, name, "images=dropped", "accuracy") for task in ("nlvr2-mini", "bison-mini") for name in names),
        *(("sparkleseval-mini", name, "history=reference", "sparkles_score") for name in names),
        *(("sparkleseval-mini", name, "history=reference", "A2") for name in names),
    }
    assert all(row.tested.n == 36 and row.tested.difference == 0 for row in found.ablations), "baselines do not look"
    assert [table.name for table in found.tables] == ["ablations-percent", "ablations-points", "orders"]


def test_a_model_that_looks_loses_what_it_saw(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        scores = counts(60, 40, 5, 45)
        fill(store, {"m": scores["a"]})
        fill(store, {"m": scores["b"]}, run=replace(RUN, variant="images=dropped"))
        (row,) = ablations(store, "m").ablations
        assert row.tested.difference == pytest.approx(35 / 150)
        assert row.tested.p is not None and row.tested.p < 1e-6
        (record,) = ablations(store).tables[0].records()
        assert [record["base"], record["altered"]] == pytest.approx([100 / 150, 65 / 150])


def test_without_altered_runs_it_says_how_to_make_them(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, counts(60, 40, 5, 45))
        with pytest.raises(UserError, match=r"no altered run; `run` makes them with --orders both, --images dropped"):
            ablations(store)


def test_compare_leaves_altered_runs_out_unless_asked(evaluated: Store) -> None:
    models = "baseline/oracle", "baseline/chance"
    plain = compare(evaluated, *models, task="nlvr2-mini")
    assert [len(c.matrix.items) for c in plain.comparisons] == [36]
    both = compare(evaluated, *models, task="nlvr2-mini", variant="orders=both").comparisons[0]
    assert (both.pairs[0].n, both.pairs[0].clusters) == (72, 9)
    with pytest.raises(UserError, match="altered by 'images=wrong'; there are images=dropped, orders=both"):
        compare(evaluated, *models, task="nlvr2-mini", variant="images=wrong")


# --- both orders --------------------------------------------------------------------------------------------------


def orders_of(store: Store, model: str, task: str) -> OrderEffect:
    (found,) = [row for row in ablations(store, model).orders if row.column.run.task.name == task]
    return found


def test_always_the_first_place_is_all_position_and_no_sight(evaluated: Store) -> None:
    found = orders_of(evaluated, "baseline/constant", "bison-mini")
    assert found.accuracy.value == 0.5 and found.corrected.value == 0
    assert found.both_right.value == 0 and found.consistency.value == 0
    assert found.bias is not None and found.bias.first_bias == 1.0 and found.bias.p < 1e-9
    assert (found.first_wins.value, found.first_wins.high) == (1.0, 1.0)


def test_the_oracle_has_no_order(evaluated: Store) -> None:
    for task in ("bison-mini", "nlvr2-mini"):
        found = orders_of(evaluated, "baseline/oracle", task)
        assert found.both_right.value == found.consistency.value == found.corrected.value == 1.0
        assert found.flips == found.unread == 0
    assert orders_of(evaluated, "baseline/oracle", "nlvr2-mini").bias is None, "true and false are no places"


def test_flips_are_counted_by_the_place_that_won(tmp_path: Path) -> None:
    """10 consistent, 14 times the first place twice, 6 times the second, 2 unreadable."""
    rule = JudgeRow("strict@1", "strict", 1, "", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
    answers = [("A", "B")] * 10 + [("A", "A")] * 14 + [("B", "B")] * 6 + [(None, "A")] * 2
    given = [Sample(f"i{n}", (Turn((Text(f"? {n}"),)),), {}, ("A", "B"), "A", cluster=f"i{n}") for n in range(32)]
    with Store(tmp_path / "s.db") as store:
        environment = store.add_environment(ENVIRONMENT)
        store.add_judge(rule)
        pairs = [sample for one in given for sample in (one, _other(one))]
        run = replace(RUN, model=Model("m", "m", "m"), variant="orders=both", total=64)
        task = TaskRow("pairs", 1, "Pairs", ("accuracy",), ("A", "B"), {}, "", "", "")
        ids = store.add_run(run, task, pairs, [], environment)
        said = [answer for both in answers for answer in both]
        store.add_scores([_score(run, key, s, a) for key, s, a in zip(ids, pairs, said, strict=True)])
        found = orders_of(store, "m", "pairs")
    assert (found.flips, found.unread) == (20, 2)
    assert found.consistency.value == pytest.approx(10 / 30)
    assert found.bias is not None and found.bias.p == pytest.approx(0.1153, abs=5e-4)
    assert [found.first_wins.value, found.first_wins.low] == pytest.approx([0.7, 0.457], abs=1e-3), "exact below 30"
    assert found.both_right.value == pytest.approx(10 / 32)
    assert [found.given.value, found.swapped.value] == pytest.approx([24 / 32, 16 / 32])
    assert found.gap.difference == pytest.approx(8 / 32) and found.gap.n == 32


def _other(sample: Sample) -> Sample:
    """The item's record in the other order; nobody looks at the images here."""
    images = tuple(Image(f"{n}" * 64, "image/png", 1, 1, 1, "x") for n in (1, 2))
    return replace(swapped(replace(sample, turns=(Turn(images),)), Orders("swaps")), turns=sample.turns)


def _score(run: Run, key: str, sample: Sample, answer: str | None) -> ScoreRow:
    value = float(answer == sample.target)
    reason = None if answer else "no option"
    return ScoreRow(run.id, key, 0, RULE.id, 0, Score(1, "accuracy", value, reason, answer is None, answer))


def test_generation_settings_tell_runs_apart(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        scores = counts(60, 40, 5, 45)
        fill(store, {"m": scores["a"]})
        warm = replace(RUN, variant="images=dropped", generation=Generation(temperature=1.0))
        fill(store, {"m": scores["b"]}, run=warm)
        assert ablations(store).ablations == (), "another temperature is another model"
