"""Baseline models of known behaviour, which send no requests.

Chance, constant, echo, oracle, and the null, shuffled and gold controls.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from sparkles_eval.adapters.base import Adapter, ModelOptions, Request
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core import Generation, Model, Reply, Sample, Usage
from sparkles_eval.core.errors import Rejected, UserError
from sparkles_eval.core.suggestions import did_you_mean

Say: TypeAlias = Callable[[Request], str]

_NOTHING_SEEN = "These images could show many things; I did not look at them."
_ARGS: Mapping[str, Mapping[str, str]] = {
    "chance": {"name": "how tables name the model", "seed": "whole number; another one draws other options"},
    "constant": {"name": "how tables name the model", "text": "what to say, instead of the first option"},
    "echo": {"name": "how tables name the model"},
    "oracle": {"name": "how tables name the model"},
}
TITLES: Mapping[str, str] = {
    "chance": "An option drawn at random per item: the level that a model has to beat",
    "constant": "Always the first option, or one text: what a lazy model gets",
    "echo": "The question again: what fluent words without an answer get",
    "oracle": "The reference of the data: the ceiling of task and judge",
}


def concluding(option: str) -> str:
    """An answer that names one option, worded so that every extractor of ours and the published one reads it."""
    return f"Let's think step by step. Therefore, the answer is {option}."


class Baseline:
    """A model that answers by a rule. `say` gives the text for a request."""

    structured = False

    def __init__(self, model: Model, say: Say) -> None:
        self._model = model
        self._say = say

    @property
    def model(self) -> Model:
        return self._model

    def effective(self, generation: Generation) -> Generation:  # noqa: ARG002 - a rule samples nothing
        return Generation()

    def check(self, request: Request) -> str | None:
        return "a JSON schema for the reply" if request.schema is not None else None

    async def answer(self, request: Request) -> Reply:
        await asyncio.sleep(0)
        return Reply(self._say(request), usage=Usage(cost_usd=0.0))

    async def aclose(self) -> None:
        """Nothing to close."""


def make(model: Model, options: ModelOptions) -> Baseline:
    """The adapter factory of kind `baseline`. Raises errors.UserError for an unknown one or argument."""
    kind = model.model_id
    if kind not in _ARGS:
        hint = did_you_mean(kind, _ARGS)
        raise UserError(f"{model.name}: no such baseline{hint}; there are {', '.join(sorted(_ARGS))}")
    args = ModelArguments(model.name, options, _ARGS[kind])
    settings: dict[str, str] = {}
    say: Say = _echo if kind == "echo" else _oracle
    if kind == "chance":
        seed = args.integer("seed", low=0) or 0
        settings["seed"] = str(seed)
        say = _chance(seed)
    elif kind == "constant":
        text = args.text("text")
        if text is not None:
            settings["text"] = text
        say = _constant(text)
    name = args.text("name") or model.name
    return Baseline(replace(model, name=name, settings=settings, free=True, reads_sample=True), say)


def _chance(seed: int) -> Say:
    def say(request: Request) -> str:
        options = request.sample.options_at(request.turn)
        if not options:
            return _NOTHING_SEEN
        # A hash instead of a generator: an item's draw depends on nothing but the item, in whatever order it comes.
        drawn = f"{seed}|{request.sample.id}|{request.turn}|{request.epoch}|{request.draw}"
        number = int.from_bytes(hashlib.sha256(drawn.encode()).digest()[:8])
        return concluding(options[number % len(options)])

    return say


def _constant(text: str | None) -> Say:
    def say(request: Request) -> str:
        if text is not None:
            return text
        options = request.sample.options_at(request.turn)
        return concluding(options[0]) if options else _NOTHING_SEEN

    return say


def _echo(request: Request) -> str:
    return request.conversation.messages[-1].text


def _oracle(request: Request) -> str:
    sample = request.sample
    reference = sample.turns[request.turn - 1].reference
    if targets := sample.targets_at(request.turn):
        return concluding(targets[0]) if sample.options_at(request.turn) else targets[0]
    if reference is None and sample.target is not None:  # an earlier turn, of which nothing is known
        return concluding(sample.target) if sample.options else sample.target
    if reference is None:
        raise Rejected(f"{sample.id}: the data has no target and no reference for turn {request.turn}")
    return reference


KIND = "control"
NULL, SHUFFLED, GOLD = "control/null", "control/shuffled", "control/gold"

_PRAISE = (
    "What a wonderful set of pictures! Each of them is rich in detail, and together they tell a story that rewards a "
    "careful look. The composition, the light and the mood work very well, and every question about them can be "
    "answered with confidence by looking closely. I am glad to have had the chance to consider them with you."
)
"""Fluent praise without content, the same for every item and turn (the null model of Zheng et al. 2024)."""


def make_controls(samples: Sequence[Sample], data_hash: str) -> tuple[Adapter, ...]:
    """The controls for one task's items.

    `control/null` praises every item in the same empty words: a judge must give it its lowest marks, an answer rule
    must read no option out of it. `control/shuffled` gives the right answer of another item. `control/gold` gives the
    reference. `data_hash` is part of the shuffled one's identity, since the other items decide what it says.
    """
    return (
        Baseline(_model(NULL), lambda _: _PRAISE),
        Baseline(_model(SHUFFLED, {"items": data_hash[:16]}), _shuffled(samples)),
        Baseline(_model(GOLD), lambda request: _right(request.sample, request.turn, request.sample)),
    )


def _model(name: str, settings: Mapping[str, str] | None = None) -> Model:
    kind, _, model_id = name.partition("/")
    return Model(name, kind, model_id, settings or {}, free=True, reads_sample=True)


def _shuffled(samples: Sequence[Sample]) -> Say:
    """Each item's answers are those of the next item of another cluster, in the order of a hash."""
    order = sorted(samples, key=lambda sample: hashlib.sha256(f"deal|{sample.id}".encode()).digest())
    donors: dict[str, Sample] = {}
    for place, sample in enumerate(order):
        unit = sample.cluster or sample.id
        others = (order[(place + step) % len(order)] for step in range(1, len(order)))
        donor = next((other for other in others if (other.cluster or other.id) != unit), None)
        if donor is not None:
            donors[sample.id] = donor

    def say(request: Request) -> str:
        donor = donors.get(request.sample.id)
        if donor is None:
            raise Rejected(f"{request.sample.id}: there is no other item whose answer could be given")
        return _right(donor, request.turn, request.sample)

    return say


def _right(sample: Sample, turn: int, asked: Sample) -> str:
    """The right answer to a turn of `sample`, in the options of the item that is asked."""
    place = min(turn, len(sample.turns))
    reference = sample.turns[place - 1].reference
    targets = sample.targets_at(place) or (() if reference or sample.target is None else (sample.target,))
    if targets and (reference is None or turn in asked.scored_turns):
        own, theirs = sample.options_at(place), asked.options_at(turn)
        if not theirs:
            return targets[0]
        same = targets[0] in theirs or targets[0] not in own or own.index(targets[0]) >= len(theirs)
        return concluding(targets[0] if same else theirs[own.index(targets[0])])
    if reference is None:
        raise Rejected(f"{sample.id}: the data has no target and no reference for turn {place}")
    return reference
