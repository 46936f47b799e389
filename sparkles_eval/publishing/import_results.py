"""Imports a result file of the published code into a store and scores it again.

Reports where the file claims other numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import Criterion, Sample, Score, Text, Verdict, VerdictStatus, fingerprint
from sparkles_eval.engine.cache import verdict_key
from sparkles_eval.engine.config import RetryPolicy, RunLimits
from sparkles_eval.engine.jobs import CompletedSample, EvalJob, unscored
from sparkles_eval.engine.prepare import RunPlan
from sparkles_eval.engine.progress import NoProgress, Progress
from sparkles_eval.engine.rejudge import stored_answers
from sparkles_eval.engine.run import execute
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard
from sparkles_eval.judges.parsing import PAPER_PAIRS, Expected, parser
from sparkles_eval.publishing.config import ImportOptions
from sparkles_eval.publishing.results_file import Judgement, ResultFile, ResultItem, read_result_file
from sparkles_eval.store import read_runs
from sparkles_eval.store.rows import JudgeRow, ScoreRow, VerdictRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.loaders.sparkleseval import PLACEHOLDER


def check_claims(store: Store, run_id: str, samples: Sequence[Sample], file: ResultFile) -> Iterator[str]:
    """Every difference between a file and its run, each in a sentence: items, words, labels, options, accuracy."""
    items = {item.id: item for item in file.items}
    yield from _other_items(samples, file)
    yield from _other_words(samples, items)
    yield from _options(store, run_id, samples, items)
    yield from _accuracy(store, run_id, file)


def _other_items(samples: Sequence[Sample], file: ResultFile) -> Iterator[str]:
    known, answered = {sample.id for sample in samples}, {item.id for item in file.items}
    if strange := sorted(answered - known):
        yield f"{len(strange)} items of the file are not in the data: {', '.join(strange[:5])}"
    if missing := sorted(known - answered):
        yield f"{len(missing)} items of the data are not in the file and stay unscored: {', '.join(missing[:5])}"


def _other_words(samples: Sequence[Sample], items: Mapping[str, ResultItem]) -> Iterator[str]:
    """Items of the same id that asked something else."""
    for sample in samples:
        item = items.get(sample.id)
        asked = sample.fields.get("caption") or sample.fields.get("sentence")
        if item is None:
            continue
        if item.sentence is not None and asked is not None and _level(item.sentence) != _level(asked):
            words = f"the file asked {_level(item.sentence)[:80]!r}, the data has {_level(asked)[:80]!r}"
            yield f"item {sample.id}: {words}"
        for turn, (said, own) in enumerate(zip(item.questions, sample.turns, strict=False), 1):
            words = "".join(part.text for part in own.content if isinstance(part, Text))
            if _level(said.replace(PLACEHOLDER, " ")) != _level(words.replace(PLACEHOLDER, " ")):
                yield f"item {sample.id}: the file asked something else in turn {turn} than the data has"
        if item.label is not None and sample.target is not None and not _same_words(item.label, sample.target, sample):
            yield f"item {sample.id}: the file's label is {item.label}, the data's is {sample.target}"


def _options(store: Store, run_id: str, samples: Sequence[Sample], items: Mapping[str, ResultItem]) -> Iterator[str]:
    """Where the file read another option out of an answer than the answer rule does."""
    rows = store.connection.execute(
        "SELECT p.name, s.answer FROM scores s JOIN samples p ON p.id = s.sample_id"
        " WHERE s.run_id = ? AND s.criterion = 'accuracy' AND s.value IS NOT NULL",
        (run_id,),
    )
    by_id = {sample.id: sample for sample in samples}
    for name, answer in rows:
        item = items.get(name)
        if item is not None and item.predicted is not None and not _same_words(item.predicted, answer, by_id[name]):
            yield f"item {name}: the file read {item.predicted}, the rule reads {answer or 'nothing'}"


def _same_words(claimed: str, option: str | None, sample: Sample) -> bool:
    """Whether a claimed option is this one; files write them in lower case or count them from 0."""
    if option is None:
        return claimed == ""
    place = str(sample.options.index(option)) if option in sample.options else ""
    return claimed.casefold() in (option.casefold(), place)


def _level(text: str) -> str:
    return " ".join(text.split())


def _accuracy(store: Store, run_id: str, file: ResultFile) -> Iterator[str]:
    """The accuracy in the file's name against ours, to as many digits as it has."""
    rows = store.connection.execute(
        "SELECT value FROM scores WHERE run_id = ? AND criterion = 'accuracy'", (run_id,)
    ).fetchall()
    values = Counter(row[0] for row in rows)
    if file.accuracy is None or not rows:
        return
    ours = values[1.0] / len(rows)
    if abs(ours - file.accuracy) > 0.00051:
        counted = f"{ours:.3f} ({values[1.0]} of {len(rows)})"
        yield f"the file's name says accuracy {file.accuracy:g}, its answers give {counted}"


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
class ImportedResults:
    """A file as it is in the store now. `claims` are where the file says other things than its replies."""

    path: Path
    run_id: str
    model: str
    task: str
    answers: int
    verdicts: int
    claims: tuple[str, ...]


def import_results(
    store: Store, path: Path, options: ImportOptions, progress: Progress | None = None
) -> ImportedResults:
    """Import one file; importing it again changes nothing. Raises errors.UserError for what is wrong in it."""
    file = read_result_file(path, options.task)
    name = options.name or file.model
    task = load_task(
        file.task, protocol=options.protocol or "paper", data_root=options.data_root, content=options.content
    )
    adapter = build_adapter(f"replay/{path}", ModelOptions(args=(("name", name),)), content=options.content)
    job = EvalJob(task, adapter, adapter.effective(task.protocol.generation))
    # A file may lack as many items as it likes: each is unscored for itself, none stops the others.
    terms = RunLimits(patience=RetryPolicy(attempts=1, failures_in_a_row=len(task.samples) + 1))
    command = ["sparkles-eval", "import", path.name]
    execute(RunPlan((job,), (adapter,)), store, progress or NoProgress(), terms, command)
    run = read_runs.runs(store, [job.run.id])[0]
    items = {item.id: item for item in file.items}
    answered = [
        item for found in stored_answers(store, [run.id], data_root=None, judged_only=False).values() for item in found
    ]
    claims = list(check_claims(store, run.id, task.samples, file))
    verdicts = 0
    for one in answered:
        for judgement in items[one.item.sample.id].judgements if one.item.sample.id in items else ():
            verdicts += 1
            claims += _judge(store, run.id, one, judgement)
    keep_claims(store, run.id, name, claims)
    return ImportedResults(path, run.id, name, file.task, len(answered), verdicts, tuple(claims))


# --- judges' replies --------------------------------------------------------------------------------------------


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


def _judge(store: Store, run_id: str, answered: CompletedSample, judgement: Judgement) -> Iterator[str]:
    """Store a judge's reply with the scores that it gives; yields where the file claims others."""
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
    call = JudgeCall("dialogue", AnsweredSample(item.sample, answered.answers), PAPER_PAIRS)
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


def keep_claims(store: Store, run_id: str, who: str, claims: Sequence[str]) -> None:
    """Keep every claim as an event of the run, once."""
    environment = read_runs.environments(store, [run_id])[-1].id
    known = {
        row[0]
        for row in store.connection.execute("SELECT message FROM events WHERE kind = ? AND who = ?", (KIND, run_id))
    }
    for claim in claims:
        message = f"{who}: {claim}"
        if message not in known:
            store.add_event(environment, KIND, run_id, message)
