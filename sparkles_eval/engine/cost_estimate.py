"""Estimates the requests, cost and time of a plan before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sparkles_eval.adapters.base import Adapter
from sparkles_eval.core import Conversation, Model, Reply, Run, Sample, Text, Usage
from sparkles_eval.engine.addresses import as_stored
from sparkles_eval.engine.jobs import BoundJudge, EvalJob, judge_row, scorer_row
from sparkles_eval.judges.base import AnsweredSample
from sparkles_eval.store.spending import usual_reply
from sparkles_eval.store.store import Store

REPLY_TOKENS = 200
"""Assumed length of a reply of which nothing is known."""
_CHARACTERS_PER_TOKEN = 4
_PIXELS_PER_TOKEN = 750
_IMAGE_TOKENS = 1_600


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """The remaining requests of one model or judge on one task. None is unknown."""

    who: str
    task: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: float | None
    """At the connections given, from the stored replies' latency."""


def estimate_cost(jobs: Iterable[EvalJob], store: Store | None, connections: int | None) -> list[CostEstimate]:
    """An estimate for every job's model, and one for each of its judges that asks a model."""
    if store is not None:
        jobs = as_stored(tuple(jobs), store)
    forecaster = CostEstimator(store, connections)
    lines: list[CostEstimate] = []
    for job in jobs:
        lines.append(forecaster.model(job))
        lines.extend(forecaster.judge(job, bound, bound.adapter) for bound in job.bound_judges if bound.adapter)
    return lines


class CostEstimator:
    """Estimates from a store's replies of a model (None: no store yet)."""

    def __init__(self, store: Store | None, connections: int | None) -> None:
        self._store = store
        self._connections = connections

    def model(self, job: EvalJob) -> CostEstimate:
        run = job.run
        items = run.total * run.epochs
        share = 1 - self._answered(job, run) / items
        asked = requests = 0
        for sample in job.asked:
            answers = _likely_answers(sample)
            for turn in range(len(sample.turns)):
                asked += tokens(job.task.prompt.conversation(sample, answers[:turn]))
                requests += 1
        rounds = run.epochs * share
        return self._line(job.adapter.model, run, round(requests * rounds), round(asked * rounds))

    def _answered(self, job: EvalJob, run: Run) -> int:
        if self._store is None:
            return 0
        if scorer := job.task.protocol.scorer:
            return len(self._store.scored(run.id, scorer_row(scorer).id))
        return len({(answer.sample_id, answer.epoch) for answer in self._store.answers(run.id) if answer.turn > 1})

    def judge(self, job: EvalJob, bound: BoundJudge, adapter: Adapter) -> CostEstimate:
        run, card = job.run, bound.judge.card
        done = len(self._store.scored(run.id, judge_row(bound.judge).id)) if self._store else 0
        asked = requests = 0
        for sample in job.asked:
            if bound.judge.check(sample) is None:
                calls = bound.judge.calls(AnsweredSample(sample, _likely_answers(sample)))
                prompts = [call.conversation for call in calls if call.conversation]
                asked += sum(map(tokens, prompts))
                requests += len(prompts)
        rounds = run.epochs * card.repeats - done / run.total
        line = self._line(adapter.model, run, round(requests * rounds), round(asked * rounds))
        return replace(line, who=f"{card.name} ({adapter.model.name}) on {run.model.name}")

    def _line(self, model: Model, run: Run, requests: int, asked: int) -> CostEstimate:
        return self.line(model, run.task, requests, asked)

    def line(
        self, model: Model, task: str, requests: int, asked: int, reply_tokens: int = REPLY_TOKENS
    ) -> CostEstimate:
        """The estimate for that many requests with `asked` input tokens in all."""
        length, latency = usual_reply(self._store, model.identity) if self._store else (None, None)
        written = round(requests * (reply_tokens if length is None else length))
        cost = 0.0 if model.free or not requests else model.prices.cost(Usage(asked, written))
        seconds = 0.0 if model.free or not requests else None
        if seconds is None and latency is not None:
            seconds = requests * latency / min(requests, self._connections or model.limits.max_connections)
        return CostEstimate(model.name, task, requests, asked, written, cost, seconds)


def _likely_answers(sample: Sample) -> tuple[str, ...]:
    filler = "word " * (REPLY_TOKENS * _CHARACTERS_PER_TOKEN // 5)
    return tuple(turn.reference or filler for turn in sample.turns)


def reply_cost(model: Model, conversation: Conversation, reply: Reply) -> float | None:
    """Dollars of a reply whose server does not say what was used, roughly; None where the prices are unknown."""
    written = len(reply.text) + len(reply.reasoning or "")
    known = reply.usage
    asked = tokens(conversation) if known.input_tokens is None else known.input_tokens
    output = 1 + written // _CHARACTERS_PER_TOKEN if known.output_tokens is None else known.output_tokens
    return model.prices.cost(Usage(asked, output))


def tokens(conversation: Conversation) -> int:
    """Input tokens of a request, roughly."""
    characters = len(conversation.system or "")
    images = 0
    for message in conversation.messages:
        characters += sum(len(part.text) for part in message.parts if isinstance(part, Text))
    for image in conversation.images:
        images += min(_IMAGE_TOKENS, image.width * image.height // _PIXELS_PER_TOKEN)
    return characters // _CHARACTERS_PER_TOKEN + images
