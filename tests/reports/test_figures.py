"""Figures show the numbers of the tables and of the statistics library, where there are any, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.judges.agreement import agreements, lenient
from sparkles_eval.analysis.judges.judge_scores import WHOLE, read_marks
from sparkles_eval.analysis.summary import Entry, Summary, summarise
from sparkles_eval.analysis.tables import Cell, Span
from sparkles_eval.core import Estimate
from sparkles_eval.reports.figures import Figure, figures
from sparkles_eval.stats.estimates import mean_estimate
from sparkles_eval.stats.intervals import clopper_pearson
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from tests.analysis.making import fill
from tests.reports.figured import KIND, STERN, figured

Made = tuple[Store, Summary, tuple[Figure, ...]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Six models and a baseline on three tasks, dialogues by two judges and a person."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with figured(folder / "figured.db", 6, 36) as store:
            summary = summarise(store, min_coverage=0.9)
            yield store, summary, figures(store, summary)


def one(made: Made, kind: str, task: str, judge: str = "") -> Figure:
    """The figure of a kind; the only one."""
    found = [f for f in made[2] if f.kind == kind and f.task == task and judge in f.title]
    assert len(found) == 1, [f.name for f in made[2]]
    return found[0]


def entries(made: Made, task: str, judge: str = "") -> dict[str, Entry]:
    """Entries of a panel by label."""
    panels = [p for t in made[1].tasks if t.name == task for p in t.panels if judge in p.label]
    assert len(panels) == 1
    return {entry.label: entry for entry in panels[0].entries}


def records(figure: Figure) -> list[dict[str, Cell]]:
    heads = [head.name for head in figure.data.heads]
    return [dict(zip(heads, row, strict=True)) for row in figure.data.rows]


def span(estimate: Estimate) -> Span:
    return Span.of(estimate)


def drawn(figure: Figure) -> list[list[dict[str, object]]]:
    """The rows that the drawing itself holds."""
    datasets = figure.spec["datasets"]
    assert isinstance(datasets, dict)
    return list(datasets.values())  # type: ignore[arg-type]


# --- what there is ------------------------------------------------------------------------------------------------


def test_every_kind_is_there_where_its_data_are(made: Made) -> None:
    kinds = {task: {f.kind for f in made[2] if f.task == task} for task in ("bison-mini", "sparkleseval-mini")}
    assert kinds["bison-mini"] == {"ranks", "differences", "tags", "cost", "missing"}
    assert kinds["sparkleseval-mini"] == {
        *("ranks", "differences", "criteria", "turns", "marks", "tags", "images", "cost", "missing"),
        *("agreement", "judges", "severity", "reliability"),
    }
    names = [figure.name for figure in made[2]]
    assert len(set(names)) == len(names) and all(name.replace("-", "").isalnum() for name in names)
    assert all(figure.panel or figure.kind in ("agreement", "judges", "severity", "reliability") for figure in made[2])


def test_every_specification_is_vega_lite_by_its_schema(made: Made) -> None:
    import altair as alt

    for figure in {figure.kind: figure for figure in made[2]}.values():
        assert "datasets" in alt.Chart.from_dict(dict(figure.spec)).to_dict(), figure.name  # raises where it is not


def test_no_axis_is_drawn_without_data(tmp_path: Path) -> None:
    with Store(tmp_path / "empty.db") as store:
        assert figures(store, summarise(store)) == ()
        fill(store, {"a": [None] * 30, "b": [None] * 30})
        assert figures(store, summarise(store)) == ()


def test_one_model_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    with Store(tmp_path / "one.db") as store:
        fill(store, {"a": [1.0, 0.0] * 20})
        assert figures(store, summarise(store)) == ()


def test_the_demonstration_has_its_invalid_answers(store: Store, summary: Summary) -> None:
    found = {figure.name: figure for figure in figures(store, summary)}
    missing = {row["model"]: row for row in records(found["missing-bison-mini"])}
    hasty = next(e for e in summary.tasks[0].panels[0].entries if e.label == "demo/hasty")
    validity = hasty.measure("final_validity") or hasty.measure("validity")
    assert validity is not None and validity.estimate.value is not None and validity.estimate.low is not None
    cell = missing["demo/hasty"]["invalid"]
    assert isinstance(cell, Span) and cell.value == pytest.approx(1 - validity.estimate.value)
    assert cell.high == pytest.approx(1 - validity.estimate.low)
    assert missing["demo/hasty"]["unscored"] == hasty.coverage.asked - hasty.coverage.graded == 2
    assert "judges-sparkleseval-mini" not in found and "agreement-sparkleseval-mini" not in found  # one judge alone


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["bison-mini", "nlvr2-mini"])
def test_scores_are_the_tables_and_ranks_are_those_of_compare(made: Made, task: str) -> None:
    mine = entries(made, task)
    ranked_runs = {s.label: s for s in compare(made[0], task=task).comparisons[0].ranked_runs}
    rows = records(one(made, "ranks", task))
    assert {row["model"] for row in rows} == set(mine)
    for row in rows:
        headline = mine[str(row["model"])].headline
        assert headline is not None and row["value"] == span(headline.estimate)
        assert (row["n"], row["total"]) == (headline.estimate.n, headline.estimate.total)
        ranked_run = ranked_runs.get(str(row["model"]))
        expected = (ranked_run.rank_low, ranked_run.rank_high, ranked_run.letters) if ranked_run else (None, None, "")
        assert (row["rank_low"], row["rank_high"], row["letters"]) == expected


def test_differences_are_those_of_compare_with_all_pairs_in_the_family(made: Made) -> None:
    comparison = compare(made[0], task="bison-mini").comparisons[0]
    labels = comparison.matrix.labels
    known = {(labels[p.first], labels[p.second]): p for p in comparison.pairs}
    figure = one(made, "differences", "bison-mini")
    rows = records(figure)
    assert len(comparison.pairs) == 15 and len(rows) == 5 and "Of 15 pairs the 5" in figure.caption
    for row in rows:
        pair = known[str(row["first"]), str(row["second"])]
        assert row["difference"] == Span(pair.difference, pair.low, pair.high)
        assert (row["p"], row["p_holm"], row["p_bh"], row["n"]) == (pair.p, pair.p_holm, pair.p_bh, pair.n)
    marks = {str(row["shape"]) for rows in drawn(figure) for row in rows if "shape" in row}
    significant = [known[str(row["first"]), str(row["second"])].significant for row in rows]
    assert ("diamond" in marks) == any(significant) and ("circle" in marks) == (not all(significant))


def test_what_is_drawn_is_what_the_table_says(made: Made) -> None:
    figure = one(made, "ranks", "bison-mini")
    dots = next(rows for rows in drawn(figure) if rows and "fill" in rows[0])
    table = records(figure)
    assert len(dots) == len(table)
    for dot, row in zip(dots, table, strict=True):
        value = row["value"]
        assert isinstance(value, Span)
        assert [dot["value"], dot["low"], dot["high"]] == [
            pytest.approx(100 * (end or 0)) for end in (value.value, value.low, value.high)
        ]


@pytest.mark.parametrize("judge", ["kind", "stern"])
def test_criteria_and_turns_are_the_measures_of_the_panel(made: Made, judge: str) -> None:
    mine = entries(made, "sparkleseval-mini", judge)
    names = {criterion.name: criterion.id for criterion in KIND.criteria}
    cells = records(one(made, "criteria", "sparkleseval-mini", judge))
    assert len(cells) == 7 * 3 * 2
    for row in cells:
        measure = mine[str(row["model"])].measure(f"A{row['turn']}.{names[str(row['criterion'])]}")
        assert measure is not None and row["value"] == span(measure.estimate) and row["n"] == measure.estimate.n
    for row in records(one(made, "turns", "sparkleseval-mini", judge)):
        for turn in (1, 2):
            measure = mine[str(row["model"])].measure(f"A{turn}")
            assert measure is not None and row[f"answer_{turn}"] == span(measure.estimate)


def test_marks_are_counted_as_given(made: Made) -> None:
    mine = entries(made, "sparkleseval-mini", "stern")
    for row in records(one(made, "marks", "sparkleseval-mini", "stern")):
        criterion = next(c.id for c in STERN.criteria if c.name == row["criterion"])
        query = (
            "SELECT value, count(*) FROM scores WHERE run_id = ? AND judge_id = ? AND criterion = ?"
            " AND value IS NOT NULL GROUP BY 1"
        )
        where = (mine[str(row["model"])].run.id, STERN.id, criterion)
        given = {f"level_{value:g}": count for value, count in made[0].connection.execute(query, where)}
        assert {name: row[name] for name in row if name.startswith("level_") and row[name]} == given
        assert row["n"] == sum(given.values())


def test_parts_have_the_tasks_own_interval(made: Made) -> None:
    """BISON's items are independent and few a tag: Clopper and Pearson's, worked out here from the counts."""
    mine = entries(made, "bison-mini")
    rows = records(one(made, "tags", "bison-mini"))
    assert {row["part"] for row in rows} == {"colour", "count", "kind", "position", "size"}
    for row in rows:
        query = (
            "SELECT sum(x.value), count(x.value), count(*) FROM scores x JOIN samples s ON s.id = x.sample_id"
            " WHERE x.run_id = ? AND EXISTS (SELECT 1 FROM json_each(s.tags) WHERE value = ?)"
        )
        right, n, total = made[0].connection.execute(query, (mine[str(row["model"])].run.id, row["part"])).fetchone()
        exact = clopper_pearson(right, n)
        value = row["value"]
        assert isinstance(value, Span) and (row["n"], row["total"]) == (n, total)
        assert [value.value, value.low, value.high] == [pytest.approx(x) for x in (right / n, exact.low, exact.high)]


def test_images_are_counted_in_the_words_of_a_sample(made: Made) -> None:
    rows = records(one(made, "images", "sparkleseval-mini", "stern"))
    assert {row["part"] for row in rows} == {"3 images", "4 images"}
    best = str(rows[0]["model"])
    whole = entries(made, "sparkleseval-mini", "stern")[best]
    assert whole.headline is not None
    parts = [row for row in rows if row["model"] == best]
    assert sum(int(str(row["n"])) for row in parts) == whole.headline.estimate.n
    means = [(row["value"].value or 0) * int(str(row["n"])) for row in parts if isinstance(row["value"], Span)]
    assert sum(means) / whole.headline.estimate.n == pytest.approx(whole.headline.estimate.value)


def test_the_front_holds_whom_nobody_beats(made: Made) -> None:
    mine = entries(made, "bison-mini")
    rows = records(one(made, "cost", "bison-mini"))
    points = [(float(str(row["cost_usd"])), row["value"].value or 0) for row in rows if isinstance(row["value"], Span)]
    for row, (cost, value) in zip(rows, points, strict=True):
        assert cost == mine[str(row["model"])].spending.cost_usd.known
        beaten = any((c <= cost and v > value) or (c < cost and v >= value) for c, v in points)
        assert (row["front"] == "no") == beaten
    assert all(row["model"] != "baseline/chance" for row in rows)


# --- judges -------------------------------------------------------------------------------------------------------


def test_agreement_is_that_of_judges_compare(made: Made) -> None:
    marks = read_marks(made[0], [KIND.id, STERN.id, "human"], "sparkleseval-mini")
    known = {frozenset((p.first, p.second)): p for p in agreements(marks) if p.measure == WHOLE}
    for row in records(one(made, "judges", "sparkleseval-mini")):
        pair = known[frozenset((str(row["first"]), str(row["second"])))]
        assert (row["n"], row["within"], row["alpha"]) == (pair.n, pair.within, pair.alpha_span)
    meetings = records(one(made, "agreement", "sparkleseval-mini"))
    for who, pair in known.items():
        mine = [row for row in meetings if {row["first"], row["second"]} == who]
        assert sum(int(str(row["answers"])) for row in mine) == pair.n
    figure = one(made, "agreement", "sparkleseval-mini")
    assert len(figure.data.rows) > len(figure.table.rows) == 200 and "The first 200 of" in figure.table.notes[0]
    rows = records(one(made, "severity", "sparkleseval-mini"))
    kind = {row["first"]: row["points"] for row in rows if row["second"] == "the average judge"}
    assert kind == lenient(marks).points
    biases = {frozenset((str(r["first"]), str(r["second"]))): r["points"] for r in rows if r["n"] is not None}
    for who, pair in known.items():
        found = biases[who]
        assert isinstance(found, Span) and abs(found.value or 0) == pytest.approx(abs(pair.bias.value or 0))


def test_people_are_averaged_at_each_mark_of_a_judge(made: Made) -> None:
    marks = read_marks(made[0], [STERN.id, "human"], "sparkleseval-mini")
    judge, people = marks.of(0, WHOLE), marks.of(1, WHOLE)
    rows = [r for r in records(one(made, "reliability", "sparkleseval-mini")) if "stern" in str(r["judge"])]
    both = ~np.isnan(judge) & ~np.isnan(people)
    assert sum(int(str(row["n"])) for row in rows) == int(both.sum()) > 100
    for row in rows:
        inside = [i for i in np.flatnonzero(both) if math.floor(judge[i] + 0.5) == row["mark"]]
        expected = mean_estimate([people[i] for i in inside], [marks.clusters[i] for i in inside])
        assert row["people"] == span(expected)


def test_judges_on_different_scales_are_not_drawn_together(tmp_path: Path, made: Made) -> None:
    from dataclasses import replace

    from tests.analysis.making import RATER, RUN

    run = replace(RUN, task="rated", answer_rule=None)
    points: Sequence[float] = [3.0, 4.0, 5.0] * 12
    with Store(tmp_path / "scales.db") as store:
        for judge in (RATER, replace(RATER, id="x" * 64, name="other", high=100)):
            fill(store, {"a": list(points), "b": list(reversed(points))}, run=run, judge=judge)
        found = figures(store, summarise(store))
        assert not {"agreement", "judges", "severity"} & {figure.kind for figure in found}
        assert {"ranks", "criteria", "turns", "marks"} <= {figure.kind for figure in found}
        assert len(read_runs.judges(store, read_runs.runs(store)[0].id)) == 2


# --- many ---------------------------------------------------------------------------------------------------------


def test_many_models_are_limited_and_the_chosen_stay(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = {f"model-{n:02d}": [float(x) for x in rng.random(40) < 0.9 - n / 100] for n in range(30)}
    with Store(tmp_path / "many.db") as store:
        fill(store, {name: list(values) for name, values in scores.items()})
        summary = summarise(store)
        last = [e.label for e in summary.panels[0].entries][-1]
        figure = figures(store, summary)[0]
        assert len(figure.data.rows) == 20 and "Shown are 20 of 30" in figure.caption
        assert last not in [row[0] for row in figure.data.rows]
        chosen = figures(store, summary, chosen=[last])[0]
        assert len(chosen.data.rows) == 20 and last in [row[0] for row in chosen.data.rows]
