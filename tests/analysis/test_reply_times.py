"""Times of a run's replies: percentiles by nearest rank, tokens a second, each address by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sparkles_eval.analysis.reply_times import reply_times
from sparkles_eval.store.store import Store
from tests.end_to_end.running import here, rows
from tests.server import LoopbackServer


def test_the_times_of_all_and_of_each_address(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    words = ["run", "-t", "nlvr2-mini", "--task-arg", "n=20", "-m", "openai/good", "--no-report"]
    with LoopbackServer() as server:
        done = here(*words, "--model-arg", f"base_url={server.openai_url}", "--store", str(path))
    assert done.code == 0
    with Store(path) as store:
        store.connection.execute("UPDATE responses SET latency_s = id * 0.1, output_tokens = 10")
        store.connection.execute("UPDATE responses SET address = CASE WHEN id <= 5 THEN 'a' ELSE 'b' END")
        (run,) = [str(run) for (run,) in rows(path, "SELECT id FROM runs")]
        store.connection.execute(
            "INSERT INTO responses (key, attempt, status, error, latency_s, created_at, address)"
            " SELECT key, 1, 'api_error', 'HTTP 500', 9.0, created_at, 'b' FROM responses WHERE id = 1"
        )
        whole, first, second = reply_times(store, run)
    assert (whole.address, whole.replies, whole.failures) == ("", 20, 1)
    assert round(whole.p50_s, 6) == 1.0 and round(whole.p95_s, 6) == 1.9
    assert whole.tokens_per_s is not None and round(whole.tokens_per_s, 6) == round(200 / 21.0, 6)
    assert (first.address, first.replies, first.failures, round(first.p95_s, 6)) == ("a", 5, 0, 0.5)
    assert (second.address, second.replies, second.failures) == ("b", 15, 1)
    assert replace(first, tokens_per_s=None).text == "half within 0.3 s, 95% within 0.5 s"
    assert second.text.endswith("; 1 failed attempt")
