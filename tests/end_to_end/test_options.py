"""What the options of `run` do, against a server that counts what it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import accounted, here, judged, models, rows, tables, total
from tests.server import Behaviour, LoopbackServer, Rule, Settings


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def run(store: Path, server: LoopbackServer, *more: str, model: str = "openai/good", n: int = 8) -> list[str]:
    """`run` of a mini with one model; `more` is added."""
    common = ["run", "-t", "nlvr2-mini", "--task-arg", f"n={n}", "--store", str(store), "--no-report"]
    return [*common, *models(server, model), *more]


def test_a_part_first_and_the_whole_later_reuses_the_replies(server: LoopbackServer, store: Path) -> None:
    assert here(*run(store, server, "--limit", "3")).code == 0
    assert server.stats().requests == 3
    assert here(*run(store, server)).code == 0
    assert (server.stats().requests, server.stats().repeated) == (8, 0)
    assert rows(store, "SELECT total FROM runs ORDER BY total") == [(3,), (8,)]


def test_named_samples_in_a_shuffled_order(server: LoopbackServer, store: Path) -> None:
    here(*run(store, server))
    names = [str(name) for (name,) in rows(store, "SELECT name FROM samples ORDER BY name")]
    here(*run(store, server, "--samples", names[2], "--samples", names[5]))
    here(*run(store, server, "--shuffle-seed", "7", "--limit", "4"))
    here(*run(store, server, "--shuffle-seed", "8", "--limit", "4"))
    assert server.stats().requests == 8, "all of them had been asked before"
    drawn = rows(
        store,
        "SELECT group_concat(s.name) FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " JOIN runs r ON r.id = p.run_id WHERE r.total = 4 GROUP BY p.run_id",
    )
    assert len(set(drawn)) == 2


def test_epochs_ask_everything_so_often(server: LoopbackServer, store: Path) -> None:
    assert here(*run(store, server, "--generation", "temperature=1", "--epochs", "2")).code == 0
    assert server.stats().requests == 16
    assert total(rows(store, "SELECT count(*) FROM scores WHERE value IS NOT NULL")) == 16
    assert rows(store, "SELECT epoch, count(*) FROM answers GROUP BY epoch") == [(0, 8), (1, 8)]
    here(*run(store, server, "--generation", "temperature=1"))
    assert server.stats().requests == 16, "the first epoch is what a single one would have asked"


def test_a_dry_run_shows_the_prompts_and_asks_nobody(server: LoopbackServer, store: Path) -> None:
    done = here("run", "-t", "sparkleseval-mini", *models(server, "openai/good"), "--dry-run", "--store", str(store))
    assert done.code == 0
    assert "user" in done.out and "256x256" in done.out
    assert server.stats().requests == 0
    assert not store.exists()


def test_an_estimate_spends_nothing_and_says_unknown(server: LoopbackServer, store: Path) -> None:
    done = here(*run(store, server, "--estimate"))
    assert done.code == 0
    assert "nothing was sent" in done.out and "unknown" in done.out and "$0.00 " not in done.out.split("all")[0]
    priced = here(*run(store, server, "--estimate", "--model-arg", "price_in=1", "--model-arg", "price_out=4"))
    assert "$0.0" in priced.out
    assert server.stats().requests == 0
    assert not store.exists()


def test_max_cost_stops_with_the_reason_and_more_money_goes_on(server: LoopbackServer, store: Path) -> None:
    priced = ["--model-arg", "price_in=1000", "--model-arg", "price_out=1000"]
    first = here(*run(store, server, *priced, "--max-cost", "1.5"))
    assert first.code == 3
    assert "--max-cost 1.5 USD is reached" in first.shown
    spent = rows(store, "SELECT sum(cost_usd), max(cost_usd), count(*) FROM responses")[0]
    assert isinstance(spent[0], float) and isinstance(spent[1], float) and isinstance(spent[2], int)
    assert 1.5 - spent[1] < spent[0] <= 1.5
    assert 0 < spent[2] < 8
    accounted(store)
    assert total(rows(store, "SELECT count(*) FROM scores WHERE reason LIKE '--max-cost%'")) == 8 - spent[2]
    second = here(*run(store, server, *priced, "--max-cost", "100"))
    assert (second.code, server.stats().requests, server.stats().repeated) == (0, 8, 0)


def test_max_cost_needs_prices(server: LoopbackServer, store: Path) -> None:
    with pytest.raises(UserError, match=r"--max-cost needs the prices of openai/good"):
        here(*run(store, server, "--max-cost", "1"))
    assert server.stats().requests == 0


def test_the_paper_protocol_draws_again_until_valid_within_a_bound(server: LoopbackServer, store: Path) -> None:
    server.configure(Settings(models={"garbled-judge": Behaviour()}))
    done = here(*run(store, server, "--protocol", "paper", model="openai/garbled-judge", n=20))
    assert done.code == 0
    drawn = rows(store, "SELECT draws, invalid, value FROM item_scores")
    assert len(drawn) == 20
    assert all(1 <= int(str(draws)) <= 10 for draws, _, _ in drawn)
    assert sum(int(str(draws)) for draws, _, _ in drawn) == server.stats().requests
    assert len({draws for draws, _, _ in drawn}) > 2, "some were valid at once, others were drawn again"
    assert rows(store, "SELECT count(DISTINCT generation) > 2 FROM requests") == [(1,)], "every draw has its own seed"


def test_what_stays_invalid_counts_as_wrong_and_is_bounded(server: LoopbackServer, store: Path) -> None:
    server.configure(Settings(models={"good": Behaviour(rules=(Rule(pattern=".", reply="Who knows."),))}))
    done = here(*run(store, server, "--protocol", "paper", n=3))
    assert done.code == 0
    assert server.stats().requests == 30
    assert rows(store, "SELECT draws, invalid, value, reason IS NULL FROM item_scores") == [(10, 1, 0.0, 0)] * 3


@pytest.mark.parametrize(
    ("persona", "status"),
    [("refuser", "refused"), ("filtered", "refused"), ("truncated", "truncated"), ("empty", "ok")],
)
def test_what_is_no_proper_answer_is_recorded_as_what_it_is(
    server: LoopbackServer, store: Path, persona: str, status: str
) -> None:
    done = here(*run(store, server, model=f"openai/{persona}", n=4))
    assert done.code == 0, "a model that does not answer is wrong, not unscored"
    assert rows(store, "SELECT status, count(*) FROM responses GROUP BY status") == [(status, 4)]
    scored = rows(store, "SELECT DISTINCT value, invalid FROM item_scores")
    assert scored == [(0.0, 1)]
    why = {str(reason) for (reason,) in rows(store, "SELECT DISTINCT reason FROM item_scores")}
    said = {"truncated": "cut off (length): ", "refused": "refused: "}.get(status, "")
    assert all(reason.startswith(said) for reason in why), why
    again = here(*run(store, server, model=f"openai/{persona}", n=4))
    assert (again.code, server.stats().requests) == (0, 4)


def test_a_refused_dialogue_is_unscored_with_the_reason(server: LoopbackServer, store: Path) -> None:
    args = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=3", "--store", str(store), "--no-report"]
    done = here(*args, *models(server, "anthropic/refuser", "openai/empty"))
    assert done.code == 3
    accounted(store)
    refused = rows(store, "SELECT DISTINCT reason FROM item_scores WHERE model = 'anthropic/refuser'")
    assert refused == [("the model refused turn 1: I cannot help with these pictures.",)]
    empty = rows(store, "SELECT DISTINCT reason FROM item_scores WHERE model = 'openai/empty'")
    assert len(empty) == 1 and "earlier answer of the model is empty" in str(empty[0][0])


def test_an_unreadable_judge_is_asked_again_within_a_bound(server: LoopbackServer, store: Path) -> None:
    args = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=12", "--store", str(store), "--no-report"]
    done = here(*args, "-m", "baseline/oracle", *judged(server, "garbled-judge"))
    accounted(store)
    found = rows(store, "SELECT status, count(*) FROM verdicts GROUP BY status")
    replies = {str(status): count for status, count in found}
    scored = total(rows(store, "SELECT count(DISTINCT sample) FROM item_scores WHERE value IS NOT NULL"))
    assert replies.get("graded", 0) == scored
    assert set(replies) <= {"graded", "invalid"}
    assert total(rows(store, "SELECT max(attempt) FROM verdicts")) <= 3
    assert done.code == (0 if scored == 12 else 3)
    whys = {str(why) for (why,) in rows(store, "SELECT DISTINCT reason FROM item_scores WHERE value IS NULL")}
    assert all(why.startswith("judge sparkles: no verdict in 3 replies, the last: ") for why in whys), whys


def test_embedded_images_are_there_for_a_judge_elsewhere(server: LoopbackServer, store: Path) -> None:
    args = ["-t", "sparkleseval-mini", "--task-arg", "n=2", "--store", str(store), "--no-report"]
    assert here("run", *args, "-m", "baseline/oracle", "--embed-images").code == 0
    assert rows(store, "SELECT count(*) FROM images WHERE bytes IS NULL OR thumbnail IS NULL") == [(0,)]
    eyes = ["--judge", "sparkles-vision@openai/good", "--judge-arg", f"base_url={server.openai_url}"]
    assert here("judge", *eyes, "--store", str(store), "--no-report").code == 0
    assert server.stats().requests == 2
    kept = {str(sha) for (sha,) in rows(store, "SELECT sha256 FROM images")}
    assert {image for record in server.records() for image in record.images} == kept


def test_the_same_answers_are_judged_once(server: LoopbackServer, store: Path) -> None:
    """Two baselines say the same words: their dialogues are one question to the judge, though they run side by side."""
    server.configure(Settings(default=Behaviour(latency_s=0.05), models={"good-judge": Behaviour(latency_s=0.05)}))
    args = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=4", "--store", str(store), "--no-report"]
    two = ["-m", "baseline/chance", "-m", "baseline/constant"]
    here(*args, *two, *judged(server))
    judged_both = tables(store)[0]
    assert server.stats().requests == 4
    assert len(judged_both) == 2 * 4 * 2 * 3
