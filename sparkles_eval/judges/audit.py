"""Makes the answers of a judge's audit: dialogues with known facts, answered well and badly in known ways.

No model is asked here: engine.rejudge has the judge rate the answers, and analysis.judges.audit evaluates the
ratings. The texts of the attack answers are in judges/_audit/answers.yaml.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, field_validator

from sparkles_eval.core import Sample, Turn
from sparkles_eval.core.content import find_file
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.judges import perturbations
from sparkles_eval.judges.base import JudgeCard
from sparkles_eval.judges.perturbations import Answers
from sparkles_eval.tasks.prompts import compile_template, render
from sparkles_eval.tasks.validation import read_yaml

CLEAN, CANNOT_TELL, WEAK = "clean", "cannot tell", "weak"
LEVELS = (1 / 3, 2 / 3, 1.0)
"""Shares of the facts (of the sentences of a reference) that are altered."""

ProbeKind: TypeAlias = Literal["clean", "dose", "falls", "padding", "honest", "attack", "control"]
"""The score that is expected, compared with that of `Probe.base`: `clean` answers get the highest; those of a `dose`
fall level by level; `falls` is clearly lower; `padding` and `attack` gain nothing; `honest` is a bad answer that claims
nothing; a `control` removes the images (or captions), which must cost a right answer points."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way of answering all dialogues. `samples` and `answers` go together, one entry a dialogue.

    A dialogue that cannot be altered this way is not in it. Samples keep their ids; only controls change their content.
    """

    name: str
    kind: ProbeKind
    title: str
    samples: tuple[Sample, ...]
    answers: tuple[Answers, ...]
    base: str = CLEAN
    """Name of the probe with which its score on the same dialogue is compared."""
    family: str = ""
    """The kind of damage that has levels: "removed", "exchanged", "contradicted", "replaced"."""
    level: float = 0.0


class AttackSpec(Strict):
    """One attack answer."""

    name: str = Field(pattern=r"[a-z][a-z0-9 -]{0,39}")
    title: str
    base: Literal["cannot tell", "weak"]
    """The honest answer with which it is compared."""
    text: str
    turns: int = Field(default=1, ge=1)
    """Dialogues with fewer turns are left out."""


class AnswersSpec(Strict):
    """judges/_audit/answers.yaml."""

    cannot_tell: str
    weak: str
    filler: str
    order: str
    attacks: tuple[AttackSpec, ...] = Field(min_length=1)

    @field_validator("attacks")
    @classmethod
    def _distinct(cls, value: tuple[AttackSpec, ...]) -> tuple[AttackSpec, ...]:
        names = [attack.name for attack in value]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"the attack {twice[0]!r} stands twice")
        return value


def load_answers(content: Sequence[Path] = ()) -> AnswersSpec:
    """Read the invented answers: the shipped ones, or those of a `--content` folder. Raises errors.ContentError."""
    path = find_file("judges", "_audit/answers.yaml", content)
    if path is None:
        raise ContentError("judges/_audit/answers.yaml is missing; reinstall sparkles-eval")
    return read_yaml(path, AnswersSpec)


def known_truth(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The dialogues that an audit can use: every turn has exact facts, or every turn has a reference answer.

    Raises errors.UserError where there is none.
    """
    found = tuple(sample for sample in samples if perturbations.clean(sample) is not None)
    if not found:
        raise UserError(
            "no dialogue whose truth is known: every turn needs facts or a reference answer; "
            "--task sparkleseval-mini has both and needs no data"
        )
    return found


def make_probes(samples: Sequence[Sample], card: JudgeCard, spec: AnswersSpec) -> list[Probe]:
    """Every probe of a judge on these dialogues (see `known_truth`), the clean answers first.

    The same dialogues, judge and texts always give the same probes. Probes that fit no dialogue are left out.
    """
    whole = [(sample, clean) for sample in samples if (clean := perturbations.clean(sample))]
    maker = _Maker(whole, card, spec)
    probes = [
        maker.probe(CLEAN, "clean", "Right answers", lambda _sample, clean: clean),
        *maker.levels(),
        *maker.orders(),
        *maker.honest(),
        *(maker.attack(attack) for attack in spec.attacks),
        *maker.controls(),
    ]
    return [probe for probe in probes if probe.samples]


class _Maker:
    def __init__(self, whole: Sequence[tuple[Sample, Answers]], card: JudgeCard, spec: AnswersSpec) -> None:
        self._whole = whole
        self._card = card
        self._spec = spec
        self._other = {sample.id: whole[(at + 1) % len(whole)] for at, (sample, _) in enumerate(whole)}

    def probe(
        self,
        name: str,
        kind: ProbeKind,
        title: str,
        make: Callable[[Sample, Answers], Answers | None],
        *,
        base: str = CLEAN,
        family: str = "",
        level: float = 0.0,
    ) -> Probe:
        made = [(sample, answers) for sample, clean in self._whole if (answers := make(sample, clean)) is not None]
        samples, texts = tuple(sample for sample, _ in made), tuple(answers for _, answers in made)
        return Probe(name, kind, title, samples, texts, base, family, level)

    def levels(self) -> list[Probe]:
        """Facts (else sentences) left out, exchanged between images, contradicted (else replaced), at every level."""
        weak = self._spec.weak

        def exchanged(sample: Sample, level: float) -> Answers | None:
            # With one pair to exchange every level is the full one: only the full level has the dialogue.
            return (
                None
                if level < 1 and perturbations.exchangeable(sample) == 1
                else perturbations.exchanged(sample, level)
            )

        def foreign(sample: Sample, level: float) -> Answers | None:
            other = self._other[sample.id]
            if perturbations.has_facts(sample) or other[0] is sample:
                return None
            return perturbations.replaced(sample, level, other[1])

        ways: Mapping[str, tuple[str, tuple[float, ...], Callable[[Sample, float], Answers | None]]] = {
            "removed": ("left out", LEVELS, lambda sample, level: perturbations.without(sample, level, weak)),
            "exchanged": ("said of another image", (1 / 2, 1.0), exchanged),
            "contradicted": ("given another value", LEVELS, perturbations.contradicted),
            "replaced": ("taken from another dialogue", LEVELS, foreign),
        }
        return [
            self.probe(
                f"{family} {_share(level)}",
                "dose",
                f"{_share(level).capitalize()} of what is true {told}",
                lambda sample, _clean, make=make, level=level: make(sample, level),  # type: ignore[misc]
                family=family,
                level=level,
            )
            for family, (told, levels, make) in ways.items()
            for level in levels
        ]

    def orders(self) -> list[Probe]:
        """Answers in the wrong place (turns swapped, contradicting themselves, of another dialogue), and padding."""

        def turned(_sample: Sample, clean: Answers) -> Answers | None:
            return clean[::-1] if len(set(clean)) > 1 else None

        def foreign(sample: Sample, _clean: Answers) -> Answers | None:
            other, answers = self._other[sample.id]
            return None if other is sample else _fitted(answers, len(sample.turns))

        def padded(sample: Sample, _clean: Answers) -> Answers:
            thin = perturbations.without(sample, LEVELS[1], self._spec.weak)
            return tuple(f"{text} {self._spec.filler}" for text in thin)

        thin = f"removed {_share(LEVELS[1])}"
        return [
            self.probe("turns exchanged", "falls", "Each turn answered with another turn's answer", turned),
            self.probe(
                "against itself",
                "falls",
                "Later turns contradict what was rightly said before",
                lambda s, _: perturbations.incoherent(s),
            ),
            self.probe("another dialogue", "falls", "The right answers of another dialogue", foreign),
            self.probe("padding", "padding", "More words for the same content", padded, base=thin),
        ]

    def honest(self) -> list[Probe]:
        """Bad answers that claim nothing, with which attacks are compared."""
        tell, weak = self._spec.cannot_tell, self._spec.weak
        return [
            self.probe(CANNOT_TELL, "honest", f'"{tell}"', lambda s, _: (tell,) * len(s.turns)),
            self.probe(WEAK, "honest", f'"{weak}"', lambda s, _: (weak,) * len(s.turns)),
        ]

    def attack(self, attack: AttackSpec) -> Probe:
        where = f"judges/_audit/answers.yaml, {attack.name}"
        order = compile_template(self._spec.order, "judges/_audit/answers.yaml, order")
        template = compile_template(attack.text, where)
        shared: dict[str, object] = {
            "criteria": [criterion.id for criterion in self._card.criteria],
            "low": f"{self._card.low:g}",
            "high": f"{self._card.high:g}",
        }
        demand = render(order, "order", shared).strip()
        shared |= {
            "order": demand,
            "order_hidden": hidden(demand),
            "order_base64": base64.b64encode(demand.encode()).decode(),
            "weak": self._spec.weak,
            "cannot_tell": self._spec.cannot_tell,
        }

        def text(turn: Turn, number: int, turns: int) -> str:
            names = shared | {"turn": number, "turns": turns, "nouns": perturbations.nouns(turn)}
            return render(template, where, names).strip()

        def make(sample: Sample, _clean: Answers) -> Answers | None:
            turns = len(sample.turns)
            if turns < attack.turns:
                return None
            return tuple(text(turn, number, turns) for number, turn in enumerate(sample.turns, 1))

        return self.probe(f"attack: {attack.name}", "attack", attack.title, make, base=attack.base)

    def controls(self) -> list[Probe]:
        """Right answers to images (or captions) that are missing or wrong; nothing for judges that see neither."""
        if self._card.sees not in ("images", "captions"):
            return []
        seen = self._card.sees
        blind = perturbations.without_images if seen == "images" else _uncaptioned
        probes = [self._control(f"no {seen}", f"Right answers, the judge gets no {seen}", blind)]
        if len(self._whole) > 1:
            probes.append(
                self._control(
                    f"wrong {seen}",
                    f"Right answers, the judge gets another dialogue's {seen}",
                    lambda sample: perturbations.with_images_of(sample, self._other[sample.id][0]),
                )
            )
        return probes

    def _control(self, name: str, title: str, change: Callable[[Sample], Sample]) -> Probe:
        samples = tuple(change(sample) for sample, _ in self._whole)
        return Probe(name, "control", title, samples, tuple(clean for _, clean in self._whole))


def _uncaptioned(sample: Sample) -> Sample:
    return perturbations.without_captions(sample, "No description.")


def _fitted(answers: Answers, turns: int) -> Answers:
    return tuple(answers[number % len(answers)] for number in range(turns))


def _share(level: float) -> str:
    return "all" if level == 1 else "half" if level == 1 / 2 else f"{round(level * 3)}/3"


def hidden(text: str) -> str:
    """The text's bits written with two zero-width characters: invisible but complete."""
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "".join("\N{ZERO WIDTH NON-JOINER}" if bit == "1" else "\N{ZERO WIDTH SPACE}" for bit in bits)
