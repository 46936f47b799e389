"""What a plan would ask and cost, against what it then really asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.engine.cost_estimate import REPLY_TOKENS, estimate_cost
from sparkles_eval.engine.prepare import RunPlan, prepare
from sparkles_eval.engine.run import execute
from sparkles_eval.store.store import Store
from tests.engine.making import Heard
from tests.server import LoopbackServer


def config(server: LoopbackServer, *args: str) -> RunConfig:
    return RunConfig(
        tasks=("nlvr2-mini", "sparkleseval-mini"),
        models=("openai/good", "baseline/chance"),
        task_args=("n=6",),
        model_args=(f"openai/good:base_url={server.openai_url}", *args),
        judges=("sparkles@openai/good",),
        judge_args=(f"base_url={server.openai_url}", "price_in=2", "price_out=8"),
    )


def run(plan: RunPlan, store: Store) -> None:
    execute(plan, store, Heard(), RunLimits(), ["test"])


def test_nothing_is_asked_and_free_is_not_unknown(server: LoopbackServer) -> None:
    plan = prepare(config(server))
    lines = {(line.who, line.task): line for line in estimate_cost(plan.jobs, None, None)}
    assert server.stats().requests == 0
    asked = lines["openai/good", "nlvr2-mini"]
    assert (asked.requests, asked.output_tokens) == (6, 6 * REPLY_TOKENS)
    assert asked.input_tokens > 6 * 2 * 256 * 256 // 750, "words beside two images each"
    assert (asked.cost_usd, asked.seconds) == (None, None), "unknown, not 0"
    free = lines["baseline/chance", "nlvr2-mini"]
    assert (free.requests, free.cost_usd, free.seconds) == (6, 0.0, 0.0)
    assert lines["openai/good", "sparkleseval-mini"].requests == 12, "two turns each"


def test_the_cost_is_the_prices_times_the_tokens(server: LoopbackServer) -> None:
    plan = prepare(config(server, "openai/good:price_in=1", "openai/good:price_out=4"))
    line = next(iter(estimate_cost(plan.jobs, None, None)))
    assert line.cost_usd == pytest.approx((line.input_tokens * 1 + line.output_tokens * 4) / 1e6)


def test_judges_of_models_are_counted_and_the_store_takes_off_what_is_done(
    server: LoopbackServer, tmp_path: Path
) -> None:
    whole = replace(config(server), models=("openai/good",))
    first = prepare(replace(whole, limit=2))
    with Store(tmp_path / "s.db") as store:
        before = estimate_cost(first.jobs, store, None)
        judged = next(line for line in before if line.who.startswith("sparkles"))
        assert judged.requests in (0, 2), "a judge is asked once a dialogue that it can judge"
        run(first, store)
        done = estimate_cost(prepare(replace(whole, limit=2)).jobs, store, 4)
        assert [line.requests for line in done if not line.who.startswith("sparkles")] == [0, 0]
        more = estimate_cost(prepare(whole).jobs, store, 4)
        assert more[0].seconds is not None, "the stored replies' latency is known by now"
        assert more[0].output_tokens < 6 * REPLY_TOKENS, "and their length"
