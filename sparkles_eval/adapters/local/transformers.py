"""Any image-text-to-text checkpoint of Hugging Face transformers: `--model transformers/FOLDER-OR-ID`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

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
from sparkles_eval.adapters.local.generate_arguments import alike, arguments, unknown_arguments
from sparkles_eval.adapters.local.picture_settings import PICTURE_ARGS, PICTURE_PREFIX, read_picture_settings
from sparkles_eval.adapters.options import EXTRA_BODY, FIELDS, TEMPLATE_KWARGS, Field, ModelArguments, untaken
from sparkles_eval.core import Generation, Model
from sparkles_eval.core.errors import AdapterError, TooLong
from sparkles_eval.core.reply_parts import opens_reasoning

if TYPE_CHECKING:
    import PIL.Image
    from transformers import BatchFeature, PreTrainedModel


_ARGS: Mapping[str, str] = {**base.LOCAL_ARGS, **CHECKPOINT_ARGS, **PICTURE_ARGS}
_CHARACTERS_PER_TOKEN, _TOKENS_PER_IMAGE = 4, 256
"""Roughly; only sort requests."""
_ALONE = frozenset({"minicpmv4_6", "minicpmv4_7"})
"""Model types whose own code lets the pictures of a batch see each other: answers would depend on their neighbours."""
_NEW_TOKENS = 1000
"""Of an answer, where nobody says how many."""


class Transformers(base.LocalAdapter):
    """One checkpoint. The processor is loaded at once, the weights by the first request."""

    taken: ClassVar[tuple[Field, ...]] = tuple(name for name in FIELDS if name != "reasoning_budget")

    def __init__(self, setup: base.LocalConfig, place: Checkpoint, template: ChatTemplate) -> None:
        super().__init__(setup)
        self._place = place
        self._template = template
        self._replicas: dict[int, PreTrainedModel] = {}
        self._loading = threading.Lock()

    def length(self, request: Request) -> int:
        conversation = request.conversation
        words = sum(len(message.text) for message in conversation.messages) // _CHARACTERS_PER_TOKEN
        return words + len(conversation.images) * _TOKENS_PER_IMAGE

    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        """See base.LocalAdapter."""
        gone = dict.fromkeys(untaken(generation, self.taken, (TEMPLATE_KWARGS, EXTRA_BODY)), "")
        return gone | self._template.unknown(generation) | unknown_arguments(generation)

    def check(self, request: Request) -> str | None:
        return super().check(request) or self._template.check(request.conversation)

    def work(self, feed: RequestQueue, replica: int) -> None:
        """Batch after batch until nothing waits."""
        import torch

        device = self._setup.devices[replica]
        with local_machine.catch_out_of_memory(device):
            model = self._replica(replica)
            try:
                while not feed.halted and (requests := feed.take(feed.size)):
                    with torch.inference_mode(), local_machine.fitting_threads(model, device):
                        for group in alike(requests):
                            self._batch(feed, group, model)
            finally:
                local_machine.empty_cache(device)

    def release(self) -> None:
        self._replicas.clear()
        for device in self._setup.devices:
            local_machine.empty_cache(device)

    def _batch(self, feed: RequestQueue, requests: Sequence[Request], model: PreTrainedModel) -> None:
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from sparkles_eval.adapters.local.token_sampling import GenerateHooks

        ready, opened, encoded = self._encoded(feed, requests)
        if encoded is None:
            return
        inputs = encoded.to(model.device, dtype=model.dtype)  # of what are no whole numbers
        limits = self._limits(ready, encoded)
        tokenizer = self._template.tokenizer
        watch = GenerateHooks(feed, ready, tokenizer, inputs["attention_mask"], _ends(model), limits, opened)
        generate: Any = model.generate
        ends = watch.ends
        generate(
            **inputs,
            max_new_tokens=watch.most,
            do_sample=False,  # the watch draws, row by row
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,  # the hooks count a row's own tokens, where this would count its padding
            pad_token_id=self._template.pad(ends),
            logits_processor=LogitsProcessorList([watch.choose]),
            stopping_criteria=StoppingCriteriaList([watch.look]),
            **arguments(ready[0].generation),
        )

    def _encoded(
        self, feed: RequestQueue, requests: Sequence[Request]
    ) -> tuple[list[Request], list[bool], BatchFeature | None]:
        """The requests that fit the model, whether each prompt ends inside reasoning, and their batch.

        The others are delivered as rejected.
        """
        rows: list[tuple[Request, str, list[PIL.Image.Image]]] = []
        for request in requests:
            try:
                images = [base.open_picture(image) for image in request.conversation.images]
                rows.append((request, self._render(request), images))
            except AdapterError as error:
                feed.deliver(request, error)
        while rows:
            encoded = self._template.encode([text for _, text, _ in rows], [images for _, _, images in rows])
            lengths = [int(length) for length in encoded["attention_mask"].sum(1)]
            long = {n for n, length in enumerate(lengths) if self._place.context and length >= self._place.context}
            if not long:
                return [request for request, _, _ in rows], [opens_reasoning(text) for _, text, _ in rows], encoded
            for number in long:
                feed.deliver(rows[number][0], self._too_long(lengths[number]))
            rows = [row for number, row in enumerate(rows) if number not in long]
        return [], [], None

    def _render(self, request: Request) -> str:
        return self._template.render(request.conversation, self._template.switches(request.generation))

    def _too_long(self, length: int) -> TooLong:
        return TooLong(
            f"the prompt has {length:,} tokens, images included, and the model {self._place.context:,} positions; "
            "fewer or smaller images or a shorter text are needed"
        )

    def _limits(self, requests: Sequence[Request], encoded: BatchFeature) -> list[int]:
        """New tokens of each row at the most: what was asked for, or less where the model's positions end."""
        limits = [request.generation.max_tokens or _NEW_TOKENS for request in requests]
        if self._place.context is None:
            return limits
        rooms = [self._place.context - int(length) for length in encoded["attention_mask"].sum(1)]
        return [min(pair) for pair in zip(limits, rooms, strict=True)]

    def _replica(self, number: int) -> PreTrainedModel:
        with self._loading:
            if number not in self._replicas:
                self._replicas[number] = self._load(self._setup.devices[number])
            return self._replicas[number]

    def _load(self, device: str) -> PreTrainedModel:
        return load_weights(self._place, self._setup.dtype, device)


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


def _ends(model: PreTrainedModel) -> frozenset[int]:
    settings: Any = model.generation_config
    found = settings.eos_token_id
    numbers = found if isinstance(found, list) else [found]
    return frozenset(number for number in numbers if isinstance(number, int))
