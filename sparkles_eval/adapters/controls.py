"""Three answerers of known worth, to test the judge or the answer rule beside the models: null, shuffled and gold.

They look at the task's own items and ask nobody. What a model's number means depends on what these three get.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from sparkles_eval.adapters.base import Adapter, Request
from sparkles_eval.adapters.baselines import Baseline, Say, concluding
from sparkles_eval.errors import Rejected
from sparkles_eval.records import Model, Sample

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
