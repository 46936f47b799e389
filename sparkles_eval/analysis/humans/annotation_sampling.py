"""Draws answers for people to rate: random dialogues, the same for every model and rater, models hidden.

Dialogues are drawn in a fixed random order (a hash of seed and content), so drawing more later continues where it
stopped, and no score influences what is labelled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.comparability import KNOWN_KINDS
from sparkles_eval.core import Criterion, Image, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import quantity
from sparkles_eval.judges.base import AnsweredSample
from sparkles_eval.judges.rubric import prompt_context
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.ratings import Sheet, SheetRow, ratings
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store

_RATER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True)
class SheetConfig:
    """What to draw: the raters, how many dialogues each is to have rated in the end, and what they rate."""

    raters: tuple[str, ...]
    dialogues: int
    criteria: tuple[Criterion, ...]
    low: float
    high: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One question and answer as a rater reads them; `images` are (name, picture)."""

    question: str
    images: tuple[tuple[str, Image], ...]
    answer: str


def check_rater(name: str) -> None:
    """Raises errors.UserError for a name that could not be part of a file's name."""
    if not _RATER.fullmatch(name):
        raise UserError(f"--rater {name!r}: use letters, digits, '.', '_', '-'; at most 40 of them")


def labelling_runs(store: Store, task: str | None = None, run_ids: Sequence[str] | None = None) -> list[StoredRun]:
    """The runs of one task whose answers people can rate: one data set, protocol and variant, no answer rule.

    Raises errors.UserError where there is none, or where they are of several kinds, naming these.
    """
    found = [
        run
        for run in read_runs.runs(store, run_ids)
        if run.answer_rule is None and run.model.kind not in KNOWN_KINDS and task in (None, run.task.name)
    ]
    if not found:
        of = f" of task {task}" if task else ""
        raise UserError(f"{store.path}: no run{of} whose answers a person could rate; `sparkles-eval list runs`")
    kinds: dict[tuple[str, str, str, str], list[str]] = {}
    for run in found:
        kinds.setdefault((run.task.name, run.protocol, run.variant, run.data_hash), []).append(run.id)
    if len(kinds) > 1:
        one_task = len({name for name, *_ in kinds}) == 1
        kinds_named = "; ".join(
            f"{name}, {protocol} protocol{', ' + variant if variant else ''}, data {data[:8]}"
            + (f": {' '.join(f'--run {run}' for run in ids)}" if one_task else "")
            for (name, protocol, variant, data), ids in sorted(kinds.items())
        )
        fix = "name those of one kind" if one_task else "pick one with --task, or name runs with --run"
        raise UserError(f"{store.path}: runs of several kinds ({kinds_named}); {fix}")
    return found


def random_order(sample_ids: Sequence[str], seed: int) -> list[str]:
    """The order in which dialogues are labelled: random, but the same for a seed whatever else is in the store."""
    return sorted(sample_ids, key=lambda sample: hashlib.sha256(f"label:{seed}:{sample}".encode()).digest())


def labelling_order(store: Store, runs: Sequence[StoredRun], seed: int) -> list[str]:
    """Samples that every run has answered whole, in the order in which they are labelled."""
    whole: list[set[str]] = []
    turns = {s.id: len(s.sample.turns) for s in read_samples.samples(store, runs[0].id, limit=runs[0].total)}
    for run in runs:
        count: dict[str, int] = {}
        for answer in store.answers(run.id):
            if answer.epoch == 0:
                count[answer.sample_id] = count.get(answer.sample_id, 0) + 1
        whole.append({sample for sample, number in count.items() if number == turns.get(sample)})
    return random_order(sorted(set.intersection(*whole)), seed)


def draw(store: Store, runs: Sequence[StoredRun], config: SheetConfig) -> list[Sheet]:
    """A sheet a rater: every run's answer to the first so many dialogues that this rater has not rated yet.

    Rows are in a random order of each rater's own, so no rater sees the models in turn. A rater who is done has an
    empty sheet, which is left out. Raises errors.UserError for fewer answered dialogues than asked for, or a bad name.
    """
    if not config.raters or config.dialogues < 1:
        raise UserError("human export: name who rates with --rater, and how many dialogues with --dialogues")
    for rater in config.raters:
        check_rater(rater)
    order = labelling_order(store, runs, config.seed)
    if len(order) < config.dialogues:
        raise UserError(
            f"--dialogues {config.dialogues}: only {len(order)} dialogues are answered whole by "
            f"{quantity(len(runs), 'run')}; ask for fewer, or finish the runs"
        )
    done = {(r.rater, r.run_id, r.sample_id) for r in ratings(store, [run.id for run in runs]) if r.epoch == 0}
    sheets = []
    for rater in dict.fromkeys(config.raters):
        places = [
            (run.id, sample)
            for sample in order[: config.dialogues]
            for run in runs
            if (rater, run.id, sample) not in done
        ]
        codes = {place: fingerprint([rater, config.seed, *place], 10) for place in places}
        rows = tuple(SheetRow(codes[place], *place, 0) for place in sorted(places, key=codes.__getitem__))
        if rows:
            sheets.append(Sheet(rater, runs[0].task.name, config.seed, config.low, config.high, config.criteria, rows))
    return sheets


def shown(store: Store, sheet: Sheet) -> dict[str, tuple[ShownTurn, ...]]:
    """What stands behind each code of a sheet: the questions with their images, and the answers. No model's name."""
    samples: dict[str, read_samples.StoredSample] = {}
    answers: dict[tuple[str, str], dict[int, str]] = {}
    for run in read_runs.runs(store, sorted({row.run_id for row in sheet.rows})):
        if run.data_hash not in samples:
            samples |= {stored.id: stored for stored in read_samples.samples(store, run.id, limit=run.total)}
        for answer in store.answers(run.id):
            if answer.epoch == 0:
                answers.setdefault((run.id, answer.sample_id), {})[answer.turn] = answer.text
    return {row.code: shown_turns(samples[row.sample_id], answers[row.run_id, row.sample_id]) for row in sheet.rows}


def shown_turns(stored: read_samples.StoredSample, answers: Mapping[int, str]) -> tuple[ShownTurn, ...]:
    """One answered sample as a rater reads it. `answers`: a text for each turn, from 1."""
    sample = stored.sample
    texts = tuple(answers[turn] for turn in range(1, len(sample.turns) + 1))
    page = prompt_context(AnsweredSample(sample, texts), len(sample.turns), pictures=False)
    turns = []
    for turn in page.turns:
        named = [
            (about.name, picture)
            for about, picture in zip(page.images, page.pictures, strict=True)
            if about.turn == turn.number
        ]
        turns.append(ShownTurn(turn.question, tuple(named), turn.bare_answer))
    return tuple(turns)
