"""Builds a store as a small evaluation leaves it: three embedded tasks, two rule-made contestants and a baseline.

The contestants answer from the samples' truth with faults at fixed places, so that every kind of outcome is there:
right, wrong, invalid, refused, unscored, several draws, unknown cost. Knows nothing of reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.core import (
    Criterion,
    Generation,
    Model,
    Rating,
    Response,
    Run,
    Sample,
    Score,
    Status,
    Usage,
    Verdict,
    VerdictStatus,
    fingerprint,
)
from sparkles_eval.core.errors import Problem
from sparkles_eval.core.json import sample_key
from sparkles_eval.store.mapping import now
from sparkles_eval.store.rows import (
    AnswerRow,
    EnvironmentRow,
    JudgeRow,
    PixelsRow,
    RequestRow,
    ScoreRow,
    TaskRow,
    VerdictRow,
)
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.images import image_bytes, thumbnail
from sparkles_eval.tasks.load import load_task

RULE = JudgeRow(
    "strict@1", "strict", 1, "reads one clearly named option", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),)
)
RATER = JudgeRow(
    "c0ffee" * 10,
    "careful-reader",
    1,
    "compares the answer with the reference",
    "text",
    None,
    1,
    10,
    (
        Criterion("C1", "Image understanding", "Does the answer say what the images show?"),
        Criterion("C2", "Coherence", "Do both answers agree with each other?"),
        Criterion("C3", "Completeness", "Is everything answered that was asked?"),
    ),
)
CAREFUL = Model("demo/careful", "replay", "careful", free=True)
HASTY = Model("demo/hasty", "openai", "hasty", {"base_url": "http://localhost:8000/v1"})
CHANCE = Model("baseline/chance", "baseline", "chance", free=True)


@dataclass(frozen=True)
class Said:
    """What a contestant says to a turn: text, the option read (None: invalid), how it ended."""

    text: str
    option: str | None = None
    status: Status = Status.OK
    draws: int = 1
    fails: str = ""
    """Why there was no answer at all."""


Speaker = Callable[[int, int, Sample], Said]
"""Index of the sample, turn from 1, the sample -> what is said."""


def other(sample: Sample) -> str:
    return next(option for option in sample.options if option != sample.target)


def careful(index: int, turn: int, sample: Sample) -> Said:
    if not sample.options:
        return Said(sample.turns[turn - 1].reference or "")
    option = other(sample) if index % 6 == 5 else sample.target
    caption = sample.fields.get("caption") or sample.fields.get("sentence", "")
    text = f"I compared both images with “{caption}”, thing by thing.\n\nTherefore, the answer is {option}."
    return Said(text, option)


def hasty(index: int, turn: int, sample: Sample) -> Said:
    if index % 17 == 16:
        return Said("", fails="timed out after 4 tries (120 s each)")
    if not sample.options:
        reference = sample.turns[turn - 1].reference or ""
        return Said(reference.split(".")[0] + ". The rest looks much the same to me.")
    if index % 11 == 10:
        return Said("Both of these fit quite well, and I would rather not choose between them.", None)
    if index % 13 == 12:
        return Said("I can't help with that.", None, Status.REFUSED)
    option = sample.target if index % 3 else other(sample)
    return Said(f"Quick look: {option}.", option, draws=1 + (index % 7 == 3))


def chance(index: int, turn: int, sample: Sample) -> Said:
    if not sample.options:
        return Said("These images could show many things; I did not look at them.")
    option = sample.options[int(fingerprint([sample.id, index])[:4], 16) % len(sample.options)]
    return Said(f"Therefore, the answer is {option}.", option)


CAST: tuple[tuple[Model, Speaker], ...] = ((CAREFUL, careful), (HASTY, hasty), (CHANCE, chance))


def run_of(task: Task, model: Model, epochs: int = 1) -> Run:
    protocol = task.protocol
    return Run(
        task=task.name,
        task_version=task.version,
        model=model,
        protocol=protocol.name,
        protocol_version=protocol.version,
        answer_rule=protocol.answer,
        draws=protocol.draws,
        generation=Generation() if model.free else protocol.generation,
        prompt_hash=protocol.prompt_hash,
        data_hash=task.data_hash,
        epochs=epochs,
        total=len(task.samples),
    )


def task_row(task: Task) -> TaskRow:
    options = task.samples[0].options
    return TaskRow(
        task.name, task.version, task.title, task.metrics, options, task.args, task.card, task.citation, task.licence
    )


def begin(store: Store) -> int:
    row = EnvironmentRow(
        command="sparkles-eval run --task bison-mini --task nlvr2-mini --task sparkleseval-mini --model demo/careful",
        version="0.1.0",
        git_commit="0123456789abcdef0123456789abcdef01234567",
        python="3.11.9",
        machine={"platform": "Linux", "cores": "2"},
        packages={"openai": "2.1.0", "numpy": "2.4.0"},
    )
    return store.add_environment(row)


def add_run(
    store: Store,
    environment: int,
    task: Task,
    model: Model,
    speak: Speaker,
    *,
    skipped: Sequence[Problem] = (),
    variant: str = "",
) -> Run:
    """One contestant on one task, answered and scored."""
    run = replace(run_of(task, model), variant=variant)
    ids = store.add_run(run, task_row(task), task.samples, skipped, environment)
    store.add_judge(RULE if run.answer_rule else RATER)
    for index, (sample, sample_id) in enumerate(zip(task.samples, ids, strict=True)):
        said = [speak(index, turn, sample) for turn in range(1, len(sample.turns) + 1)]
        if any(words.fails for words in said):
            judge = RULE if run.answer_rule else RATER
            reason = next(words.fails for words in said if words.fails)
            store.add_scores(
                [
                    ScoreRow(run.id, sample_id, 0, judge.id, 0, Score(turn, criterion.id, None, reason))
                    for turn in range(1, len(sample.turns) + 1)
                    for criterion in judge.criteria
                ]
            )
            continue
        for turn, words in enumerate(said, 1):
            answer(store, run, sample, turn, words)
        if not run.answer_rule:
            rate(store, run, sample, [words.text for words in said])
    return run


def answer(store: Store, run: Run, sample: Sample, turn: int, said: Said) -> None:
    """Store a turn's response, let it stand, and score it where the run has an answer rule."""
    sample_id = sample_key(sample)
    free = run.model.free
    words = len(said.text.split())
    usage = Usage(0, 0, 0.0) if free else Usage(900 + words, words, None if turn == 2 else (900 + 4 * words) / 1e6)
    key = fingerprint([run.id, sample_id, turn])
    detail = "content policy" if said.status is Status.REFUSED else None
    response = Response(key, 1, said.status, said.text, detail, usage, 0.4 + words / 50, None, now())
    request = RequestRow(key, run.model, f'{{"messages":["{sample_id} {turn}"]}}', "{}", 0, said.draws - 1)
    stored = store.add_response(request, response)
    assert stored.id is not None
    scores = []
    if run.answer_rule:
        score = Score(turn, "accuracy", float(said.option == sample.target), answer=said.option)
        if said.option is None:
            score = replace(score, value=0.0, invalid=True, reason="names no option")
        scores = [ScoreRow(run.id, sample_id, 0, RULE.id, 0, score)]
    row = AnswerRow(sample_id, 0, turn, stored.id, said.draws, said.status.value, said.text)
    store.add_answer(run.id, row, scores)


def rate(store: Store, run: Run, sample: Sample, texts: Sequence[str]) -> None:
    """A verdict by how much of the reference's words the answers hold."""
    ratings = []
    for turn, text in enumerate(texts, 1):
        wanted = set((sample.turns[turn - 1].reference or "").lower().split())
        share = len(wanted & set(text.lower().split())) / len(wanted) if wanted else 1.0
        for criterion in RATER.criteria:
            why = f"{100 * share:.0f}% of the reference's words are in the answer."
            ratings.append(Rating(turn, criterion.id, round(1 + 9 * share), why))
    verdict = Verdict(VerdictStatus.GRADED, tuple(ratings), usage=Usage(0, 0, 0.0))
    sample_id = sample_key(sample)
    key = fingerprint([RATER.id, sample_id, list(texts)])
    verdict_id, verdict = store.add_verdict(VerdictRow(key, RATER.id, sample_id, "dialogue", 0, 1, verdict))
    store.add_scores(
        [
            ScoreRow(run.id, sample_id, 0, RATER.id, 0, Score(r.turn, r.criterion, r.value), verdict_id)
            for r in verdict.ratings
        ]
    )


def add_thumbnails(store: Store, task: Task) -> None:
    images = {image.sha256: image for sample in task.samples for image in sample.images}
    for sha256 in store.lacking("thumbnail", images):
        store.add_pixels([PixelsRow(sha256, thumbnail(image_bytes(images[sha256]), 192))])


def demo(path: Path, items: int = 40) -> Store:
    """The whole demonstration store, open."""
    store = Store(path)
    environment = begin(store)
    for name in ("bison-mini", "nlvr2-mini", "sparkleseval-mini"):
        task = load_task(name, args={"n": str(items)})
        for model, speak in CAST:
            add_run(store, environment, task, model, speak)
        add_thumbnails(store, task)
    store.finish_environment(environment, "unscored")
    return store
