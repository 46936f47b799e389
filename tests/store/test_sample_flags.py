"""Marks of samples: filters over them find what the scores say, no more and no less."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core import Score
from sparkles_eval.store import read_runs, sample_flags, viewer_index
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.sample_flags import FlagQuery
from sparkles_eval.store.store import Store
from tests.reports.demo import RATER, demo

TASK = "bison-mini"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with demo(folder / "s.db", items=36) as store:
            # One sample that everybody has wrong: the demonstration has none.
            store.connection.execute(
                "UPDATE scores SET value = 0 WHERE value = 1 AND criterion = 'accuracy'"
                " AND sample_id IN (SELECT sample_id FROM run_samples WHERE position = 5)"
            )
    return folder / "s.db"


@pytest.fixture(scope="module")
def store(_made: Path) -> Iterator[Store]:
    side_path = _made.parent / "side.db"
    side = viewer_index.open_viewer_index(_made, side_path)
    bases = sample_flags.score_versions(side)
    for run_id, judge_id in sample_flags.outdated(side, bases):
        sample_flags.mark(side, run_id, judge_id, bases[run_id, judge_id], reads=judge_id != RATER.id)
    sample_flags.sum_up(side)
    assert sample_flags.outdated(side, bases) == []
    side.close()
    with Store(_made, read_only=True) as opened:
        viewer_index.attach_viewer_index(opened.connection, side_path)
        yield opened


@pytest.mark.parametrize("reads", [True, False])
def test_the_database_marks_as_pages_do(reads: bool) -> None:
    some = [(value, invalid) for value in (None, 0.0, 0.5, 1.0) for invalid in (False, True)]
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE scores (value REAL, invalid INTEGER)")
        for given in itertools.chain([()], itertools.product(some), itertools.product(some, some)):
            db.execute("DELETE FROM scores")
            db.executemany("INSERT INTO scores VALUES (?, ?)", given)
            (number,) = db.execute(
                f"SELECT {sample_flags._MARK} FROM (SELECT 1) LEFT JOIN scores s",  # noqa: S608 - our own words
                (int(reads),),
            ).fetchone()
            scores = [
                Score(1, "accuracy", value, "timed out" if value is None else None, invalid) for value, invalid in given
            ]
            assert sample_flags.MARKS[number] == sample_flags.mark_of(scores, reads=reads), given


def _runs(store: Store) -> dict[str, str]:
    return {run.model.name: run.id for run in read_runs.runs(store) if run.task.name == TASK}


def _scores(store: Store) -> dict[int, dict[str, read_runs.ScoreLine]]:
    """Position -> model -> the score, read plainly."""
    found: dict[int, dict[str, read_runs.ScoreLine]] = {}
    for model, run_id in _runs(store).items():
        places = {place.sample_id: at for at, place in enumerate(read_runs.places(store, run_id))}
        for line in read_runs.scores(store, run_id, "strict@1"):
            found.setdefault(places[line.sample_id], {})[model] = line
    return found


def _found(store: Store, wish: FlagQuery) -> list[int]:
    run_id = next(iter(_runs(store).values()))
    group = next(entry.group for entry in sample_flags.entries(store) if entry.run_id == run_id)
    whole = sample_flags.samples(store, group, run_id, wish, limit=1000, offset=0)
    assert whole.total == len(whole.positions)
    pages: list[int] = []
    for offset in range(0, whole.total, 5):
        page = sample_flags.samples(store, group, run_id, wish, limit=5, offset=offset)
        assert page.total == whole.total
        pages += page.positions
    assert pages == list(whole.positions)
    return pages


def _wrong(line: read_runs.ScoreLine) -> bool:
    return line.value == 0


@pytest.mark.parametrize(
    ("flag", "fits"),
    [
        ("", bool),
        ("wrong", lambda lines: any(_wrong(line) for line in lines)),
        ("all-wrong", lambda lines: any(_wrong(x) for x in lines) and not any(x.value == 1 for x in lines)),
        ("differ", lambda lines: any(_wrong(x) for x in lines) and any(x.value == 1 for x in lines)),
        ("invalid", lambda lines: any(line.invalid for line in lines)),
        ("unscored", lambda lines: any(line.value is None for line in lines)),
    ],
)
def test_flags_find_what_the_scores_say(
    store: Store, flag: sample_flags.SampleFlag, fits: Callable[[list[read_runs.ScoreLine]], bool]
) -> None:
    wanted = [at for at, lines in sorted(_scores(store).items()) if fits(list(lines.values()))]
    assert _found(store, FlagQuery(flag)) == wanted
    assert wanted


def test_one_run_alone_and_one_against_another(store: Store) -> None:
    numbers = {e.run_id: e.number for e in sample_flags.entries(store)}
    runs, scores = _runs(store), _scores(store)
    careful, hasty = (numbers[runs[f"demo/{name}"]] for name in ("careful", "hasty"))
    wrong = [at for at, lines in sorted(scores.items()) if _wrong(lines["demo/careful"])]
    assert _found(store, FlagQuery("wrong", (careful,))) == wrong == [5, 11, 17, 23, 29, 35]

    def better(first: str, second: str) -> list[int]:
        pairs = ((at, lines[first].value, lines[second].value) for at, lines in sorted(scores.items()))
        return [at for at, a, b in pairs if a is not None and b is not None and a > b]

    assert _found(store, FlagQuery("first-better", (careful, hasty))) == better("demo/careful", "demo/hasty")
    assert _found(store, FlagQuery("first-better", (hasty, careful))) == better("demo/hasty", "demo/careful")


def test_words_of_the_data_narrow_and_signs_are_signs(store: Store) -> None:
    few = _found(store, FlagQuery(words="purple house"))
    assert 0 < len(few) < 36
    assert _found(store, FlagQuery("wrong", words="purple house")) == [
        at for at in _found(store, FlagQuery("wrong")) if at in few
    ]
    for sign in ("%", "_", "\\", "' OR 1=1 --", '"'):
        assert len(_found(store, FlagQuery(words=f"purple{sign}house"))) == 0


def test_judges_that_differ_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    with demo(tmp_path / "s.db", items=6) as store:
        run = next(run for run in read_runs.runs(store) if run.task.name == "sparkleseval-mini")
        other = "d" * 60
        rows = read_runs.scores(store, run.id, RATER.id)
        places = [place.sample_id for place in read_runs.places(store, run.id)]
        store.add_judge(replace(read_runs.all_judges(store)[RATER.id], id=other, name="other"))
        shift = {places[1]: -3.0, places[2]: -2.9}
        store.add_scores(
            [
                ScoreRow(
                    run.id,
                    r.sample_id,
                    0,
                    other,
                    0,
                    Score(r.turn, r.criterion, (r.value or 0) + shift.get(r.sample_id, 0)),
                )
                for r in rows
            ]
        )
        side = viewer_index.open_viewer_index(store.path, tmp_path / "side.db")
        bases = sample_flags.score_versions(side)
        for key in sample_flags.outdated(side, bases):
            sample_flags.mark(side, *key, bases[key], reads=key[1] == "strict@1")
        sample_flags.sum_up(side)
        side.close()
        viewer_index.attach_viewer_index(store.connection, tmp_path / "side.db")
        group = next(entry.group for entry in sample_flags.entries(store) if entry.run_id == run.id)
        found = sample_flags.samples(store, group, run.id, FlagQuery("judges-differ"), limit=9, offset=0)
        assert found == sample_flags.SampleRange((1,), 1)
        entry = next(e for e in sample_flags.entries(store) if (e.run_id, e.judge_id) == (run.id, other))
        assert entry.scored == 6 and not entry.reads
        given = {
            number: points for number, mark, points in sample_flags.marks_at(store, group, [1])[1] if mark == "rated"
        }
        assert given[entry.number] == pytest.approx(7.0)


def test_a_changed_score_makes_its_marks_stale_and_a_vanished_run_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    with demo(tmp_path / "s.db", items=6) as store:
        side = viewer_index.open_viewer_index(store.path, tmp_path / "side.db")
        bases = sample_flags.score_versions(side)
        for key in sample_flags.outdated(side, bases):
            sample_flags.mark(side, *key, bases[key], reads=key[1] == "strict@1")
        sample_flags.sum_up(side)
        run_id = read_runs.runs(store)[0].id
        store.connection.execute("UPDATE scores SET value = 1 - value WHERE run_id = ?", (run_id,))
        assert [key[0] for key in sample_flags.outdated(side, sample_flags.score_versions(side))] == [run_id]
        gone = {key: basis for key, basis in bases.items() if key[0] != run_id}
        assert sample_flags.forget(side, gone) and not sample_flags.forget(side, gone)
        assert side.execute("SELECT count(*) FROM entries WHERE run_id = ?", (run_id,)).fetchone()[0] == 0
        side.close()
