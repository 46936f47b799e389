"""Verification: honest stores pass, and every kind of tampering is named with its row."""
# ruff: noqa: S608 - statements of our own

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import StoreError
from sparkles_eval.engine.config import RunConfig
from sparkles_eval.publishing.verify import verify_file
from sparkles_eval.store import database
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.folders import write_task_scaffold
from sparkles_eval.tasks.variation import Variation
from tests.analysis.making import RUN, ask, fill
from tests.end_to_end.running import rows
from tests.publishing.making import copied, edited
from tests.server import LoopbackServer


def findings(path: Path) -> list[str]:
    return [str(finding) for finding in verify_file(path).findings]


def test_what_the_engine_made_is_sound(whole: Path, judged: Path) -> None:
    for path in (whole, judged):
        found = verify_file(path)
        assert found.findings == () and found.unchecked == ()
        (count,) = rows(path, "SELECT count(*) FROM scores")
        assert (found.checked["scores"],) == count and count != (0,)


def test_altered_tasks_draws_epochs_and_controls_are_sound(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    dialogues, pairs = ("sparkleseval-mini",), ("bison-mini",)
    base = RunConfig(tasks=dialogues, models=("baseline/chance", "baseline/echo"), task_args=("n=4",))
    with Store(path) as store:
        for images in ("dropped", "shuffled", "wrong"):
            ask(store, replace(base, variation=Variation(images=images)))
        ask(store, replace(base, variation=Variation(history="reference")))
        ask(store, replace(base, tasks=pairs, variation=Variation(orders="both")))
        ask(store, replace(base, tasks=pairs, protocol="paper", epochs=2, controls=True))
        summarise(store)
    assert rows(path, "SELECT max(draws) FROM answers") == [(10,)]
    found = verify_file(path)
    assert found.findings == () and found.unchecked == ()
    with edited(path) as db:
        db.execute("UPDATE runs SET variant = 'images=dropped', identity = json_set(identity, '$.variant', variant)")
    assert any("its request shows other images than turn 1 has" in text for text in findings(path))


def test_pictures_that_are_shown_otherwise_than_their_files_are_sound(tmp_path: Path) -> None:
    """Their requests name the reading; a reading that nobody writes is named."""
    folder = write_task_scaffold("mine", tmp_path)
    for file in (folder / "images").iterdir():
        with PIL.Image.open(file) as opened:
            clear = opened.convert("RGBA")
        clear.putalpha(120)
        clear.save(file)
    store = tmp_path / "s.db"
    with LoopbackServer() as server:
        config = RunConfig(tasks=(str(folder),), models=("openai/good",), model_args=(f"base_url={server.openai_url}",))
        with Store(store) as opened_store:
            ask(opened_store, config)
    assert findings(store) == []
    assert all('"reading":"seen@1"' in str(row[0]) for row in rows(store, "SELECT conversation FROM requests"))
    with edited(store) as db:
        db.execute("UPDATE requests SET conversation = replace(conversation, 'seen@1', '<b>')")
    assert any("conversation" in line for line in findings(store))


def test_nothing_is_written_to_a_store_that_is_checked(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    path = copied(whole, folder / "s.db")
    before = path.read_bytes()
    folder.chmod(0o555)
    try:
        assert verify_file(path).sound
    finally:
        folder.chmod(0o755)
    assert path.read_bytes() == before and [file.name for file in folder.iterdir()] == ["s.db"]


FIRST = "SELECT id FROM runs ORDER BY created_at, id LIMIT 1"
BISON = "SELECT id FROM runs WHERE answer_rule IS NOT NULL ORDER BY created_at, id LIMIT 1"
ONE = (
    f"run_id = ({BISON}) AND sample_id = (SELECT sample_id FROM run_samples WHERE run_id = ({BISON}) AND position = 2)"
)

TAMPERED = {
    "a score": (
        f"UPDATE scores SET value = 1 - value WHERE {ONE}",
        r"scores \(run_id .*, judge strict, sample_id .*accuracy\): is 0 \(read as IMAGE#\d\), the answer gives 1",
    ),
    "the option that was read": (
        f"UPDATE scores SET answer = 'IMAGE#9' WHERE {ONE}",
        r"read as IMAGE#9\), the answer gives 1 \(read as IMAGE#\d\)",
    ),
    "a hidden miss": (
        f"UPDATE scores SET value = NULL, reason = 'timed out', answer = NULL WHERE {ONE}",
        r"scores .*is unscored, the answer gives 1",
    ),
    "a score that is gone": (f"DELETE FROM scores WHERE {ONE}", r"scores .*is missing, the answer gives 1"),
    "a score without an answer": (f"DELETE FROM answers WHERE {ONE}", r"scores .*is 1 .*without an answer"),
    "an answer": (
        f"UPDATE responses SET text = 'IMAGE#1 or IMAGE#2' WHERE id = (SELECT response_id FROM answers WHERE {ONE})",
        r"scores .*the answer gives 0 \(invalid\)",
    ),
    "the right option": (
        "UPDATE samples SET target = 'IMAGE#1', body = json_set(body, '$.target', 'IMAGE#1') WHERE target = 'IMAGE#2'",
        r"samples \(id \w+\): its content has the hash \w+",
    ),
    "a column of a sample": (
        "UPDATE samples SET cluster = 'one'",
        r"samples \(id \w+\): its cluster is not the body's",
    ),
    "a model's settings": (
        """UPDATE models SET settings = '{"temperature":"0"}'""",
        r"models \(id \w+\): its identity is not the hash of kind, model_id and settings",
    ),
    "a task's card": ("UPDATE tasks SET card = 'better'", r"tasks \(id \w+\): its content has the hash"),
    "a run's protocol": (
        "UPDATE runs SET protocol = 'paper'",
        r"runs \(id \w+\): its protocol is not that of its identity",
    ),
    "a run's identity": (
        "UPDATE runs SET epochs = 2, identity = json_set(identity, '$.epochs', 2)",
        r"runs \(id \w+\): its content has the hash \w{12}",
    ),
    "items that are left out": (
        f"DELETE FROM run_samples WHERE run_id = ({BISON}) AND position = 7",
        r"runs \(id \w+\): (asks 8 samples, 7 are listed|its data_hash is not the hash of its samples)",
    ),
    "what was asked": (
        "UPDATE requests SET generation = '{\"temperature\":1}'",
        r"requests \(key \w+\): is not the hash of what was asked",
    ),
    "an answer to another sample": (
        f"UPDATE answers SET response_id = (SELECT min(response_id) FROM answers) WHERE run_id = ({BISON})",
        r"answers \(run_id .*turn 1\): its request shows other images than turn 1 has",
    ),
    "an answer of another model": (
        "UPDATE answers AS a SET response_id = o.response_id FROM answers o WHERE o.sample_id = a.sample_id"  # noqa: ISC004
        f" AND o.turn = a.turn AND o.run_id != a.run_id AND a.run_id = ({BISON})",
        r"answers \(.*\): another model was asked",
    ),
    "how often was drawn": (f"UPDATE answers SET draws = 3 WHERE {ONE}", r"answers .*another epoch or draw"),
    "an estimate": (
        "UPDATE estimates SET value = 0.999 WHERE metric = 'accuracy'",
        r"estimates \(run_id \w+, judge strict, metric accuracy\): value is 0.999, its scores give",
    ),
    "an interval": (
        "UPDATE estimates SET low = low + 0.1 WHERE low < 0.5",
        r"estimates .*: low is .*, its scores give",
    ),
    "how many were graded": ("UPDATE estimates SET n = 8000", r"estimates .*: n is 8000, its scores give 8"),
    "a metric of nothing": (
        "UPDATE estimates SET metric = 'glory' WHERE metric = 'accuracy'",
        r"glory\): is no metric",
    ),
    "a reference": ("DELETE FROM samples", r"run_samples \(row None\): refers to a row of samples that is not there"),
    "a kind of value": ("UPDATE responses SET cost_usd = 'free'", r"responses .*: cost_usd holds what it cannot hold"),
    "an amount": ("UPDATE responses SET latency_s = -1", r"responses .*: latency_s holds what it cannot hold"),
    "a number without end": ("UPDATE scores SET value = 9e999", r"scores .*: value holds what it cannot hold"),
    "a time": ("UPDATE runs SET created_at = 'yesterday'", r"runs .*: created_at holds what it cannot hold"),
    "a day that is none": (
        "UPDATE runs SET created_at = '2026-02-30T00:00:00.000000Z'",
        r"runs .*: created_at holds what it cannot hold",
    ),
    "a billion epochs": ("UPDATE runs SET epochs = 1000000000", r"runs .*: epochs holds what it cannot hold"),
    "a JSON text": ("UPDATE judges SET criteria = '[1]'", r"judges .*: criteria is not as this program writes it"),
    "a JSON text without end": (
        "UPDATE samples SET tags = replace(printf('%.*c', 100000, 'x'), 'x', '[')",
        r"samples .*: tags is not as this program writes it",
    ),
    "a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM scores; END",
        r"schema: trigger t is not ours",
    ),
    "a view of ours": ("DROP VIEW leaderboard", r"schema: view leaderboard is missing"),
    "a thumbnail": ("UPDATE images SET thumbnail = x'3c7376673e'", r"images .*: its thumbnail is no small JPEG"),
    "a body that is no sample": (
        "UPDATE samples SET body = '{}'",
        r"samples \(id \w+\): its body is no sample, or names an image that the store does not hold",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_named_with_its_row(store_file: Path, name: str) -> None:
    statement, expected = TAMPERED[name]
    with edited(store_file) as db:
        assert db.execute(statement).rowcount != 0
        if "estimates" not in statement:  # whoever changes rows leaves the metrics to be computed again
            db.execute("DELETE FROM estimates")
    found = findings(store_file)
    assert any(re.search(expected, text) for text in found), found[:5]


JUDGED = {
    "a rating": (
        "UPDATE verdicts SET ratings = replace(ratings, '\"value\":9.0', '\"value\":10.0') WHERE raw IS NOT NULL",
        r"verdicts \(id \d+, judge sparkles\): C\d of A\d is 10.0, its reply says 9.0",
    ),
    "a rule's rating": (
        "UPDATE verdicts SET ratings = replace(ratings, 'e\":1.0', 'e\":10.0') WHERE coalesce(raw, '') = ''",
        r"verdicts \(id \d+, judge facts\): C1 of A1 is 10.0, its reply says 1.0",
    ),
    "a score of a verdict": (
        "UPDATE scores SET value = 10 WHERE value < 9 AND verdict_id IS NOT NULL",
        r"scores \(run_id .*\): is 10, its verdict says",
    ),
    "a score without a verdict": (
        "UPDATE scores SET verdict_id = NULL WHERE judge_id IN (SELECT id FROM judges WHERE name = 'facts')",
        r"scores .*judge facts.*without a verdict",
    ),
    "a verdict of another answer": (
        "UPDATE responses SET text = text || ' Truly.'",
        r"verdicts .*: its key is not the hash of judge, sample and answers",
    ),
    "a verdict that was called unreadable": (
        "UPDATE verdicts SET status = 'invalid', ratings = '[]', reason = 'no' WHERE raw IS NOT NULL AND raw != ''",
        r"verdicts .*: is called invalid, but its reply can be read",
    ),
    "ratings out of nothing": (
        "UPDATE verdicts SET raw = 'I would rather not say.' WHERE raw IS NOT NULL AND raw != ''",
        r"verdicts .*: has ratings, but its reply cannot be read",
    ),
    "a low score that is hidden": (
        "UPDATE scores SET value = NULL, reason = 'lost' WHERE value < 5 AND verdict_id IS NOT NULL",
        r"scores .*: is unscored, its verdict says",
    ),
    "a panel's score": (
        "UPDATE scores SET value = 10 WHERE judge_id IN (SELECT id FROM judges WHERE name LIKE 'panel:%')",
        r"scores \(.*judge panel:.*\): is 10.0, the votes give",
    ),
    "an answer behind another first answer": (
        "UPDATE responses SET text = text || ' Truly.' WHERE id IN (SELECT response_id FROM answers WHERE turn = 1)",
        r"answers .*turn 2\): its request follows another answer to turn 1",
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_tampering_with_judgements_is_named_with_its_row(judged: Path, tmp_path: Path, name: str) -> None:
    path = copied(judged, tmp_path / "s.db")
    statement, expected = JUDGED[name]
    with edited(path) as db:
        assert db.execute(statement).rowcount > 0
        db.execute("DELETE FROM estimates")
    found = findings(path)
    assert any(re.search(expected, text) for text in found), found[:5]


def test_the_last_instant_of_a_second_is_a_time(store_file: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE runs SET created_at = '2028-02-29T23:59:59.999999Z'")
    assert verify_file(store_file).sound


def test_what_a_person_adds_for_looking_at_is_no_finding(store_file: Path) -> None:
    with edited(store_file) as db:
        db.execute("CREATE VIEW mine AS SELECT count(*) FROM scores")
        db.execute("CREATE TABLE notes (text)")
    assert verify_file(store_file).sound


def test_text_of_a_stranger_s_store_does_not_steer_the_terminal(store_file: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE tasks SET id = id || char(27) || '[2J' || char(8238)")
        db.execute("UPDATE runs SET task_id = task_id || char(27) || '[2J' || char(8238)")
    found = findings(store_file)
    assert any("\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}U+001B" in text for text in found)
    assert not any(char in text for text in found for char in "\x1b\u202e")


def test_intervals_of_clusters_that_an_earlier_version_made_are_superseded_and_not_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        labels = [f"c{n}" for n in range(40) for _ in range(1 + n % 4)]
        fill(store, {"m": [float(n % 3 > 0) for n in range(100)]}, clusters=labels, run=replace(RUN, total=100))
        summarise(store)
    with edited(path) as db:
        db.execute("UPDATE estimates SET low = low - 0.01 WHERE metric = 'accuracy'")
    found = verify_file(path)
    assert any("an interval that an earlier version made, as Wilson, clustered" in said for said in found.superseded)
    assert not [one for one in findings(path) if "low is" in one]
    with edited(path) as db:
        db.execute("UPDATE estimates SET value = 0.99 WHERE metric = 'accuracy'")
    assert any("value is 0.99" in one for one in findings(path))


def test_estimates_that_are_out_of_date_claim_nothing(store_file: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE estimates SET value = 0.1, basis = 'old'")
    assert verify_file(store_file).sound


def test_a_judge_that_is_not_here_is_told_and_not_condemned(judged: Path, tmp_path: Path) -> None:
    path = copied(judged, tmp_path / "s.db")
    with edited(path) as db:
        (facts,) = db.execute("SELECT id FROM judges WHERE name = 'facts'").fetchone()
        for table, column in (("judges", "id"), ("scores", "judge_id"), ("verdicts", "judge_id")):
            db.execute(f"UPDATE {table} SET {column} = 'f' || substr({column}, 2) WHERE {column} = ?", (facts,))
        db.execute("DELETE FROM estimates")
    found = verify_file(path)
    assert any("the rule facts (f" in why and "another version" in why for why in found.unchecked)
    assert any("members are not all in the store" in why for why in found.unchecked)
    assert found.sound


def test_many_findings_end_at_a_bound(store_file: Path) -> None:
    with edited(store_file) as db:
        db.execute("UPDATE samples SET cluster = 'one'")
    found = verify_file(store_file, most=3)
    assert len(found.findings) == 3 and found.cut


def test_a_damaged_file_is_told(store_file: Path) -> None:
    data = bytearray(store_file.read_bytes())
    page = len(data) // 2 // 4096 * 4096
    data[page : page + 4096] = b"\xaa" * 4096
    store_file.write_bytes(data)
    assert any("damaged" in text for text in findings(store_file))


def test_what_is_newer_or_no_store_is_refused(store_file: Path, tmp_path: Path) -> None:
    with edited(store_file) as db:
        db.execute(f"PRAGMA user_version = {database.version() + 1}")
    with pytest.raises(StoreError, match="written by a newer sparkles-eval"):
        verify_file(store_file)
    (tmp_path / "x.db").write_text(json.dumps({}))
    with pytest.raises(StoreError, match="not a store of sparkles-eval"):
        verify_file(tmp_path / "x.db")
