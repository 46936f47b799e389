"""What judges that are rules have in common: a card without a model, and one call that asks nobody."""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.judges.base import Call, Dialogue, JudgeCard
from sparkles_eval.judges.spec import JudgeSpec
from sparkles_eval.records import JSON, fingerprint


def rule_card(spec: JudgeSpec, formula: Sequence[JSON]) -> JudgeCard:
    """The card of a rule. `formula` is everything beside the spec that may change a verdict."""
    scale: list[JSON] = [spec.scale.low, spec.scale.high]
    criteria: list[JSON] = [criterion.model_dump() for criterion in spec.criteria]
    return JudgeCard(
        name=spec.name,
        version=spec.version,
        title=spec.title,
        criteria=spec.records(),
        low=spec.scale.low,
        high=spec.scale.high,
        sees=spec.sees,
        fingerprint=fingerprint([*formula, spec.name, spec.version, criteria, scale]),
        attempts=1,
    )


def one_call(dialogue: Dialogue, card: JudgeCard) -> list[Call]:
    """One call that expects every criterion of every answered turn, with nobody to ask."""
    turns = range(1, min(len(dialogue.answers), len(dialogue.sample.turns)) + 1)
    return [Call("dialogue", dialogue, tuple((turn, c.id) for turn in turns for c in card.criteria))]
