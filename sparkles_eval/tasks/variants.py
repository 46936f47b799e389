"""Alters a task on purpose: both image orders, images shuffled, dropped or wrong, the reference as history.

An altered task has its own identity (`Task.variant`), so its numbers never mix with those of the unaltered task. Image
ablations change only what the model receives: judges and scorers still compare with the unaltered sample.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sparkles_eval.core import Conversation, Image, Message, Part, Sample, Text, Turn
from sparkles_eval.core.errors import Problem, UserError
from sparkles_eval.core.text import quantity
from sparkles_eval.tasks.base import Orders, Prompt, Task
from sparkles_eval.tasks.variation import ImageVariant, Variation

SWAPPED = "~swapped"
"""The end of a swapped sample's id; the rest of the id is that of the original sample."""

_BY_PLACE = re.compile(
    r"\b(?:first|second|former|latter)\s+(?:image|picture|photo|photograph)\b|\b(?:image|picture|photo)\s*#?\s*[12]\b",
    re.IGNORECASE,
)
"""Words that name an image by its position; with the images swapped they would mean the other image."""


def vary(task: Task, variation: Variation) -> Task:
    """Apply a variation to a task whose samples are selected. Raises errors.UserError where it does not apply."""
    if not variation.name:
        return task
    if variation.orders == "both":
        task = _both_orders(task)
    if variation.images != "true":
        task = replace(task, prompt=_ablated(task, variation.images))
    if variation.history == "reference":
        _check_references(task)
        task = replace(task, own_history=False)
    return replace(task, variant=variation.name)


# --- both orders --------------------------------------------------------------------------------------------------


def _both_orders(task: Task) -> Task:
    """The task with every sample twice, as given and with its two images swapped; both share a cluster."""
    if task.orders is None:
        raise UserError(
            f"task {task.name}: --orders both is for tasks that choose between or judge two images in one turn, and "
            "say in task.yaml under `orders` what happens to the right answer when they change places"
        )
    samples: list[Sample] = []
    left_out: list[Problem] = []
    for sample in task.samples:
        if reason := _fixed(sample, task.orders):
            left_out.append(Problem(sample.id, f"cannot be asked in the other order: {reason}"))
        else:
            unit = sample.cluster or sample.id
            whole = replace(sample, cluster=unit)
            samples += [whole, swapped(whole, task.orders)]
            if len(samples) == 2:
                _check_names(task, samples[1], task.orders)
    if not samples:
        raise UserError(f"task {task.name}: no item can be asked in both orders ({left_out[0].what})")
    return replace(task, samples=tuple(samples), skipped=(*task.skipped, *left_out))


def _check_names(task: Task, other: Sample, orders: Orders) -> None:
    """Check that the prompt names the images by the fields that change when they are swapped."""
    if not orders.fields:
        return
    unnamed = {name: value for name, value in other.fields.items() if name not in orders.fields}
    if task.prompt.conversation(other, ()) == task.prompt.conversation(replace(other, fields=unnamed), ()):
        names = " and ".join(f"{{{{ {name} }}}}" for name in orders.fields)
        raise UserError(
            f"task {task.name}: its {task.protocol.name} prompt does not name the images by {names}, so a statement "
            "about the left image would be shown the right one; use a prompt that does"
        )


def _fixed(sample: Sample, orders: Orders) -> str:
    """Why the images of a sample cannot be swapped, or ""."""
    if len(sample.turns) != 1 or len(sample.images) != 2:
        return f"{len(sample.images)} images in {len(sample.turns)} turns, not two in one"
    if orders.target == "swaps" and len(sample.options) != 2:
        return f"{len(sample.options)} options, not one for each image"
    for name, text in sample.fields.items():
        if found := _BY_PLACE.search(text):
            return f"its {name} names an image by its place ({found[0]!r})"
    return ""


def swapped(sample: Sample, orders: Orders) -> Sample:
    """The sample with its two images swapped. Where the right option is a position, it moves with its image."""
    first, second = sample.images
    other = {id(first): second, id(second): first}
    (turn,) = sample.turns
    content = tuple(other.get(id(part), part) if isinstance(part, Image) else part for part in turn.content)
    target = sample.target
    if orders.target == "swaps":
        target = next(option for option in sample.options if option != sample.target)
    return replace(
        sample,
        id=sample.id + SWAPPED,
        turns=(replace(turn, content=content),),
        fields={**sample.fields, **orders.fields},
        target=target,
        group=sample.group + SWAPPED if sample.group else "",
    )


# --- other images, or none ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AblatedPrompt:
    """A task's prompt with its images replaced, or removed where `images` is None.

    `images`: for each sample id, the SHA-256 of an image -> the image shown instead.
    """

    inner: Prompt
    images: Mapping[str, Mapping[str, Image]] | None

    @property
    def hash(self) -> str:
        """The inner prompt's hash: the words are the same, and the run's variant names the change of images."""
        return self.inner.hash

    def conversation(self, sample: Sample, history: Sequence[str]) -> Conversation:
        """The inner prompt's conversation with other images, or with words alone."""
        asked = self.inner.conversation(sample, history)
        return replace(asked, messages=tuple(self._message(message, sample) for message in asked.messages))

    def _message(self, message: Message, sample: Sample) -> Message:
        if self.images is None:
            words = "".join(part.text for part in message.parts if isinstance(part, Text))
            return replace(message, parts=(Text(words),))
        shown = self.images[sample.id]
        parts: tuple[Part, ...] = tuple(
            shown[part.sha256] if isinstance(part, Image) else part for part in message.parts
        )
        return replace(message, parts=parts)


def _ablated(task: Task, variant: ImageVariant) -> AblatedPrompt:
    if not any(sample.images for sample in task.samples):
        raise UserError(f"task {task.name}: --images {variant} changes nothing, it has no images")
    if variant == "dropped":
        return AblatedPrompt(task.prompt, None)
    if variant == "wrong":
        return AblatedPrompt(task.prompt, _of_others(task))
    if task.orders is not None and task.orders.target == "swaps":
        raise UserError(
            f"task {task.name}: --images shuffled would only turn right answers into wrong ones, as the answer is an "
            "image's place; use --orders both for that, or --images wrong"
        )
    return AblatedPrompt(task.prompt, {sample.id: _rotated(sample) for sample in task.samples})


def _by_chance(*words: str) -> bytes:
    """A sort key that depends only on these words, so that an order is the same for every machine and selection."""
    return hashlib.sha256("|".join(words).encode()).digest()


def _rotated(sample: Sample) -> dict[str, Image]:
    """The sample's own images, each in the place of another (a single image stays)."""
    own = {image.sha256: image for image in sample.images}
    order = sorted(own, key=lambda sha256: _by_chance("shuffled", sample.id, sha256))
    return {place: own[shown] for place, shown in zip(order, order[1:] + order[:1], strict=True)}


def _of_others(task: Task) -> dict[str, dict[str, Image]]:
    """For every sample, images from samples of other clusters, none of them its own, in the order of a hash."""
    order = sorted(task.samples, key=lambda sample: _by_chance("wrong", sample.id.removesuffix(SWAPPED), sample.id))
    shown: dict[str, dict[str, Image]] = {}
    for place, sample in enumerate(order):
        own = {image.sha256: image for image in sample.images}
        unit = sample.cluster or sample.id
        foreign: dict[str, Image] = {}
        for step in range(1, len(order)):
            donor = order[(place + step) % len(order)]
            if len(foreign) >= len(own):
                break
            if (donor.cluster or donor.id) != unit:
                foreign |= {image.sha256: image for image in donor.images if image.sha256 not in own}
        if len(foreign) < len(own):
            raise UserError(
                f"task {task.name}: --images wrong needs images of other items, and for {sample.id} there are too few; "
                "ask more items"
            )
        # The places keep their own names: the model sees a wrong image under the right name.
        shown[sample.id] = {
            sha256: replace(image, id=own[sha256].id, caption=own[sha256].caption)
            for sha256, image in zip(own, foreign.values(), strict=False)
        }
    return shown


# --- history ------------------------------------------------------------------------------------------------------


def _check_references(task: Task) -> None:
    later = [sample for sample in task.samples if len(sample.turns) > 1]
    if not later:
        raise UserError(f"task {task.name}: --history reference changes nothing, its items have one turn")
    lacking = [sample.id for sample in later if not all(_has_reference(turn) for turn in sample.turns[:-1])]
    if lacking:
        raise UserError(
            f"task {task.name}: --history reference needs a reference answer to every turn but the last; "
            f"{quantity(len(lacking), 'item has', 'items have')} none (the first: {lacking[0]})"
        )


def _has_reference(turn: Turn) -> bool:
    return bool(turn.reference)
