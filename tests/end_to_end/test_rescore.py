"""`rescore`: stored replies read with the current reader, asking nobody; what an earlier version read stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.jobs import scorer_row
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers.registry import stored_scorer
from tests.end_to_end.running import here, rows
from tests.end_to_end.scripted import ScriptedServer, completion

TURNED_ROUND = "I doubt that the statement is true."
"""The first version read this as True."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as the first version of the reader left it: its scores alone."""
    store = tmp_path / "s.db"
    with ScriptedServer(lambda _, n: completion(TURNED_ROUND if n % 2 else "False")) as server:
        task = ["-t", "nlvr2-mini", "--task-arg", "n=6", "--no-report", "--max-connections", "1"]
        here("run", *task, *server.model(), "--store", str(store))
    scorer = stored_scorer("strict@1")
    assert scorer is not None
    with Store(store) as opened:
        (run,) = read_runs.runs(opened)
        samples = {one.id: one.sample for one in read_samples.samples(opened, run.id, limit=run.total)}
        replies = {answer.sample_id: answer for answer in opened.answers(run.id)}
        opened.add_judge(scorer_row(scorer))
        made = []
        for sample_id, sample in samples.items():
            response = opened.settled(str(_key(opened, replies[sample_id].response_id)))
            assert response is not None
            made.append(ScoreRow(run.id, sample_id, 0, "strict@1", 0, scorer.score(response, sample, 1)))
        with opened.transaction() as db:
            db.execute("DELETE FROM scores")
            db.execute("DELETE FROM estimates")
        opened.add_scores(made)
    here("report", "--store", str(store), "--out", str(tmp_path / "r.html"), "--no-figures")
    return store


def _key(store: Store, response_id: int) -> object:
    return store.connection.execute("SELECT key FROM responses WHERE id = ?", (response_id,)).fetchone()[0]


def validity(store: Path) -> dict[str, float]:
    """What tables show: the share of valid answers by version of the reader."""
    found = rows(store, "SELECT judge_id, value FROM leaderboard WHERE metric = 'validity'")
    return {str(judge): float(str(value)) for judge, value in found}


def test_replies_are_read_anew_without_asking_anybody(old: Path, tmp_path: Path) -> None:
    assert here("verify", str(old)).code == 0, "an earlier version's scores follow from its own reading"
    assert validity(old) == {"strict@1": 1.0}
    before = rows(old, "SELECT * FROM scores ORDER BY 1, 2, 3")
    replies = rows(old, "SELECT * FROM responses")
    done = here("rescore", str(old))
    assert done.code == 0 and "strict@1 -> strict@2, 3 of 6 items are read differently" in done.shown
    assert rows(old, "SELECT * FROM responses") == replies
    assert rows(old, "SELECT * FROM scores WHERE judge_id = 'strict@1' ORDER BY 1, 2, 3") == before
    verified = here("verify", str(old))
    assert verified.code == 0 and "12 scores" in verified.shown
    assert "is read by strict@2 already" in here("rescore", str(old)).shown
    page = tmp_path / "r.html"
    here("report", "--store", str(old), "--out", str(page), "--no-figures")
    assert validity(old)["strict@2"] == 0.5
    assert page.read_text(encoding="utf-8").count(">strict@1<") == 0, "tables show the newest reading alone"


def test_two_readings_of_one_task_are_not_compared(old: Path, tmp_path: Path) -> None:
    """Another model, read by the current version, beside one that the first version read."""
    with ScriptedServer(lambda *_: completion("True")) as server:
        task = ["-t", "nlvr2-mini", "--task-arg", "n=6", "--no-report", "--store", str(old)]
        here("run", *task, *server.model("name=other", "same_model=true"))
    said = r"judge: strict strict@1 \(openai/m\); strict strict@2 \(other\)\n.*`sparkles-eval rescore"
    with pytest.raises(UserError, match=said):
        here("compare", "--store", str(old))
    here("rescore", str(old))
    assert here("compare", "--store", str(old)).code == 0


def test_a_reader_that_is_not_here_is_said(old: Path) -> None:
    with Store(old) as opened, opened.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("UPDATE judges SET id = 'strict@9', version = 9 WHERE id = 'strict@1'")
        db.execute("UPDATE scores SET judge_id = 'strict@9'")
        db.execute("DELETE FROM estimates")
    done = here("verify", str(old))
    assert "has no answer rule strict@9" in done.shown
