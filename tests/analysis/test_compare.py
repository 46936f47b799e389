"""Two models and many: pairing, policy, degenerate inputs, refusals, and that what is printed is what was computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparkles_eval as se
from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.looks import at_every_look
from sparkles_eval.analysis.tables import Span
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RUN, counts, fill
from tests.end_to_end.running import here


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "s.db") as made:
        yield made


def test_right_or_wrong_on_independent_items_is_mcnemars_with_bonett_and_price(store: Store) -> None:
    fill(store, counts(60, 25, 12, 53))
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert (pair.n, pair.lost, pair.clusters) == (150, 0, 150)
    assert pair.difference == pytest.approx(0.0867, abs=5e-5)
    assert [pair.low, pair.high] == pytest.approx([0.0062, 0.1649], abs=5e-5)
    assert (pair.test, pair.interval) == ("McNemar mid-p", "Bonett-Price")
    assert pair.p == pair.p_holm == pytest.approx(0.0336, abs=5e-5)
    (known,) = found.details
    assert known is not None and known.fourfold is not None
    assert known.fourfold.tests.exact == pytest.approx(0.0470, abs=5e-5)
    assert (known.fourfold.newcombe.low, known.fourfold.newcombe.high) == pytest.approx((0.0072, 0.1640), abs=5e-5)
    assert known.smallest == pytest.approx(0.1126, abs=2e-3)


def test_the_sentence_says_items_interval_test_and_what_cannot_be_shown(store: Store) -> None:
    fill(store, counts(60, 25, 12, 53))
    (said,) = compare(store, "a", "b").sentences
    for words in (
        "(150 items)",
        "a reaches 56.7% and b 48.0%",
        "a difference of 8.7 points (95% CI 0.6 to 16.5, Bonett-Price; McNemar mid-p, p = .034)",
        "which is significant",
        "true differences below 11.3 points cannot be distinguished from noise",
    ):
        assert words in said
    (turned,) = compare(store, "b", "a").sentences
    assert "a difference of \N{MINUS SIGN}8.7 points" in turned, "A minus B in the order that was asked"


def test_clusters_take_the_clustered_t(store: Store) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 2, (2, 400)).astype(float)
    fill(store, {"a": a.tolist(), "b": b.tolist()}, clusters=[f"c{i // 2}" for i in range(400)])
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    sums = (a - b - (a - b).mean()).reshape(200, 2).sum(axis=1)
    assert pair.se == pytest.approx(float(np.sqrt((sums**2).sum() * 200 / 199) / 400))
    assert pair.test == pair.interval == "clustered paired t"


def test_scores_of_a_judge_are_paired_by_dialogue(store: Store) -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(5, 11, 120).astype(float)
    b = np.clip(a - rng.integers(0, 3, 120), 1, 10)
    fill(store, {"a": a.tolist(), "b": b.tolist()}, judge=RATER, repeats=2)
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    d = a - b
    assert pair.n == 120, "two turns, two criteria and two repeats of a dialogue are one item"
    assert pair.difference == pytest.approx(d.mean())
    assert pair.se == pytest.approx(d.std(ddof=1) / np.sqrt(120))
    assert found.details[0] is not None and found.details[0].effects.d_z == pytest.approx(d.mean() / d.std(ddof=1))
    (part,) = compare(store, "a", "b", metric="A2.C1").comparisons
    assert part.pairs[0].difference == pytest.approx(d.mean())
    with pytest.raises(UserError, match=r"metric 'C7': rater gives .*C1, C2"):
        compare(store, "a", "b", metric="C7")


def test_lost_items_are_counted_with_the_reason(store: Store) -> None:
    scores = counts(60, 25, 12, 53)
    scores["a"][0] = scores["b"][1] = scores["b"][2] = None
    fill(store, scores)
    found = compare(store, "a", "b")
    (pair,) = found.comparisons[0].pairs
    assert (pair.n, pair.lost) == (147, 3)
    (table,) = [table for table in found.tables if table.name == "lost"]
    assert [(record["items"], record["reason"]) for record in table.records()] == [
        (2, "b: timed out"),
        (1, "a: timed out"),
    ]


# --- degenerate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fourfold", "said", "p"),
    [
        ((80, 0, 0, 70), "no difference on any item", 1.0),
        ((0, 0, 0, 150), "no difference on any item", 1.0),
        ((40, 35, 35, 40), "", 1.0),
    ],
    ids=["b + c = 0", "all invalid", "b = c"],
)
def test_models_that_cannot_be_told_apart(
    store: Store, fourfold: tuple[int, int, int, int], said: str, p: float
) -> None:  # fmt: skip
    fill(store, counts(*fourfold))
    found = compare(store, "a", "b")
    (pair,) = found.comparisons[0].pairs
    assert (pair.difference, pair.p, pair.note) == (0.0, p, said)
    assert pair.low is not None and pair.low < 0 < (pair.high or 0), "agreement is no certainty"
    assert {ranked_run.letters for ranked_run in found.comparisons[0].ranked_runs} == {"a"}


def test_constant_scores_have_no_interval_and_say_so(store: Store) -> None:
    fill(store, {"a": [9.0] * 120, "b": [7.0] * 120}, judge=RATER)
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert (pair.difference, pair.low, pair.interval) == (2.0, None, "")
    assert "the same everywhere" in pair.note
    assert pair.p is not None and pair.p < 1e-30


def test_one_cluster_allows_no_test(store: Store) -> None:
    fill(store, counts(10, 8, 2, 20), clusters=["one"] * 40)
    found = compare(store, "a", "b")
    (pair,) = found.comparisons[0].pairs
    assert (pair.p, pair.low, pair.p_holm) == (None, None, None)
    assert "one cluster" in pair.note and "one cluster" in found.sentences[0]
    assert found.comparisons[0].ranked_runs[0].rank_low is None


def test_few_items_rank_nothing(store: Store) -> None:
    fill(store, counts(2, 18, 0, 0))
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert pair.test == "McNemar exact" and pair.interval == "sign flips"
    assert pair.p == pytest.approx(2**-17)
    assert "nothing is ranked" in pair.note
    assert [(s.rank_low, s.letters) for s in found.ranked_runs] == [(None, ""), (None, "")]


def test_no_common_item_is_an_error_with_the_reason(store: Store) -> None:
    fill(store, {"a": [1.0, None] * 50, "b": [None, 0.0] * 50})
    with pytest.raises(UserError, match=r"no scored item in common .*timed out"):
        compare(store, "a", "b")


# --- what may be compared -----------------------------------------------------------------------------------------

OTHERS = {
    "protocol": replace(RUN, protocol="paper"),
    "prompt": replace(RUN, prompt_hash="q" * 64),
    "data": replace(RUN, data_hash="e" * 64),
    "variant": replace(RUN, variant="images=dropped"),
    "epochs": replace(RUN, epochs=2),
    "draws": replace(RUN, draws=5),
}


@pytest.mark.parametrize("factor", OTHERS)
def test_runs_that_differ_in_more_than_the_model_are_refused(store: Store, factor: str) -> None:
    scores = counts(60, 25, 12, 53)
    fill(store, {"a": scores["a"]})
    fill(store, {"b": scores["b"]}, run=OTHERS[factor])
    with pytest.raises(UserError, match=f"(?s)differ in more than the model.*\n  {factor}: .*--allow-mixed"):
        compare(store, "a", "b")
    found = compare(store, "a", "b", allow_mixed=True)
    assert any(told.startswith(f"{factor}: ") for told in found.comparisons[0].mixed)
    assert all("MIXED CONDITIONS" in table.title for table in found.tables)
    assert "Under differing conditions" in found.sentences[0]
    assert found.comparisons[0].pairs[0].n == 150


def test_another_judge_is_no_ground_to_compare_on(store: Store) -> None:
    fill(store, {"a": [5.0, 6.0] * 60}, judge=RATER)
    fill(store, {"b": [6.0, 7.0] * 60}, judge=replace(RATER, id="s" * 64))
    with pytest.raises(UserError, match=r"judge: rater r+ \(a\); rater s+ \(b\)"):
        compare(store, "a", "b")


def test_what_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(UserError, match="holds no runs yet"):
        compare(store, "a", "b")
    ids = fill(store, counts(60, 25, 12, 53))
    for models, task, judge, told in [
        (("a", "c"), None, None, "no run of c; it has runs of a, b"),
        (("a", "b"), "bison", None, "no run of task bison; there are pairs"),
        (("a", "b"), None, "facts", "scored by strict"),
        (("a",), None, None, "only one run, of a"),
    ]:
        with pytest.raises(UserError, match=told):
            compare(store, *models, task=task, judge=judge)
    (found,) = compare(store, ids["a"], ids["b"]).comparisons
    assert found.matrix.labels == ("a", "b"), "runs may be named by their ids"


def test_baselines_alone_are_compared_by_name(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    models = ("-m", "baseline/oracle", "-m", "baseline/chance")
    here("run", "-t", "bison-mini", "--limit", "4", *models, "--store", str(store), "--no-report")
    with pytest.raises(UserError, match="baselines and controls alone; compare them by name: baseline/chance"):
        here("compare", "--store", str(store))
    done = here("compare", "baseline/oracle", "baseline/chance", "--store", str(store), "--json", "-")
    assert isinstance(json.loads(done.out), list), "nothing but JSON is printed"


# --- many ---------------------------------------------------------------------------------------------------------


def test_many_models_are_ranked_with_holm_over_everything_shown(store: Store) -> None:
    rng = np.random.default_rng(0)
    levels = {"poor": 0.2, "fair": 0.5, "good": 0.55, "best": 0.9}
    scores = {name: (rng.random(200) < level).astype(float).tolist() for name, level in levels.items()}
    fill(store, scores)
    fill(store, {"baseline/chance": scores["fair"]}, kind="baseline")
    (found,) = compare(store).comparisons
    by_name = {ranked_run.label: ranked_run for ranked_run in found.ranked_runs}
    assert "baseline/chance" not in by_name, "who is no contestant is compared only where named"
    assert (by_name["best"].rank_low, by_name["best"].rank_high) == (1, 1)
    assert (by_name["poor"].rank_low, by_name["poor"].rank_high) == (4, 4)
    assert set(by_name["fair"].letters) & set(by_name["good"].letters)
    raw = sorted(pair.p or 0.0 for pair in found.pairs)
    strictest = min(pair.p_holm or 0.0 for pair in found.pairs)
    assert strictest == pytest.approx(min(1.0, 6 * raw[0]))
    named = compare(store, *levels, "baseline/chance").comparisons[0].ranked_runs
    assert [s.reference for s in named] == [False] * 4 + [True] and named[-1].rank_low is None


def test_holm_counts_the_pairs_of_every_task(store: Store) -> None:
    fill(store, counts(60, 25, 12, 53))
    alone = compare(store, "a", "b").comparisons[0].pairs[0]
    fill(store, counts(70, 10, 10, 60), run=replace(RUN, task="others"))
    both = compare(store, "a", "b")
    assert len(both.comparisons) == 2
    assert both.comparisons[0].pairs[0].p_holm == pytest.approx(2 * (alone.p or 0))


def test_non_inferiority_takes_the_margin_in_points_of_the_table(store: Store) -> None:
    rng = np.random.default_rng(5)
    right = (rng.random(900) < 0.7).astype(float)
    fill(store, {"small": np.where(rng.random(900) < 0.02, 1 - right, right).tolist(), "large": right.tolist()})
    found = compare(store, "small", "large", margin=5.0)
    known = found.comparisons[0].details[0]
    assert known is not None and known.margin is not None
    assert (known.margin.margin, known.margin.no_worse, known.margin.equivalent) == (0.05, "shown", "shown")
    (pair,) = found.comparisons[0].pairs
    assert (known.margin.low, known.margin.high) == (pair.low, pair.high), "the verdict is that of the printed interval"
    assert "The first is no worse by a margin of 5.0 points (95% CI" in found.sentences[0]
    assert "non-inferiority" in {table.name for table in found.tables}


def test_three_items_show_no_margin_and_forty_only_what_their_interval_shows(store: Store) -> None:
    fill(store, counts(3, 0, 0, 0), run=replace(RUN, task="three", total=3))
    fill(store, counts(40, 0, 0, 0), run=replace(RUN, task="forty", total=40))
    (three,) = compare(store, "a", "b", task="three", margin=1.0).sentences
    assert "is not shown to be no worse by a margin of 1.0: too few independent units for a verdict" in three
    (forty,) = compare(store, "a", "b", task="forty", margin=1.0).sentences
    assert (
        "(95% CI \N{MINUS SIGN}6.6 to 6.6" in forty and "is not shown to be no worse by a margin of 1.0 points" in forty
    )
    (wide,) = compare(store, "a", "b", task="forty", margin=7.0).sentences
    assert "The first is no worse by a margin of 7.0 points (95% CI \N{MINUS SIGN}6.6 to 6.6; p = .0" in wide
    (worse,) = compare(store, "b", "a", task="forty", margin=7.0).sentences
    assert "The two are within it of each other." in worse


def test_verdicts_on_several_margins_hold_together(store: Store) -> None:
    rng = np.random.default_rng(2)
    right = (rng.random(300) < 0.6).astype(float)
    fill(store, {name: np.where(rng.random(300) < 0.08, 1 - right, right).tolist() for name in "abc"})
    (found,) = compare(store, margin=6.0).comparisons
    for pair, known in zip(found.pairs, found.details, strict=True):
        assert known is not None and known.margin is not None and pair.together is not None and pair.low is not None
        assert (known.margin.low, known.margin.high) == pair.together and pair.together[0] < pair.low
        assert known.margin.p is not None
        assert (known.margin.p < 0.025) == (known.margin.no_worse == "shown"), "p and interval say the same"


def test_one_large_cluster_of_many_is_worth_few(store: Store) -> None:
    """150 items in 43 clusters, one of them of 60: t with 42 degrees of freedom covered 82%."""
    sizes = [60, *[1] * 12, *[2] * 12, *[3] * 18]
    labels = [f"c{n}" for n, size in enumerate(sizes) for _ in range(size)]
    rng = np.random.default_rng(1)
    fill(store, {m: rng.integers(0, 2, 150).astype(float).tolist() for m in "ab"}, clusters=labels)
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert pair.clusters == 43 and pair.effective == pytest.approx(6.7, abs=0.1) and not pair.ranked
    assert pair.interval == "sign flips" and pair.test.startswith("sign flips")
    assert "43 independent units of unequal size, worth 6.7 of equal size: nothing is ranked" in pair.note
    (row, _) = found.ranked_runs
    assert row.estimate.method == "Clopper-Pearson, clustered" and "worth 6.7 of equal size" in row.estimate.note


def test_items_that_share_two_images_have_the_two_way_test(store: Store) -> None:
    rng = np.random.default_rng(4)
    images = [sorted(rng.choice(300, 2, replace=False).tolist()) for _ in range(400)]
    labels = [f"image-{one}||image-{other}" for one, other in images]
    fill(store, {m: rng.integers(0, 2, 400).astype(float).tolist() for m in "ab"}, clusters=labels)
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert pair.test == pair.interval == "two-way paired t" and pair.ranked and pair.clusters > 250
    row = found.ranked_runs[0]
    assert row.estimate.method == "Wilson, clustered" and row.estimate.low is not None


def test_what_is_missing_counts_against_who_leads(store: Store) -> None:
    """Two equal models, one of which lost 15 wrong answers: significant on what is there, and not shown."""
    both = [1.0] * 80 + [0.0] * 45
    kept: list[float | None] = [*both, *[None] * 15, *[0.0] * 10]
    fill(store, {"lost": kept, "whole": [*[1.0] * 68, *[0.0] * 12, *[0.0] * 45, *[0.0] * 15, *[0.0] * 10]})
    (found,) = compare(store, "lost", "whole").comparisons
    (pair,) = found.pairs
    assert pair.n == 135 and pair.p is not None and pair.p < 0.001 and pair.on_what_is_there
    assert pair.unscored is not None and pair.significant
    assert pair.unscored == pytest.approx((12 / 150, 27 / 150))
    kept[30:60] = [None] * 30
    fill(store, {"lost": kept, "whole": both + [0.0] * 25}, run=replace(RUN, task="more", total=150))
    fill(store, counts(60, 30, 8, 52) | {}, run=replace(RUN, task="none", total=150))
    (known,) = compare(store, "a", "b", task="none").comparisons
    assert known.pairs[0].unscored is None and known.pairs[0].significant


def test_a_lead_that_rests_on_missing_answers_is_not_shown(store: Store) -> None:
    a: list[float | None] = [*[1.0] * 70, *[0.0] * 30, *[None] * 20]
    b: list[float | None] = [*[1.0] * 55, *[0.0] * 45, *[1.0] * 20]
    fill(store, {"a": a, "b": b})
    (found,) = compare(store, "a", "b").comparisons
    (pair,) = found.pairs
    assert pair.on_what_is_there and not pair.robust and not pair.significant
    (said,) = compare(store, "a", "b").sentences
    assert "which is significant on these alone; with the missing ones at worst, a no longer leads" in said
    assert "With every missing one at its worst for the first, and at its best, the difference is" in said
    assert [row.letters for row in found.ranked_runs] == ["a", "a"]


def test_looks_at_growing_data_are_said_and_have_an_interval_that_holds_at_all_of_them(store: Store) -> None:
    rng = np.random.default_rng(7)
    a, b = rng.integers(0, 2, (2, 150)).astype(float)
    for n in (50, 100, 150):
        fill(store, {"a": a[:n].tolist(), "b": b[:n].tolist()}, run=replace(RUN, total=n, data_hash=f"{n:064d}"))
    ids = {(run.model.name, run.total): run.id for run in read_runs.runs(store)}
    (found,) = compare(store, ids["a", 150], ids["b", 150]).comparisons
    assert found.looks == (50, 100)
    (pair,) = found.pairs
    ends = at_every_look(pair)
    assert ends is not None and pair.low is not None and ends[0] < pair.low
    (said,) = compare(store, ids["a", 150], ids["b", 150]).sentences
    assert "Seen before on 50, 100 of these samples: the interval that holds at every look is" in said
    assert compare(store, ids["a", 50], ids["b", 50]).comparisons[0].looks == ()


def test_by_tag_every_tag_is_a_comparison_and_all_are_one_family(store: Store) -> None:
    rng = np.random.default_rng(11)
    a = rng.integers(0, 2, 160).astype(float)
    b = np.where(np.arange(160) < 90, 1 - a, a)
    fill(store, {"a": a.tolist(), "b": b.tolist()}, tags=["colour"] * 90 + ["count"] * 70)
    found = compare(store, "a", "b", by="tag").comparisons
    assert [one.said for one in found] == ["tag colour", "tag count"]
    assert [one.pairs[0].n for one in found] == [90, 70] and {one.pairs[0].family for one in found} == {2}
    assert found[0].ranked_runs[0].estimate.total == 90
    assert found[1].pairs[0].difference == 0
    fill(store, counts(5, 5, 5, 5), run=replace(RUN, task="bare", total=20))
    with pytest.raises(UserError, match="have no tags"):
        compare(store, "a", "b", task="bare", by="tag")


def test_a_notebook_gets_frames_from_the_package_itself(store: Store, tmp_path: Path) -> None:
    fill(store, counts(60, 25, 12, 53))
    found = se.compare(tmp_path / "s.db", "a", "b")
    frame = found.tables[1].frame()
    assert frame.loc[0, "p"] == found.comparisons[0].pairs[0].p
    assert frame.loc[0, "difference_low"] == found.comparisons[0].pairs[0].low
    with pytest.raises(AttributeError, match="no attribute 'comparer'"):
        _ = se.comparer


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_the_printed_interval_and_p_never_disagree_unsaid(
    tmp_path_factory: pytest.TempPathFactory, both: int, only_a: int, only_b: int, neither: int
) -> None:
    if both + only_a + only_b + neither < 2:
        return
    with Store(tmp_path_factory.mktemp("pair") / "s.db") as store:
        fill(store, counts(both, only_a, only_b, neither))
        found = compare(store, "a", "b")
    (record,) = next(table for table in found.tables if table.name == "pairs").records()
    low, high, p = record["difference_low"], record["difference_high"], record["p"]
    assert isinstance(p, float)
    if isinstance(low, float) and isinstance(high, float) and (low <= 0 <= high) == (p <= 0.05):
        assert "disagree at the margin" in str(record["note"])
    assert all(isinstance(row[5], Span) for row in found.tables[1].rows)
