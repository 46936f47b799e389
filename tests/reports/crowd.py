"""The demonstration store with a second judge, the paper protocol, a control and a task altered on purpose.

What a leaderboard must keep apart. Knows nothing of reports.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sparkles_eval.core import Model, Rating, Sample, Score, Usage, Verdict, VerdictStatus, fingerprint
from sparkles_eval.store.rows import ScoreRow, VerdictRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from tests.reports.demo import CAREFUL, HASTY, RATER, Said, add_run, begin, careful, chance, demo, hasty

STERN = replace(RATER, id="57e2" * 16, name="stern-reader", model="maker/large", title="as the other, two points less")
MIDDLE = Model("demo/middle", "openai", "middle", {"base_url": "http://localhost:8001/v1"}, free=True)
NULL = Model("control/null", "control", "null", free=True)


def middle(index: int, turn: int, sample: Sample) -> Said:
    return careful(index, turn, sample) if index % 2 else chance(index, turn, sample)


def crowd(path: Path, items: int = 36) -> Store:
    """The store, open: the demonstration's runs and what must not stand beside them."""
    store = demo(path, items)
    environment = begin(store)
    for name in ("bison-mini", "nlvr2-mini", "sparkleseval-mini"):
        task = load_task(name, args={"n": str(items)})
        add_run(store, environment, task, MIDDLE, middle)
        add_run(store, environment, task, NULL, chance)
    bison = load_task("bison-mini", args={"n": str(items)}, protocol="paper")
    for model, speak in ((CAREFUL, careful), (HASTY, hasty)):
        add_run(store, environment, bison, model, speak)
    altered = load_task("bison-mini", args={"n": str(items)})
    add_run(store, environment, altered, CAREFUL, chance, variant="images=dropped")
    judge_again(store)
    store.finish_environment(environment, "complete")
    return store


def judge_again(store: Store) -> None:
    """Let the stern judge rate everything that the first has rated."""
    store.add_judge(STERN)
    rows = store.connection.execute(
        "SELECT run_id, sample_id, turn, criterion, value FROM scores WHERE judge_id = ? AND value IS NOT NULL"
        " ORDER BY run_id, sample_id, turn, criterion",
        (RATER.id,),
    ).fetchall()
    items: dict[tuple[str, str], list[Rating]] = {}
    for run_id, sample_id, turn, criterion, value in rows:
        points = max(1, int(value) - (3 if (len(items) + turn) % 4 == 0 else 2))
        items.setdefault((run_id, sample_id), []).append(Rating(turn, criterion, points, "Too little of it."))
    for (run_id, sample_id), ratings in items.items():
        verdict = Verdict(VerdictStatus.GRADED, tuple(ratings), usage=Usage(400, 60, 0.002))
        key = fingerprint([STERN.id, run_id, sample_id])
        verdict_id, _ = store.add_verdict(VerdictRow(key, STERN.id, sample_id, "dialogue", 0, 1, verdict))
        store.add_scores(
            [
                ScoreRow(run_id, sample_id, 0, STERN.id, 0, Score(r.turn, r.criterion, r.value), verdict_id)
                for r in ratings
            ]
        )
