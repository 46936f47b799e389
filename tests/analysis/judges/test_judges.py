"""Judges compared: on marks made by hand, where every number is known, and on a judged store from end to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sparkles_eval.analysis.judges import comparison as judges_tables
from sparkles_eval.analysis.judges.agreement import agreements, joint, largest_gaps, lenient
from sparkles_eval.analysis.judges.judge_biases import favours
from sparkles_eval.analysis.judges.judge_scores import Answer, Marker, Marks, find_judge, read_marks
from sparkles_eval.analysis.tables import Span, Table
from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from tests.analysis.judging import GOOD, MODELS, WEAK, judged_store, label
from tests.end_to_end.running import here, rows
from tests.server import LoopbackServer


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with LoopbackServer() as server, Store(tmp_path_factory.mktemp("judges") / "s.db") as store:
        judged_store(store, server)
        runs = read_runs.runs(store)
        names = [place.sample_id for place in read_runs.places(store, runs[0].id)]
        for rater, shift in (("ada", 0.0), ("ben", 1.0), ("eve", 0.5)):
            points = {
                (model, sample): min(10.0, (9.0 if model == "baseline/oracle" else 2.0) + shift + number % 3 / 2)
                for model in MODELS
                for number, sample in enumerate(names)
            }
            label(store, runs, rater, points)
        yield store


def _marks(store: Store, values: NDArray[np.float64], models: list[str]) -> Marks:
    """Marks by hand: judges x answers, one criterion; `models` names the model of each answer."""
    runs = {run.model.name: run for run in read_runs.runs(store)}
    row = read_runs.judges(store, next(iter(runs.values())).id)[0]
    answers = tuple(
        Answer(_run(runs, model), f"s{place}", f"s{place}", 0, 1, f"c{place}", 10 + place)
        for place, model in enumerate(models)
    )
    markers = tuple(Marker(f"j{n}", replace(row, id=f"j{n}", name=f"j{n}")) for n in range(len(values)))
    repeats = tuple(row[:, None] for row in values)
    cube = values[:, None, :]
    return Marks("t", tuple(runs.values()), markers, (Criterion("C1", "x"),), 1, 10, answers, cube, repeats)


def _run(runs: dict[str, StoredRun], model: str) -> StoredRun:
    return runs[model]


def _cell(table: Table, name: str, row: int = 0) -> object:
    return table.rows[row][[head.name for head in table.heads].index(name)]


def test_a_judge_that_is_a_point_kinder_agrees_in_order_but_not_in_marks(judged: Store) -> None:
    base = np.array([2.0, 4.0, 6.0, 3.0, 5.0, 8.0])
    marks = _marks(judged, np.stack([base + 1, base]), [MODELS[0]] * 3 + [MODELS[1]] * 3)
    pair = agreements(marks)[0]
    assert pair.order.within_model.spearman == pytest.approx(1) and pair.order.system.kendall_tau_b == pytest.approx(1)
    assert pair.icc is not None and pair.icc.icc_3_1 == pytest.approx(1) and (pair.icc.icc_2_1 or 1) < 0.95
    assert pair.bias.value == pytest.approx(1) and pair.alpha.mean_gap == pytest.approx(1)
    # 1 - MSE / (2 var + 1), Cohen 1968 with population variances
    assert pair.kappa.quadratic == pytest.approx(1 - 1 / (2 * float(np.var(base)) + 1))
    assert lenient(marks).points == pytest.approx({"j0": 0.5, "j1": -0.5})
    assert [gap.gap for gap in largest_gaps(marks, 2)] == [pytest.approx(1)] * 2


def test_within_and_between_models_are_kept_apart(judged: Store) -> None:
    first = np.array([1.0, 2.0, 3.0, 7.0, 8.0, 9.0])
    second = np.array([3.0, 2.0, 1.0, 9.0, 8.0, 7.0])
    pair = agreements(_marks(judged, np.stack([first, second]), [MODELS[0]] * 3 + [MODELS[1]] * 3))[0]
    assert pair.order.within_model.spearman == pytest.approx(-1)
    assert (pair.order.pooled.spearman or 0) > 0.5 and pair.order.system.spearman == pytest.approx(1)


def test_judges_without_a_common_answer_have_no_agreement_and_no_leniency(judged: Store) -> None:
    gap = np.nan
    apart = np.array([[5.0, 6.0, gap, gap], [gap, gap, 7.0, 8.0]])
    marks = _marks(judged, apart, [MODELS[0]] * 2 + [MODELS[1]] * 2)
    pair = agreements(marks)[0]
    assert (pair.n, pair.order.pooled.spearman, pair.alpha.value, pair.icc, pair.bias.value) == (0,) + (None,) * 4
    found = lenient(marks)
    assert not found.points and "never meet" in found.refused
    linked = _marks(judged, apart, [MODELS[0]] * 4)
    assert lenient(linked).points == pytest.approx({"j0": -1.0, "j1": 1.0}), "they marked the same model"
    tables = judges_tables.compare(judged, marks)
    assert any("never meet" in note for table in tables for note in table.notes)


def test_constant_marks_are_undefined_not_nought(judged: Store) -> None:
    marks = _marks(judged, np.full((3, 6), 10.0), [MODELS[0]] * 3 + [MODELS[1]] * 3)
    for pair in agreements(marks):
        assert (pair.order.within_model.spearman, pair.alpha.value, pair.kappa.quadratic) == (None, None, None)
        assert pair.alpha.mean_gap == 0
    assert all(one.alpha.value is None for one in joint(marks))
    judges_tables.compare(judged, marks)


def test_the_family_effect_needs_own_and_other_models(judged: Store) -> None:
    marks = _marks(judged, np.array([[9.0, 5.0], [7.0, 6.0]]), [MODELS[0], MODELS[1]])
    assert favours(marks) == []
    runs = {run.model.name: run for run in marks.runs}
    own = replace(runs[MODELS[0]], model=replace(runs[MODELS[0]].model, name="openai/gpt-x"))
    same = tuple(
        replace(
            answer, run=own if place % 2 == 0 else runs[MODELS[1]], sample_id=f"s{place // 2}", cluster=f"c{place // 2}"
        )
        for place, answer in enumerate(_marks(judged, np.zeros((2, 6)), [MODELS[0]] * 6).answers)
    )
    values = np.array([[9.0, 5.0, 8.0, 5.0, 9.0, 4.0], [7.0, 6.0, 7.0, 6.0, 6.0, 5.0]])
    markers = (replace(marks.markers[0], row=_asks(marks.markers[0], "openai/gpt-4o")), marks.markers[1])
    made = replace(marks, answers=same, runs=(own, runs[MODELS[1]]), values=values[:, None, :], markers=markers)
    (favour,) = favours(made)
    assert (favour.family, favour.own, favour.n) == ("OpenAI", ("openai/gpt-x",), 3)
    assert favour.effect is not None and favour.effect.effect.mean == pytest.approx((3 + 2 + 4) / 3)


def _asks(marker: Marker, model: str) -> JudgeRow:
    assert marker.row is not None
    return replace(marker.row, model=model)


def test_the_store_gives_what_it_holds(judged: Store) -> None:
    marks = read_marks(judged, ["facts", GOOD, "human"])
    assert len(marks.answers) == 3 * 12 * 2 and marks.measures == ("all", "C1", "C2", "C3")
    assert marks.repeats[1].shape == (72, 2) and marks.repeats[2].shape == (72, 3)
    facts, oracle = marks.of(0, "all"), [answer.run.model.name == "baseline/oracle" for answer in marks.answers]
    assert set(facts[oracle]) == {10.0} and set(facts[~np.array(oracle)]) == {1.0}
    people = marks.of(2, "C1")
    assert 9 < people[oracle].mean() <= 10 and people[~np.array(oracle)].mean() < 4


def test_names_that_mean_no_judge_or_several(judged: Store) -> None:
    runs = read_runs.runs(judged)
    with pytest.raises(UserError, match="several are called so"):
        find_judge(judged, "sparkles", runs)
    with pytest.raises(UserError, match="has scored none of these runs; there are facts"):
        find_judge(judged, "nobody", runs)
    found = find_judge(judged, WEAK, runs)
    assert find_judge(judged, found.id[:8], runs) == found
    with pytest.raises(UserError, match="two judges or more"):
        read_marks(judged, ["facts", "facts"])
    with pytest.raises(UserError, match="no ratings by zoe"):
        read_marks(judged, ["facts", "human:zoe"])


def test_compare_from_end_to_end(judged: Store, tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "j.json"), "--csv", str(tmp_path / "j.csv"), "--latex", str(tmp_path / "j.tex")]
    page = tmp_path / "largest.html"
    files += ["--report", str(page), "--largest", "2"]
    done = here("judges", "compare", "facts", GOOD, WEAK, "human", "--store", str(judged.path), *files)
    assert done.code == 0, done.shown
    for words in ("Same order of answers", "Krippendorff", "Largest disagreements", "May it stand in for a person?"):
        assert words in done.shown
    tables = {table["table"]: table["rows"] for table in json.loads((tmp_path / "j.json").read_text("utf-8"))}
    dialogues = {row["dialogue"] for row in tables["judges-largest"]}
    shown = page.read_text("utf-8")
    assert shown.count('<details class="sample"') == len(dialogues) > 0 and all(name in shown for name in dialogues)
    order = {(r["first"], r["second"], r["measure"]): r for r in tables["judges-order"]}
    assert order["facts", "human", "all"]["pooled"] > 0.7
    assert abs(order["facts", GOOD, "all"]["pooled"]) < 0.5
    scale = {r["judge"]: r for r in tables["judges-scale"]}
    assert scale[GOOD]["leniency"] > 1 > -1 > scale[WEAK]["leniency"]
    assert sum(r["leniency"] for r in scale.values()) == pytest.approx(0)
    constancy = {r["judge"]: r for r in tables["judges-constancy"]}
    assert constancy[GOOD]["items"] == 72 and constancy[WEAK]["items"] == 0
    assert {r["judge"]: r["passes"] for r in tables["judges-replace"]}[GOOD] == "no"
    with (tmp_path / "j-judges-order.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(tables["judges-order"]) == 6 * 4
    assert (tmp_path / "j.tex").read_text("utf-8").count(r"\begin{table}") == len(tables)


def test_a_panel_scores_from_its_members_and_is_compared_like_a_judge(tmp_path: Path) -> None:
    name = f"panel:facts,{GOOD}"
    with LoopbackServer() as server, Store(tmp_path / "s.db") as store:
        judged_store(store, server, ["facts"], n=4)
        args = ["--judge-arg", f"{GOOD}:base_url={server.openai_url}", "--store", str(store.path), "--no-report"]
        done = here("judge", "--judge", name, *args)
        assert done.code == 0, done.shown
        marks = read_marks(store, ["facts", GOOD, name])
        mean = (marks.of(0, "C1") + marks.of(1, "C1")) / 2
        np.testing.assert_allclose(marks.of(2, "C1"), mean)
        asked = server.stats().requests
        median = here("judge", "--judge", name, "--judge-arg", "panel:rule=median", *args)
        assert median.code == 0 and server.stats().requests == asked, "members are not asked again"
        known = read_runs.judges(store, read_runs.runs(store)[0].id)
        assert sorted(row.name for row in known) == ["facts", name, name, "sparkles"]
        assert {row.title.split()[0] for row in known if row.name == name} == {"Mean", "Median"}
        with pytest.raises(UserError, match="two members"):
            here("judge", "--judge", "panel:facts", *args)


def test_a_run_can_name_a_panel_at_once(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    with LoopbackServer() as server:
        judge = ["--judge", f"panel:facts,{WEAK}", "--judge-arg", f"{WEAK}:base_url={server.openai_url}"]
        task = ["--task", "sparkleseval-mini", "--task-arg", "n=3", "--model", "baseline/oracle"]
        done = here("run", *task, *judge, "--judge-arg", "panel:quorum=2", "--store", str(store), "--no-report")
        assert done.code == 0 and f"scored by panel:facts,{WEAK}" in done.shown
    assert {row[0] for row in rows(store, "SELECT judge FROM leaderboard")} == {
        "facts",
        "sparkles",
        f"panel:facts,{WEAK}",
    }


def test_spans_are_values_with_their_ends(judged: Store) -> None:
    tables = judges_tables.compare(judged, read_marks(judged, [GOOD, WEAK]))
    (order,) = (table for table in tables if table.name == "judges-order")
    within = _cell(order, "within")
    assert isinstance(within, Span) and within.low is not None and within.high is not None
    assert within.value is not None and -1 <= within.low <= within.value <= within.high <= 1
