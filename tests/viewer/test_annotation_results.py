"""What people said, as tables: shares and agreement as by hand, and nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sparkles_eval.analysis.humans.annotation_sampling import labelling_order, labelling_runs
from sparkles_eval.analysis.tables import Span, Table
from sparkles_eval.stats.bradley_terry import bradley_terry
from sparkles_eval.store.ratings import Preference, PreferredSide, add_preference, preferences, withdraw_preference
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.annotation_results import sections
from tests.analysis.judging import MODELS, label
from tests.viewer.serving import looking


@pytest.fixture
def store(judged: Path) -> Iterator[Store]:
    with Store(judged) as opened:
        yield opened


def _prefer(store: Store, rater: str, place: int, left: str, right: str, choice: PreferredSide) -> Preference:
    runs = {run.model.name: run.id for run in labelling_runs(store)}
    sample = labelling_order(store, labelling_runs(store), 0)[place]
    given = Preference(rater, sample, 0, runs[left], runs[right], choice, "", 0)
    add_preference(store, given)
    return given


def _table(store: Store, name: str) -> Table:
    return next(table for section in sections(store) for table in section.tables if table.name == name)


def test_nobody_has_said_anything(judged: Path) -> None:
    with looking(judged) as served:
        assert "Nobody has rated anything" in served.ask("people").text


def test_shares_count_ties_half_and_know_whom_one_met(store: Store) -> None:
    oracle, chance, echo = MODELS
    for place in range(8):
        _prefer(store, "ada", place, oracle, chance, "left" if place < 6 else "tie")
        _prefer(store, "ada", place, chance, echo, "right" if place < 4 else "left")
    rows: Mapping[object, tuple[object, ...]] = {row[0]: row for row in _table(store, "people-shares").rows}
    shares = {name: row[1] for name, row in rows.items()}
    assert list(rows) == [oracle, echo, chance]
    for name, wanted in ((oracle, 7 / 8), (echo, 0.5), (chance, (1 + 4) / 16)):
        share = shares[name]
        assert isinstance(share, Span) and share.value == pytest.approx(wanted)
        assert share.low is not None and share.high is not None and 0 <= share.low < wanted < share.high <= 1
    assert rows[chance][2:] == (16, 4, 2, 10)
    pairs = {(row[0], row[1]): row[2] for row in _table(store, "people-pairs").rows}
    met = pairs[chance, oracle]
    assert isinstance(met, Span) and met.value == pytest.approx(1 / 8)
    assert (oracle, echo) not in pairs and (echo, oracle) not in pairs


def test_strengths_are_those_of_the_library(store: Store) -> None:
    oracle, chance, echo = MODELS
    for place in range(12):
        _prefer(store, "ada", place, oracle, chance, "left" if place < 8 else "right")
        _prefer(store, "ada", place, chance, echo, "right" if place < 5 else "left" if place < 11 else "tie")
        _prefer(store, "ada", place, oracle, echo, "left" if place < 6 else "right")
    table = _table(store, "people-strengths")
    wanted = bradley_terry([[0, 8, 6], [4, 0, 6.5], [6, 5.5, 0]]).elo
    found = {row[0]: row[1] for row in table.rows}
    assert [row[2] for row in table.rows] == [24, 24, 24]
    for name, elo in zip((oracle, chance, echo), wanted, strict=True):
        span = found[name]
        assert isinstance(span, Span) and span.value == pytest.approx(elo, abs=1e-6)
        assert span.low is not None and span.high is not None and span.low < elo < span.high
    assert table.rows[0][0] == oracle


def test_who_never_lost_has_no_strength(store: Store) -> None:
    oracle, chance, echo = MODELS
    _prefer(store, "ada", 0, oracle, chance, "left")
    assert all(table.name != "people-strengths" for section in sections(store) for table in section.tables)
    _prefer(store, "ada", 0, chance, echo, "left")
    table = _table(store, "people-strengths")
    assert table.rows == () and "never lost" in table.notes[0]


def test_people_of_two_protocols_are_not_mixed(store: Store) -> None:
    oracle, chance, _ = MODELS
    runs = {run.model.name: run for run in labelling_runs(store)}
    sample = labelling_order(store, labelling_runs(store), 0)[0]
    for rater in ("ada", "ben"):
        label(store, labelling_runs(store), rater, {(oracle, sample): 7.0, (chance, sample): 3.0})
    store.connection.execute("UPDATE runs SET protocol = 'paper' WHERE id = ?", (runs[chance].id,))
    titles = [section.title for section in sections(store)]
    assert sorted(titles) == [f"SparklesEval (mini), {name} protocol: ratings" for name in ("paper", "strict")]
    assert not any(section.note for section in sections(store)), "each is compared by itself"


def test_people_who_agree_do_so_whatever_the_sides(store: Store) -> None:
    oracle, chance, _ = MODELS
    for place in range(4):
        _prefer(store, "ada", place, oracle, chance, "left")
        _prefer(store, "ben", place, chance, oracle, "right" if place < 3 else "left")
    (section,) = [section for section in sections(store) if section.id.startswith("preferred")]
    assert "8 comparisons by ada, ben" in section.note and "the same in 3 of 4 cases" in section.note


def test_a_pair_is_preferred_once_whatever_the_sides(store: Store) -> None:
    oracle, chance, _ = MODELS
    _prefer(store, "ada", 0, oracle, chance, "left")
    second = _prefer(store, "ada", 0, chance, oracle, "tie")
    assert preferences(store) == [second]
    assert withdraw_preference(store, second) and not withdraw_preference(store, second)
    assert preferences(store, []) == [] == preferences(store, rater="ben")


def test_one_rater_is_counted_and_two_are_compared(store: Store, judged: Path) -> None:
    runs = labelling_runs(store)
    order = labelling_order(store, runs, 0)
    for rater, shift in (("ada", 0.0), ("ben", 1.0)):
        points = {(run.model.name, s): 3.0 + shift + at % 5 for at, s in enumerate(order) for run in runs}
        label(store, runs, rater, points)
        if rater == "ada":
            (alone,) = sections(store)
            assert "takes a second one" in alone.note and len(alone.tables) == 1
    (section,) = sections(store)
    (row, _) = section.tables[0].rows
    assert row[:3] == ("ada", 72, 12) and isinstance(row[3], Span) and row[3].low is not None
    agreement = next(table for table in section.tables if table.name == "judges-marks")
    record = next(r for r in agreement.records() if r["measure"] == "all")
    assert record["bias"] == pytest.approx(-1) and record["n"] == 72 and record["alpha_low"] is not None
    with looking(judged) as served:
        text = served.ask("people").text
        assert "human:ada" in text and "Who rated what" in text
        assert "human" in served.ask("judges").text, "people stand among the judges"
