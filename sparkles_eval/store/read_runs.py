"""Reads runs, judges, scores and spending as small frozen records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.core.errors import Problem, StoreError
from sparkles_eval.core.samples import Cluster, read_cluster
from sparkles_eval.store.mapping import dump, read_judge
from sparkles_eval.store.repeated_questions import joined_clusters
from sparkles_eval.store.rows import JudgeRow, TaskRow
from sparkles_eval.store.store import Store
from sparkles_eval.store.stored_json import read_json


@dataclass(frozen=True, slots=True)
class StoredModel:
    """Who answered."""

    name: str
    kind: str
    model_id: str
    identity: str
    settings: Mapping[str, str]
    free: bool


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One model on one task under one protocol, as it was asked."""

    id: str
    task: TaskRow
    model: StoredModel
    protocol: str
    protocol_version: int
    variant: str
    """How the task was altered on purpose; "" as it is."""
    answer_rule: str | None
    draws: int
    epochs: int
    total: int
    """Samples asked, before epochs."""
    prompt_hash: str
    data_hash: str
    generation: Mapping[str, str]
    """The sampling settings of the run, values as JSON text."""
    created_at: str


@dataclass(frozen=True, slots=True)
class RunSample:
    """A sample in a run, without its content."""

    sample_id: str
    cluster: Cluster
    group: str
    name: str = ""
    """The sample's own id in its data."""


@dataclass(frozen=True, slots=True)
class TaggedSample:
    """A sample in a run with its labels to break results down by."""

    sample_id: str
    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One score with what is needed to average it. `draws`: how many answers were asked for, None without an answer."""

    sample_id: str
    epoch: int
    repeat: int
    turn: int
    criterion: str
    value: float | None
    reason: str | None
    invalid: bool
    draws: int | None


@dataclass(frozen=True, slots=True)
class StoredEnvironment:
    """One invocation of the program."""

    id: int
    started_at: str
    finished_at: str | None
    outcome: str | None
    command: str
    version: str
    git_commit: str | None
    python: str
    machine: Mapping[str, str]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that happened on the way."""

    environment_id: int
    at: str
    kind: str
    who: str
    message: str


def runs(store: Store, ids: Sequence[str] | None = None) -> list[StoredRun]:
    """The runs in the order of their making, or those named. Raises errors.StoreError for an id that is not there."""
    rows = store.connection.execute(
        "SELECT r.id, r.protocol, r.protocol_version, r.variant, r.answer_rule, r.draws, r.epochs, r.total,"
        " r.prompt_hash, r.data_hash, r.identity AS run_identity, r.created_at,"
        " t.name AS task_name, t.version, t.title, t.metrics,"
        " t.options, t.args, t.card, t.citation, t.licence, m.name AS model_name, m.kind, m.model_id AS model,"
        " m.identity, m.settings, m.free"
        " FROM runs r JOIN tasks t ON t.id = r.task_id JOIN models m ON m.id = r.model_id"
        " WHERE ? IS NULL OR r.id IN (SELECT value FROM json_each(?)) ORDER BY r.created_at, r.id",
        (None if ids is None else 1, dump(list(ids or ()))),
    ).fetchall()
    missing = sorted(set(ids or ()) - {row["id"] for row in rows})
    if missing:
        raise StoreError(f"{store.path}: no run {', '.join(missing)}; `sparkles-eval list runs` shows what it holds")
    return [
        StoredRun(
            id=row["id"],
            task=TaskRow(
                name=row["task_name"],
                version=row["version"],
                title=row["title"],
                metrics=tuple(read_json(row["metrics"], list)),
                options=tuple(read_json(row["options"], list)),
                args=read_json(row["args"], dict),
                card=row["card"],
                citation=row["citation"],
                licence=row["licence"],
            ),
            model=StoredModel(
                row["model_name"],
                row["kind"],
                row["model"],
                row["identity"],
                read_json(row["settings"], dict),
                bool(row["free"]),
            ),
            protocol=row["protocol"],
            protocol_version=row["protocol_version"],
            variant=row["variant"],
            answer_rule=row["answer_rule"],
            draws=row["draws"],
            epochs=row["epochs"],
            total=row["total"],
            prompt_hash=row["prompt_hash"],
            data_hash=row["data_hash"],
            generation={k: dump(v) for k, v in read_json(row["run_identity"], dict).get("generation", {}).items()},
            created_at=row["created_at"],
        )
        for row in rows
    ]


_JUDGES = "SELECT * FROM judges {} ORDER BY name, model, version, title, id"
"""By what people know them by: an id is a hash, which changes with a rubric's version and a server's address."""


def judges(store: Store, run_id: str, *, every: bool = False) -> list[JudgeRow]:
    """The judges that have scored a run, by name and model.

    Of an answer rule in several versions only the newest, unless `every` is asked.
    """
    rows = store.connection.execute(
        _JUDGES.format("WHERE id IN (SELECT judge_id FROM scores WHERE run_id = ?)"), (run_id,)
    )
    found = [read_judge(row) for row in rows]
    newest: dict[str, int] = {}
    for judge in filter(_reads_options, found):
        newest[judge.name] = max(judge.version, newest.get(judge.name, 0))
    return [judge for judge in found if every or not _reads_options(judge) or judge.version == newest[judge.name]]


def _reads_options(judge: JudgeRow) -> bool:
    """True for a version of an answer rule; everybody else's id is a fingerprint."""
    return judge.id == f"{judge.name}@{judge.version}"


def all_judges(store: Store) -> dict[str, JudgeRow]:
    """Every judge that the store knows by its id, in the order of names and models."""
    return {row["id"]: read_judge(row) for row in store.connection.execute(_JUDGES.format(""))}


def scores_version(store: Store, run_id: str, judge_id: str) -> str:
    """What the scores of a run and judge amount to now ("" where there are none); see `Store.set_estimates`."""
    row = store.connection.execute(
        "SELECT basis FROM score_basis WHERE run_id = ? AND judge_id = ?", (run_id, judge_id)
    ).fetchone()
    return str(row[0]) if row else ""


def places(store: Store, run_id: str) -> list[RunSample]:
    """Every sample of a run in its order. Clusters that hold the same question are one."""
    rows = store.connection.execute(
        "SELECT s.id, s.cluster, s.consistency_group, s.name FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " WHERE p.run_id = ? ORDER BY p.position",
        (run_id,),
    ).fetchall()
    joined = joined_clusters(store, run_id)
    return [
        RunSample(sample, read_cluster(joined.get(cluster, cluster)), group, name)
        for sample, cluster, group, name in rows
    ]


def tagged(store: Store, run_id: str) -> list[TaggedSample]:
    """Every sample of a run in its order, with its tags."""
    rows = store.connection.execute(
        "SELECT s.id, s.name, s.tags FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " WHERE p.run_id = ? ORDER BY p.position",
        (run_id,),
    )
    return [TaggedSample(row[0], row[1], tuple(map(str, read_json(row[2], list)))) for row in rows]


def scores(store: Store, run_id: str, judge_id: str) -> list[ScoreLine]:
    """Every score of a run by a judge."""
    rows = store.connection.execute(
        "SELECT s.sample_id, s.epoch, s.repeat, s.turn, s.criterion, s.value, s.reason, s.invalid, a.draws"
        " FROM scores s LEFT JOIN answers a ON a.run_id = s.run_id AND a.sample_id = s.sample_id"
        " AND a.epoch = s.epoch AND a.turn = s.turn WHERE s.run_id = ? AND s.judge_id = ?"
        " ORDER BY s.sample_id, s.epoch, s.repeat, s.turn, s.criterion",
        (run_id, judge_id),
    )
    return [
        ScoreLine(
            sample_id=row[0],
            epoch=row[1],
            repeat=row[2],
            turn=row[3],
            criterion=row[4],
            value=row[5],
            reason=row[6],
            invalid=bool(row[7]),
            draws=row[8],
        )
        for row in rows
    ]


def answered(store: Store, run_id: str) -> set[tuple[str, int]]:
    """(sample id, epoch) of all that the run has an answer to at least one turn of."""
    rows = store.connection.execute("SELECT DISTINCT sample_id, epoch FROM answers WHERE run_id = ?", (run_id,))
    return {(row[0], row[1]) for row in rows}


def skipped(store: Store, run_id: str) -> list[Problem]:
    """Items that were left out of a run because their data is bad."""
    rows = store.connection.execute(
        "SELECT item, reason FROM skipped WHERE run_id = ? ORDER BY item, reason", (run_id,)
    )
    return [Problem(*row) for row in rows]


def environments(store: Store, run_ids: Sequence[str]) -> list[StoredEnvironment]:
    """Every invocation that worked on one of the runs, in order."""
    rows = store.connection.execute(
        "SELECT * FROM environments WHERE id IN (SELECT environment_id FROM run_environments"
        " WHERE run_id IN (SELECT value FROM json_each(?))) ORDER BY id",
        (dump(list(run_ids)),),
    )
    return [
        StoredEnvironment(
            id=row["id"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            outcome=row["outcome"],
            command=row["command"],
            version=row["version"],
            git_commit=row["git_commit"],
            python=row["python"],
            machine=read_json(row["machine"], dict),
            packages=read_json(row["packages"], dict),
        )
        for row in rows
    ]


def events(store: Store, environment_ids: Sequence[int], *, limit: int = 200) -> list[StoredEvent]:
    """What happened in those invocations: the last `limit` events, in order."""
    rows = store.connection.execute(
        "SELECT * FROM (SELECT id, environment_id, at, kind, who, message FROM events WHERE environment_id IN"
        " (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT ?) ORDER BY id",
        (dump(list(environment_ids)), limit),
    )
    return [StoredEvent(*row[1:]) for row in rows]
