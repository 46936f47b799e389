"""Generates dialogues: estimates their cost, requests missing captions, and sends requests without replies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Conversation, Generation, Response, Sample, Status, Turn
from sparkles_eval.core.errors import DataError, Problem, UserError
from sparkles_eval.data.dialogues import plan_calls as planning
from sparkles_eval.data.dialogues.plan_calls import DialogueCall
from sparkles_eval.data.dialogues.prepare import GenerationPlan
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.data.dialogues.stored_dialogues import StoredCalls, dialogue_rows, read_response
from sparkles_eval.engine.addresses import check_addresses, identify
from sparkles_eval.engine.attempts import Interrupted, Unanswered
from sparkles_eval.engine.cache import ResponseCache, request_key, reseeded
from sparkles_eval.engine.config import RunLimits
from sparkles_eval.engine.cost_estimate import CostEstimate, CostEstimator, tokens
from sparkles_eval.engine.limits import Work
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.run import environment, until_done
from sparkles_eval.engine.session import Session
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store.dialogues import CallRow, DialogueSet, OfferedImage
from sparkles_eval.store.reading import open_to_read
from sparkles_eval.store.store import Store

CAPTION_TOKENS = 512
"""Tokens of the longest caption that is requested, unless the user sets another limit."""


@dataclass(frozen=True, slots=True)
class GenerationOutcome:
    """How an invocation ended. `calls` are those of the plan, in order; `unanswered` says why some have no reply."""

    set_id: str
    calls: tuple[DialogueCall, ...]
    interrupted: bool
    unanswered: Mapping[str, int]
    spent_usd: float
    unknown_costs: int


@dataclass(slots=True)
class _RunIdentity:
    """Ids that become known during the work."""

    set_id: str = ""
    calls: tuple[DialogueCall, ...] = ()
    unanswered: Counter[str] = field(default_factory=Counter)


def generate(
    plan: GenerationPlan, store: Store, progress: Progress, terms: RunLimits, command: Sequence[str]
) -> GenerationOutcome:
    """Send every request that the store lacks. Blocks until done; handles signals like engine.run.

    Raises errors.DataError where captions of images could not be made; the same command tries them again.
    """
    _identify(plan, store)
    environment_id = store.add_environment(environment(command))
    session = Session(store, environment_id, progress, terms)
    made = _RunIdentity()

    async def work() -> None:
        try:
            await check_addresses([plan.adapter, *([plan.caption_adapter] if plan.caption_adapter else [])], [], store)
            await _work(plan, store, session, environment_id, made)
        finally:
            session.close()
            await plan.aclose()

    try:
        until_done(session, work, progress)
    except UserError:
        store.finish_environment(environment_id, "unscored")
        raise
    store.finish_environment(
        environment_id, "interrupted" if session.interrupted else "unscored" if made.unanswered else "complete"
    )
    budget = session.budget
    return GenerationOutcome(
        made.set_id, made.calls, session.interrupted, dict(made.unanswered), budget.spent_usd, budget.unknown
    )


def _identify(plan: GenerationPlan, store: Store) -> None:
    """The models as the store knows them, and the set's identity with them."""
    identify(plan.adapter, store)
    plan.identity["model_identity"] = plan.adapter.model.identity
    captions_by = plan.identity.get("captions_by")
    if plan.caption_adapter is not None and isinstance(captions_by, list):
        identify(plan.caption_adapter, store)
        captions_by[0] = plan.caption_adapter.model.identity


async def _work(plan: GenerationPlan, store: Store, session: Session, environment_id: int, made: _RunIdentity) -> None:
    captions = await _captions(plan, session)
    if session.interrupted:
        return
    candidates, count = plan.candidates, plan.count
    if plan.caption_adapter is not None:
        candidates = _captioned(plan, captions)
        once = planning.number_of_calls(plan.spec, len(candidates), None)
        count = count if plan.spec.reuse_candidates else min(count, once)
    by = plan.caption_adapter.model.name if plan.caption_adapter else None
    offered = [OfferedImage(c.id, c.image, c.caption, by if c.id in captions else None) for c in candidates]
    made.set_id = stored.add_set(
        store, DialogueSet(plan.spec.name, plan.spec.title, plan.adapter.model, plan.identity), offered, environment_id
    )
    made.calls = tuple(planning.plan_calls(candidates, plan.demonstrations, plan.spec, count, plan.seed))
    async with asyncio.TaskGroup() as group:
        group.create_task(session.store_images({c.image.sha256: c.image for c in candidates}))
        maker = partial(_DialogueMaker, plan, store, made)
        await session.ask(plan.adapter, lambda replies, progress: maker(replies, progress).work())


# --- captions ----------------------------------------------------------------------------------------


def _captioned(plan: GenerationPlan, captions: Mapping[str, str | Problem]) -> tuple[CandidateImage, ...]:
    """The candidates with the new captions. Raises errors.DataError where some could not be made."""
    problems = [found for found in captions.values() if isinstance(found, Problem)]
    if problems and not plan.skip_bad:
        raise DataError("captions", problems, "run the same command again to retry, or leave them out with --skip-bad")
    texts = {name: found for name, found in captions.items() if isinstance(found, str)}
    filled = (replace(c, caption=c.caption or texts.get(c.id, "")) for c in plan.candidates)
    return tuple(candidate for candidate in filled if candidate.caption)


def caption_requests(plan: GenerationPlan) -> Iterator[tuple[CandidateImage, Request]]:
    """The requests for captions of the images without one."""
    if plan.captioner is None or plan.caption_adapter is None:
        return
    generation = plan.caption_adapter.effective(Generation(temperature=0.0, max_tokens=CAPTION_TOKENS))
    for candidate in plan.without_caption:
        conversation = plan.captioner.ask(candidate)
        yield candidate, Request(conversation, generation, _sample(f"caption-{candidate.id}", conversation), 1)


async def _captions(plan: GenerationPlan, session: Session) -> dict[str, str | Problem]:
    """The new captions by image; a problem where one could not be made."""
    found: dict[str, str | Problem] = {}
    adapter = plan.caption_adapter
    if adapter is None or not plan.without_caption:
        return found

    def work(replies: ResponseCache, progress: Progress) -> Iterator[Work]:
        asked = list(caption_requests(plan))
        done = sum(replies.known(request) for _, request in asked)
        progress.planned(adapter.model.name, "captions", len(asked), done)
        for candidate, request in asked:
            yield partial(caption, replies, progress, candidate, request, fresh=not replies.known(request))

    async def caption(
        replies: ResponseCache, progress: Progress, candidate: CandidateImage, request: Request, *, fresh: bool
    ) -> None:
        try:
            response = await replies.reply(request)
        except Unanswered as error:
            found[candidate.id] = Problem(candidate.id, str(error))
        except Interrupted:
            return
        else:
            text = " ".join((response.text or "").split())
            why = f"no caption: {response.error or response.status.value}"
            found[candidate.id] = text if text and response.status is not Status.REFUSED else Problem(candidate.id, why)
        if fresh:
            progress.finished(adapter.model.name, "captions", scored=isinstance(found[candidate.id], str))

    await session.ask(adapter, work)
    return found


def first_request(plan: GenerationPlan) -> Request:
    """The request of the first call, with the captions that exist."""
    return call_request(plan, next(planning.plan_calls(plan.candidates, plan.demonstrations, plan.spec, 1, plan.seed)))


def check_supported(plan: GenerationPlan) -> None:
    """Check that the model, and the one that writes captions, accept such requests. Raises errors.UserError."""
    problem = plan.adapter.check(first_request(plan))
    who = plan.adapter.model.name
    for _, request in caption_requests(plan) if problem is None else ():
        assert plan.caption_adapter is not None  # it asks for captions
        problem, who = plan.caption_adapter.check(request), plan.caption_adapter.model.name
        break
    if problem is not None:
        raise UserError(f"{who} cannot be asked for this: {problem}")


# --- dialogues ---------------------------------------------------------------------------------------


def call_request(plan: GenerationPlan, call: DialogueCall) -> Request:
    """The request of a call."""
    return _request(plan, call, plan.prompter.ask(call), 1)


def _request(plan: GenerationPlan, call: DialogueCall, conversation: Conversation, turn: int) -> Request:
    schema = plan.prompter.schema if plan.spec.structured and plan.adapter.structured else None
    generation = reseeded(plan.generation, call.position)
    sample = _sample(f"{plan.spec.name}-{call.position}", conversation)
    return Request(conversation, generation, sample, turn, draw=call.position, schema=schema)


def _sample(name: str, conversation: Conversation) -> Sample:
    """The sample by which a replayed model finds its replies."""
    return Sample(name, tuple(Turn(m.parts) for m in conversation.messages if m.role == "user"))


class _DialogueMaker:
    """Makes the dialogues of one set."""

    def __init__(
        self, plan: GenerationPlan, store: Store, made: _RunIdentity, replies: ResponseCache, progress: Progress
    ) -> None:
        self._plan, self._store, self._made = plan, store, made
        self._replies, self._progress = replies, progress
        self._who, self._what = plan.adapter.model.name, f"dialogues {plan.spec.name}"

    def work(self) -> Iterator[Work]:
        """Work for every call without a reply, or without a requested repair."""
        kept = StoredCalls(self._store, self._made.set_id)
        waiting = [call for call in self._made.calls if not kept.done(call, repair=self._plan.repair)]
        total = len(self._made.calls)
        self._progress.planned(self._who, self._what, total, total - len(waiting))
        for call in waiting:
            yield partial(self._make, call)

    async def _make(self, call: DialogueCall) -> None:
        """Send a call, read and store its reply; the next run repeats a failed call, stored with its reason."""
        key, attempt = "", 0
        try:
            request = call_request(self._plan, call)
            key = request_key(self._plan.adapter.model, request)
            response = await self._replies.reply(request)
            rows = self._add(call, key, 0, response)
            wrong = [row for row in rows if row.fault is not None]
            if self._plan.repair and (wrong or len(rows) < len(call.wanted)):
                attempt = 1
                await self._repair(call, key, response, rows)
        except Unanswered as error:
            row = CallRow(key, attempt, call.position, call.offered, None, str(error))
            stored.add_call(self._store, self._made.set_id, row)
            self._made.unanswered[str(error)] += 1
            self._progress.finished(self._who, self._what, scored=False)
        except Interrupted:
            return
        else:
            self._progress.finished(self._who, self._what, scored=True)

    async def _repair(
        self, call: DialogueCall, key: str, response: Response, rows: Sequence[stored.DialogueRow]
    ) -> None:
        """Request the wrong or missing dialogues once more, with the reasons."""
        wrong = [row.number for row in rows if row.fault is not None]
        missing = range(len(rows), len(call.wanted))
        lacking = dict.fromkeys(min(number, len(call.wanted) - 1) for number in [*wrong, *missing])
        nothing = any(row.fault == "format" for row in rows)
        wanted = call.wanted if nothing else tuple(call.wanted[number] for number in lacking)
        problems = [(row.number + 1, row.reason or "") for row in rows if row.fault is not None]
        conversation = self._plan.prompter.ask_again(call, response.text or "", problems, wanted)
        again = await self._replies.reply(_request(self._plan, call, conversation, 2))
        self._add(call, key, 1, again)

    def _add(self, call: DialogueCall, key: str, attempt: int, response: Response) -> list[stored.DialogueRow]:
        rows = dialogue_rows(key, attempt, read_response(response, call.offered, self._plan.spec))
        row = CallRow(key, attempt, call.position, call.offered, response.id)
        stored.add_call(self._store, self._made.set_id, row, rows)
        return rows


TURN_TOKENS = 350
"""Expected tokens of a question and an answer: the published means are 26 and 185 words (CC), 32 and 211 (VG)."""
_FILLER = "word " * 80
"""Replaces a caption that is not written yet."""


def estimate_cost(plan: GenerationPlan, path: Path, connections: int | None) -> list[CostEstimate]:
    """One estimate for captions, where some are missing, and one for dialogues; stored replies are subtracted."""
    if not path.is_file():
        return _estimate_lines(plan, None, connections)
    with open_to_read(path) as store:
        return _estimate_lines(plan, store, connections)


def _estimate_lines(plan: GenerationPlan, store: Store | None, connections: int | None) -> list[CostEstimate]:
    if store is not None:
        _identify(plan, store)
    forecaster = CostEstimator(store, connections)
    lines = []
    if plan.caption_adapter is not None:
        model = plan.caption_adapter.model
        asked = [request for _, request in caption_requests(plan)]
        open_ = [r for r in asked if store is None or store.settled(request_key(model, r)) is None]
        total = sum(tokens(request.conversation) for request in open_)
        lines.append(forecaster.line(model, "captions", len(open_), total, CAPTION_TOKENS // 3))
    candidates = [replace(c, caption=c.caption or _FILLER) for c in plan.candidates]
    calls = list(planning.plan_calls(candidates, plan.demonstrations, plan.spec, plan.count, plan.seed))
    if store is not None:
        kept = StoredCalls(store, DialogueSet(plan.spec.name, plan.spec.title, plan.adapter.model, plan.identity).id)
        calls = [call for call in calls if not kept.done(call, repair=plan.repair)]
    asked_tokens = sum(tokens(call_request(plan, call).conversation) for call in calls)
    length = TURN_TOKENS * len(plan.spec.turns) * plan.spec.dialogues_per_call
    model = plan.adapter.model
    lines.append(forecaster.line(model, f"dialogues {plan.spec.name}", len(calls), asked_tokens, length))
    return lines
