"""Stores for the tests of evidence: runs of the embedded tasks by the engine itself, and small ones made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sparkles_eval.core import Criterion, Generation, Model, Run, Sample, Score, Text, Turn
from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.engine.prepare import prepare
from sparkles_eval.engine.progress import NoProgress
from sparkles_eval.engine.run import execute
from sparkles_eval.store.rows import EnvironmentRow, JudgeRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store

RULE = JudgeRow("strict@1", "strict", 1, "one option", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
RATER = JudgeRow("r" * 64, "rater", 1, "rates", "text", None, 1, 10, tuple(Criterion(c, c) for c in ("C1", "C2")))
RUN = Run("pairs", 1, Model("x", "m", "x"), "strict", 1, "strict", 1, Generation(), "p" * 64, "d" * 64, 1, 0)
ENVIRONMENT = EnvironmentRow("test", "0", None, "3", {}, {})


def ask(store: Store, config: RunConfig) -> None:
    """Run the engine on the wishes, in this process."""
    outcome = execute(prepare(config), store, NoProgress(), RunLimits(), ["sparkles-eval", "run"])
    assert outcome.ending == "complete"


def fill(
    store: Store,
    scores: Mapping[str, Sequence[float | None]],
    *,
    clusters: Sequence[str] = (),
    run: Run = RUN,
    judge: JudgeRow = RULE,
    kind: str = "maker",
    repeats: int = 1,
    tags: Sequence[str] = (),
) -> dict[str, str]:
    """Runs by hand: for every model one score an item (None: a refusal). Gives run ids by model.

    Every run has the same items `item-0`, `item-1`, ...; a judge gives all its criteria of both turns that score.
    """
    environment = store.add_environment(ENVIRONMENT)
    store.add_judge(judge)
    metrics = ("accuracy",) if judge is RULE else ("sparkles_score",)
    task = TaskRow(run.task, 1, run.task.title(), metrics, ("A", "B") if judge is RULE else (), {}, "", "", "")
    turns = 1 if judge is RULE else 2
    ids = {}
    for name, values in scores.items():
        labels = clusters or [f"c{i}" for i in range(len(values))]
        samples = [
            Sample(
                f"item-{i}",
                (Turn((Text(f"? {labels[i]} {i}"),)),) * turns,
                cluster=labels[i],
                group=labels[i],
                tags=tuple(tags[i : i + 1]),
            )
            for i in range(len(values))
        ]
        rule = run.answer_rule if judge is RULE else None
        made = replace(run, model=Model(name, kind, name, free=True), answer_rule=rule, total=len(values))
        keys = store.add_run(made, task, samples, [], environment)
        store.add_scores(
            [
                ScoreRow(
                    made.id,
                    key,
                    0,
                    judge.id,
                    repeat,
                    Score(turn, criterion.id, value, None if value is not None else "timed out"),
                )
                for key, value in zip(keys, values, strict=True)
                for repeat in range(repeats)
                for turn in range(1, turns + 1)
                for criterion in judge.criteria
            ]
        )
        ids[name] = made.id
    return ids


def counts(both: int, only_a: int, only_b: int, neither: int) -> dict[str, list[float | None]]:
    """Two models with this fourfold table."""
    a = [1.0] * (both + only_a) + [0.0] * (only_b + neither)
    b = [1.0] * both + [0.0] * only_a + [1.0] * only_b + [0.0] * neither
    return {"a": list(a), "b": list(b)}
