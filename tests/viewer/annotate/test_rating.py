"""Rating in the viewer: blind, in an order of one's own, resumable; what is rated is what everything else reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sparkles_eval.analysis.humans.annotation_sampling import labelling_runs
from sparkles_eval.analysis.humans.estimate import human_report
from sparkles_eval.analysis.judges.agreement import agreements
from sparkles_eval.analysis.judges.judge_scores import find_judge, read_marks
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import preferences, ratings, sheets
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.annotate.preferences import PreferenceSession
from sparkles_eval.viewer.annotate.rating import RatingSession
from sparkles_eval.viewer.app import open_session
from sparkles_eval.viewer.config import AnnotateConfig
from sparkles_eval.viewer.connection_pool import ConnectionPool
from tests.viewer.serving import Served, rating

ADA = AnnotateConfig("ada", dialogues=5)
CRITERIA = ("C1", "C2", "C3")


@pytest.fixture
def shelf(judged: Path) -> Iterator[ConnectionPool]:
    opened = ConnectionPool(judged)
    yield opened
    opened.close()


def _form(value: float | str = 7, comment: str = "") -> dict[str, str]:
    form = {f"r-{turn}-{criterion}": str(value) for turn in (1, 2) for criterion in CRITERIA}
    return {**form, "c-1": comment, "c-2": ""}


def _sheet(shelf: ConnectionPool, wish: AnnotateConfig = ADA) -> RatingSession:
    made = open_session(shelf, wish)
    assert isinstance(made, RatingSession)
    return made


def _pairs(shelf: ConnectionPool, wish: AnnotateConfig = ADA) -> PreferenceSession:
    made = open_session(shelf, replace(wish, pairwise=True))
    assert isinstance(made, PreferenceSession)
    return made


# --- one answer at a time ---------------------------------------------------------------------------------------


def test_one_rates_skips_takes_back_and_goes_on_another_day(shelf: ConnectionPool) -> None:
    first = _sheet(shelf)
    assert (first.total, first.resume(), first.done()) == (15, 1, frozenset())
    first.save(1, _form(7))
    first.save(2, _form(8, "sees both"))
    assert first.after(2) == 3 and first.after(3) == 4, "skipping leaves it open"
    first.save(4, _form(3))
    again = _sheet(shelf)
    assert again.sheet == first.sheet and again.done() == {1, 2, 4}
    assert again.resume() == 5, "behind what was rated last"
    assert again.undo() == 4 and again.done() == {1, 2} and again.latest() == 2
    taken = again.item(4)["values"]
    assert isinstance(taken, dict) and set(taken.values()) == {"3"}, "to give again with one thing changed"
    for position in range(1, 16):
        again.save(position, _form(5))
    assert again.resume() is None
    assert len(sheets(again.write())) == 1


def test_a_larger_wish_is_a_new_sheet_of_what_is_left(shelf: ConnectionPool) -> None:
    first = _sheet(shelf, AnnotateConfig("ada", dialogues=2))
    for position in range(1, 5):
        first.save(position, _form(5))
    second = _sheet(shelf, AnnotateConfig("ada", dialogues=4))
    assert second.sheet.id != first.sheet.id
    assert second.total == 4 * 3 - 4, "what was rated on the first sheet is not asked again"
    done = {(row.run_id, row.sample_id) for row in first.sheet.rows[:4]}
    assert not done & {(row.run_id, row.sample_id) for row in second.sheet.rows}


def test_ratings_have_rater_time_comment_and_sheet(shelf: ConnectionPool) -> None:
    sitting = _sheet(shelf)
    sitting.save(3, {**_form(9.5), "r-2-C3": "", "c-2": "  too short "})
    with shelf.acquire() as store:
        given = ratings(store)
        times = store.connection.execute("SELECT DISTINCT created_at FROM ratings").fetchall()
    row = sitting.sheet.rows[2]
    assert {(r.rater, r.run_id, r.sample_id, r.sheet_id) for r in given} == {
        ("ada", row.run_id, row.sample_id, sitting.sheet.id)
    }
    assert len(given) == 5 and {r.value for r in given} == {9.5} and len(times) == 1
    assert {(r.turn, r.comment) for r in given} == {(1, ""), (2, "too short")}
    sitting.save(3, _form(2))
    with shelf.acquire() as store:
        assert [r.value for r in ratings(store)] == [2] * 6, "saving again replaces"


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({}, "nothing was rated"),
        ({"r-1-C1": " "}, "nothing was rated"),
        ({"r-1-C1": "11"}, "from 1 to 10"),
        ({"r-1-C1": "nan"}, "from 1 to 10"),
        ({"r-1-C1": "good"}, "from 1 to 10"),
        ({"r-1-C9": "5"}, "not one of this sheet"),
        ({"r-3-C1": "5"}, "not one of this sheet"),
        ({"r-1-C1": "5", "run": "x"}, "not one of this sheet"),
    ],
)
def test_a_form_that_is_not_ours_is_refused_whole(shelf: ConnectionPool, form: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        _sheet(shelf).save(1, form)
    with shelf.acquire() as store:
        assert ratings(store) == []


def test_wishes_that_cannot_be_met(shelf: ConnectionPool) -> None:
    for wish, told in [
        (AnnotateConfig("../ada"), "letters, digits"),
        (AnnotateConfig("ada", dialogues=13), "only 12 dialogues"),
        (AnnotateConfig("ada", task="nlvr2"), "no run of task nlvr2"),
        (AnnotateConfig("ada", criteria_of="nosuch"), "no such judge"),
        (AnnotateConfig("ada", dialogues=13, pairwise=True), "only 12 dialogues"),
    ]:
        with pytest.raises(UserError, match=told):
            open_session(shelf, wish)
    with shelf.acquire() as store:
        one = read_runs.runs(store)[0].id
    with pytest.raises(UserError, match="nobody to stand beside"):
        open_session(shelf, AnnotateConfig("ada", runs=(one,), pairwise=True))


def test_what_people_rate_feeds_the_estimate_and_the_comparison_of_judges(shelf: ConnectionPool) -> None:
    for name, shift in (("ada", 0), ("ben", 1)):
        sitting = _sheet(shelf, AnnotateConfig(name, dialogues=12))
        for position, row in enumerate(sitting.sheet.rows, 1):
            sitting.save(position, _form(3 + shift + int(row.sample_id[0], 16) % 5))
    with shelf.acquire() as store:
        report = human_report(store, find_judge(store, "facts", labelling_runs(store)))
        assert report.raters == ("ada", "ben")
        assert all(model.joined is not None and model.humans.n == 12 for model in report.models)
        marks = read_marks(store, ["facts", "human", "human:ada", "human:ben"])
        found = {(pair.first, pair.second): pair for pair in agreements(marks) if pair.measure == "all"}
        assert found["human:ada", "human:ben"].n == 72
        assert found["human:ada", "human:ben"].bias.value == pytest.approx(-1)


# --- two answers side by side -----------------------------------------------------------------------------------


def test_every_pair_is_asked_once_with_sides_by_lot(shelf: ConnectionPool) -> None:
    sitting = _pairs(shelf, AnnotateConfig("ada", dialogues=12))
    duels = sitting._duels
    assert sitting.total == 12 * 3 == len({(d.sample_id, frozenset((d.left_run, d.right_run))) for d in duels})
    first: dict[str, list[bool]] = {}
    for duel in duels:
        low, _ = sorted((duel.left_run, duel.right_run))
        first.setdefault(low, []).append(duel.left_run == low)
    swapped = [side for sides in first.values() for side in sides]
    assert 6 < sum(swapped) < 30, "neither side is a model's own"
    assert [d.sample_id for d in duels] != sorted(d.sample_id for d in duels)
    assert duels == _pairs(shelf, AnnotateConfig("ada", dialogues=12))._duels, "who comes back finds the same"
    other = _pairs(shelf, AnnotateConfig("ben", dialogues=12))._duels
    assert [d.sample_id for d in other] != [d.sample_id for d in duels]


def test_preferences_are_kept_replaced_and_taken_back(shelf: ConnectionPool) -> None:
    sitting = _pairs(shelf)
    sitting.save(1, {"choice": "left", "comment": " clearer "})
    sitting.save(2, {"choice": "tie"})
    sitting.save(4, {"choice": "right", "comment": ""})
    assert _pairs(shelf).resume() == 5 and _pairs(shelf).done() == {1, 2, 4}
    with shelf.acquire() as store:
        given = preferences(store)
    duel = sitting._duels[0]
    assert (given[0].left_run, given[0].right_run, given[0].choice, given[0].comment) == (
        duel.left_run,
        duel.right_run,
        "left",
        "clearer",
    )
    sitting.save(1, {"choice": "right"})
    assert sitting.undo() == 1 and sitting.item(1)["chosen"] == "right"
    assert sitting.undo() == 4 and sitting.undo() == 2 and sitting.undo() is None
    with shelf.acquire() as store:
        assert preferences(store) == []


@pytest.mark.parametrize("form", [{}, {"choice": ""}, {"choice": "both"}, {"choice": "left", "model": "x"}])
def test_a_preference_that_is_none_is_refused(shelf: ConnectionPool, form: dict[str, str]) -> None:
    with pytest.raises(UserError, match="say which answer is better"):
        _pairs(shelf).save(1, form)


# --- over HTTP --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairwise", [False, True])
def test_nothing_that_a_rater_sees_tells_a_model(judged: Path, pairwise: bool) -> None:
    with rating(judged, replace(ADA, pairwise=pairwise)) as served:
        secret = set()
        with served.pool.acquire() as store:
            for run in read_runs.runs(store):
                secret |= {run.id, run.model.name, run.model.identity, run.model.name.partition("/")[2]}
            secret |= {sample.sample_id for sample in read_runs.places(store, read_runs.runs(store)[0].id)}
            secret |= {str(row[0]) for row in store.connection.execute("SELECT id FROM sheets")}
        for position in range(1, 16):
            answer = served.ask(f"item/{position}")
            assert answer.status == 200
            text = answer.text + str(answer.headers)
            assert [word for word in secret if word in text] == []
        for page in ("leaderboard", "runs", "samples", "search", "people", "live"):
            assert served.ask(page).status == 404, "the annotator serves nothing else of the store"


def _post(served: Served, path: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
    sent = {"Content_Type": "application/x-www-form-urlencoded", **headers}
    answer = served.ask(path, "POST", urlencode(form).encode(), **sent)
    return answer.status, answer.headers.get("location", "")


def test_saving_leads_on_and_strangers_cannot_save(judged: Path) -> None:
    with rating(judged, ADA) as served:
        start = served.ask("")
        assert start.status == 303 and start.headers["location"].endswith("/item/1")
        status, where = _post(served, "item/1", _form(), Origin=f"http://127.0.0.1:{served.port}")
        assert status == 303 and where.endswith("/item/2")
        for headers in (
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Host": "evil.example"},
        ):
            assert _post(served, "item/2", _form(), **headers)[0] in (403, 421)
        assert served.ask("/wrong/item/2", "POST", b"r-1-C1=5").status == 404
        assert served.ask("item/2", "POST", b"x" * 70_000).status == 413
        assert _post(served, "item/16", _form())[0] == 404 == _post(served, "item/0", _form())[0]
        assert _post(served, "item/2", {})[0] == 400
        assert served.ask("item/2", "POST", b"\xff\xfe=1").status == 400
        assert served.ask("item/2", "POST", b"&".join(b"a=1" for _ in range(1000))).status == 400
        assert served.ask("undo").status == 405, "a link cannot take anything back"
        with served.pool.acquire() as store:
            assert len(ratings(store)) == 6
        assert _post(served, "undo", {})[1].endswith("/item/1")
        with served.pool.acquire() as store:
            assert ratings(store) == []


def _revision(served: Served, position: int) -> str:
    found = re.search(r'name="revision" value="(\w+)"', served.ask(f"item/{position}").text)
    assert found
    return found[1]


@pytest.mark.parametrize("pairwise", [False, True])
def test_a_second_tab_does_not_overwrite_what_the_first_saved(judged: Path, pairwise: bool) -> None:
    first, second = ({"choice": "left"}, {"choice": "right"}) if pairwise else (_form(8), _form(2))
    with rating(judged, replace(ADA, pairwise=pairwise)) as served:

        def stored() -> list[object]:
            with served.pool.acquire() as store:
                return [one.choice for one in preferences(store)] if pairwise else [r.value for r in ratings(store)]

        seen = _revision(served, 1)  # both tabs opened it before either saved
        assert _post(served, "item/1", {**first, "revision": seen})[0] == 303
        kept = stored()
        assert _post(served, "item/1", {**first, "revision": seen})[0] == 303, "the same again overwrites nothing"
        for late in (seen, "", "x" * 900, None):
            form = second if late is None else {**second, "revision": late}
            answer = served.ask("item/1", "POST", urlencode(form).encode())
            assert answer.status == 400 and "another tab or window has changed" in answer.text
        assert stored() == kept
        assert _post(served, "item/1", {**second, "revision": _revision(served, 1)})[0] == 303, "loaded anew it may"
        changed = stored()
        assert changed != kept
        assert _post(served, "undo", {})[0] == 303 and stored() == []
        assert _post(served, "item/1", {**first, "revision": _revision(served, 1)})[0] == 303


def test_the_end_says_so(judged: Path) -> None:
    with rating(judged, AnnotateConfig("ada", dialogues=1)) as served:
        where = [_post(served, f"item/{position}", _form())[1] for position in (1, 2, 3)]
        assert where[-1].endswith("/done")
        text = served.ask("done").text
        assert "All done" in text and re.search(r"3 of 3", text)
        assert served.ask("").headers["location"].endswith("/done")


def test_hostile_answers_are_text(judged: Path) -> None:
    with Store(judged) as store:
        store.connection.execute(
            "UPDATE responses SET text = ? WHERE text IS NOT NULL",
            ("<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u202egnp" + "A" * 300_000,),
        )
    for pairwise in (False, True):
        with rating(judged, replace(ADA, pairwise=pairwise)) as served:
            text = served.ask("item/1").text
            assert "<script>window" not in text and "<img src=x" not in text and "\u202e" not in text
            assert "Cut here" in text and len(text) < 1_000_000
