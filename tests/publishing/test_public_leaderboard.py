"""Leaderboards: honest bundles make a site with the stores' numbers, hostile and wrong ones are refused by name."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.publishing.check_bundle import BundleRejected, check_bundle
from sparkles_eval.publishing.config import LeaderboardOptions
from sparkles_eval.publishing.make_bundle import submit
from sparkles_eval.publishing.public_leaderboard import LeaderboardResult, build_leaderboard
from sparkles_eval.store import database
from sparkles_eval.store.store import Store
from tests.analysis.making import ask
from tests.end_to_end.running import rows, tables
from tests.hanging import ends
from tests.publishing.making import lines, members, packed, runs_of, sign, tampered

QUICK = LeaderboardOptions(figures=False)


@pytest.fixture
def folder(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """Two honest bundles."""
    made = tmp_path / "bundles"
    made.mkdir()
    for name, path in bundles.items():
        shutil.copy(path, made / f"{name}.zip")
    return made


def reasons(board: LeaderboardResult, name: str = "bad.zip") -> str:
    return lines(next(one.reasons for one in board.left_out if one.bundle == name))


def built(folder: Path, tmp_path: Path, terms: LeaderboardOptions = QUICK) -> LeaderboardResult:
    with ends():
        return build_leaderboard(folder, tmp_path / "site", terms)


def refusal(bundle: Path, tmp_path: Path) -> str:
    """Why a bundle is refused."""
    (tmp_path / "room").mkdir()
    with pytest.raises(BundleRejected) as told, ends():
        check_bundle(bundle, tmp_path / "room")
    return lines(told.value.reasons)


def test_honest_bundles_make_the_leaderboard_of_their_stores(folder: Path, whole: Path, tmp_path: Path) -> None:
    board = built(folder, tmp_path)
    assert [one.bundle for one in board.taken] == ["chance.zip", "oracle.zip"] and board.left_out == ()
    assert tables(tmp_path / "site" / "downloads" / "sparkles.db") == tables(whole)
    assert board.index is not None and "baseline/<wbr>oracle" in board.index.read_text(encoding="utf-8")
    listed = json.loads((tmp_path / "site" / "bundles.json").read_text(encoding="utf-8"))
    assert [one["bundle"] for one in listed["accepted"]] == ["chance.zip", "oracle.zip"] and listed["refused"] == []


def test_judges_and_panels_come_out_as_they_went_in(judged: Path, tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    for number, run in enumerate(runs_of(judged)):
        submit(judged, [run], tmp_path / "bundles" / f"{number}.zip")
    board = built(tmp_path / "bundles", tmp_path)
    assert len(board.taken) == 3, board.left_out
    assert tables(tmp_path / "site" / "downloads" / "sparkles.db") == tables(judged)


def test_numbers_that_do_not_follow_are_refused_with_their_rows(folder: Path, tmp_path: Path) -> None:
    tampered(
        folder / "chance.zip",
        folder / "bad.zip",
        "UPDATE scores SET value = 1 WHERE criterion = 'accuracy'",
        "DELETE FROM estimates",
    )
    (folder / "chance.zip").unlink()
    board = built(folder, tmp_path)
    assert [one.bundle for one in board.taken] == ["oracle.zip"]
    assert "does not follow from its rows: scores (run_id " in reasons(board)
    assert "the answer gives 0" in reasons(board)
    assert "the answer gives 0" in (tmp_path / "site" / "bundles.html").read_text(encoding="utf-8")


HOSTILE: dict[str, tuple[str, str]] = {
    "a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM scores; END",
        "its schema is not ours: trigger t is not ours",
    ),
    "a view in place of ours": ("DROP VIEW item_scores", "view item_scores is missing"),
    "a view of its own": ("CREATE VIEW v AS SELECT load_extension('x')", "view v is not ours"),
    "a table of its own": ("CREATE TABLE t (x)", "table t is not ours"),
    "an index on an expression": ("CREATE INDEX i ON runs(lower(protocol))", "index i is not ours"),
    "a column more": ("ALTER TABLE runs ADD COLUMN x", "table runs is changed"),
    "a newer version": (f"PRAGMA user_version = {database.version() + 1}", "was written by a newer sparkles-eval"),
    "another program's file": ("PRAGMA application_id = 7", "not a store of sparkles-eval"),
    "people's ratings": (
        "INSERT INTO sheets VALUES ('s', 'r', 't', 1, 1, 10, '[]', '2026-01-01T00:00:00.000000Z')",
        "holds rows of sheets, which are no part of a bundle",
    ),
    "rows of another kind": (
        """UPDATE tasks SET metrics = '{"a": 1}'""",
        "tasks (id ",
    ),
    "a run that it does not tell of": ("UPDATE runs SET total = 9", "asks 9 samples, 8 are listed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_stores_are_refused(bundles: dict[str, Path], tmp_path: Path, name: str) -> None:
    statement, expected = HOSTILE[name]
    told = refusal(tampered(bundles["chance"], tmp_path / "bad.zip", statement), tmp_path)
    assert expected in told, told


def test_a_script_for_a_title_is_text(folder: Path, tmp_path: Path) -> None:
    tampered(folder / "chance.zip", folder / "bad.zip", "UPDATE judges SET title = '<script>alert(1)</script>'")
    (folder / "chance.zip").unlink()
    board = built(folder, tmp_path)
    assert [one.bundle for one in board.taken] == ["bad.zip", "oracle.zip"]
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")]
    assert not any("<script>alert" in page for page in pages)


def test_a_schema_written_past_sqlite_is_refused(bundles: dict[str, Path], tmp_path: Path) -> None:
    files = members(bundles["chance"])
    store = tmp_path / "s.db"
    store.write_bytes(files["store.db"])
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'CHECK (free IN (0, 1))', '') WHERE name = 'models'")
        db.commit()
    files["store.db"] = store.read_bytes()
    sign(files)
    assert "table models is changed" in refusal(packed(tmp_path / "bad.zip", files), tmp_path)


def swapped(**files: bytes) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda own: own | {name.replace("_", "."): data for name, data in files.items()}


BROKEN: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "a store that is not the manifest's": (
        lambda own: own | {"store.db": own["store.db"] + b"\0"},
        "store.db is not the file that manifest.json names",
    ),
    "a member more": (swapped(run_sh=b"rm -rf /"), "'run.sh'; a bundle holds"),
    "no manifest": (lambda own: {n: d for n, d in own.items() if n != "manifest.json"}, "holds no manifest.json"),
    "a manifest that is none": (swapped(manifest_json=b"[1]"), "manifest.json: "),
    "a manifest that says more": (
        lambda own: own | {"manifest.json": own["manifest.json"].replace(b'"format"', b'"run": "x", "format"', 1)},
        "unknown key 'run'",
    ),
    "a manifest of another format": (
        lambda own: (
            own
            | {
                "manifest.json": own["manifest.json"]
                .replace(b'"format":1', b'"format":2')
                .replace(b'"format": 1', b'"format": 2')
            }
        ),
        "manifest.json: format",
    ),
    "a manifest too deep": (swapped(manifest_json=b"[" * 100_000), "manifest.json"),
    "a store that is none": (swapped(store_db=b"not a store" * 100), "not a store of sparkles-eval"),
    "an empty store": (swapped(store_db=b""), "not a store of sparkles-eval"),
    "a card of other numbers": (
        lambda own: own | {"card.md": own["card.md"].replace(b"100.0", b"999.9").replace(b"50.0", b"99.9") + b"!"},
        "card.md is not the card of the runs in store.db",
    ),
    "a manifest of other runs": (
        lambda own: own | {"manifest.json": own["manifest.json"].replace(b"baseline/chance", b"openai/best-model")},
        "manifest.json tells of other runs than store.db holds",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_bundles_that_do_not_fit_together_are_refused(bundles: dict[str, Path], tmp_path: Path, name: str) -> None:
    change, expected = BROKEN[name]
    files = change(members(bundles["chance"]))
    if "is not the manifest" not in name and files.get("manifest.json", b"").startswith(b"{"):
        sign(files)
    told = refusal(packed(tmp_path / "bad.zip", files), tmp_path)
    assert expected in told, told


def test_a_bundle_that_is_too_large_unpacked_is_refused(folder: Path, tmp_path: Path) -> None:
    board = built(folder, tmp_path, LeaderboardOptions(largest=100_000, figures=False))
    assert board.taken == () and board.index is None and not (tmp_path / "site").exists()
    assert "store.db unpacks to" in reasons(board, "oracle.zip")


def test_bundles_that_contradict_each_other_are_not_both_taken(
    folder: Path, bundles: dict[str, Path], tmp_path: Path
) -> None:
    # The same run, its model saying on one item what changes no score.
    tampered(
        bundles["oracle"],
        folder / "zz.zip",
        "UPDATE responses SET text = text || ' ' WHERE id = (SELECT min(a.response_id) FROM answers a"
        " JOIN runs r ON r.id = a.run_id WHERE r.answer_rule IS NOT NULL)",
    )
    board = built(folder, tmp_path)
    assert "contradicts a bundle before it: responses (baseline/oracle on bison-mini, " in reasons(board, "zz.zip")
    assert [one.bundle for one in board.taken] == ["chance.zip", "oracle.zip"]


def test_a_bundle_that_is_there_twice_is_said_and_counted_once(folder: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "oracle.zip", folder / "zz.zip")
    board = built(folder, tmp_path)
    assert [one.bundle for one in board.taken] == ["chance.zip", "oracle.zip"]
    assert reasons(board, "zz.zip") == "is oracle.zip again, byte for byte"
    assert "byte for byte" in (tmp_path / "site" / "bundles.html").read_text(encoding="utf-8")
    assert tables(tmp_path / "site" / "downloads" / "sparkles.db") == tables(whole)


@pytest.fixture
def mixed_folder(folder: Path, tmp_path: Path) -> Path:
    """The honest bundles, and one on other data of the same task."""
    with Store(tmp_path / "other.db") as store:
        ask(store, RunConfig(tasks=("bison-mini",), models=("baseline/echo",), task_args=("n=5",)))
    submit(tmp_path / "other.db", runs_of(tmp_path / "other.db"), folder / "other.zip")
    return folder


def test_mixed_identities_are_refused_and_the_bundles_named(mixed_folder: Path, tmp_path: Path) -> None:
    board = built(mixed_folder, tmp_path)
    assert board.taken == () and len(board.left_out) == 3
    assert "data: " in reasons(board, "other.zip") and "5 items" in reasons(board, "other.zip")
    assert "chance.zip, oracle.zip" in reasons(board, "other.zip")


def test_a_named_bundle_decides_whose_data_hold(mixed_folder: Path, tmp_path: Path) -> None:
    board = built(mixed_folder, tmp_path, LeaderboardOptions(like="oracle.zip", figures=False))
    assert [one.bundle for one in board.taken] == ["chance.zip", "oracle.zip"]
    with pytest.raises(UserError, match=r"--like no\.zip"):
        built(mixed_folder, tmp_path, LeaderboardOptions(like="no.zip"))


def test_what_may_not_be_compared_is_put_apart_only_when_asked(mixed_folder: Path, tmp_path: Path) -> None:
    board = built(mixed_folder, tmp_path, LeaderboardOptions(apart=True, figures=False))
    assert len(board.taken) == 3
    assert rows(tmp_path / "site" / "downloads" / "sparkles.db", "SELECT count(DISTINCT data_hash) FROM runs") == [(3,)]


def test_an_earlier_site_is_replaced_and_other_files_are_not(folder: Path, tmp_path: Path) -> None:
    built(folder, tmp_path)
    (folder / "chance.zip").unlink()
    built(folder, tmp_path)
    listed = json.loads((tmp_path / "site" / "bundles.json").read_text(encoding="utf-8"))
    assert [one["bundle"] for one in listed["accepted"]] == ["oracle.zip"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundles", "site"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds files that are no leaderboard"):
        build_leaderboard(folder, tmp_path / "mine", QUICK)
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_nothing_to_build_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no bundles"):
        build_leaderboard(tmp_path, tmp_path / "site")
    with pytest.raises(UserError, match="cannot be read"):
        build_leaderboard(tmp_path / "none", tmp_path / "site")


def test_a_bundle_of_an_older_store_version_is_brought_up_to_date(folder: Path, tmp_path: Path) -> None:
    files = members(folder / "chance.zip")
    store = tmp_path / "old.db"
    store.write_bytes(files["store.db"])
    dropped = (
        "generated_dialogues",
        "dialogue_gates",
        "dialogues",
        "dialogue_calls",
        "dialogue_images",
        "dialogue_set_environments",
        "dialogue_sets",
        "addresses",
    )
    with closing(sqlite3.connect(store)) as db:
        for name in dropped:
            db.execute(f"DROP {'VIEW' if name.startswith('generated') else 'TABLE'} {name}")
        db.execute("DROP INDEX responses_settled")
        db.execute(
            "CREATE UNIQUE INDEX responses_settled ON responses(key) WHERE status IN ('ok', 'refused', 'truncated')"
        )
        for table, column in (
            ("judges", "reader"),
            ("judges", "canary"),
            ("verdicts", "canary"),
            ("verdicts", "cut_off"),
            ("responses", "reasoning"),
            ("responses", "finish"),
            ("responses", "reasoning_tokens"),
            ("responses", "cached_tokens"),
            ("verdicts", "reasoning"),
            ("verdicts", "reasoning_tokens"),
            ("verdicts", "cached_tokens"),
            ("responses", "set_aside"),
            ("responses", "address"),
        ):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        db.execute("DELETE FROM _sqlite_migrations WHERE name >= '0005'")
        db.execute("PRAGMA user_version = 4")
        db.commit()
    files["store.db"] = store.read_bytes()
    sign(files)
    packed(folder / "chance.zip", files)
    assert [one.bundle for one in built(folder, tmp_path).taken] == ["chance.zip", "oracle.zip"]
