"""Search over answers and verdicts: complete, in order, filtered, and deaf to what is typed as a command."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import read_runs, sample_flags, search, viewer_index
from sparkles_eval.store.search import SearchScope, match_expression
from sparkles_eval.store.store import Store
from tests.reports.demo import RATER, begin, demo

EVERYWHERE = SearchScope()


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        demo(folder / "s.db", items=24).close()
    return folder / "s.db"


@pytest.fixture(scope="module")
def store(_made: Path) -> Iterator[Store]:
    """The demonstration store for reading, with everything indexed."""
    side = viewer_index.viewer_index_path(_made, _made.parent / "side")
    with_store = viewer_index.open_viewer_index(_made, side)
    bases = sample_flags.score_versions(with_store)
    for run_id, judge_id in sample_flags.outdated(with_store, bases):
        sample_flags.mark(with_store, run_id, judge_id, bases[run_id, judge_id], reads=judge_id != RATER.id)
    while search.index_next(with_store):
        pass
    with_store.close()
    with Store(_made, read_only=True) as opened:
        viewer_index.attach_viewer_index(opened.connection, side)
        yield opened


def _all(store: Store, text: str, where: SearchScope = EVERYWHERE, limit: int = 7) -> list[search.Hit]:
    hits: list[search.Hit] = []
    after = 0
    while True:
        found = search.search(store, text, where, after=after, limit=limit)
        hits += found.hits
        if not found.after:
            return hits
        assert found.after > after
        after = found.after


def _texts(store: Store, sql: str) -> int:
    return int(store.connection.execute(sql).fetchone()[0])


def test_every_answer_and_verdict_with_the_words_is_found_once(store: Store) -> None:
    hits = _all(store, "compared both images", SearchScope(kind="answer"))
    wanted = _texts(store, "SELECT count(*) FROM responses WHERE text LIKE '%compared both images%'")
    assert len(hits) == wanted > 20
    assert len({(h.run_id, h.sample_id, h.turn) for h in hits}) == wanted
    verdicts = _all(store, "reference's words", SearchScope(kind="verdict"))
    assert len(verdicts) == _texts(store, "SELECT count(*) FROM verdicts WHERE status = 'graded'") > 20
    assert {hit.judge_id for hit in verdicts} == {RATER.id}
    assert len(_all(store, "the", limit=1000)) == len(_all(store, "the", limit=3))


def test_what_was_found_is_marked_where_it_stands(store: Store) -> None:
    hit = _all(store, '"thing by thing"')[0]
    assert "".join(piece.text for piece in hit.pieces if piece.found) == "thing by thing"
    whole = "".join(piece.text for piece in hit.pieces)
    assert "I compared both images" in whole


@pytest.mark.parametrize(
    ("text", "like", "unlike"),
    [
        ("rather choose", "%rather%choose%", ""),
        ("THEREFORE answer", "%Therefore%answer%", ""),
        ("compar*", "%compar%", ""),
        ("answer -compared", "%answer%", "%compared%"),
        ('"answer is" -"compared both"', "%answer is%", "%compared both%"),
    ],
)
def test_words_phrases_beginnings_and_exclusions(store: Store, text: str, like: str, unlike: str) -> None:
    found = len(_all(store, text, SearchScope(kind="answer")))
    sql = f"SELECT count(*) FROM responses WHERE text LIKE '{like}' AND text NOT LIKE '{unlike}'"  # noqa: S608
    assert found == _texts(store, sql) > 0


def test_filters_are_kept(store: Store) -> None:
    runs = read_runs.runs(store)
    (one,) = [run.id for run in runs if run.model.name == "demo/careful" and run.task.name == "bison-mini"]
    hits = _all(store, "compared", SearchScope(runs=[one]))
    assert hits and {hit.run_id for hit in hits} == {one}
    assert _all(store, "compared", SearchScope(runs=[])) == []
    (rated,) = [run.id for run in runs if run.model.name == "demo/hasty" and run.task.name == "sparkleseval-mini"]
    verdicts = _all(store, "words", SearchScope(runs=[rated], judges=[RATER.id], kind="verdict"))
    assert len(verdicts) == 23 and {hit.run_id for hit in verdicts} == {rated}
    assert _all(store, "words", SearchScope(judges=["nobody"], kind="verdict")) == []


@pytest.mark.parametrize(
    "text", ["", "   ", "-", '"', '""', "!!!", "*", "-only", '-"only this"', "\x00", "( )", "NEAR"]
)
def test_what_holds_no_word_finds_nothing_and_breaks_nothing(store: Store, text: str) -> None:
    assert search.search(store, text).hits == ()


@pytest.mark.parametrize(
    "text",
    [
        'a" OR "b',
        "words:answer",
        "NEAR(a b, 5)",
        "answer AND",
        "NOT NOT",
        "^answer",
        "{words} : x",
        "answer + is",
        "') ; DROP TABLE texts; --",
        "a*b*",
        '"unclosed phrase',
        "\u202eanswer",
        "answer\x00is",
        "'" * 300,
    ],
)
def test_commands_of_the_index_are_words_like_others(store: Store, text: str) -> None:
    search.search(store, text)
    assert _texts(store, "SELECT count(*) FROM side.texts WHERE texts MATCH 'answer'") > 0


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_no_text_breaks_the_query(text: str) -> None:
    wanted = match_expression(text)
    if wanted:
        index = sqlite3.connect(":memory:")
        index.execute(f"CREATE VIRTUAL TABLE t USING fts5(words, tokenize='{viewer_index.TOKENS}')")
        index.execute("SELECT count(*) FROM t WHERE t MATCH ?", (wanted,)).fetchone()
        index.close()


def test_what_comes_later_is_read_on_and_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    with demo(tmp_path / "s.db", items=6) as store:
        side = viewer_index.open_viewer_index(store.path, tmp_path / "side.db")
        first = search.index_next(side)
        assert first == _texts(store, "SELECT (SELECT count(*) FROM responses) + (SELECT count(*) FROM verdicts)")
        assert search.index_next(side) == 0
        store.connection.execute(
            "INSERT INTO responses(key, attempt, status, text, latency_s, created_at)"
            " SELECT key, 9, 'api_error', NULL, 0, 'later' FROM responses LIMIT 1"
        )
        assert search.index_next(side) == 1
        side.close()


def test_the_side_file_of_another_store_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    path, side_path = tmp_path / "s.db", tmp_path / "side.db"
    with demo(path, items=6):
        side = viewer_index.open_viewer_index(path, side_path)
        assert search.index_next(side) > 0
        side.close()
        again = viewer_index.open_viewer_index(path, side_path)
        assert search.index_next(again) == 0, "the same store: nothing is read twice"
        again.close()
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    with Store(path) as other:
        begin(other)
        side = viewer_index.open_viewer_index(path, side_path)
        assert side.execute("SELECT count(*) FROM seen").fetchone()[0] == 0
        side.close()


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000, b""])
def test_a_broken_side_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    Store(tmp_path / "s.db").close()
    (tmp_path / "side.db").write_bytes(content)
    side = viewer_index.open_viewer_index(tmp_path / "s.db", tmp_path / "side.db")
    assert search.index_next(side) == 0
    side.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    Store(tmp_path / "s.db").close()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="index for searching cannot be made"):
        viewer_index.open_viewer_index(tmp_path / "s.db", tmp_path / "file" / "side.db")


def test_the_store_itself_is_never_written(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.connection.execute("DELETE FROM scores")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.connection.execute("DELETE FROM side.texts")
