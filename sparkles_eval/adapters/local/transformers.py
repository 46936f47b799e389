"""Any image-text-to-text checkpoint of Hugging Face transformers: `--model transformers/FOLDER-OR-ID`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue
from sparkles_eval.adapters.cards import CARD, SUFFIX
from sparkles_eval.adapters.local import base
from sparkles_eval.adapters.local import device as local_machine
from sparkles_eval.adapters.local.chat_template import ChatTemplate, load_template
from sparkles_eval.adapters.local.checkpoint import (
    CHECKPOINT_ARGS,
    Checkpoint,
    identity_settings,
    load_weights,
    read_checkpoint,
    read_config,
)
from sparkles_eval.adapters.local.picture_settings import PICTURE_ARGS, PICTURE_PREFIX, read_picture_settings
from sparkles_eval.adapters.options import FIELDS, TEMPLATE_KWARGS, Field, ModelArguments, untaken
from sparkles_eval.core import Generation, Model

if TYPE_CHECKING:
    from sparkles_eval.adapters.local.replica import Replica


_ARGS: Mapping[str, str] = {**base.LOCAL_ARGS, **CHECKPOINT_ARGS, **PICTURE_ARGS}
_CHARACTERS_PER_TOKEN, _TOKENS_PER_IMAGE = 4, 256
"""Roughly; only sort requests."""
_ALONE = frozenset({"minicpmv4_6", "minicpmv4_7"})
"""Model types whose own code lets the pictures of a batch see each other: answers would depend on their neighbours."""


class Transformers(base.LocalAdapter):
    """One checkpoint. The processor is loaded at once, the weights by the first request."""

    taken: ClassVar[tuple[Field, ...]] = tuple(name for name in FIELDS if name != "reasoning_budget")

    def __init__(self, setup: base.LocalConfig, place: Checkpoint, template: ChatTemplate) -> None:
        super().__init__(setup)
        self._place = place
        self.template = template
        self._replicas: dict[int, Replica] = {}
        self._loading = threading.Lock()

    def length(self, request: Request) -> int:
        conversation = request.conversation
        words = sum(len(message.text) for message in conversation.messages) // _CHARACTERS_PER_TOKEN
        return words + len(conversation.images) * _TOKENS_PER_IMAGE

    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        """See base.LocalAdapter."""
        gone = dict.fromkeys(untaken(generation, self.taken, (TEMPLATE_KWARGS,)), "")
        return gone | self.template.unknown(generation)

    def check(self, request: Request) -> str | None:
        return super().check(request) or self.template.check(request.conversation)

    def work(self, feed: RequestQueue, replica: int) -> None:
        """Answer until nothing waits."""
        import torch

        device = self._setup.devices[replica]
        with local_machine.catch_out_of_memory(device):
            here = self.replica(replica)
            try:
                with torch.inference_mode(), local_machine.fitting_threads(here.model, device):
                    here.answer(feed)
            finally:
                local_machine.empty_cache(device)

    def release(self) -> None:
        for replica in self._replicas.values():
            replica.close()
        self._replicas.clear()
        for device in self._setup.devices:
            local_machine.empty_cache(device)

    def replica(self, number: int) -> Replica:
        """The copy on that device; it is loaded when it is first wanted."""
        from sparkles_eval.adapters.local.replica import Replica

        with self._loading:
            if number not in self._replicas:
                model = load_weights(self._place, self._setup.dtype, self._setup.devices[number])
                self._replicas[number] = Replica(model, self.template, self._place.context)
            return self._replicas[number]


def make(model: Model, options: ModelOptions) -> Transformers:
    """The adapter factory of kind `transformers`. Raises errors.UserError with the fix."""
    pictures = {name: "" for name, _ in options.args if name.startswith(PICTURE_PREFIX)}
    args = ModelArguments(model.name, options, {**_ARGS, **pictures})
    place, config, commit = read_config(read_checkpoint(model, args))
    own_pictures = read_picture_settings(args, pictures, model.settings)
    template = load_template(place, own_pictures)
    setup = base.read_local_config(model, options, args, _defaults(place))
    if place.spread:
        setup = replace(setup, devices=setup.devices[:1])
    settings = {name: value for name, value in setup.model.settings.items() if name != "device"}
    settings |= {"dtype": setup.dtype, "model_type": config, **identity_settings(place, commit)}
    settings |= {name: str(value) for name, value in own_pictures.items()}
    if not template.interleaves:
        settings["interleaved"] = "false"
    folder = place.folder
    if config in _ALONE:
        setup = replace(setup, model=replace(setup.model, limits=replace(setup.model.limits, batch_size=1)))
    named = replace(setup.model, model_id=folder.name if folder else model.model_id, settings=settings)
    if folder and args.text("name") is None:
        named = replace(named, name=f"{model.kind}/{folder.name}{SUFFIX if CARD in settings else ''}")
    return Transformers(replace(setup, model=named), place, template)


def _defaults(place: Checkpoint) -> Generation:
    from transformers import GenerationConfig

    try:
        known = GenerationConfig.from_pretrained(place.name, revision=place.revision or "main")
    except (OSError, ValueError):
        return Generation(temperature=0.0)
    # A checkpoint's own limit is often a demonstration's; the protocol's holds.
    own = base.checkpoint_generation(known.to_dict())
    repetition = known.repetition_penalty
    penalty = float(repetition) if isinstance(repetition, (int, float)) and repetition != 1 else None
    return replace(own, max_tokens=None, repetition_penalty=penalty)
