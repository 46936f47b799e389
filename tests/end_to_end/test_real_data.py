"""Real photographs and statements, asked over real HTTP through both SDKs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.end_to_end.running import accounted, cli, here, judged, models, rows, sound, tables, total
from tests.server import LoopbackServer

NAMES = ("openai/good", "anthropic/good-2")


@pytest.fixture(scope="module")
def layout(shared_data: Path) -> Path:
    """A small folder of the published shape, with real photographs."""
    return shared_data / "sparkles_layout"


def arguments(server: LoopbackServer, layout: Path, store: Path) -> list[str]:
    tasks = ["-t", "sparkleseval", "-t", "bison", "-t", "nlvr2", "--data-root", str(layout)]
    return ["run", *tasks, *models(server, *NAMES), *judged(server), "--store", str(store)]


def test_all_three_tasks_with_two_providers_and_a_judge(server: LoopbackServer, layout: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    first = cli(*arguments(server, layout, store))
    assert first.code == 0, first.shown
    for words in ("SparklesEval", "BISON", "NLVR2", *NAMES, "scored by sparkles (openai/good-judge)", "of 8"):
        assert words in first.shown
    accounted(store)
    sound(store)
    assert rows(store, "SELECT DISTINCT status FROM responses") == [("ok",)]
    _same_bytes(server, layout)
    _own_answers(store)

    asked = server.stats()
    assert asked.requests == 2 * (4 * 2 + 6 + 8) + 2 * 4, "two turns a dialogue, a judge's call each"
    assert asked.repeated == 0
    before = tables(store)
    again = cli(*arguments(server, layout, store))
    assert (again.code, server.stats().requests) == (0, asked.requests), "nothing is asked twice"
    assert tables(store) == before


def _same_bytes(server: LoopbackServer, layout: Path) -> None:
    """The images on the wire are the files' own bytes, and all of them were sent."""
    files = {hashlib.sha256(path.read_bytes()).hexdigest() for path in layout.glob("evaluation/*/images/*")}
    sent = {image for record in server.records() for image in record.images}
    assert sent and sent <= files


def _own_answers(store: Path) -> None:
    """A second turn holds the model's own first answer, whoever it is."""
    found = rows(
        store,
        "SELECT m.name, r1.text, q2.conversation FROM answers a1 JOIN answers a2 USING (run_id, sample_id, epoch)"
        " JOIN responses r1 ON r1.id = a1.response_id JOIN responses r2 ON r2.id = a2.response_id"
        " JOIN requests q2 ON q2.key = r2.key JOIN models m ON m.id = q2.model_id WHERE a1.turn = 1 AND a2.turn = 2",
    )
    assert len(found) == 8
    for _, first, conversation in found:
        messages = json.loads(str(conversation))["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant", "user"]
        assert messages[1]["parts"] == [first]
    assert len({first for name, first, _ in found}) > 4, "the models' answers differ, and so do the dialogues"


def test_judging_again_appends_and_loads_no_model(server: LoopbackServer, layout: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    here(*arguments(server, layout, store), "--no-report")
    scores, responses = tables(store)[0], total(rows(store, "SELECT count(*) FROM responses"))
    server.reset()
    second = here("judge", *judged(server, "good-other"), "--repeats", "2", "--store", str(store), "--no-report")
    assert second.code == 0, second.shown
    assert server.stats().by_model == {"good-other": 2 * 4 * 2}
    assert total(rows(store, "SELECT count(*) FROM responses")) == responses
    after = tables(store)[0]
    assert [row for row in after if row in scores] == scores, "what was there stays"
    assert len(after) == len(scores) + 2 * 4 * 2 * 2 * 3, "models, dialogues, repeats, turns, criteria"
    assert total(rows(store, "SELECT count(DISTINCT judge_model) FROM leaderboard WHERE judge = 'sparkles'")) == 2
    again = here("judge", *judged(server, "good-other"), "--repeats", "2", "--store", str(store), "--no-report")
    assert (again.code, server.stats().requests) == (0, 16)


def test_a_judge_that_sees_images_finds_them_again(server: LoopbackServer, layout: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    here(*arguments(server, layout, store), "--no-report", "--limit", "2")
    judge = ["--judge", "sparkles-vision@openai/good-eyes", "--judge-arg", f"base_url={server.openai_url}"]
    server.reset()
    blind = here("judge", *judge, "--store", str(store), "--no-report")
    assert blind.code == 3
    assert "its bytes are not here" in blind.shown
    assert server.stats().requests == 0
    seeing = here("judge", *judge, "--store", str(store), "--data-root", str(layout), "--no-report")
    assert seeing.code == 0, seeing.shown
    _same_bytes(server, layout)


def test_statements_about_drawn_boxes(server: LoopbackServer, shared_data: Path, root: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    task, data = root / "examples" / "nlvr1", shared_data / "nlvr1_dev"
    done = here(
        *("run", "-t", str(task), "--data-root", str(data), "--store", str(store), "--no-report"),
        *models(server, "openai/good", "anthropic/weak"),
    )
    assert done.code == 0, done.shown
    assert "of 165" in done.shown
    accounted(store)
    invalid = total(rows(store, "SELECT count(*) FROM scores WHERE invalid AND value = 0 AND reason != ''"))
    assert invalid > 15, "the weak model names no option one time in five: wrong, with the reason, and counted"
    stated = rows(store, "SELECT model, value FROM leaderboard WHERE metric = 'validity' ORDER BY model")
    assert stated == [("anthropic/weak", pytest.approx(1 - invalid / 165)), ("openai/good", 1.0)]
    sent = {image for record in server.records() for image in record.images}
    assert sent == {hashlib.sha256(path.read_bytes()).hexdigest() for path in (data / "images").glob("*.png")}
