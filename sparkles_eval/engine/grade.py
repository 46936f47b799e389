"""Has judges score answered samples; stores every judge reply, and a reason for each missing score.

Knows nothing of how the answers came about: it works the same on a run in progress and on stored responses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from time import monotonic

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Message, Reply, Sample, Score, Status, Text, Usage, Verdict, VerdictStatus
from sparkles_eval.core.long_texts import read_aside
from sparkles_eval.core.names import judge_name
from sparkles_eval.engine.attempts import Attempt, Interrupted, Unanswered
from sparkles_eval.engine.cache import KeyedLock, reseeded, verdict_key
from sparkles_eval.engine.endpoint_pool import AnyClient
from sparkles_eval.engine.jobs import BoundJudge, CompletedSample, RunRef, WorkItem, judge_row, unscored
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.storable import storable_verdict
from sparkles_eval.engine.turns import SendTurns
from sparkles_eval.judges.base import AnsweredSample, JudgeCall
from sparkles_eval.judges.expected import CUT_OFF
from sparkles_eval.store.rows import ScoreRow, VerdictRow
from sparkles_eval.store.store import Store

_AGAIN = (
    "\n\nA reply to this was no verdict: {reason}. Rate anew, in exactly the form that is asked for above, with each "
    "rating once and nothing behind it."
)
_REASON_LENGTH = 300


class _NoVerdict(Exception):
    """A judge gave no verdict on an item; the message is the reason, `verdict_id` its last reply."""

    def __init__(self, reason: str, verdict_id: int) -> None:
        super().__init__(reason)
        self.verdict_id = verdict_id


class Grader:
    """One judge on one run. `client` is None for a rule."""

    def __init__(
        self,
        run: RunRef,
        bound: BoundJudge,
        *,
        store: Store,
        client: AnyClient | None,
        once: KeyedLock,
        turns: SendTurns,
        progress: Progress,
        open_again: Collection[tuple[str, int]] = (),
    ) -> None:
        """`open_again` are items (sample id, epoch) whose answers are asked once more: their scores do not count."""
        self.run = run
        self._judge = bound.judge
        self._card = bound.judge.card
        self._row = judge_row(bound.judge)
        self._who = f"{judge_name(self._card)} on {run.model}"
        self._store = store
        self._client = client
        self._once = once
        self._turns = turns
        self._progress = progress
        store.add_judge(self._row)
        self._done = {place for place in store.scored(run.id, self._row.id) if place[:2] not in open_again}
        done = {(sample_id, epoch) for sample_id, epoch, _ in self._done if self._complete(sample_id, epoch)}
        progress.planned(self._who, run.task, run.items, len(done))

    def _complete(self, sample_id: str, epoch: int) -> bool:
        return all((sample_id, epoch, repeat) in self._done for repeat in range(self._card.repeats))

    def wants(self, item: WorkItem) -> bool:
        """True unless every repeat of the item is scored already."""
        return not self._complete(item.sample_id, item.epoch)

    async def grade(self, answered: CompletedSample) -> None:
        """Score one answered item, all repeats."""
        item = answered.item
        scored = True
        try:
            for repeat in range(self._card.repeats):
                if (item.sample_id, item.epoch, repeat) not in self._done:
                    rows = await self._grade_once(answered, repeat)
                    self._store.add_scores(rows)
                    scored = scored and all(row.score.value is not None for row in rows)
        except Interrupted:
            return
        self._progress.finished(self._who, self.run.task, scored=scored)

    async def _grade_once(self, answered: CompletedSample, repeat: int) -> list[ScoreRow]:
        item = answered.item
        if problem := self._judge.check(item.sample):
            return unscored(self.run.id, item, self._row, [repeat], problem)
        rows: list[ScoreRow] = []
        try:
            for call in self._judge.calls(AnsweredSample(item.sample, answered.answers)):
                verdict_id, verdict = await self._verdict(answered, call, repeat)
                for rating in verdict.ratings:
                    score = Score(rating.turn, rating.criterion, rating.value)
                    row = ScoreRow(self.run.id, item.sample_id, item.epoch, self._row.id, repeat, score, verdict_id)
                    rows.append(row)
        except _NoVerdict as error:
            return unscored(self.run.id, item, self._row, [repeat], str(error), error.verdict_id)
        return rows

    async def _verdict(self, answered: CompletedSample, call: JudgeCall, repeat: int) -> tuple[int, Verdict]:
        """The graded verdict of a call; raises _NoVerdict when the judge gives none within its attempts."""
        key = verdict_key(self._card, answered.item.sample_id, answered.answers, call, repeat)
        async with self._once.alone(key):
            return self._store.graded(key) or await self._new_verdict(key, answered, call, repeat)

    async def _new_verdict(
        self, key: str, answered: CompletedSample, call: JudgeCall, repeat: int
    ) -> tuple[int, Verdict]:
        attempts = self._card.attempts if call.conversation else 1
        attempt = 0
        asked = call
        while True:
            attempt += 1
            verdict = await self._ask(answered.item.sample, asked, repeat, attempt)
            row = VerdictRow(key, self._row.id, answered.item.sample_id, call.id, repeat, attempt, verdict)
            verdict_id, verdict = self._store.add_verdict(row)
            if self._client is not None:
                await self._turns.replied()
            if verdict.status is VerdictStatus.GRADED:
                return verdict_id, verdict
            if verdict.status is not VerdictStatus.INVALID:
                raise _NoVerdict(f"judge {self._card.name}: {verdict.reason}", verdict_id)
            if attempt == attempts:
                reason = f"judge {self._card.name}: no verdict in {attempt} replies, the last: {verdict.reason}"
                raise _NoVerdict(reason, verdict_id)
            if self._card.retries_with_reason:
                asked = _with_reason(call, verdict.reason or "")

    async def _ask(self, sample: Sample, call: JudgeCall, repeat: int, attempt: int) -> Verdict:
        client = self._client
        if call.conversation is None or client is None:
            return replace(self._judge.read(call, ""), usage=Usage(0, 0, 0.0))  # a rule bills nobody
        prompt = _written(call)
        schema = call.schema if client.adapter.structured else None
        generation = client.adapter.effective(reseeded(self._card.generation, attempt - 1))
        request = Request(call.conversation, generation, sample, len(sample.turns), epoch=repeat, schema=schema)
        began = monotonic()
        errors: list[Attempt] = []
        try:
            reply = await client.ask(request, errors.append)
        except Unanswered as error:
            return Verdict(VerdictStatus.ERROR, reason=str(error), prompt=prompt, latency_s=monotonic() - began)
        asked = replace(call, cut_off=reply.status is Status.TRUNCATED)
        read = await read_aside(len(reply.text), partial(self._judge.read, asked, reply.text))
        made = storable_verdict(_with_reply(read, reply, prompt, errors[-1].latency_s))
        return replace(made, canary=call.canary)


def _with_reason(call: JudgeCall, reason: str) -> JudgeCall:
    """The call with the reason why its last reply was no verdict, so that attempts differ."""
    assert call.conversation is not None
    *before, last = call.conversation.messages
    words = _AGAIN.format(reason=" ".join(reason.split())[:_REASON_LENGTH])
    messages = (*before, Message(last.role, (*last.parts, Text(words))))
    return replace(call, conversation=replace(call.conversation, messages=messages))


def _with_reply(read: Verdict, reply: Reply, prompt: str, latency_s: float) -> Verdict:
    status, reason = read.status, read.reason
    if reply.status is Status.REFUSED:
        status, reason = VerdictStatus.REFUSED, f"the judge refused: {reply.detail or reply.text}"
    elif reply.status is Status.TRUNCATED and status is not VerdictStatus.GRADED:
        why = "" if reason == CUT_OFF else f": {reason}"
        reason = f"the judge's reply was cut off ({reply.detail or 'token limit'}){why}"
    return Verdict(
        status=status,
        ratings=read.ratings if status is VerdictStatus.GRADED else (),
        overall=read.overall,
        reason=reason,
        prompt=prompt,
        raw=reply.text,
        usage=reply.usage,
        latency_s=latency_s,
        model_version=reply.model_version,
        reasoning=reply.reasoning,
        cut_off=reply.status is Status.TRUNCATED,
    )


def _written(call: JudgeCall) -> str:
    """The prompt as a person reads it; images by their hash."""
    assert call.conversation is not None
    lines = [f"[system]\n{call.conversation.system}"] if call.conversation.system else []
    for message in call.conversation.messages:
        words = [p.text if isinstance(p, Text) else f"[image {p.sha256[:12]}]" for p in message.parts]
        lines.append(f"[{message.role}]\n{''.join(words)}")
    return "\n\n".join(lines)
