"""Reads and writes trainings: what their steps measured, their checkpoints, and the runs that evaluated those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.store.mapping import StoredRow, insert, insert_all, now
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Training:
    """One training: `recipe` is the whole recipe as JSON, `name` the name of the folder that it writes into."""

    id: str
    name: str
    title: str
    recipe: str
    recipe_hash: str
    data_hash: str
    steps: int


@dataclass(frozen=True, slots=True)
class MeasuredStep:
    """One step. `tokens` counts positions that were read, `labels` those with a loss; `seconds` since the last step."""

    step: int
    stage: str
    loss: float
    rate: float
    tokens: int
    labels: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckpointScore:
    """One metric of one checkpoint, as the leaderboard has it. `headline`: it is the task's first metric."""

    step: int
    task: str
    judge: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    run_id: str
    headline: bool


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """How far a training is. `loss` is the last step's; `checkpoints` are the steps at which weights were saved."""

    training: Training
    created_at: str
    done: int
    loss: float | None
    checkpoints: tuple[int, ...]
    scores: tuple[CheckpointScore, ...]


def begin(store: Store, training: Training, environment_id: int, first: int) -> None:
    """Register a training and the invocation that works on it; what was measured from step `first` on is forgotten."""
    row: StoredRow = {
        "id": training.id,
        "name": training.name,
        "title": training.title,
        "recipe": training.recipe,
        "recipe_hash": training.recipe_hash,
        "data_hash": training.data_hash,
        "steps": training.steps,
        "created_at": now(),
    }
    link: StoredRow = {"training_id": training.id, "environment_id": environment_id}
    with store.transaction() as db:
        insert(db, "trainings", row, known="IGNORE")
        insert(db, "training_environments", link, known="IGNORE")
        db.execute("DELETE FROM training_steps WHERE training_id = ? AND step >= ?", (training.id, first))


def add_steps(store: Store, training_id: str, steps: Sequence[MeasuredStep]) -> None:
    """Commit what steps measured; a step that is measured again takes the place of the one before."""
    rows: list[StoredRow] = [
        {
            "training_id": training_id,
            "step": one.step,
            "stage": one.stage,
            "loss": one.loss,
            "rate": one.rate,
            "tokens": one.tokens,
            "labels": one.labels,
            "seconds": one.seconds,
        }
        for one in steps
    ]
    with store.transaction() as db:
        insert_all(db, "training_steps", rows, known="REPLACE")


def steps(store: Store, training_id: str) -> list[MeasuredStep]:
    """Every step of a training so far, in order; a loss that was not a number is NaN again."""
    rows = store.connection.execute(
        "SELECT step, stage, loss, rate, tokens, labels, seconds FROM training_steps WHERE training_id = ?"
        " ORDER BY step",
        (training_id,),
    )
    return [MeasuredStep(row[0], row[1], float("nan") if row[2] is None else row[2], *row[3:]) for row in rows]


def add_checkpoint(store: Store, training_id: str, step: int, weights: str, place: str) -> None:
    """Register saved weights. Saved again (the training was resumed from before), the newer ones stand; runs that
    evaluated other weights than these are no longer linked."""
    row: StoredRow = {"training_id": training_id, "step": step, "weights": weights, "place": place, "created_at": now()}
    with store.transaction() as db:
        db.execute(
            "DELETE FROM checkpoint_runs WHERE training_id = :training_id AND step = :step AND NOT EXISTS"
            " (SELECT 1 FROM checkpoints WHERE training_id = :training_id AND step = :step AND weights = :weights)",
            row,
        )
        insert_all(
            db,
            "checkpoints",
            [row],
            then="ON CONFLICT DO UPDATE SET weights = excluded.weights, place = excluded.place,"
            " created_at = excluded.created_at",
        )


def link_runs(store: Store, training_id: str, step: int, run_ids: Sequence[str]) -> None:
    """Record that these runs evaluated a checkpoint, to their end."""
    rows: list[StoredRow] = [{"training_id": training_id, "step": step, "run_id": run_id} for run_id in run_ids]
    with store.transaction() as db:
        insert_all(db, "checkpoint_runs", rows, known="IGNORE")


def evaluated(store: Store, training_id: str, step: int) -> list[str]:
    """The runs that evaluated a checkpoint; none where it was not evaluated to the end."""
    rows = store.connection.execute(
        "SELECT run_id FROM checkpoint_runs WHERE training_id = ? AND step = ? ORDER BY run_id", (training_id, step)
    )
    return [row[0] for row in rows]


def scores(store: Store, training_id: str) -> list[CheckpointScore]:
    """What a training's checkpoints reached, by step and task. Metrics are there once they have been worked out."""
    rows = store.connection.execute(
        "SELECT s.step, s.task, s.judge, s.metric, s.value, s.low, s.high, s.n, s.total, s.run,"
        " s.metric IS json_extract(t.metrics, '$[0]')"  # 1 or 0, as SQLite writes a truth
        " FROM checkpoint_scores s JOIN runs r ON r.id = s.run JOIN tasks t ON t.id = r.task_id"
        " WHERE s.training_id = ? ORDER BY s.step, s.task, s.judge, s.metric",
        (training_id,),
    )
    return [CheckpointScore(*row) for row in rows]


def find(store: Store, training_id: str) -> Training | None:
    """The training of that id, where the store has it."""
    row = store.connection.execute("SELECT * FROM trainings WHERE id = ?", (training_id,)).fetchone()
    return None if row is None else Training(*(row[name] for name in Training.__slots__))


def trainings(store: Store) -> list[TrainingStatus]:
    """Every training in the order of their beginning."""
    found = []
    rows = store.connection.execute("SELECT * FROM trainings ORDER BY created_at, id").fetchall()
    for row in rows:
        last = store.connection.execute(
            "SELECT step + 1, loss FROM training_steps WHERE training_id = ? ORDER BY step DESC LIMIT 1", (row["id"],)
        ).fetchone()
        saved = store.connection.execute(
            "SELECT step FROM checkpoints WHERE training_id = ? ORDER BY step", (row["id"],)
        ).fetchall()
        training = Training(*(row[name] for name in Training.__slots__))
        done, loss = (last[0], last[1]) if last else (0, None)
        places = tuple(place[0] for place in saved)
        found.append(TrainingStatus(training, row["created_at"], done, loss, places, tuple(scores(store, row["id"]))))
    return found
