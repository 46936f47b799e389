"""Asks a model every turn of every sample and stores each answer as it arrives.

Knows nothing of judging, except that a protocol's own scorer scores at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Sample, Score, Status
from sparkles_eval.core.long_texts import read_aside
from sparkles_eval.core.reply_parts import with_reasoning
from sparkles_eval.engine.ask_again import AskAgain, scores_by_earlier_readers
from sparkles_eval.engine.attempts import Interrupted, Unanswered
from sparkles_eval.engine.cache import ResponseCache, reseeded
from sparkles_eval.engine.jobs import CompletedSample, EvalJob, WorkItem, judge_row, scorer_row, unscored
from sparkles_eval.engine.limits import Work
from sparkles_eval.engine.picture_window import WINDOW, PictureWindow
from sparkles_eval.engine.progress import Progress
from sparkles_eval.store.rows import AnswerRow, ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers import CRITERION

NOT_YET = "not answered yet"
"""Why a turn of a dialogue in progress has no score."""


class Generator:
    """Generates the answers of one job. `answered` is called with every complete sample, earlier ones included."""

    def __init__(
        self,
        job: EvalJob,
        sample_ids: list[str],
        *,
        store: Store,
        replies: ResponseCache,
        progress: Progress,
        pictures: PictureWindow,
        answered: Callable[[CompletedSample], None],
        again: AskAgain,
    ) -> None:
        self.job = job
        self.run = job.run
        self._ids = sample_ids
        self._store = store
        self._model = job.adapter.model.name
        self._replies = replies
        self._progress = progress
        self._pictures = pictures
        self._answered = answered
        self._again = again
        self._scorer = job.task.protocol.scorer
        self._scorer_row = scorer_row(self._scorer) if self._scorer else None
        self._judges = [(judge_row(bound.judge), bound.judge.card.repeats) for bound in job.bound_judges]

    def work(self) -> Iterator[Work]:
        """Work for every item that lacks an answer; complete items are passed on at once."""
        run = self.run
        known: dict[tuple[str, int], dict[int, AnswerRow]] = {}
        for answer in self._store.answers(run.id):
            known.setdefault((answer.sample_id, answer.epoch), {})[answer.turn] = answer
        scored = self._store.scored(run.id, self._scorer_row.id) if self._scorer_row else None
        waiting: list[tuple[WorkItem, Mapping[int, AnswerRow]]] = []
        items = list(self._items())
        for item in items:
            have = known.pop((item.sample_id, item.epoch), {})
            whole = len(have) == len(item.sample.turns)
            again = (item.sample_id, item.epoch) in self._again.first_turns
            if whole and not again and (scored is None or (item.sample_id, item.epoch, 0) in scored):
                self._answered(CompletedSample(item, tuple(have[turn + 1].text for turn in range(len(have)))))
            else:
                waiting.append((item, have))
        self._progress.planned(self._model, run.task, len(items), len(items) - len(waiting))
        for item, _ in waiting[:WINDOW]:
            self._pictures.begin(item.sample.images)
        for place, (item, answers) in enumerate(waiting):
            if place + WINDOW < len(waiting):
                self._pictures.begin(waiting[place + WINDOW][0].sample.images)
            yield partial(self._answer, item, answers)

    def _items(self) -> Iterator[WorkItem]:
        for epoch in range(self.run.epochs):
            for sample, sample_id in zip(self.job.asked, self.job.shard.take(self._ids), strict=True):
                yield WorkItem(sample, sample_id, epoch)

    async def _answer(self, item: WorkItem, have: Mapping[int, AnswerRow]) -> None:
        """Ask every turn that has no answer yet; where a reply is missing, scores carry the reason."""
        answers: list[AnswerRow] = []
        place = (item.sample_id, item.epoch)
        first_again = self._again.first_turns.get(place, len(item.sample.turns) + 1)
        try:
            for turn in range(1, len(item.sample.turns) + 1):
                # A scorer's scores are written with the answer: where they are missing, the turn is gone through again
                # (its response is in the store, nothing is asked twice).
                again = self._scorer is not None and turn in item.sample.scored_turns
                answer = None if again or turn >= first_again else have.get(turn)
                answers.append(answer or await self._ask_turn(item, answers, have.get(turn)))
        except Unanswered as error:
            if place in self._again.first_turns:
                self._again.in_vain.append(str(error))
            self._store.add_scores(list(self._unscored(item, str(error))))
            self._progress.finished(self._model, self.run.task, scored=False)
        except Interrupted:
            return
        else:
            self._progress.finished(self._model, self.run.task, scored=True)
            self._answered(CompletedSample(item, tuple(answer.text for answer in answers)))

    def _unscored(self, item: WorkItem, reason: str) -> Iterator[ScoreRow]:
        if self._scorer_row:
            for turn in item.sample.scored_turns:
                score = Score(turn, CRITERION, None, reason)
                yield ScoreRow(self.run.id, item.sample_id, item.epoch, self._scorer_row.id, 0, score)
        for judge, repeats in self._judges:
            yield from unscored(self.run.id, item, judge, range(repeats), reason)

    async def _ask_turn(self, item: WorkItem, earlier: Sequence[AnswerRow], before: AnswerRow | None) -> AnswerRow:
        """Ask one turn, as often as the protocol draws, and let the last response stand, in the place of `before`.

        A protocol's scorer scores the turns with targets, of most tasks the last one.
        Raises Unanswered when there is no response, or a refusal where only a judge could score it.
        """
        task, protocol = self.job.task, self.job.task.protocol
        turn, draw = len(earlier) + 1, 0
        scorer = self._scorer if turn in item.sample.scored_turns else None
        again = (item.sample_id, item.epoch) in self._again.first_turns
        conversation = task.prompt.conversation(item.sample, self._history(item.sample, earlier))
        if damage := await self._pictures.damage(conversation.images):
            raise Unanswered(damage)
        while True:
            generation = reseeded(self.job.generation, item.epoch * protocol.draws + draw)
            request = Request(conversation, generation, item.sample, turn, item.epoch, draw)
            response = await self._replies.reply(request, self._again.wants if again else lambda _: False)
            score = None
            if scorer is not None:
                read = partial(scorer.score, response, item.sample, turn)
                score = await read_aside(len(response.text or ""), read)
            draw += 1
            if score is None or not score.invalid or draw == protocol.draws:
                break
        if score is None and response.status is Status.REFUSED:
            raise Unanswered(f"the model refused turn {turn}: {response.error or response.text or 'without a word'}")
        assert response.id is not None  # it has been stored
        answer = AnswerRow(
            item.sample_id,
            item.epoch,
            turn,
            response.id,
            draw,
            response.status.value,
            response.text or "",
            response.reasoning,
        )
        newer = again and before is not None and before.response_id != response.id
        scores = list(self._scores(item, turn, score))
        if newer and self._scorer_row and turn in item.sample.scored_turns:
            current = self._scorer_row.id
            scores += scores_by_earlier_readers(self._store, self.run.id, current, item.sample, answer, response)
        self._store.add_answer(self.run.id, answer, scores, newer=newer)
        return answer

    def _scores(self, item: WorkItem, turn: int, score: Score | None) -> Iterator[ScoreRow]:
        """The score of a turn, and none yet for the later turns that are scored: a dialogue that stops half way is not
        one that was graded by its first turns.
        """
        if score is None or self._scorer_row is None:
            return
        later = [Score(other, CRITERION, None, NOT_YET) for other in item.sample.scored_turns if other > turn]
        for one in (score, *later):
            yield ScoreRow(self.run.id, item.sample_id, item.epoch, self._scorer_row.id, 0, one)

    def _history(self, sample: Sample, earlier: Sequence[AnswerRow]) -> list[str]:
        """The model's earlier answers as history, with their reasoning only where the model is set to keep it."""
        if not self.job.task.own_history:
            return [turn.reference or "" for turn in sample.turns[: len(earlier)]]
        if self.run.model.settings.get("keep_reasoning") == "true":
            return [with_reasoning(answer.text, answer.reasoning) for answer in earlier]
        return [answer.text for answer in earlier]
