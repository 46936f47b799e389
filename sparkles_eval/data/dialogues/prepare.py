"""Turns a configuration into a generation plan, and checks everything before any request is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparkles_eval.adapters.base import Adapter
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import JSON, Generation, fingerprint
from sparkles_eval.core.errors import DataError, Problem, UserError
from sparkles_eval.data.dialogues.config import GenerateConfig
from sparkles_eval.data.dialogues.inputs import (
    CandidateImages,
    Demonstration,
    ImageRow,
    read_demonstrations,
    read_image_rows,
)
from sparkles_eval.data.dialogues.leakage import Evaluations, leaking, read_evaluations
from sparkles_eval.data.dialogues.plan_calls import (
    check_demonstration_slots,
    diverse_demonstrations,
    number_of_calls,
    shuffled,
)
from sparkles_eval.data.dialogues.prompting import Captioner, Prompter
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.data.dialogues.spec import Style, StyleSpec, adjust_filters, find_style, shared_file
from sparkles_eval.data.dialogues.text_analysis import root_finder
from sparkles_eval.engine.arguments import model_options, scoped

DEMONSTRATIONS = "demonstrations.jsonl"
"""The shipped demonstrations in dialogues/_shared."""


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """What will be generated. Where there is a `captioner`, it first describes candidates without a caption."""

    style: Style
    prompter: Prompter
    adapter: Adapter
    generation: Generation
    demonstrations: tuple[Demonstration, ...]
    candidates: tuple[CandidateImage, ...]
    count: int
    """Calls."""
    seed: int
    repair: bool
    skip_bad: bool
    identity: dict[str, JSON]
    evaluations: Evaluations
    captioner: Captioner | None = None
    caption_adapter: Adapter | None = None
    left_out: tuple[Problem, ...] = ()
    """Images that cannot be used (--skip-bad)."""
    leaked: tuple[Problem, ...] = ()
    """Images that an evaluation uses."""
    demonstrated: tuple[str, ...] = ()
    """Images of demonstrations."""
    notes: tuple[str, ...] = ()

    @property
    def spec(self) -> StyleSpec:
        return self.style.spec

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        return (self.adapter, *([self.caption_adapter] if self.caption_adapter else []))

    @property
    def without_caption(self) -> tuple[CandidateImage, ...]:
        return tuple(candidate for candidate in self.candidates if not candidate.caption)

    async def aclose(self) -> None:
        for adapter in self.adapters:
            await adapter.aclose()


def prepare(config: GenerateConfig) -> GenerationPlan:
    """Read style, images, captions and demonstrations, build the models, keep evaluation images out, count the calls.

    Raises errors.UserError (ContentError, DataError, MissingExtra) with the fix, before any request.
    """
    style = _style(config)
    spec = style.spec
    prompter = Prompter(style, seen=config.see_images)
    adapter, caption_adapter = _models(config)
    demonstrations, notes = _demonstrations(config, spec)
    evaluations = read_evaluations(config.against, config.coco_map, config.content)
    rows, problems = read_image_rows(config.images, config.captions)
    # Images of a user's demonstrations must not be offered again; the shipped ones are drawn scenes.
    shown = {image for d in demonstrations for image, _ in d.captions} if config.demonstrations else set()
    free = [row for row in rows if row.id not in shown]
    captioner = Captioner(config.content) if caption_adapter else None
    chosen = _choose(free, problems, evaluations, config, spec)
    count = number_of_calls(spec, len(chosen.candidates), config.dialogues)
    generation = adapter.effective(spec.generation.record())
    plan = GenerationPlan(
        style=style,
        prompter=prompter,
        adapter=adapter,
        generation=generation,
        demonstrations=demonstrations,
        candidates=chosen.candidates,
        count=count,
        seed=config.seed,
        repair=config.repair,
        skip_bad=config.skip_bad,
        identity=_identity(config, prompter, adapter, generation, rows, demonstrations, evaluations),
        evaluations=evaluations,
        captioner=captioner,
        caption_adapter=caption_adapter,
        left_out=chosen.problems,
        leaked=chosen.leaked,
        demonstrated=tuple(sorted(row.id for row in rows if row.id in shown)),
        notes=tuple(notes),
    )
    if caption_adapter is not None and captioner is not None:
        plan.identity["captions_by"] = [caption_adapter.model.identity, captioner.hash]
    elif plan.without_caption and not config.see_images:
        raise UserError(_no_captions(plan.without_caption))
    return plan


def _style(config: GenerateConfig) -> Style:
    style = find_style(config.style, config.content)
    pairs = scoped("--gate", config.gates, style.spec.name, ())
    return replace(style, spec=style.spec.model_copy(update={"gates": adjust_filters(style.spec.gates, pairs)}))


def _models(config: GenerateConfig) -> tuple[Adapter, Adapter | None]:
    names = list(dict.fromkeys([config.model, *([config.caption_with] if config.caption_with else [])]))
    made: dict[str, Adapter] = {}
    for name in names:
        options = model_options(name, names, config)
        made[name] = build_adapter(name, options, content=config.content, plugins=config.plugins)
    return made[config.model], made[config.caption_with] if config.caption_with else None


def _demonstrations(config: GenerateConfig, spec: StyleSpec) -> tuple[tuple[Demonstration, ...], list[str]]:
    """The demonstrations to draw from, and notes for the user on how they were chosen."""
    if not spec.demonstrations:
        return (), []
    path = config.demonstrations or shared_file(DEMONSTRATIONS, config.content)
    found = read_demonstrations(path, spec.messages)
    notes: list[str] = []
    if spec.choose_demonstrations == "diverse":
        how, root = root_finder()
        varied = diverse_demonstrations(found, root)
        note = f"{len(varied)} of {len(found)} demonstrations have a verb and noun of their own (by {how})"
        notes.append(note if varied else f"{note} and long answers, so all of them are used")
        found = varied or found
    check_demonstration_slots(found, spec)
    return tuple(found), notes


@dataclass(frozen=True, slots=True)
class _ChosenImages:
    candidates: tuple[CandidateImage, ...]
    problems: tuple[Problem, ...]
    leaked: tuple[Problem, ...]


def _choose(
    rows: Sequence[ImageRow],
    problems: Sequence[Problem],
    evaluations: Evaluations,
    config: GenerateConfig,
    spec: StyleSpec,
) -> _ChosenImages:
    """Read as many images as the calls need, in the order of the offers, without those of evaluations."""
    needed = len(rows)
    if config.dialogues is not None:
        needed = min(needed, -(-config.dialogues // spec.dialogues_per_call) * spec.candidates)
    candidates = CandidateImages(config.images)
    ordered = shuffled(rows, config.seed)
    sound: list[CandidateImage] = []
    wrong = list(problems)
    leaked: list[Problem] = []
    at = 0
    while len(sound) < needed and at < len(ordered):
        some = ordered[at : at + needed - len(sound)]
        at += len(some)
        read, bad = candidates.read(some)
        leaks = leaking(read, evaluations)
        names = {problem.item for problem in leaks}
        sound += [candidate for candidate in read if candidate.id not in names]
        wrong += bad
        leaked += leaks
    if wrong and not config.skip_bad:
        raise DataError("images", wrong, "fix them, or leave these images out with --skip-bad")
    return _ChosenImages(tuple(sound), tuple(wrong), tuple(leaked))


def _identity(
    config: GenerateConfig,
    prompter: Prompter,
    adapter: Adapter,
    generation: Generation,
    rows: Sequence[ImageRow],
    demonstrations: Sequence[Demonstration],
    evaluations: Evaluations,
) -> dict[str, JSON]:
    """Everything that decides the requests, without their number, so that more dialogues extend the same set."""
    shown: list[JSON] = [
        [message.content for message in demonstration.dialogue.messages] for demonstration in demonstrations
    ]
    data: list[JSON] = [[row.id, row.file, row.caption] for row in sorted(rows, key=lambda row: row.id)]
    return {
        "style": prompter.spec.fingerprint,
        "prompt": prompter.hash,
        "model": adapter.model.name,
        "model_identity": adapter.model.identity,
        "generation": generation.json(),
        "data": fingerprint(data, 16),
        "demonstrations": fingerprint(shown, 16),
        "seed": config.seed,
        "see_images": config.see_images,
        "against": evaluations.hash if evaluations.names else None,
    }


def _no_captions(without: Sequence[CandidateImage]) -> str:
    names = ", ".join(candidate.id for candidate in without[:5])
    return (
        f"{len(without)} images have no caption ({names}{', …' if len(without) > 5 else ''}); name a file that has "
        "them with --captions, let a vision model write them (--caption-with MODEL), or give the images themselves to "
        "a vision model (--see-images)"
    )
