"""Bundles: what is in them, what stays at home, the same bytes every time, and nothing that does not follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import StoreError, UserError
from sparkles_eval.publishing.bundle import BundleNotes, Manifest
from sparkles_eval.publishing.make_bundle import submit
from sparkles_eval.publishing.merge import merge
from sparkles_eval.publishing.verify import verify_file
from sparkles_eval.store.store import Store
from tests.end_to_end.running import rows, sound, tables
from tests.publishing.making import copied, edited, members, runs_of


def unpacked(bundle: Path, tmp_path: Path) -> Path:
    path = tmp_path / "unpacked.db"
    path.write_bytes(members(bundle)["store.db"])
    return path


def test_a_bundle_has_the_runs_and_their_numbers_and_nothing_else(judged: Path, tmp_path: Path) -> None:
    first = runs_of(judged)[0]
    made = submit(judged, [first], tmp_path / "b.zip")
    store = unpacked(made.path, tmp_path)
    sound(store)
    scores, metrics = tables(judged)
    panel = next(str(row[4]) for row in scores if str(row[4]).startswith("panel:"))
    mine, theirs = tables(store)
    assert [row for row in mine if row[4] != panel] == [row for row in scores if row[0] == first and row[4] != panel]
    assert [row for row in theirs if row[4] != panel] == [row for row in metrics if row[0] == first and row[4] != panel]
    for table in ("ratings", "sheets", "sheet_rows", "preferences", "trainings", "checkpoint_runs"):
        assert rows(judged, f"SELECT count(*) FROM {table}") != [(0,)]  # noqa: S608
        assert rows(store, f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert rows(store, "SELECT id FROM runs") == [(first,)]
    assert verify_file(store).sound


def test_a_panel_is_not_extended_to_runs_that_it_did_not_judge(judged: Path, tmp_path: Path) -> None:
    store = copied(judged, tmp_path / "s.db")
    (panel,) = (row[0] for row in rows(store, "SELECT id FROM judges WHERE name LIKE 'panel:%'"))
    first, second, third = runs_of(store)
    with edited(store) as db:
        db.execute("DELETE FROM scores WHERE run_id != ? AND judge_id = ?", (first, panel))
        # The second run has one vote, the third all of them.
        db.execute(
            "DELETE FROM scores WHERE run_id = ? AND judge_id != (SELECT id FROM judges WHERE name = 'facts')",
            (second,),
        )
    inside = unpacked(submit(store, None, tmp_path / "b.zip").path, tmp_path)
    by_panel = f"SELECT DISTINCT run_id FROM scores WHERE judge_id = '{panel}'"  # noqa: S608
    assert rows(inside, by_panel) == [(first,)]
    assert {run for (run,) in rows(inside, "SELECT run FROM leaderboard")} == {first, second, third}
    merge([inside, store], tmp_path / "all.db")
    assert rows(tmp_path / "all.db", by_panel) == [(first,)]


def test_earlier_draws_and_failures_come_along_so_that_the_spending_is_the_same(whole: Path, tmp_path: Path) -> None:
    first = runs_of(whole)[0]
    with Store(whole, create=False) as store:
        ours = summarise(store, [first]).panels[0].entries[0]
    with Store(unpacked(submit(whole, [first], tmp_path / "b.zip").path, tmp_path), create=False) as store:
        theirs = summarise(store).panels[0].entries[0]
    assert (ours.spending, ours.judging, ours.coverage) == (theirs.spending, theirs.judging, theirs.coverage)


def test_the_same_runs_give_the_same_bytes_and_the_store_is_only_read(whole: Path, tmp_path: Path) -> None:
    before = whole.read_bytes()
    runs = runs_of(whole)
    a = submit(whole, runs[:2], tmp_path / "a.zip", BundleNotes(contact="me@example.org"))
    b = submit(whole, runs[1::-1], tmp_path / "b.zip", BundleNotes(contact="me@example.org"))
    assert a.path.read_bytes() == b.path.read_bytes()
    assert whole.read_bytes() == before


def test_pictures_stay_at_home_and_previews_as_wished(store_file: Path, tmp_path: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE images SET bytes = x'00'")
    count = "SELECT count(*) FROM images WHERE {} IS NOT NULL"
    first = runs_of(store_file)[0]
    store = unpacked(submit(store_file, [first], tmp_path / "a.zip").path, tmp_path)
    assert rows(store, count.format("thumbnail")) != [(0,)] and rows(store, count.format("bytes")) == [(0,)]
    store = unpacked(submit(store_file, [first], tmp_path / "b.zip", thumbnails=False).path, tmp_path)
    assert rows(store, count.format("thumbnail")) == [(0,)]


def test_the_manifest_names_files_versions_and_identities(whole: Path, tmp_path: Path) -> None:
    first = runs_of(whole)[0]
    files = members(submit(whole, [first], tmp_path / "b.zip", BundleNotes(licence="CC-BY-4.0")).path)
    assert sorted(files) == ["card.md", "manifest.json", "store.db"]
    manifest = Manifest.model_validate_json(files["manifest.json"])
    (run,) = manifest.runs
    asked = rows(whole, "SELECT data_hash, prompt_hash, total FROM runs WHERE id = ?", first)
    assert (run.data_hash, run.prompt_hash, run.samples) == asked[0]
    assert [judge.name for judge in run.judges] == ["strict"] and manifest.about.licence == "CC-BY-4.0"
    assert json.loads(files["manifest.json"])["files"]["store.db"]["size"] == len(files["store.db"])


def test_the_card_has_every_number_with_its_interval(whole: Path, tmp_path: Path) -> None:
    about = BundleNotes(contact="me@example.org", licence="CC-BY-4.0", note="# Hello | <b>world</b>\n- x")
    card = members(submit(whole, runs_of(whole), tmp_path / "b.zip", about).path)["card.md"].decode()
    assert "| bison-mini | strict | strict | baseline/oracle | Accuracy (%) | 100.0 | \\[" in card
    assert "8 of 8" in card and "Contact: me@example.org" in card and "CC-BY-4.0" in card
    assert "# Hello \\| \\<b\\>world\\</b\\> - x" in card and "<b>" not in card


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("environments", "command", "command || ' ' || :key"),
        ("models", "settings", "json_set(settings, '$.header', :key)"),
        ("responses", "error", ":key"),
    ],
)
def test_what_looks_like_a_key_is_not_published(
    store_file: Path, tmp_path: Path, table: str, column: str, change: str
) -> None:
    key = "sk-" + "a1B2" * 8
    with edited(store_file) as db:
        db.execute(f"UPDATE {table} SET {column} = {change}", {"key": key})  # noqa: S608
    with pytest.raises(UserError, match=rf"{table}\.{column}, row 1, looks like a key") as told:
        submit(store_file, runs_of(store_file), tmp_path / "b.zip")
    assert key not in str(told.value) and not (tmp_path / "b.zip").exists()


def test_numbers_that_do_not_follow_are_not_published(store_file: Path, tmp_path: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE scores SET value = 1 - value WHERE criterion = 'accuracy'")
    with pytest.raises(UserError, match=r"no bundle was written:\n  scores .*the answer gives"):
        submit(store_file, runs_of(store_file)[:1], tmp_path / "b.zip")


def test_what_cannot_be_worked_out_again_is_said(judged: Path, tmp_path: Path) -> None:
    path = copied(judged, tmp_path / "s.db")
    with edited(path) as db:
        db.execute("DELETE FROM scores WHERE judge_id IN (SELECT id FROM judges WHERE name LIKE 'panel:%')")
        (facts,) = db.execute("SELECT id FROM judges WHERE name = 'facts'").fetchone()
        for table, column in (("judges", "id"), ("scores", "judge_id"), ("verdicts", "judge_id")):
            db.execute(f"UPDATE {table} SET {column} = 'f' WHERE {column} = ?", (facts,))  # noqa: S608
        db.execute("DELETE FROM estimates")
    assert any("the rule facts" in why for why in submit(path, runs_of(path)[:1], tmp_path / "b.zip").unchecked)


def test_mistakes_are_told(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run nobody"):
        submit(whole, ["nobody"], tmp_path / "b.zip")
    with pytest.raises(UserError, match=r"a bundle is a zip archive"):
        submit(whole, runs_of(whole), tmp_path / "b.tar")


def test_a_store_with_a_value_that_is_no_json_is_told_by_its_own_name(whole: Path, tmp_path: Path) -> None:
    with edited(copied(whole, tmp_path / "torn.db")) as db:
        db.execute("UPDATE samples SET body = '{torn' WHERE id = (SELECT min(id) FROM samples)")
    with pytest.raises(StoreError, match=r"torn\.db: a value that should be JSON is none.*verify"):
        submit(tmp_path / "torn.db", None, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
