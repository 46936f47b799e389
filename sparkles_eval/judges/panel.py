"""Panels: several judges as one, `--judge panel:J1,J2,J3`. Combines their votes into a score.

The members score as usual and every vote is kept; the panel itself sends no requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from sparkles_eval.core import JSON, Criterion, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import quantity
from sparkles_eval.judges.base import JudgeCard

PREFIX = "panel:"
VERSION = 1
"""Increased when the same votes would give another score."""

PanelRule: TypeAlias = Literal["mean", "median"]
_ARGS = ("family", "quorum", "rule")
_MAKERS = (
    (r"gpt|chatgpt|o[134](?![a-z])|davinci", "OpenAI"),
    (r"claude", "Anthropic"),
    (r"gemini|gemma|palm", "Google"),
    (r"llama|vicuna|minigpt|sparkleschat|llava", "Llama"),
    (r"qwen|qwq|qvq", "Qwen"),
    (r"mistral|mixtral|ministral|pixtral|codestral", "Mistral"),
    (r"deepseek|janus", "DeepSeek"),
    (r"grok", "xAI"),
    (r"phi", "Phi"),
    (r"intern(?:vl|lm)", "Intern"),
    (r"glm|chatglm|cogvlm", "GLM"),
)
_FAMILIES = tuple((re.compile(rf"(?<![a-z])(?:{pattern})"), name) for pattern, name in _MAKERS)


def family(model: str) -> str:
    """The maker of a model, guessed from its name: "openai/gpt-4o" -> "OpenAI", "anthropic/claude-x" -> "Anthropic".

    Searches for the model names of known makers; another model's family is the first word of its name
    ("openai/foo-7b" on somebody's own server -> "foo"). Tables that use this guess show it.
    """
    name = model.rpartition("/")[2].lower()
    for pattern, maker in _FAMILIES:
        if pattern.search(name):
            return maker
    word = re.match(r"[a-z]+", name)
    return word.group() if word else name


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """A panel's settings. `members` are judges as `--judge` names them."""

    members: tuple[str, ...]
    rule: PanelRule = "mean"
    quorum: int = 0
    """Votes that a score needs; 0: more than half of the members."""
    leave_family_out: bool = False
    """True where a judge of the judged model's family has no vote."""

    @property
    def needed(self) -> int:
        return self.quorum or len(self.members) // 2 + 1


def is_panel(selector: str) -> bool:
    """True for the name of a panel."""
    return selector.startswith(PREFIX)


def read_panel(selector: str, args: Mapping[str, str]) -> PanelSpec:
    """The panel in `panel:J1,J2,J3` with its `--judge-arg`s: rule=median, quorum=2, family=out.

    The order in which members are named makes no difference. Raises errors.UserError with what is allowed.
    """
    members = tuple(sorted({name.strip() for name in selector.removeprefix(PREFIX).split(",") if name.strip()}))
    if len(members) < 2:
        raise UserError(f"--judge {selector}: a panel has two members or more, such as panel:sparkles@gpt-4o,facts")
    if nested := [member for member in members if is_panel(member)]:
        raise UserError(f"--judge {selector}: {nested[0]} is a panel itself; name its members")
    if unknown := sorted(set(args) - set(_ARGS)):
        raise UserError(f"--judge {selector}: unknown argument {unknown[0]!r}; a panel takes {', '.join(_ARGS)}")
    rule, quorum, own = args.get("rule", "mean"), args.get("quorum", "0"), args.get("family", "in")
    if rule not in ("mean", "median"):
        raise UserError(f"--judge {selector}: rule={rule}; a panel's rule is mean or median")
    if not (quorum.isascii() and quorum.isdigit() and int(quorum) <= len(members)):
        raise UserError(f"--judge {selector}: quorum={quorum}; give a whole number from 1 to {len(members)}")
    if own not in ("in", "out"):
        raise UserError(f"--judge {selector}: family={own}; judges of the judged model's family are in or out")
    return PanelSpec(members, "median" if rule == "median" else "mean", int(quorum), own == "out")


@dataclass(frozen=True, slots=True)
class JudgePanel:
    """A panel with the cards of its members, in the order of `spec.members`."""

    spec: PanelSpec
    cards: tuple[JudgeCard, ...]

    def __post_init__(self) -> None:
        """Raises errors.UserError for members that rate different things or on different scales."""
        first = self.cards[0]
        for name, card in zip(self.spec.members, self.cards, strict=True):
            if (card.low, card.high) != (first.low, first.high) or _ids(card) != _ids(first):
                raise UserError(
                    f"panel: {name} rates {', '.join(sorted(_ids(card)))} from {card.low:g} to {card.high:g}, "
                    f"{self.spec.members[0]} {', '.join(sorted(_ids(first)))} from {first.low:g} to {first.high:g}; "
                    "members rate the same criteria on the same scale"
                )

    @property
    def fingerprint(self) -> str:
        """Hash of members, rule, quorum and who may vote; the order of the members does not matter."""
        who: list[JSON] = [*sorted(card.fingerprint for card in self.cards)]
        return fingerprint(["panel", VERSION, who, self.spec.rule, self.spec.needed, self.spec.leave_family_out])

    @property
    def name(self) -> str:
        """ "panel:J1,J2,J3"."""
        return PREFIX + ",".join(self.spec.members)

    @property
    def title(self) -> str:
        """Rule and quorum in words."""
        out = ", none of the judged model's family" if self.spec.leave_family_out else ""
        how = "Mean after severity removal" if self.spec.rule == "mean" else "Median"
        return f"{how} of {len(self.cards)} judges, at least {self.spec.needed} votes{out}"

    @property
    def sees(self) -> str:
        """What the members see of the images, if all see the same; else "several"."""
        kinds = {card.sees for card in self.cards}
        return kinds.pop() if len(kinds) == 1 else "several"

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return self.cards[0].criteria

    def may_vote(self, card: JudgeCard, model: str) -> bool:
        """False where the judge's model is of the judged model's family and such judges have no vote."""
        own = self.spec.leave_family_out and card.model is not None
        return not (own and family(card.model or "") == family(model))


def _ids(card: JudgeCard) -> frozenset[str]:
    return frozenset(criterion.id for criterion in card.criteria)


@dataclass(frozen=True, slots=True)
class CombinedScore:
    """A panel's score, or None with the reason."""

    value: float | None
    reason: str | None = None


def combine(
    votes: Mapping[str, float], rule: PanelRule, quorum: int, leniency: Mapping[str, float], scale: tuple[float, float]
) -> CombinedScore:
    """Combine votes by member into one score; the order of the members does not matter.

    mean: the mean of the votes minus each judge's leniency, so that it does not matter whose vote is missing; with all
    votes this is the plain mean, since leniencies sum to 0. median: the median of the unchanged votes. The score stays
    on the scale. Fewer votes than the quorum give no score. Source: Verga et al. 2024, "Replacing Judges with Juries".
    """
    if len(votes) < quorum:
        count = quantity(len(votes), "vote")
        return CombinedScore(None, f"{count}, the panel's quorum is {quorum}")
    if rule == "median":
        return CombinedScore(float(median(votes.values())))
    # fsum rounds once, so the order of the members cannot change the last digit.
    mean = math.fsum(value - leniency.get(name, 0.0) for name, value in votes.items()) / len(votes)
    return CombinedScore(min(max(mean, scale[0]), scale[1]))


def absent(members: Sequence[str], votes: Mapping[str, float]) -> list[str]:
    """Members without a vote, in order."""
    return [name for name in members if name not in votes]
