"""`sparkles-eval compare` over a store of 50 models x 450 items: the whole command, as a process of its own.

`python -m benchmarks.compare [--quick] [--write]`. The store is written here, half accuracies and half judge scores;
its numbers mean nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import median, run, sparkles_eval
from benchmarks.results import Figure, circumstances, command_line, table
from sparkles_eval.core import Criterion, Generation, Model, Run, Sample, Score, Text, Turn
from sparkles_eval.store.rows import EnvironmentRow, JudgeRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store

TITLE = "Compare"
MODELS, ITEMS = 50, 150
RULE = JudgeRow("strict@1", "strict", 1, "one option", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
RATER = JudgeRow(
    "f" * 64,
    "rater",
    1,
    "rates",
    "text",
    None,
    1,
    10,
    tuple(Criterion(f"C{number}", f"C{number}") for number in (1, 2, 3)),
)
TASKS = (("pairs", RULE), ("statements", RULE), ("dialogues", RATER))


def make(path: Path, models: int = MODELS, items: int = ITEMS, seed: int = 0) -> None:
    """A store of three tasks with `items` items each, asked of every model and scored."""
    rng = np.random.default_rng(seed)
    with Store(path) as store:
        environment = store.add_environment(EnvironmentRow("benchmark", "0", None, "3", {}, {}))
        for task, judge in TASKS:
            store.add_judge(judge)
            length = 1 if judge is RULE else 2
            samples = [
                Sample(f"{task}-{i}", (Turn((Text(f"{i}?"),)),) * length, cluster=_cluster(task, i))
                for i in range(items)
            ]
            metrics = ("accuracy",) if judge is RULE else ("sparkles_score",)
            row = TaskRow(task, 1, task, metrics, ("a", "b") if judge is RULE else (), {}, "", "", "")
            for number in range(models):
                model = Model(f"maker/model-{number:02d}", "maker", f"model-{number}", free=True)
                rule = "strict" if judge is RULE else None
                asked = Run(task, 1, model, "strict", 1, rule, 1, Generation(), "p", "d", 1, items)
                ids = store.add_run(asked, row, samples, [], environment)
                level = 0.4 + 0.4 * number / models
                store.add_scores([score for sample in ids for score in _scores(rng, asked, sample, judge, level)])


def _cluster(task: str, item: int) -> str:
    """Statements share their image sets in pairs (tested by sign flips, the slowest way), others stand alone."""
    return f"{task}-{item // 2 if task == 'statements' else item}"


def _scores(rng: np.random.Generator, asked: Run, sample: str, judge: JudgeRow, level: float) -> list[ScoreRow]:
    def row(turn: int, criterion: str, value: float) -> ScoreRow:
        return ScoreRow(asked.id, sample, 0, judge.id, 0, Score(turn, criterion, value))

    if judge is RULE:
        return [row(1, "accuracy", float(rng.random() < level))]
    base = rng.normal(3 + 6 * level, 1.5)
    return [
        row(turn, criterion.id, float(np.clip(round(base + rng.normal()), 1, 10)))
        for turn in (1, 2)
        for criterion in judge.criteria
    ]


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    with tempfile.TemporaryDirectory(prefix="sparkles-compare-") as folder:
        store = Path(folder, "s.db")
        make(store)
        out = Path(folder, "all")
        command = [sparkles_eval(), "compare", "--store", str(store)]
        repeats = 1 if quick else 5
        costs = [run([*command, "--json", f"{out}.json", "--csv", f"{out}.csv"]) for _ in range(repeats)]
        two = [run([*command, "maker/model-03", "maker/model-40"]) for _ in range(repeats)]
    all_models, pair = median(costs), median(two)
    figures = [
        Figure(f"{MODELS} models x {3 * ITEMS} items, all pairs, JSON and CSV", all_models.wall_s, "s", at_most=2.0),
        Figure("the same, CPU", all_models.cpu_s, "s"),
        Figure("the same, memory", all_models.rss_mb, "MB"),
        Figure("two of these models, in full", pair.wall_s, "s", at_most=2.0),
    ]
    pairs = MODELS * (MODELS - 1) // 2
    words = (
        f"Three tasks of {ITEMS} items (two by answers, one by a judge's six ratings), {pairs:,} pairs each, adjusted "
        f"as one family of {3 * pairs:,}. The wall time of the whole command, start-up included; median of {repeats}."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.compare", {TITLE: report})
