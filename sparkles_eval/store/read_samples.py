"""Reads single samples: content, answers, scores, verdicts and images of several runs, and a judge's reply counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from sparkles_eval.core import Image, Sample, Score, Verdict
from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.json import FindImage, read_sample
from sparkles_eval.store.mapping import dump, read_verdict
from sparkles_eval.store.ratings import HumanRating
from sparkles_eval.store.spending import Sum
from sparkles_eval.store.store import Store
from sparkles_eval.store.stored_json import DamagedJSON


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A sample with its content address and its place in the run (from 0)."""

    id: str
    position: int
    sample: Sample


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a run answered to a turn. `text` is cut at the length that was asked for."""

    run_id: str
    sample_id: str
    epoch: int
    turn: int
    status: str
    text: str
    length: int
    """Characters of the whole text."""
    detail: str | None
    draws: int
    model_version: str | None
    latency_s: float
    reasoning: str | None = None
    """The model's reasoning before it, cut like the text."""


@dataclass(frozen=True, slots=True)
class StoredScore:
    """A score with the address it belongs to."""

    run_id: str
    sample_id: str
    epoch: int
    judge_id: str
    repeat: int
    score: Score
    verdict_id: int | None


def count_samples(store: Store, run_id: str) -> int:
    """How many samples a run asks."""
    row = store.connection.execute("SELECT count(*) FROM run_samples WHERE run_id = ?", (run_id,)).fetchone()
    return int(row[0])


def sample_ids(store: Store, run_id: str, *, limit: int, only: Collection[str] = ()) -> list[str]:
    """The content addresses of a run's first `limit` samples in order, or of those `only`."""
    rows = store.connection.execute(
        "SELECT sample_id FROM run_samples WHERE run_id = ? AND (? OR sample_id IN (SELECT value FROM json_each(?)))"
        " ORDER BY position LIMIT ?",
        (run_id, not only, dump(sorted(only)), limit),
    )
    return [row[0] for row in rows]


def samples(
    store: Store, run_id: str, *, offset: int = 0, limit: int = 50, only: Collection[str] = ()
) -> list[StoredSample]:
    """A stretch of a run's samples in order, or of those `only`.

    Images have no `path`: the store knows where they were, not where they are now.
    """
    rows = store.connection.execute(
        "SELECT s.id, p.position, s.body FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " WHERE p.run_id = ? AND (? OR s.id IN (SELECT value FROM json_each(?)))"
        " ORDER BY p.position LIMIT ? OFFSET ?",
        (run_id, not only, dump(sorted(only)), limit, offset),
    )
    known: dict[str, Image] = {}

    def find(sha256: str) -> Image:
        if sha256 not in known:
            known[sha256] = image(store, sha256)
        return known[sha256]

    return [StoredSample(row["id"], row["position"], _sample(row["body"], find)) for row in rows]


def _sample(body: str, find: FindImage) -> Sample:
    try:
        return read_sample(body, find)
    except ValidationError as error:
        raise DamagedJSON(error.errors()[0]["msg"]) from error


def image(store: Store, sha256: str) -> Image:
    """What the store knows of a picture. Raises errors.StoreError where it does not know it."""
    row = store.connection.execute(
        "SELECT sha256, media_type, width, height, size, relpath FROM images WHERE sha256 = ?", (sha256,)
    ).fetchone()
    if row is None:
        raise StoreError(f"{store.path}: a sample names the image {sha256}, which the store does not hold")
    return Image(*row)


def thumbnails(store: Store, hashes: Iterable[str]) -> dict[str, bytes]:
    """Small JPEG pictures by hash; those that have none are left out."""
    rows = store.connection.execute(
        "SELECT sha256, thumbnail FROM images WHERE thumbnail IS NOT NULL"
        " AND sha256 IN (SELECT value FROM json_each(?))",
        (dump(sorted(set(hashes))),),
    )
    return {row[0]: row[1] for row in rows}


def seen(store: Store, hashes: Iterable[str]) -> set[str]:
    """Those pictures of which the store holds anything to look at: a preview, or the bytes."""
    rows = store.connection.execute(
        "SELECT sha256 FROM images WHERE (thumbnail IS NOT NULL OR bytes IS NOT NULL)"
        " AND sha256 IN (SELECT value FROM json_each(?))",
        (dump(sorted(set(hashes))),),
    )
    return {row[0] for row in rows}


def answers(
    store: Store, run_ids: Sequence[str], sample_ids: Sequence[str], *, cut: int = 1 << 30
) -> list[StoredAnswer]:
    """What those runs answered to those samples, texts cut at `cut` characters."""
    rows = store.connection.execute(
        "SELECT a.run_id, a.sample_id, a.epoch, a.turn, r.status, coalesce(r.text, '') AS text, r.error, a.draws,"
        " r.model_version, r.latency_s, r.reasoning FROM answers a JOIN responses r ON r.id = a.response_id"
        " WHERE a.run_id IN (SELECT value FROM json_each(?)) AND a.sample_id IN (SELECT value FROM json_each(?))"
        " ORDER BY a.run_id, a.sample_id, a.epoch, a.turn",
        (dump(list(run_ids)), dump(list(sample_ids))),
    )
    return [
        StoredAnswer(
            run_id=row["run_id"],
            sample_id=row["sample_id"],
            epoch=row["epoch"],
            turn=row["turn"],
            status=row["status"],
            text=row["text"][:cut],
            length=len(row["text"]),
            detail=row["error"],
            draws=row["draws"],
            model_version=row["model_version"],
            latency_s=row["latency_s"],
            reasoning=(row["reasoning"] or "")[:cut] or None,
        )
        for row in rows
    ]


def scores(store: Store, run_ids: Sequence[str], sample_ids: Sequence[str]) -> list[StoredScore]:
    """Every judge's scores of those samples in those runs."""
    rows = store.connection.execute(
        # Every judge is tried, so that each step is a look-up: the table's key has the judge before the sample.
        "SELECT s.* FROM json_each(?) r CROSS JOIN judges j CROSS JOIN json_each(?) p CROSS JOIN scores s"
        " ON s.run_id = r.value AND s.judge_id = j.id AND s.sample_id = p.value"
        " ORDER BY s.run_id, s.judge_id, s.sample_id, s.epoch, s.repeat, s.turn, s.criterion",
        (dump(list(run_ids)), dump(list(sample_ids))),
    )
    return [
        StoredScore(
            row["run_id"],
            row["sample_id"],
            row["epoch"],
            row["judge_id"],
            row["repeat"],
            Score(row["turn"], row["criterion"], row["value"], row["reason"], bool(row["invalid"]), row["answer"]),
            row["verdict_id"],
        )
        for row in rows
    ]


def human_ratings(store: Store, run_ids: Sequence[str], sample_ids: Sequence[str]) -> list[HumanRating]:
    """What people gave to those samples' answers in those runs, by rater and place."""
    rows = store.connection.execute(
        "SELECT rater, run_id, sample_id, epoch, turn, criterion, value, comment, sheet_id FROM ratings"
        " WHERE run_id IN (SELECT value FROM json_each(?)) AND sample_id IN (SELECT value FROM json_each(?))"
        " ORDER BY rater, run_id, sample_id, epoch, turn, criterion",
        (dump(list(run_ids)), dump(list(sample_ids))),
    )
    return [HumanRating(*row) for row in rows]


def verdicts(store: Store, ids: Iterable[int]) -> dict[int, Verdict]:
    """Verdicts by row id."""
    rows = store.connection.execute(
        "SELECT * FROM verdicts WHERE id IN (SELECT value FROM json_each(?))", (dump(sorted(set(ids))),)
    )
    return {int(row["id"]): read_verdict(row) for row in rows}


def embedded(store: Store, sha256: str, *, most: int = 1 << 40) -> bytes | None:
    """A picture's bytes, where the store holds them (`--embed-images`) and they are no more than `most`."""
    row = store.connection.execute(
        "SELECT bytes FROM images WHERE sha256 = ? AND length(bytes) <= ?", (sha256, most)
    ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True, slots=True)
class ReplyStats:
    """Every attempt of a judge on some samples. A judgement is one call on one answered sample and repeat."""

    judgements: int
    graded: int
    invalid: int
    """Replies that could not be read."""
    refused: int
    errors: int
    """Attempts in which the judge's model could not be asked."""
    cost_usd: Sum
    latency_s: float
    """Sum over the replies."""

    @property
    def replies(self) -> int:
        """What the judge itself said, readable or not."""
        return self.graded + self.invalid + self.refused


def reply_stats(store: Store, judge_id: str, sample_ids: Iterable[str]) -> ReplyStats:
    """A judge's replies on those samples, for every model."""
    row = store.connection.execute(
        "SELECT count(DISTINCT key), total(status = 'graded'), total(status = 'invalid'), total(status = 'refused'),"
        " total(status = 'error'), total(CASE WHEN status != 'error' THEN cost_usd END),"
        " count(CASE WHEN status != 'error' THEN cost_usd END), total(CASE WHEN status != 'error' THEN latency_s END)"
        " FROM verdicts WHERE judge_id = ? AND sample_id IN (SELECT value FROM json_each(?))",
        (judge_id, dump(sorted(set(sample_ids)))),
    ).fetchone()
    graded, invalid, refused, errors = (int(row[place]) for place in range(1, 5))
    said = graded + invalid + refused
    return ReplyStats(
        judgements=int(row[0]),
        graded=graded,
        invalid=invalid,
        refused=refused,
        errors=errors,
        cost_usd=Sum(float(row[5]), said, said - int(row[6])),
        latency_s=float(row[7]),
    )
