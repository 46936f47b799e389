"""Asks a model every turn of every sample, and lets each reply stand as an answer the moment it arrives.

Knows nothing of judging, except that a protocol's own answer rule scores at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from sparkles_eval.adapters.base import Request
from sparkles_eval.core.reply_parts import with_reasoning
from sparkles_eval.engine.asking import Asker, Interrupted, Unanswered
from sparkles_eval.engine.cells import ACCURACY, Answered, Cell, Item, judge_row, rule_row, unscored
from sparkles_eval.engine.once import Once
from sparkles_eval.engine.pool import Job
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.replies import Replies, reseeded
from sparkles_eval.records import Response, Run, Sample, Score, Status
from sparkles_eval.store.rows import AnswerRow, ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.answers import extract, minds_ending


class Generator:
    """Generates the answers of one cell. `answered` is called with every sample that is complete, old ones too."""

    def __init__(
        self,
        cell: Cell,
        run: Run,
        sample_ids: list[str],
        *,
        store: Store,
        asker: Asker,
        once: Once,
        progress: Progress,
        answered: Callable[[Answered], None],
    ) -> None:
        self.cell = cell
        self.run = run
        self._ids = sample_ids
        self._store = store
        self._asker = asker
        self._replies = Replies(store, asker, once)
        self._progress = progress
        self._answered = answered
        self._rule = rule_row(run.answer_rule) if run.answer_rule else None
        self._judges = [(judge_row(seat.judge), seat.judge.card.repeats) for seat in cell.seats]

    def jobs(self) -> Iterator[Job]:
        """One job for every item that lacks an answer; those that lack none are passed on at once."""
        run = self.run
        known: dict[tuple[str, int], dict[int, AnswerRow]] = {}
        for answer in self._store.answers(run.id):
            known.setdefault((answer.sample_id, answer.epoch), {})[answer.turn] = answer
        scored = self._store.scored(run.id, self._rule.id) if self._rule else None
        waiting: list[tuple[Item, Mapping[int, AnswerRow]]] = []
        items = list(self._items())
        for item in items:
            have = known.pop((item.sample_id, item.epoch), {})
            whole = len(have) == len(item.sample.turns)
            if whole and (scored is None or (item.sample_id, item.epoch, 0) in scored):
                self._answered(Answered(item, tuple(have[turn + 1].text for turn in range(len(have)))))
            else:
                waiting.append((item, have))
        self._progress.planned(self._asker.name, run.task, len(items), len(items) - len(waiting))
        for item, answers in waiting:
            yield partial(self._answer, item, answers)

    def _items(self) -> Iterator[Item]:
        for epoch in range(self.run.epochs):
            for sample, sample_id in zip(self.cell.asked, self.cell.share.take(self._ids), strict=True):
                yield Item(sample, sample_id, epoch)

    async def _answer(self, item: Item, have: Mapping[int, AnswerRow]) -> None:
        """Ask every turn that has no answer yet; without one, every scorer's scores carry the reason."""
        answers: list[AnswerRow] = []
        try:
            for turn in range(1, len(item.sample.turns) + 1):
                # A rule's scores are written with the answer: where they are missing, the turn is gone through again
                # (its response is in the store, nothing is asked twice).
                again = self._rule is not None and turn == len(item.sample.turns)
                answer = None if again else have.get(turn)
                answers.append(answer or await self._ask_turn(item, answers))
        except Unanswered as error:
            self._store.add_scores(list(self._unscored(item, str(error))))
            self._progress.finished(self._asker.name, self.run.task, scored=False)
        except Interrupted:
            return
        else:
            self._progress.finished(self._asker.name, self.run.task, scored=True)
            self._answered(Answered(item, tuple(answer.text for answer in answers)))

    def _unscored(self, item: Item, reason: str) -> Iterator[ScoreRow]:
        if self._rule:
            score = Score(len(item.sample.turns), ACCURACY, None, reason)
            yield ScoreRow(self.run.id, item.sample_id, item.epoch, self._rule.id, 0, score)
        for judge, repeats in self._judges:
            yield from unscored(self.run.id, item, judge, range(repeats), reason)

    async def _ask_turn(self, item: Item, earlier: Sequence[AnswerRow]) -> AnswerRow:
        """Ask one turn, as often as the protocol draws, and let the last response stand.

        A protocol's answer rule reads the last turn only: that is the one with the question that has options.
        Raises Unanswered when there is no response, or a refusal where only a judge could score it.
        """
        task, protocol = self.cell.task, self.cell.task.protocol
        turn, draw = len(earlier) + 1, 0
        rule = protocol.answer if turn == len(item.sample.turns) else None
        conversation = task.prompt.conversation(item.sample, self._history(item.sample, earlier))
        while True:
            generation = reseeded(self.cell.generation, item.epoch * protocol.draws + draw)
            response = await self._replies.reply(Request(conversation, generation, item.sample, turn, item.epoch, draw))
            score = read_answer(rule, response, item.sample, turn) if rule else None
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
        rows = (
            [ScoreRow(self.run.id, item.sample_id, item.epoch, self._rule.id, 0, score)] if score and self._rule else []
        )
        self._store.add_answer(self.run.id, answer, rows)
        return answer

    def _history(self, sample: Sample, earlier: Sequence[AnswerRow]) -> list[str]:
        """What the model is told that it said before: its answers, with its reasoning only where it wants that."""
        if not self.cell.task.own_history:
            return [turn.reference or "" for turn in sample.turns[: len(earlier)]]
        if self.run.model.settings.get("keep_reasoning") == "true":
            return [with_reasoning(answer.text, answer.reasoning) for answer in earlier]
        return [answer.text for answer in earlier]


def read_answer(rule: str, response: Response, sample: Sample, turn: int) -> Score:
    """The score of a response by an answer rule, "strict" (its current version) or "strict@1".

    No option read: invalid, which counts as wrong. Raises errors.ContentError for a rule or version that is not here.
    """
    refused, cut = response.status is Status.REFUSED, response.status is Status.TRUNCATED
    text = "" if refused and minds_ending(rule) else response.text or ""
    found = extract(rule, text, sample.options, cut=cut)
    if found.option is not None:
        return Score(turn, ACCURACY, float(found.option == sample.target), answer=found.option)
    reason = found.reason or "no option could be read"
    if refused:
        reason = f"refused: {response.error or reason}"
    elif cut:
        reason = f"cut off ({response.error or 'token limit'}): {reason}"
    elif response.reasoning and not text.strip():
        reason = "the reply is empty: no text stands behind its reasoning"
    return Score(turn, ACCURACY, 0.0, reason, invalid=True)
