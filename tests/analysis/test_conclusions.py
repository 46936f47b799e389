"""One sentence for each panel: it follows the printed rank sets, and never says more than they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkles_eval.analysis.conclusions import Conclusion
from sparkles_eval.analysis.leaderboard import PanelColumn, leaderboard
from sparkles_eval.analysis.pair_lines import pair_lines
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.store.store import Store
from tests.analysis.making import fill


def head_of(path: Path, scores: Mapping[str, Sequence[float | None]]) -> PanelColumn:
    with Store(path) as store:
        fill(store, scores)
        (view,) = leaderboard(summarise(store)).views
    return view.heads[0]


def said(path: Path, scores: Mapping[str, Sequence[float | None]]) -> Conclusion:
    return head_of(path, scores).conclusion


def right(count: int, of: int = 100) -> list[float | None]:
    return [*[1.0] * count, *[0.0] * (of - count)]


def test_a_model_that_is_alone_on_rank_1_leads(tmp_path: Path) -> None:
    found = said(tmp_path / "a.db", {"a": right(95), "b": right(60), "c": right(59), "d": right(10)})
    assert found.leads
    assert found.words == "a leads with 95.0% [88.8, 97.8]; ranks 2 to 3 not separable"


def test_clear_ranks_are_said_to_be_clear(tmp_path: Path) -> None:
    found = said(tmp_path / "a.db", {"a": right(95), "b": right(60), "c": right(20)})
    assert found == Conclusion("a leads with 95.0% [88.8, 97.8]; the other ranks are clear", leads=True)


def test_nobody_leads_where_the_first_are_alike(tmp_path: Path) -> None:
    found = said(tmp_path / "a.db", {"a": right(70), "b": right(69), "c": right(20)})
    assert not found.leads
    assert found.words == "a has 70.0% [60.4, 78.1], not separable from b (rank 1 to 2)"
    many = said(tmp_path / "b.db", {name: right(70 - place) for place, name in enumerate("abcd")})
    assert many.words == "a has 70.0% [60.4, 78.1], not separable from 3 others (rank 1 to 4)"


def test_few_items_one_model_and_gaps_say_why_there_is_no_rank(tmp_path: Path) -> None:
    few = said(tmp_path / "a.db", {"a": right(9, 10), "b": right(3, 10)})
    assert few.words.startswith("a has 90.0% [55.5, 99.7], the highest value; fewer than 30 independent units")
    assert said(tmp_path / "b.db", {"a": right(9, 10)}).words == "a 90.0% [55.5, 99.7]; one model, nothing to rank"
    gaps: list[float | None] = [1.0] * 50 + [None] * 50
    left = said(tmp_path / "c.db", {"a": right(90), "b": right(20), "c": gaps})
    assert left.words == ("a leads with 90.0% [82.6, 94.5]; 1 without a rank, too little graded")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rights=st.lists(st.integers(0, 60), min_size=2, max_size=5), data=st.data())
def test_only_a_rank_set_of_1_alone_is_a_lead(
    tmp_path_factory: pytest.TempPathFactory, rights: list[int], data: st.DataObject
) -> None:
    scores = {f"m{place}": data.draw(st.permutations(right(count, 60))) for place, count in enumerate(rights)}
    head = head_of(tmp_path_factory.mktemp("s") / "a.db", scores)
    alone = [run.label for run in head.ranks.by_run.values() if (run.rank_low, run.rank_high) == (1, 1)]
    found = head.conclusion
    assert found.leads == bool(alone) and (not alone or found.words.startswith(f"{alone[0]} leads with "))
    for line in pair_lines(head.ranks):
        assert line.first_better + line.second_better + line.equal == 60
        assert ("not significant" in line.words) == (
            not next(
                pair.significant
                for pair in head.ranks.ranking.pairs  # type: ignore[union-attr]
                if {head.ranks.ranking.matrix.labels[side] for side in (pair.first, pair.second)}  # type: ignore[union-attr]
                == {line.first, line.second}
            )
        )


def test_a_pair_names_the_items_that_decide_it(tmp_path: Path) -> None:
    scores = {"b": [*right(40, 80), *right(5, 20)], "a": [*right(60, 80), *right(0, 20)]}
    (line,) = pair_lines(head_of(tmp_path / "a.db", scores).ranks)
    assert (line.first, line.second) == ("a", "b")
    assert (line.first_better, line.second_better, line.equal) == (20, 5, 75)
    assert line.words.startswith("15.0 points [") and line.words.endswith("p = .002 after Holm: significant")
