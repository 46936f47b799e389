"""The judge that asks a model with a written rubric: builds prompts from answered samples and reads the replies."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sparkles_eval.core import (
    JSON,
    Conversation,
    Generation,
    Image,
    Message,
    Model,
    Part,
    Sample,
    Text,
    Turn,
    Verdict,
    VerdictStatus,
    fingerprint,
)
from sparkles_eval.core.errors import ContentError
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard
from sparkles_eval.judges.expected import CANARY, Expected
from sparkles_eval.judges.parsing import parser
from sparkles_eval.judges.spec import JudgeSpec, VariantSpec
from sparkles_eval.tasks.prompts import Markers, compile_template, render, trimmed

_LETTERS = "bcdfghjklmnpqrstvwxz"
"""Letters of canaries: no vowels, so that none is a word; no digits, so that none looks like points."""

_NAMED = re.compile(r"IMAGE#\w+\Z")


@dataclass(frozen=True, slots=True)
class ContextImage:
    """One image: its name in the questions, and its caption. `image` places the image itself."""

    name: str
    id: str
    """The name without "IMAGE#"."""
    turn: int
    caption: str
    image: str
    """Marker that becomes the picture; "" for a judge that does not see images."""


@dataclass(frozen=True, slots=True)
class ContextTurn:
    """One question and the answer that is judged. `name` is "A1", "A2", ..."""

    number: int
    name: str
    question: str
    """The user's text, with images in their places, as pictures or by name."""
    answer: str
    """The model's answer between this call's delimiters."""
    bare_answer: str
    """The answer without delimiters, only for a published prompt that must be reproduced exactly."""
    reference: str | None
    """A good answer, where the data has one."""


@dataclass(frozen=True, slots=True)
class PromptContext:
    """The values that a rubric can use besides criteria and scale."""

    turns: tuple[ContextTurn, ...]
    images: tuple[ContextImage, ...]
    delimiter: str
    canary: str
    """The random word that marks the judge's own ratings; it occurs in no answer."""
    markers: Markers
    pictures: tuple[Image, ...]
    """The images of the markers, by number."""

    @property
    def records(self) -> str:
        """The images as the published judge prompt lists them: a Python list of {'image_id', 'caption'}."""
        return repr([{"image_id": _number(image.id), "caption": image.caption} for image in self.images])


def prompt_context(dialogue: AnsweredSample, turns: int, *, pictures: bool) -> PromptContext:
    """The context of the first `turns` turns of an answered sample; with `pictures`, images are in their places."""
    sample = dialogue.sample
    delimiter = _unknown_to(dialogue, lambda: secrets.token_hex(8))
    canary = _unknown_to(dialogue, lambda: "".join(secrets.choice(_LETTERS) for _ in range(8)))
    markers = Markers.fresh()
    images: list[ContextImage] = []
    shown: list[ContextTurn] = []
    for number, (turn, answer) in enumerate(zip(sample.turns[:turns], dialogue.answers, strict=False), 1):
        question = _question(turn, number, images, markers if pictures else None)
        fenced = f"<answer {delimiter}>\n{answer}\n</answer {delimiter}>"
        shown.append(ContextTurn(number, f"A{number}", question, fenced, answer, turn.reference))
    placed = tuple(image for turn in sample.turns[:turns] for image in turn.images)
    return PromptContext(tuple(shown), tuple(images), delimiter, canary, markers, placed)


def _unknown_to(dialogue: AnsweredSample, draw: Callable[[], str]) -> str:
    """A random word that occurs in no answer."""
    while True:
        drawn = draw()
        if not any(drawn in answer.casefold() for answer in dialogue.answers):
            return drawn


def _question(turn: Turn, number: int, images: list[ContextImage], markers: Markers | None) -> str:
    """The text of a question; its images are added to `images`, with the names that the text gives them."""
    text = ""
    for part in turn.content:
        if isinstance(part, Text):
            text += part.text
            continue
        count = len(images)
        called = _NAMED.search(text[-100:].rstrip())
        name = called.group() if called else f"IMAGE#{part.id or count + 1}"
        if not called:
            text += name if not text or text[-1].isspace() or text[-1] in "(\"'" else f" {name}"
        marker = markers.of(count) if markers else ""
        text += marker
        images.append(ContextImage(name, name.removeprefix("IMAGE#"), number, part.caption or "", marker))
    return text.strip()


def _number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() and str(int(name[:18])) == name else name


def uncaptioned(sample: Sample) -> Sequence[int]:
    """Numbers (from 1) of a sample's images without a caption."""
    return [number for number, image in enumerate(sample.images, 1) if not (image.caption or "").strip()]


RENDERER = 1
"""Increased when the same rubric would give another text; part of every fingerprint."""


@dataclass(frozen=True, slots=True)
class Rubric:
    """A judge folder that was read: its spec, the variant in use, its template, and the name of that file in errors."""

    spec: JudgeSpec
    variant: VariantSpec
    source: str
    where: str


class RubricJudge:
    """A judge (judges.base) with one rubric and one model. `structured`: the model can follow a JSON schema."""

    def __init__(self, rubric: Rubric, model: Model, generation: Generation, *, structured: bool = False) -> None:
        """`generation` is what will really be sent. Raises errors.ContentError for a rubric that cannot be rendered."""
        self._spec = rubric.spec
        self._variant = rubric.variant
        self._where = rubric.where
        self._structured = structured and rubric.variant.structured
        self._source = rubric.source
        self._template = compile_template(rubric.source, rubric.where)
        self._parser = parser(rubric.variant.parser)
        self._card = self._make_card(rubric, model, generation)
        self._card = replace(self._card, canary=self._try())

    def _make_card(self, rubric: Rubric, model: Model, generation: Generation) -> JudgeCard:
        spec, variant = rubric.spec, rubric.variant
        print_of: JSON = {
            "renderer": RENDERER,
            "judge": [spec.name, spec.version, variant.version],
            "criteria": [[c.id, c.name, c.description, c.weight] for c in spec.records()],
            "scale": [spec.scale.low, spec.scale.high],
            "asks": [spec.sees, spec.scope, spec.overall, self._structured],
            "rubric": [rubric.source, variant.system],
            "parser": [self._parser.name, self._parser.version],
            "generation": generation.json(),
            "model": model.identity,
        }
        return JudgeCard(
            name=spec.name,
            version=spec.version,
            title=spec.title,
            criteria=spec.records(),
            low=spec.scale.low,
            high=spec.scale.high,
            sees=spec.sees,
            fingerprint=fingerprint(print_of),
            model=model.name,
            repeats=spec.repeats,
            attempts=variant.attempts,
            generation=generation,
            reader=self._parser.id,
            # As published, `paper` repeats the same call; at temperature 0 that would repeat the reply too.
            retries_with_reason=self._parser.name != "paper" or generation.temperature == 0,
        )

    @property
    def card(self) -> JudgeCard:
        return self._card

    def check(self, sample: Sample) -> str | None:
        """Why this judge cannot judge this sample, or None."""
        if self._parser.name == "paper" and len(sample.turns) != 2:
            return f"the paper parser of judge {self._spec.name} reads two answers, this sample has {len(sample.turns)}"
        if self._spec.sees == "captions" and (missing := uncaptioned(sample)):
            numbers = ", ".join(map(str, missing))
            some = f"images {numbers} have" if len(missing) > 1 else f"image {numbers} has"
            return (
                f"{some} no caption, and judge {self._spec.name} reads captions; a judge that sees images can judge it"
            )
        return None

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        """One call for the dialogue, for each turn (with those before it), or for each criterion."""
        turns = range(1, len(dialogue.sample.turns) + 1)
        criteria = [criterion.id for criterion in self._spec.criteria]
        if self._spec.scope == "dialogue":
            return [self._call(dialogue, "dialogue", turns, criteria)]
        if self._spec.scope == "turn":
            return [self._call(dialogue, f"turn-{turn}", [turn], criteria) for turn in turns]
        return [self._call(dialogue, criterion, turns, [criterion]) for criterion in criteria]

    def _call(self, dialogue: AnsweredSample, name: str, rate: Sequence[int], criteria: Sequence[str]) -> JudgeCall:
        page = prompt_context(dialogue, max(rate), pictures=self._spec.sees == "images")
        expects = tuple((turn, criterion) for turn in rate for criterion in criteria)
        message = Message("user", self._parts(page, dialogue.sample, rate, criteria))
        canary = page.canary if self._parser.name != "paper" and page.canary in message.text else ""
        schema = reply_schema(self._spec, rate, criteria, canary=bool(canary)) if self._structured else None
        conversation = Conversation((message,), self._variant.system)
        return JudgeCall(name, dialogue, expects, conversation, schema, page.delimiter, canary)

    def _parts(
        self, page: PromptContext, sample: Sample, rate: Sequence[int], criteria: Sequence[str]
    ) -> tuple[Part, ...]:
        names: dict[str, object] = {
            "turns": page.turns,
            "images": page.images,
            "records": page.records,
            "delimiter": page.delimiter,
            CANARY: page.canary,
            "criteria": [criterion for criterion in self._spec.records() if criterion.id in criteria],
            "scale": {"low": _short(self._card.low), "high": _short(self._card.high)},
            "rate": [f"A{turn}" for turn in rate],
            "overall": self._spec.overall,
            "structured": self._structured,
            "fields": dict(sample.fields),
        }
        where = f"{self._where}, sample {sample.id}"
        pieces = page.markers.cut(trimmed(self._source, render(self._template, where, names)))
        placed = [piece for piece in pieces if isinstance(piece, int)]
        if sorted(placed) != list(range(len(page.pictures) if self._spec.sees == "images" else 0)):
            raise ContentError(
                f"{where}: places {len(placed)} images of {len(page.pictures)}; a judge that sees images places each "
                "exactly once, by {{ turn.question }} of every turn or by {{ image.image }} of every image"
            )
        return tuple(page.pictures[piece] if isinstance(piece, int) else Text(piece) for piece in pieces if piece != "")

    def read(self, call: JudgeCall, text: str) -> Verdict:
        """The verdict in a reply; never raises."""
        card = self._card
        expected = Expected(call.expects, card.low, card.high, call.dialogue.answers, call.canary, call.cut_off)
        parsed = self._parser.read(text, expected)
        if parsed.reason is not None:
            return Verdict(VerdictStatus.INVALID, reason=parsed.reason, raw=text)
        return Verdict(VerdictStatus.GRADED, parsed.ratings, parsed.overall, raw=text)

    def _try(self) -> bool:
        """Render an invented dialogue, so that a mistake in the rubric is reported before any request is sent.

        True where every call prints its canary.
        """
        image = Image("0" * 64, "image/png", 1, 1, 1, "made-up.png", caption="A made-up caption.")
        turns = tuple(Turn((Text(f"IMAGE#{n}"), image, Text(" A made-up question."))) for n in (1, 2))
        dialogue = AnsweredSample(Sample("made-up", turns), ("made-up answer one", "made-up answer two"))
        calls = self.calls(dialogue)
        for call in calls:
            assert call.conversation is not None
            shown = call.conversation.messages[0].text
            unseen = [
                f"A{turn}" for turn in sorted({t for t, _ in call.expects}) if dialogue.answers[turn - 1] not in shown
            ]
            if unseen:
                raise ContentError(f"{self._where}: does not show {', '.join(unseen)}; place {{{{ turn.answer }}}}")
        return all(call.canary for call in calls)


def _short(points: float) -> float:
    """The points as a person writes them: 1 and not 1.0."""
    return int(points) if points == int(points) else points


def reply_schema(spec: JudgeSpec, rate: Sequence[int], criteria: Sequence[str], *, canary: bool = False) -> JSON:
    """JSON schema of a reply: {"A1": {"C1": {"explanation", "rating"}, ..., "overall"}, ...}, `canary` first.

    Uses only what every provider's strict mode accepts: closed objects, every property required, no bounds (the scale
    is in the descriptions, and the parser checks it). The explanation comes first, so that it is written before the
    number.
    """
    scale = f"{spec.scale.low:g} to {spec.scale.high:g}"
    rating: dict[str, JSON] = {"type": "number", "description": f"Points from {scale}."}
    why: dict[str, JSON] = {"type": "string", "description": "A short explanation, before the points."}

    def answer() -> JSON:
        rated: dict[str, JSON] = {name: _closed({"explanation": why, "rating": rating}) for name in criteria}
        return _closed(rated | ({"overall": rating} if spec.overall else {}))

    # A plain text, never the word itself: a decoder that follows the schema would write it in any reply.
    word: dict[str, JSON] = {CANARY: {"type": "string", "description": "The word that the instructions name."}}
    return _closed((word if canary else {}) | {f"A{turn}": answer() for turn in rate})


def _closed(properties: dict[str, JSON]) -> JSON:
    required: list[JSON] = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
