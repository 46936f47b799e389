"""Makes what a page shows of single samples: the question, every model's answers side by side, and their scores.

Reads a stretch of samples at a time. Everything it gives is visible text (see `inert`); knows nothing of HTML.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.records import Image, Sample, Text, Turn, Verdict
from sparkles_eval.reports import numbers
from sparkles_eval.reports.inert import line, visible
from sparkles_eval.reports.metrics import extracts
from sparkles_eval.reports.summary import Entry, judge_name
from sparkles_eval.store import browse
from sparkles_eval.store.browse import StoredAnswer, StoredSample, StoredScore
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

Mark: TypeAlias = Literal["right", "wrong", "invalid", "unscored", "rated"]
MOST_CHARACTERS = 20_000
"""Of one text; what is longer is cut, with its length beside it."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Long:
    """A text that may have been cut; `length` is the whole one's, in characters."""

    text: str
    length: int

    @property
    def note(self) -> str:
        """What was left out, or ""."""
        if self.length <= MOST_CHARACTERS:
            return ""
        return f"Cut here: {self.length:,} characters, the first {MOST_CHARACTERS:,} are shown."


@dataclass(frozen=True, slots=True)
class Picture:
    """An image at its word."""

    sha256: str
    width: int
    height: int
    name: str
    alt: str


@dataclass(frozen=True, slots=True)
class TurnView:
    """A user's message; `pieces` are texts and pictures in order."""

    number: int
    pieces: tuple[str | Picture, ...]
    reference: Long | None


@dataclass(frozen=True, slots=True)
class AnswerTurn:
    """A model's answer to a turn. `note` says what was unusual about it."""

    number: int
    text: Long
    note: str


@dataclass(frozen=True, slots=True)
class RatingView:
    """One rating with the judge's reason."""

    turn: int
    criterion: str
    value: str
    explanation: str


@dataclass(frozen=True, slots=True)
class VerdictView:
    """How one judge scored one answered sample, or why not. `raw` is shown where no explanations were read."""

    judge: str
    score: str
    ratings: tuple[RatingView, ...]
    reason: str
    raw: Long | None


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One run's answers to a sample, with what was read out of them and how they were judged."""

    label: str
    detail: str
    mark: Mark
    said: str
    """The mark in words: "right", "wrong", "8.33", "unscored: timed out"."""
    extracted: str | None
    turns: tuple[AnswerTurn, ...]
    verdicts: tuple[VerdictView, ...]


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample with every run's answers."""

    id: str
    name: str
    position: int
    gist: str
    """What it asks, in a line."""
    turns: tuple[TurnView, ...]
    fields: tuple[tuple[str, str], ...]
    target: str | None
    tags: tuple[str, ...]
    answers: tuple[AnswerView, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Every image of every turn, in order."""
        return tuple(piece for turn in self.turns for piece in turn.pieces if isinstance(piece, Picture))

    @property
    def flags(self) -> str:
        """Words to filter by: what any answer is marked, and "differ" where models disagree in it."""
        marks = {answer.mark for answer in self.answers}
        return " ".join(sorted(marks | ({"differ"} if {"right", "wrong"} <= marks else set())))


def sample_views(
    store: Store, entries: Sequence[Entry], *, limit: int, only: Collection[str] = ()
) -> Iterator[SampleView]:
    """The first `limit` samples (of those `only`) of runs that ask the same; `entries` may name a run once a judge."""
    runs = {entry.run.id: entry for entry in entries}
    judges = {entry.judge.id: entry.judge for entry in entries if entry.judge}
    first = next(iter(runs))
    for offset in range(0, limit, _PAGE):
        page = browse.samples(store, first, offset=offset, limit=min(_PAGE, limit - offset), only=only)
        yield from _page(store, page, runs, judges)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store holds on a stretch of samples, by (run, sample, epoch)."""

    judges: Mapping[str, JudgeRow]
    answers: Mapping[tuple[str, str, int], list[StoredAnswer]]
    scores: Mapping[tuple[str, str, int], list[StoredScore]]
    verdicts: Mapping[int, Verdict]


def _page(
    store: Store, page: Sequence[StoredSample], runs: Mapping[str, Entry], judges: Mapping[str, JudgeRow]
) -> Iterator[SampleView]:
    ids = [stored.id for stored in page]
    answers: dict[tuple[str, str, int], list[StoredAnswer]] = {}
    for answer in browse.answers(store, list(runs), ids, cut=MOST_CHARACTERS):
        answers.setdefault((answer.run_id, answer.sample_id, answer.epoch), []).append(answer)
    scores: dict[tuple[str, str, int], list[StoredScore]] = {}
    listed = [score for score in browse.scores(store, list(runs), ids) if score.judge_id in judges]
    for score in listed:
        scores.setdefault((score.run_id, score.sample_id, score.epoch), []).append(score)
    verdicts = browse.verdicts(store, [score.verdict_id for score in listed if score.verdict_id is not None])
    found = _Found(judges, answers, scores, verdicts)
    for stored in page:
        views = [
            _answer(found, entry, stored.id, epoch) for entry in runs.values() for epoch in range(entry.run.epochs)
        ]
        yield _sample(stored, views)


def _sample(stored: StoredSample, answers: Sequence[AnswerView]) -> SampleView:
    sample = stored.sample
    return SampleView(
        id=stored.id,
        name=line(sample.id),
        position=stored.position + 1,
        gist=_gist(sample),
        turns=tuple(_turn(number, turn) for number, turn in enumerate(sample.turns, 1)),
        fields=tuple(_fields(sample)),
        target=None if sample.target is None else visible(sample.target),
        tags=tuple(line(tag) for tag in sample.tags),
        answers=tuple(answers),
    )


def _gist(sample: Sample) -> str:
    """The named texts say best what is asked; else the words of the first question."""
    if sample.fields:
        return line(" ".join(sample.fields.values()), 160)
    return line("".join(part.text for part in sample.turns[0].content if isinstance(part, Text)), 160)


def _turn(number: int, turn: Turn) -> TurnView:
    pieces = tuple(long(part.text).text if isinstance(part, Text) else _picture(part) for part in turn.content)
    return TurnView(number, pieces, None if turn.reference is None else long(turn.reference))


def _picture(image: Image) -> Picture:
    name = line(image.id or image.relpath)
    return Picture(image.sha256, image.width, image.height, name, line(image.caption or f"Image {name}"))


def _fields(sample: Sample) -> Iterator[tuple[str, str]]:
    """The named texts that the turns do not show already."""
    words = "\n".join(part.text for turn in sample.turns for part in turn.content if isinstance(part, Text))
    for name, text in sample.fields.items():
        if text.strip() not in words:
            yield line(name), long(text).text


def long(text: str, length: int | None = None) -> Long:
    """The text made visible, cut at MOST_CHARACTERS."""
    return Long(visible(text[:MOST_CHARACTERS]), len(text) if length is None else length)


# --- answers ----------------------------------------------------------------------------------------------------


def _answer(found: _Found, entry: Entry, sample_id: str, epoch: int) -> AnswerView:
    run, judges, key = entry.run, found.judges, (entry.run.id, sample_id, epoch)
    answers, scores = found.answers.get(key, []), found.scores.get(key, [])
    by_judge: dict[str, list[StoredScore]] = {}
    for score in scores:
        by_judge.setdefault(score.judge_id, []).append(score)
    read = next((given for judge_id, given in by_judge.items() if extracts(judges[judge_id])), [])
    rated = [
        _verdict(judges[judge_id], [s for s in given if s.repeat == repeat], found.verdicts)
        for judge_id, given in by_judge.items()
        if not extracts(judges[judge_id])
        for repeat in sorted({s.repeat for s in given})
    ]
    mark, said = _mark(read, rated)
    altered = [f"altered: {run.variant}"] if run.variant else []
    detail = [f"{run.protocol} protocol", *altered, *([f"epoch {epoch + 1} of {run.epochs}"] if run.epochs > 1 else [])]
    extracted = [score.score.answer for score in read if score.score.answer is not None]
    return AnswerView(
        label=line(entry.label),
        detail=" · ".join(detail),
        mark=mark,
        said=said,
        extracted=visible(extracted[-1]) if extracted else None,
        turns=tuple(AnswerTurn(a.turn, long(a.text, a.length), _note(a)) for a in answers),
        verdicts=tuple(rated),
    )


def _mark(read: Sequence[StoredScore], rated: Sequence[VerdictView]) -> tuple[Mark, str]:
    for stored in read:
        score = stored.score
        if score.value is None:
            return "unscored", f"unscored: {line(score.reason or '')}"
        if score.invalid:
            return "invalid", f"invalid, counts as wrong: {line(score.reason or 'no option could be read')}"
    if read:
        right = all(stored.score.value == 1 for stored in read)
        return ("right", "right") if right else ("wrong", "wrong")
    given = [verdict for verdict in rated if not verdict.reason]
    if given:
        return "rated", given[0].score
    return "unscored", f"unscored: {rated[0].reason}" if rated else "unscored: not scored yet"


def _note(answer: StoredAnswer) -> str:
    parts = []
    if answer.status != "ok":
        parts.append(f"{answer.status}{': ' + line(answer.detail) if answer.detail else ''}")
    if answer.draws > 1:
        parts.append(f"answer {answer.draws} of {answer.draws} drawn")
    return "; ".join(parts)


def _verdict(judge: JudgeRow, scores: Sequence[StoredScore], verdicts: Mapping[int, Verdict]) -> VerdictView:
    names = {criterion.id: criterion.name for criterion in judge.criteria}
    said = {
        (verdict_id, rating.turn, rating.criterion): rating.explanation
        for verdict_id in {s.verdict_id for s in scores if s.verdict_id is not None}
        for rating in (verdicts[verdict_id].ratings if verdict_id in verdicts else ())
    }
    ratings = tuple(
        RatingView(
            turn=stored.score.turn,
            criterion=line(names.get(stored.score.criterion, stored.score.criterion)),
            value=numbers.NONE if stored.score.value is None else numbers.plain(stored.score.value),
            explanation=visible(said.get((stored.verdict_id or 0, stored.score.turn, stored.score.criterion), "")),
        )
        for stored in scores
    )
    values = [stored.score.value for stored in scores if stored.score.value is not None]
    missing = next((line(s.score.reason or "") for s in scores if s.score.value is None), "")
    score = numbers.number(sum(values) / len(values), "points") if values and not missing else numbers.NONE
    raw = next((v.raw for s in scores if s.verdict_id and (v := verdicts.get(s.verdict_id)) and v.raw), None)
    explained = any(rating.explanation for rating in ratings)
    return VerdictView(
        line(judge_name(judge)), score, ratings, missing, long(raw) if raw is not None and not explained else None
    )
