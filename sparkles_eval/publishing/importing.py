"""Brings a published result file into a store: its answers as a run, its judges' replies as verdicts, scored by us.

What the file claims of its own answers is not taken over. It is compared, and where it differs from what the replies
say that is told and kept as an event of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.engine.cells import Answered, Cell, unscored
from sparkles_eval.engine.execute import execute
from sparkles_eval.engine.keys import verdict_key
from sparkles_eval.engine.policy import Patience
from sparkles_eval.engine.prepare import Plan
from sparkles_eval.engine.progress import Progress, Silent
from sparkles_eval.engine.session import Terms
from sparkles_eval.engine.stored import stored_answers
from sparkles_eval.judges.base import Call, Dialogue, JudgeCard
from sparkles_eval.judges.parsing import PAPER_PAIRS, Expected, parser
from sparkles_eval.publishing.claims import compare
from sparkles_eval.publishing.results_file import Judgement, read_result_file
from sparkles_eval.records import Criterion, Score, Verdict, VerdictStatus, fingerprint
from sparkles_eval.store import queries
from sparkles_eval.store.rows import JudgeRow, ScoreRow, VerdictRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task

VERSION = 1
"""Counted up when the same file would give other scores; part of the judge's fingerprint."""
KIND = "claim"
"""The kind of event that keeps what a file claims and its replies do not say."""
_LOW, _HIGH = 1.0, 10.0
_CRITERIA = (
    Criterion("C1", "Image understanding and reasoning"),
    Criterion("C2", "Cross-image and cross-turn coherence"),
    Criterion("C3", "Relevance and completeness of responses"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """How files are read."""

    data_root: Path | None
    task: str | None = None
    """Of files whose names do not tell it."""
    protocol: str = "paper"
    name: str | None = None
    """How tables name the model; by default as the file does."""
    content: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A file as it is in the store now. `claims` are where the file says other things than its replies."""

    path: Path
    run_id: str
    model: str
    task: str
    answers: int
    verdicts: int
    claims: tuple[str, ...]


def import_file(store: Store, path: Path, wish: Wish, progress: Progress | None = None) -> Imported:
    """Import one file; importing it again changes nothing. Raises errors.UserError for what is wrong in it."""
    file = read_result_file(path, wish.task)
    name = wish.name or file.model
    task = load_task(file.task, protocol=wish.protocol, data_root=wish.data_root, content=wish.content)
    adapter = build_adapter(f"replay/{path}", ModelOptions(args=(("name", name),)), content=wish.content)
    cell = Cell(task, adapter, adapter.effective(task.protocol.generation))
    # A file may lack as many items as it likes: each is unscored for itself, none stops the others.
    terms = Terms(patience=Patience(attempts=1, failures_in_a_row=len(task.samples) + 1))
    command = ["sparkles-eval", "import", path.name]
    execute(Plan((cell,), (adapter,)), store, progress or Silent(), terms, command)
    run = queries.runs(store, [cell.run.id])[0]
    items = {item.id: item for item in file.items}
    answered = [
        item for found in stored_answers(store, [run.id], data_root=None, judged_only=False).values() for item in found
    ]
    claims = list(compare(store, run.id, task.samples, file))
    verdicts = 0
    for one in answered:
        for judgement in items[one.item.sample.id].judgements if one.item.sample.id in items else ():
            verdicts += 1
            claims += _judge(store, run.id, one, judgement)
    _keep(store, run.id, name, claims)
    return Imported(path, run.id, name, file.task, len(answered), verdicts, tuple(claims))


# --- what judges said -------------------------------------------------------------------------------------------


def judge_card(model: str) -> JudgeCard:
    """The published judge as the file names its model. The prompt is the file's own, kept with each reply."""
    rule = parser("paper")
    return JudgeCard(
        name="published",
        version=VERSION,
        title="Judge replies of a published result file, read as published",
        criteria=_CRITERIA,
        low=_LOW,
        high=_HIGH,
        sees="captions",
        fingerprint=fingerprint(["published result", VERSION, model, rule.name, rule.version]),
        model=model,
        attempts=1,
        reader=rule.id,
        canary=False,
    )


def _judge(store: Store, run_id: str, answered: Answered, judgement: Judgement) -> Iterator[str]:
    """Store a judge's reply with the scores that it gives; tells where the file claims others."""
    card, item = judge_card(judgement.judge), answered.item
    row = JudgeRow(
        card.fingerprint,
        card.name,
        card.version,
        card.title,
        card.sees,
        card.model,
        card.low,
        card.high,
        card.criteria,
        card.reader,
        card.canary,
    )
    store.add_judge(row)
    call = Call("dialogue", Dialogue(item.sample, answered.answers), PAPER_PAIRS)
    key = verdict_key(card, item.sample_id, answered.answers, call, 0)
    parsed = parser("paper").read(judgement.reply, Expected(PAPER_PAIRS, card.low, card.high, answered.answers))
    verdict = Verdict(
        VerdictStatus.INVALID if parsed.reason else VerdictStatus.GRADED,
        parsed.ratings,
        parsed.overall,
        parsed.reason,
        judgement.prompt,
        judgement.reply,
    )
    known = store.connection.execute("SELECT id FROM verdicts WHERE key = ?", (key,)).fetchone()
    if known is None:
        row_id, _ = store.add_verdict(VerdictRow(key, row.id, item.sample_id, "dialogue", 0, 1, verdict))
        if parsed.reason:
            store.add_scores(unscored(run_id, item, row, [0], f"judge {card.name}: {parsed.reason}", row_id))
        scores = [Score(rating.turn, rating.criterion, rating.value) for rating in verdict.ratings]
        store.add_scores([ScoreRow(run_id, item.sample_id, item.epoch, row.id, 0, score, row_id) for score in scores])
    for turn, claimed in judgement.claimed.items():
        said = tuple(rating.value for rating in verdict.ratings if rating.turn == turn)
        if said != claimed:
            found = _points(said) if said else f"nothing that can be read ({parsed.reason})"
            says = f"the file says A{turn} {_points(claimed)}"
            yield f"item {item.sample.id}: {says}, {judgement.judge}'s reply says {found}"


def _points(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _keep(store: Store, run_id: str, who: str, claims: Sequence[str]) -> None:
    """Keep every claim as an event of the run, once."""
    environment = queries.environments(store, [run_id])[-1].id
    known = {
        row[0]
        for row in store.connection.execute("SELECT message FROM events WHERE kind = ? AND who = ?", (KIND, run_id))
    }
    for claim in claims:
        message = f"{who}: {claim}"
        if message not in known:
            store.add_event(environment, KIND, run_id, message)
