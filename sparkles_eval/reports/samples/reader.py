"""Reads samples with their answers and scores from a store, a page at a time, as `sample_views`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.core import Image, Sample, Text, Turn, Verdict
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import NO_VALUE, format_number, format_plain, one_line, visible
from sparkles_eval.reports.samples.sample_views import (
    MOST_CHARACTERS,
    AnswerTurn,
    AnswerView,
    ImageView,
    RatingView,
    SampleView,
    TurnView,
    VerdictView,
    cut_text,
)
from sparkles_eval.store import read_samples
from sparkles_eval.store.ratings import HumanRating
from sparkles_eval.store.read_samples import StoredAnswer, StoredSample, StoredScore
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.sample_flags import SampleMark, mark_of
from sparkles_eval.store.store import Store

_ANSWER_WORD = re.compile(r"[^\W_]+")
_ANSWER_FORMS = 100_000
"""Characters looked at, from the end."""


def answer_span(text: str, option: str, rule: str) -> tuple[int, int] | None:
    """Start and end of the option in the text, as whole words in any case: "IMAGE#1" is also "image 1".

    The last place, where answers are stated; by the rule `paper` the first place behind the last "therefore".
    Linear in the text.
    """
    words = _ANSWER_WORD.findall(option)
    start = max(0, len(text) - _ANSWER_FORMS)
    if not words:
        place = text.rfind(option) if option.strip() else -1
        return (place, place + len(option)) if place >= start else None
    one_letter = len(words) == 1 and len(words[0]) == 1
    pattern = r"(?<![^\W_])" + r"[\W_]{0,3}".join(map(re.escape, words)) + r"(?![^\W_])"
    found = re.compile(pattern, 0 if one_letter else re.IGNORECASE)
    if rule == "paper":
        start = max(start, text.lower().rfind("therefore"))
        match = found.search(text, start)
        return match.span() if match else None
    spans = [match.span() for match in found.finditer(text, start)]
    return spans[-1] if spans else None


Key = tuple[str, str, int]
"""Run, sample, epoch."""


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """What the store holds on a stretch of samples, by (run, sample, epoch)."""

    judges: Mapping[str, JudgeRow]
    answers: Mapping[Key, list[StoredAnswer]]
    scores: Mapping[Key, list[StoredScore]]
    verdicts: Mapping[int, Verdict]
    people: Mapping[Key, list[HumanRating]] = field(default_factory=dict)

    @property
    def criteria(self) -> dict[str, str]:
        """Criterion ids as judges name them: people's ratings hold the ids alone."""
        return {c.id: one_line(c.name) for judge in self.judges.values() if not extracts(judge) for c in judge.criteria}


def answer_view(found: StoredAnswers, entry: Entry, sample_id: str, epoch: int) -> AnswerView:
    """One run's answers to a sample in one epoch."""
    run, judges, key = entry.run, found.judges, (entry.run.id, sample_id, epoch)
    by_judge: dict[str, list[StoredScore]] = {}
    for score in found.scores.get(key, []):
        by_judge.setdefault(score.judge_id, []).append(score)
    rules = [judge for judge_id, judge in judges.items() if judge_id in by_judge and extracts(judge)]
    read = by_judge[max(rules, key=lambda rule: rule.version).id] if rules else []
    rated = [
        _verdict(judges[judge_id], [s for s in by_judge[judge_id] if s.repeat == repeat], found.verdicts)
        for judge_id in judges  # in the order of the tables, so that the same judge gives every answer's mark
        if judge_id in by_judge and not extracts(judges[judge_id])
        for repeat in sorted({s.repeat for s in by_judge[judge_id]})
    ]
    mark, said, points, by = _mark(read, rated)
    options = {score.score.turn: score.score.answer for score in read if score.score.answer is not None}
    return AnswerView(
        label=one_line(entry.label) + (f", epoch {epoch + 1}" if run.epochs > 1 else ""),
        detail=f"{run.protocol} protocol",
        mark=mark,
        said=said,
        extracted=visible(list(options.values())[-1]) if options else None,
        turns=tuple(
            _answer_turn(answer, options.get(answer.turn), run.answer_rule) for answer in found.answers.get(key, [])
        ),
        verdicts=(*rated, *_people(found.people.get(key, []), found.criteria)),
        points=points,
        by=by,
        model=one_line(run.model.name),
        altered=one_line(run.variant),
        reference=entry.reference,
    )


def _answer_turn(answer: StoredAnswer, option: str | None, rule: str | None) -> AnswerTurn:
    text = cut_text(answer.text, answer.length)
    whole = answer.length == len(answer.text)
    read = answer_span(text.text, visible(option), rule or "") if option and whole else None
    return AnswerTurn(answer.turn, text, _note(answer), read, cut_text(answer.reasoning) if answer.reasoning else None)


def _note(answer: StoredAnswer) -> str:
    parts = []
    if answer.status != "ok":
        parts.append(f"{answer.status}{': ' + one_line(answer.detail) if answer.detail else ''}")
    if answer.draws > 1:
        parts.append(f"answer {answer.draws} of {answer.draws} drawn")
    return "; ".join(parts)


def _mark(read: Sequence[StoredScore], rated: Sequence[VerdictView]) -> tuple[SampleMark, str, float | None, str]:
    """The mark, in words, as points, and the judge who gave it ("" for a rule)."""
    if read:
        scores = [stored.score for stored in read]
        mark = mark_of(scores, reads=True)
        if mark == "unscored":
            return mark, f"unscored: {next(one_line(s.reason or '') for s in scores if s.value is None)}", None, ""
        if mark == "invalid":
            why = next(score.reason for score in scores if score.invalid)
            return mark, f"invalid, counts as wrong: {one_line(why or 'no option could be read')}", 0.0, ""
        if mark == "rated":
            points = sum(score.value or 0.0 for score in scores) / len(scores)
            return mark, format_number(points, "points"), points, ""
        return mark, mark, float(mark == "right"), ""
    given = next((verdict for verdict in rated if not verdict.reason), None)
    if given:
        return "rated", given.score, given.points, given.judge
    return "unscored", f"unscored: {rated[0].reason}" if rated else "unscored: not scored yet", None, ""


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
            criterion=one_line(names.get(stored.score.criterion, stored.score.criterion)),
            value=NO_VALUE if stored.score.value is None else format_plain(stored.score.value),
            explanation=cut_text(
                said.get((stored.verdict_id or 0, stored.score.turn, stored.score.criterion), "")
            ).text,
            number=stored.score.value,
        )
        for stored in scores
    )
    missing = next((one_line(s.score.reason or "") for s in scores if s.score.value is None), "")
    points = None if missing else _mean(rating.number for rating in ratings)
    raw = next((v.raw for s in scores if s.verdict_id and (v := verdicts.get(s.verdict_id)) and v.raw), None)
    explained = any(rating.explanation for rating in ratings)
    repeat = f", repeat {scores[0].repeat + 1}" if scores and scores[0].repeat else ""
    return VerdictView(
        judge=one_line(judge_name(judge)) + repeat,
        score=format_number(points, "points"),
        ratings=ratings,
        reason=missing,
        raw=cut_text(raw) if raw is not None and not explained else None,
        scale=(judge.low, judge.high),
        points=points,
    )


def _people(given: Sequence[HumanRating], names: Mapping[str, str]) -> Iterator[VerdictView]:
    """What each person rated. A comment that stands beside every criterion is shown once."""
    by_rater: dict[str, list[HumanRating]] = {}
    for rating in given:
        by_rater.setdefault(rating.rater, []).append(rating)
    for rater, ratings in by_rater.items():
        shown: set[tuple[int, str]] = set()
        views = []
        for rating in ratings:
            comment = "" if (rating.turn, rating.comment) in shown else rating.comment
            shown.add((rating.turn, rating.comment))
            name = names.get(rating.criterion, one_line(rating.criterion))
            views.append(
                RatingView(rating.turn, name, format_plain(rating.value), cut_text(comment).text, rating.value)
            )
        points = _mean(view.number for view in views)
        yield VerdictView(one_line(rater), format_number(points, "points"), tuple(views), "", None, person=True)


def _mean(values: Iterator[float | None]) -> float | None:
    """The plain mean, None where a value is missing or there is none."""
    known = list(values)
    there = [value for value in known if value is not None]
    return sum(there) / len(there) if there and len(there) == len(known) else None


_PAGE = 100


def sample_views(
    store: Store, entries: Sequence[Entry], *, limit: int, offset: int = 0, only: Collection[str] = ()
) -> Iterator[SampleView]:
    """`limit` samples from `offset` on (of those `only`) of runs that ask the same.

    `entries` may name a run once a judge; their labels say who answered.
    """
    runs = {entry.run.id: entry for entry in reversed(entries)}
    runs = {entry.run.id: runs[entry.run.id] for entry in entries}
    judges = {entry.judge.id: entry.judge for entry in entries if entry.judge}
    first = next(iter(runs))
    for start in range(offset, offset + limit, _PAGE):
        count = min(_PAGE, offset + limit - start)
        page = read_samples.samples(store, first, offset=start, limit=count, only=only)
        yield from _page(store, page, runs, judges)


def _page(
    store: Store, page: Sequence[StoredSample], runs: Mapping[str, Entry], judges: Mapping[str, JudgeRow]
) -> Iterator[SampleView]:
    ids, run_ids = [stored.id for stored in page], list(runs)
    answers: dict[tuple[str, str, int], list[StoredAnswer]] = {}
    for answer in read_samples.answers(store, run_ids, ids, cut=MOST_CHARACTERS):
        answers.setdefault((answer.run_id, answer.sample_id, answer.epoch), []).append(answer)
    scores: dict[tuple[str, str, int], list[StoredScore]] = {}
    listed = [score for score in read_samples.scores(store, run_ids, ids) if score.judge_id in judges]
    for score in listed:
        scores.setdefault((score.run_id, score.sample_id, score.epoch), []).append(score)
    people: dict[tuple[str, str, int], list[HumanRating]] = {}
    for rating in read_samples.human_ratings(store, run_ids, ids):
        people.setdefault((rating.run_id, rating.sample_id, rating.epoch), []).append(rating)
    verdicts = read_samples.verdicts(store, [score.verdict_id for score in listed if score.verdict_id is not None])
    found = StoredAnswers(judges, answers, scores, verdicts, people)
    for stored in page:
        views = [
            answer_view(found, entry, stored.id, epoch) for entry in runs.values() for epoch in range(entry.run.epochs)
        ]
        yield _sample(stored, views)


def _sample(stored: StoredSample, answers: Sequence[AnswerView]) -> SampleView:
    sample = stored.sample
    return SampleView(
        id=stored.id,
        name=one_line(sample.id),
        position=stored.position + 1,
        gist=_gist(sample),
        turns=tuple(_question_turn(number, turn) for number, turn in enumerate(sample.turns, 1)),
        fields=tuple(_fields(sample)),
        target=_targets(sample),
        tags=tuple(one_line(tag) for tag in sample.tags),
        answers=tuple(answers),
    )


def _targets(sample: Sample) -> str | None:
    """Every answer that counts as right, by turn where several turns are scored."""
    said = [
        (f"turn {turn}: " if len(sample.scored_turns) > 1 else "") + " or ".join(map(visible, targets))
        for turn in sample.scored_turns
        if (targets := sample.targets_at(turn))
    ]
    return "; ".join(said) or None


def _gist(sample: Sample) -> str:
    """The named texts say best what is asked; else the words of the first question."""
    if sample.fields:
        return one_line(" ".join(sample.fields.values()), 160)
    return one_line("".join(part.text for part in sample.turns[0].content if isinstance(part, Text)), 160)


def _question_turn(number: int, turn: Turn) -> TurnView:
    pieces = tuple(cut_text(part.text).text if isinstance(part, Text) else _picture(part) for part in turn.content)
    return TurnView(number, pieces, None if turn.reference is None else cut_text(turn.reference))


def _picture(image: Image) -> ImageView:
    name = one_line(image.id or image.relpath)
    caption = one_line(image.caption or "")
    return ImageView(image.sha256, image.width, image.height, name, caption or f"Image {name}", caption)


def _fields(sample: Sample) -> Iterator[tuple[str, str]]:
    """The named texts that the turns do not show already."""
    words = "\n".join(part.text for turn in sample.turns for part in turn.content if isinstance(part, Text))
    for name, text in sample.fields.items():
        if text.strip() not in words:
            yield one_line(name), cut_text(text).text
