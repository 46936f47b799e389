"""Reads samples with their answers and scores from a store, a stretch at a time, as a page shows them.

Knows nothing of HTML or of how answers are marked (`samples_answers`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sparkles_eval.analysis.summary import Entry
from sparkles_eval.records import Image, Sample, Text, Turn
from sparkles_eval.reports.inert import line, visible
from sparkles_eval.reports.samples import MOST_CHARACTERS, AnswerView, Picture, SampleView, TurnView, long
from sparkles_eval.reports.samples_answers import Found, answer_view
from sparkles_eval.store import browse
from sparkles_eval.store.browse import StoredAnswer, StoredSample, StoredScore
from sparkles_eval.store.ratings import HumanRating
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

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
        page = browse.samples(store, first, offset=start, limit=count, only=only)
        yield from _page(store, page, runs, judges)


def _page(
    store: Store, page: Sequence[StoredSample], runs: Mapping[str, Entry], judges: Mapping[str, JudgeRow]
) -> Iterator[SampleView]:
    ids, run_ids = [stored.id for stored in page], list(runs)
    answers: dict[tuple[str, str, int], list[StoredAnswer]] = {}
    for answer in browse.answers(store, run_ids, ids, cut=MOST_CHARACTERS):
        answers.setdefault((answer.run_id, answer.sample_id, answer.epoch), []).append(answer)
    scores: dict[tuple[str, str, int], list[StoredScore]] = {}
    listed = [score for score in browse.scores(store, run_ids, ids) if score.judge_id in judges]
    for score in listed:
        scores.setdefault((score.run_id, score.sample_id, score.epoch), []).append(score)
    people: dict[tuple[str, str, int], list[HumanRating]] = {}
    for rating in browse.human_ratings(store, run_ids, ids):
        people.setdefault((rating.run_id, rating.sample_id, rating.epoch), []).append(rating)
    verdicts = browse.verdicts(store, [score.verdict_id for score in listed if score.verdict_id is not None])
    found = Found(judges, answers, scores, verdicts, people)
    for stored in page:
        views = [
            answer_view(found, entry, stored.id, epoch) for entry in runs.values() for epoch in range(entry.run.epochs)
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
        target=_targets(sample),
        tags=tuple(line(tag) for tag in sample.tags),
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
        return line(" ".join(sample.fields.values()), 160)
    return line("".join(part.text for part in sample.turns[0].content if isinstance(part, Text)), 160)


def _turn(number: int, turn: Turn) -> TurnView:
    pieces = tuple(long(part.text).text if isinstance(part, Text) else _picture(part) for part in turn.content)
    return TurnView(number, pieces, None if turn.reference is None else long(turn.reference))


def _picture(image: Image) -> Picture:
    name = line(image.id or image.relpath)
    caption = line(image.caption or "")
    return Picture(image.sha256, image.width, image.height, name, caption or f"Image {name}", caption)


def _fields(sample: Sample) -> Iterator[tuple[str, str]]:
    """The named texts that the turns do not show already."""
    words = "\n".join(part.text for turn in sample.turns for part in turn.content if isinstance(part, Text))
    for name, text in sample.fields.items():
        if text.strip() not in words:
            yield line(name), long(text).text
