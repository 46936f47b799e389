"""Small rows for the tests of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.core import Criterion, Generation, Model, Response, Run, Sample, Score, Status, Usage
from sparkles_eval.core.errors import Problem
from sparkles_eval.store.mapping import now
from sparkles_eval.store.rows import AnswerRow, EnvironmentRow, JudgeRow, RequestRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store

MODEL = Model("openai/gpt-4o", "openai", "gpt-4o", {"base_url": "http://localhost:1/v1"})
RULE = JudgeRow("strict@1", "strict", 1, "one option", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
TASK = TaskRow("pairs", 1, "Pairs", ("accuracy", "consistency"), ("True", "False"), {"n": "3"}, "# Pairs", "", "CC0")
ENVIRONMENT = EnvironmentRow("sparkles-eval run", "0.1.0", None, "3.11", {"cores": "2"}, {"numpy": "2"})


@dataclass(frozen=True)
class Made:
    """A run with its samples' ids in order, and the environment that made it."""

    run: Run
    ids: list[str]
    environment: int


def run_of(total: int, model: Model = MODEL) -> Run:
    generation = Generation(temperature=0.0, max_tokens=50)
    return Run("pairs", 1, model, "paper", 1, "strict", 2, generation, "p" * 64, "d" * 64, 1, total)


def request(key: str, *, draw: int = 0, conversation: str = "{}", seed: int = 1) -> RequestRow:
    return RequestRow(key, MODEL, conversation, f'{{"seed":{seed}}}', 0, draw)


def response(key: str, text: str | None = "True", *, cost: float | None = None, attempt: int = 1) -> Response:
    status = Status.OK if text is not None else Status.API_ERROR
    error = None if text is not None else "503"
    return Response(key, attempt, status, text, error, Usage(10, 2, cost), 0.5, None, now())


def score(made: Made, place: int, value: float | None, **rest: object) -> ScoreRow:
    fields: dict[str, object] = {"reason": None if value is not None else "timed out", **rest}
    made_score = Score(1, "accuracy", value, **fields)  # type: ignore[arg-type]
    return ScoreRow(made.run.id, made.ids[place], 0, RULE.id, 0, made_score)


def begin(store: Store, samples: Sequence[Sample]) -> Made:
    environment = store.add_environment(ENVIRONMENT)
    run = run_of(len(samples))
    ids = store.add_run(run, TASK, samples, [Problem("x", "no such file")], environment)
    made = Made(run, ids, environment)
    store.add_judge(RULE)
    stored = store.add_response(request("ka", conversation='"a"'), response("ka", cost=0.25))
    assert stored.id is not None
    row = AnswerRow(ids[0], 0, 1, stored.id, 1, "ok", "True")
    store.add_answer(run.id, row, [score(made, 0, 1.0, answer="True")])
    store.add_response(request("kb0", conversation='"b"', draw=0), response("kb0", "hm", cost=0.5))
    store.add_response(request("kb1", conversation='"b"', draw=1, seed=2), response("kb1", None))
    stored = store.add_response(request("kb1", conversation='"b"', draw=1, seed=2), response("kb1", "hm", attempt=2))
    assert stored.id is not None
    row = AnswerRow(ids[1], 0, 1, stored.id, 2, "ok", "hm")
    store.add_answer(run.id, row, [score(made, 1, 0.0, invalid=True, reason="names no option")])
    store.add_scores([score(made, 2, None)])
    return made
