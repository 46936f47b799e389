"""Makes what a page shows of one run's answers to one sample: texts, the mark, and what judges and people gave.

Reads nothing from the store itself: it is handed what was Found there. Knows nothing of HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.core.names import judge_name
from sparkles_eval.records import Verdict
from sparkles_eval.reports import numbers
from sparkles_eval.reports.inert import line, visible
from sparkles_eval.reports.samples import AnswerTurn, AnswerView, Mark, RatingView, VerdictView, long
from sparkles_eval.reports.samples_reading import where
from sparkles_eval.store.browse import StoredAnswer, StoredScore
from sparkles_eval.store.ratings import HumanRating
from sparkles_eval.store.rows import JudgeRow

Key = tuple[str, str, int]
"""Run, sample, epoch."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the store holds on a stretch of samples, by (run, sample, epoch)."""

    judges: Mapping[str, JudgeRow]
    answers: Mapping[Key, list[StoredAnswer]]
    scores: Mapping[Key, list[StoredScore]]
    verdicts: Mapping[int, Verdict]
    people: Mapping[Key, list[HumanRating]] = field(default_factory=dict)

    @property
    def criteria(self) -> dict[str, str]:
        """Criterion ids as judges name them: people's ratings hold the ids alone."""
        return {c.id: line(c.name) for judge in self.judges.values() if not extracts(judge) for c in judge.criteria}


def answer_view(found: Found, entry: Entry, sample_id: str, epoch: int) -> AnswerView:
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
        label=line(entry.label) + (f", epoch {epoch + 1}" if run.epochs > 1 else ""),
        detail=f"{run.protocol} protocol",
        mark=mark,
        said=said,
        extracted=visible(list(options.values())[-1]) if options else None,
        turns=tuple(_turn(answer, options.get(answer.turn), run.answer_rule) for answer in found.answers.get(key, [])),
        verdicts=(*rated, *_people(found.people.get(key, []), found.criteria)),
        points=points,
        by=by,
        model=line(run.model.name),
        altered=line(run.variant),
        reference=entry.reference,
    )


def _turn(answer: StoredAnswer, option: str | None, rule: str | None) -> AnswerTurn:
    text = long(answer.text, answer.length)
    whole = answer.length == len(answer.text)
    read = where(text.text, visible(option), rule or "") if option and whole else None
    return AnswerTurn(answer.turn, text, _note(answer), read, long(answer.reasoning) if answer.reasoning else None)


def _note(answer: StoredAnswer) -> str:
    parts = []
    if answer.status != "ok":
        parts.append(f"{answer.status}{': ' + line(answer.detail) if answer.detail else ''}")
    if answer.draws > 1:
        parts.append(f"answer {answer.draws} of {answer.draws} drawn")
    return "; ".join(parts)


def _mark(read: Sequence[StoredScore], rated: Sequence[VerdictView]) -> tuple[Mark, str, float | None, str]:
    """The mark, in words, as points, and the judge who gave it ("" for a rule)."""
    for stored in read:
        score = stored.score
        if score.value is None:
            return "unscored", f"unscored: {line(score.reason or '')}", None, ""
        if score.invalid:
            return "invalid", f"invalid, counts as wrong: {line(score.reason or 'no option could be read')}", 0.0, ""
    if read:
        values = [stored.score.value or 0.0 for stored in read]
        if any(0 < value < 1 for value in values):
            points = sum(values) / len(values)
            return "rated", numbers.number(points, "points"), points, ""
        right = all(value == 1 for value in values)
        return ("right", "right", 1.0, "") if right else ("wrong", "wrong", 0.0, "")
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
            criterion=line(names.get(stored.score.criterion, stored.score.criterion)),
            value=numbers.NONE if stored.score.value is None else numbers.plain(stored.score.value),
            explanation=long(said.get((stored.verdict_id or 0, stored.score.turn, stored.score.criterion), "")).text,
            number=stored.score.value,
        )
        for stored in scores
    )
    missing = next((line(s.score.reason or "") for s in scores if s.score.value is None), "")
    points = None if missing else _mean(rating.number for rating in ratings)
    raw = next((v.raw for s in scores if s.verdict_id and (v := verdicts.get(s.verdict_id)) and v.raw), None)
    explained = any(rating.explanation for rating in ratings)
    repeat = f", repeat {scores[0].repeat + 1}" if scores and scores[0].repeat else ""
    return VerdictView(
        judge=line(judge_name(judge)) + repeat,
        score=numbers.number(points, "points"),
        ratings=ratings,
        reason=missing,
        raw=long(raw) if raw is not None and not explained else None,
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
            name = names.get(rating.criterion, line(rating.criterion))
            views.append(RatingView(rating.turn, name, numbers.plain(rating.value), long(comment).text, rating.value))
        points = _mean(view.number for view in views)
        yield VerdictView(line(rater), numbers.number(points, "points"), tuple(views), "", None, person=True)


def _mean(values: Iterator[float | None]) -> float | None:
    """The plain mean, None where a value is missing or there is none."""
    known = list(values)
    there = [value for value in known if value is not None]
    return sum(there) / len(there) if there and len(there) == len(known) else None
