"""The store: every write is one short transaction, made when the event happens; panel scores are replaced whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sparkles_eval.core import Response, Run, Sample, Status, Verdict
from sparkles_eval.core.errors import Problem
from sparkles_eval.core.json import sample_key
from sparkles_eval.store.database import connect, connect_read_only, damaged, sqlite_errors_explained, store_error
from sparkles_eval.store.mapping import (
    StoredRow,
    Value,
    dump,
    estimate_row,
    image_rows,
    insert,
    insert_all,
    judge_row,
    model_row,
    now,
    read_response,
    read_verdict,
    response_row,
    run_row,
    sample_row,
    score_row,
    task_row,
    verdict_row,
)
from sparkles_eval.store.moved import OpenFile, StoreMoved
from sparkles_eval.store.rows import (
    AnswerRow,
    EnvironmentRow,
    EstimateRow,
    JudgeRow,
    PixelsRow,
    RequestRow,
    ScoreRow,
    TaskRow,
    VerdictRow,
)

_STANDS = "status IN ('ok', 'refused', 'truncated') AND set_aside IS NULL"
_REPLIED = (Status.OK, Status.REFUSED, Status.TRUNCATED)

_FILL_IN = (
    "ON CONFLICT DO UPDATE SET value = excluded.value, reason = excluded.reason, invalid = excluded.invalid,"
    " answer = excluded.answer, verdict_id = excluded.verdict_id, created_at = excluded.created_at"
    " WHERE scores.value IS NULL"
)
"""A score without a value is filled in by a later one; a score that has one is never rewritten."""
_ITEM = "run_id = ? AND sample_id = ? AND epoch = ?"
_OPEN_AGAIN = "SET value = NULL, invalid = 0, answer = NULL, verdict_id = NULL, reason = ?, created_at = ?"
ASKED_AGAIN = "asked again, not scored yet"
"""Why an item with a newer reply has no score until its scorer or judge has seen that one."""


class Store:
    """An open store. Use as a context manager, or call `close`.

    Raises errors.StoreError when the file cannot be used (see `database.connect`) or written (disk full, read-only).
    """

    def __init__(
        self,
        path: Path | str,
        *,
        create: bool = True,
        read_only: bool = False,
        connection: sqlite3.Connection | None = None,
    ) -> None:
        """Open the file at `path`; with `connection` nothing is opened, and `path` is only the store's name."""
        self.path = Path(path)
        self.read_only = read_only
        if connection is None:
            connection = connect_read_only(self.path) if read_only else connect(self.path, create=create)
        self.connection = connection
        self.file = None if read_only else OpenFile(self.path, connection)
        """What notices that the file was deleted or replaced; None for who only reads."""
        self._models: set[Value] = set()
        """Ids of models that are known to be registered: asking each time would cost every response a statement."""

    @classmethod
    def over(cls, path: Path, connection: sqlite3.Connection) -> Self:
        """A store over a connection that is open already and can only read."""
        return cls(path, read_only=True, connection=connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self.file is not None and not isinstance(error, StoreMoved):
                self.file.check()
        finally:
            self.close()
        if isinstance(error, sqlite3.Error):
            with sqlite_errors_explained(self.path):
                raise error

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block is written, or nothing of it."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException as error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) or (isinstance(error, sqlite3.Error) and damaged(error)):
                if self.file is not None:
                    self.file.check()  # SQLite may refuse to write to a file that is no longer in its place
                raise store_error(self.path, error) from error
            raise
        if self.file is not None:
            self.file.committed()

    # --- runs -----------------------------------------------------------------------------------------------------

    def add_environment(self, row: EnvironmentRow) -> int:
        """Record an invocation as begun; gives its id."""
        with self.transaction() as db:
            cursor = insert(
                db,
                "environments",
                {
                    "started_at": now(),
                    "command": row.command,
                    "version": row.version,
                    "git_commit": row.git_commit,
                    "python": row.python,
                    "machine": dump(dict(row.machine)),
                    "packages": dump(dict(row.packages)),
                },
            )
        return _row_id(cursor)

    def finish_environment(self, environment_id: int, outcome: Literal["complete", "unscored", "interrupted"]) -> None:
        """Record how an invocation ended."""
        with self.transaction() as db:
            db.execute(
                "UPDATE environments SET finished_at = ?, outcome = ? WHERE id = ?", (now(), outcome, environment_id)
            )

    def add_event(self, environment_id: int, kind: str, who: str, message: str) -> None:
        """Record what happened on the way."""
        row: StoredRow = {"environment_id": environment_id, "at": now(), "kind": kind, "who": who, "message": message}
        with self.transaction() as db:
            insert(db, "events", row)

    def add_run(
        self, run: Run, task: TaskRow, samples: Sequence[Sample], skipped: Sequence[Problem], environment_id: int
    ) -> list[str]:
        """Register a run with its task, model, samples and images; known rows stay as they are.

        Gives the samples' ids in order.
        """
        ids = [sample_key(sample) for sample in samples]
        model = model_row(run.model)
        with self.transaction() as db:
            insert(db, "tasks", task_row(task), known="IGNORE")
            insert(db, "models", model, known="IGNORE")
            if insert(db, "runs", run_row(run, task.id, model["id"]), known="IGNORE").rowcount:
                bodies = [sample_row(key, sample) for key, sample in zip(ids, samples, strict=True)]
                insert_all(db, "samples", bodies, known="IGNORE")
                places: list[StoredRow] = [
                    {"run_id": run.id, "position": i, "sample_id": key} for i, key in enumerate(ids)
                ]
                insert_all(db, "run_samples", places)
                insert_all(db, "images", image_rows(samples), known="IGNORE")
            left_out: list[StoredRow] = [{"run_id": run.id, "item": p.item, "reason": p.what} for p in skipped]
            insert_all(db, "skipped", left_out, known="IGNORE")
            link: StoredRow = {"run_id": run.id, "environment_id": environment_id}
            insert(db, "run_environments", link, known="IGNORE")
        return ids

    def link_environment(self, run_id: str, environment_id: int) -> None:
        """Record that an invocation worked on a run that was there before."""
        with self.transaction() as db:
            insert(db, "run_environments", {"run_id": run_id, "environment_id": environment_id}, known="IGNORE")

    # --- images ---------------------------------------------------------------------------------------------------

    def lacking(self, column: Literal["thumbnail", "bytes"], hashes: Iterable[str]) -> set[str]:
        """Which of the images have no thumbnail (or no bytes) yet."""
        have = self.connection.execute(f"SELECT sha256 FROM images WHERE {column} IS NOT NULL")  # noqa: S608
        return set(hashes) - {row[0] for row in have}

    def add_pixels(self, rows: Sequence[PixelsRow]) -> None:
        """Fill in thumbnails and bytes of images, all in one commit."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE images SET thumbnail = coalesce(?, thumbnail), bytes = coalesce(?, bytes) WHERE sha256 = ?",
                [(row.thumbnail, row.data, row.sha256) for row in rows],
            )

    # --- asking ---------------------------------------------------------------------------------------------------

    def settled(self, key: str) -> Response | None:
        """The model's own reply to a request, if there is one. Failures are not replies."""
        row = self.connection.execute(f"SELECT * FROM responses WHERE key = ? AND {_STANDS}", (key,)).fetchone()  # noqa: S608
        return read_response(row) if row else None

    def add_response(self, request: RequestRow, response: Response, instead_of: int | None = None) -> Response:
        """Commit an attempt as it arrives; gives the row as stored.

        Where another process has already stored a reply to the same request, that one stands and is given. A reply
        that is asked for once more takes the place of the one numbered `instead_of`, which is kept beside it.
        """
        model = model_row(request.model)
        asked: StoredRow = {
            "key": request.key,
            "model_id": model["id"],
            "conversation": request.conversation,
            "generation": request.generation,
            "epoch": request.epoch,
            "draw": request.draw,
        }
        with self.transaction() as db:
            if model["id"] not in self._models:
                insert(db, "models", model, known="IGNORE")
            insert(db, "requests", asked, known="IGNORE")
            if instead_of is not None and response.status in _REPLIED:
                db.execute("UPDATE responses SET set_aside = ? WHERE id = ? AND set_aside IS NULL", (now(), instead_of))
            cursor = insert(db, "responses", response_row(response), known="IGNORE")
            settled = None if cursor.rowcount else self.settled(request.key)
        self._models.add(model["id"])  # now that it is committed
        return settled or replace(response, id=_row_id(cursor))

    def answers(self, run_id: str) -> list[AnswerRow]:
        """Every turn that the run has an answer to, a sample's turns in order."""
        rows = self.connection.execute(
            "SELECT a.sample_id, a.epoch, a.turn, a.response_id, a.draws, r.status, r.text, r.reasoning"
            " FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?"
            " ORDER BY a.sample_id, a.epoch, a.turn",
            (run_id,),
        )
        return [AnswerRow(*row) for row in rows]

    def add_answer(
        self, run_id: str, answer: AnswerRow, scores: Sequence[ScoreRow] = (), *, newer: bool = False
    ) -> None:
        """Let a response stand as the answer to a turn, with the scores that a rule gives it at once.

        A `newer` one takes another's place: the later turns, which followed that one, and all scores of the item go.
        """
        row: StoredRow = {
            "run_id": run_id,
            "sample_id": answer.sample_id,
            "epoch": answer.epoch,
            "turn": answer.turn,
            "response_id": answer.response_id,
            "draws": answer.draws,
        }
        at = now()
        with self.transaction() as db:
            if newer:
                item = (run_id, answer.sample_id, answer.epoch)
                db.execute(f"DELETE FROM answers WHERE {_ITEM} AND turn > ?", (*item, answer.turn))  # noqa: S608
                db.execute(f"UPDATE scores {_OPEN_AGAIN} WHERE {_ITEM}", (ASKED_AGAIN, at, *item))
            insert(db, "answers", row, known="REPLACE")
            insert_all(db, "scores", [score_row(score, at) for score in scores], then=_FILL_IN)

    # --- judging --------------------------------------------------------------------------------------------------

    def add_judge(self, judge: JudgeRow) -> None:
        """Register who scores; a known judge stays as it is."""
        with self.transaction() as db:
            insert(db, "judges", judge_row(judge), known="IGNORE")

    def graded(self, key: str) -> tuple[int, Verdict] | None:
        """The verdict with ratings for a key, with its row id, if there is one."""
        row = self.connection.execute("SELECT * FROM verdicts WHERE key = ? AND status = 'graded'", (key,)).fetchone()
        return (int(row["id"]), read_verdict(row)) if row else None

    def add_verdict(self, row: VerdictRow) -> tuple[int, Verdict]:
        """Commit a verdict as it arrives; gives the one that stands with its row id (see `add_response`)."""
        with self.transaction() as db:
            cursor = insert(db, "verdicts", verdict_row(row), known="IGNORE")
            settled = None if cursor.rowcount else self.graded(row.key)
        return settled or (_row_id(cursor), row.verdict)

    def add_scores(self, scores: Sequence[ScoreRow]) -> None:
        """Commit scores. A score without a value is filled in by a later one; one that has a value stays."""
        at = now()
        with self.transaction() as db:
            insert_all(db, "scores", [score_row(score, at) for score in scores], then=_FILL_IN)

    def scored(self, run_id: str, judge_id: str) -> set[tuple[str, int, int]]:
        """(sample id, epoch, repeat) of all that this judge has left nothing unscored of."""
        rows = self.connection.execute(
            "SELECT sample_id, epoch, repeat FROM scores WHERE run_id = ? AND judge_id = ?"
            " GROUP BY sample_id, epoch, repeat HAVING count(value) = count(*)",
            (run_id, judge_id),
        )
        return {(row[0], row[1], row[2]) for row in rows}

    def reasons(self, run_id: str, judge_id: str) -> dict[str, int]:
        """Why items of a run have no score by this judge: reason -> how many items (samples x epochs x repeats)."""
        rows = self.connection.execute(
            "SELECT reason, count(*) FROM (SELECT DISTINCT sample_id, epoch, repeat, reason FROM scores"
            " WHERE run_id = ? AND judge_id = ? AND value IS NULL) GROUP BY reason ORDER BY 2 DESC, 1",
            (run_id, judge_id),
        )
        return {row[0]: row[1] for row in rows}

    def set_estimates(self, run_id: str, judge_id: str, rows: Sequence[EstimateRow], basis: str) -> None:
        """Replace a run's metrics by this judge; `leaderboard` shows them while its scores amount to `basis`.

        Read `basis` (`queries.basis`) before the scores: what another process adds meanwhile then makes the metrics
        stale, never falsely fresh.
        """
        with self.transaction() as db:
            db.execute("DELETE FROM estimates WHERE run_id = ? AND judge_id = ?", (run_id, judge_id))
            insert_all(db, "estimates", [estimate_row(row, basis) for row in rows])


def _row_id(cursor: sqlite3.Cursor) -> int:
    assert cursor.lastrowid is not None  # an insert into a rowid table was just made
    return cursor.lastrowid


def replace_scores(store: Store, judge: JudgeRow, run_ids: Sequence[str], scores: Sequence[ScoreRow]) -> None:
    """Let these be all scores of a derived judge on these runs; what it had there before goes, in one transaction.

    Never for a judge that was asked: its scores are written once (`Store.add_scores`).
    """
    at = now()
    with store.transaction() as db:
        insert(db, "judges", judge_row(judge), known="IGNORE")
        db.execute(
            "DELETE FROM scores WHERE judge_id = ? AND run_id IN (SELECT value FROM json_each(?))",
            (judge.id, dump(list(run_ids))),
        )
        insert_all(db, "scores", [score_row(score, at) for score in scores])
