"""SparklesChat and MiniGPT-4: `--model sparkleschat/FOLDER`, or a preset of that kind."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue, WatchedRequestQueue
from sparkles_eval.adapters.local import base as local
from sparkles_eval.adapters.local import device as local_machine
from sparkles_eval.adapters.local.sparkleschat_folder import ends, find_parts, identify, read_object
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.adapters.presets import find_weights
from sparkles_eval.core import Model
from sparkles_eval.core.errors import AdapterError, Rejected, TooLong
from sparkles_eval.sparkleschat import prompts, register

if TYPE_CHECKING:
    import PIL.Image
    import torch

    from sparkles_eval.adapters.local.continuous_batching import Decoder, DecodingRow
    from sparkles_eval.adapters.local.vision_features import VisionTower
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

_ARGS: Mapping[str, str] = {
    **local.LOCAL_ARGS,
    "base": "folder of the frozen parts of a projection alone, where they are not where it was trained",
    "features": "folder in which encoded images are kept from run to run",
    "vision_fp32": "true encodes images in fp32 whatever the dtype, as the published evaluation did",
    "weights": "folder of the weights, whole or a projection alone",
}
_NOT_ROUNDED = ["lm_head", "language_projection", "vision_model", "qformer"]
"""Parts that 8bit and 4bit leave as they are: only the language model's own layers are rounded."""
_NOT_ANSWERS = ("device", "weights")
"""Settings of a preset that say where, and change no answer."""
_CHARACTERS_PER_TOKEN = 4
"""Of English in this vocabulary; only sorts requests."""
_EXPECTED_POSITIONS = 640
"""Of a prompt with its answer: what memory is planned for."""
_TAIL = 4
"""Newest ids in which a separator is looked for."""
_NEW_TOKENS = 1000
"""Of an answer, where nobody says how many (published)."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What is loaded from where."""

    folder: Path
    tower: str
    """Identity of what encodes images."""
    vision_fp32: bool
    features: Path | None
    base: Path | None = None
    """Of a projection alone: the whole model with its frozen parts."""
    published: bool = False
    """True under `paper`: a prompt that leaves the answer too little room loses its beginning, as in the original."""


@dataclass(frozen=True, slots=True)
class _Replica:
    """One copy on one device."""

    model: SparklesChatForConditionalGeneration
    decoder: Decoder
    tower: VisionTower


class SparklesChat(local.LocalAdapter):
    """A model in a folder. The weights are loaded by the first request, on the thread that works with them."""

    def __init__(self, setup: local.LocalConfig, place: _Place) -> None:
        from sparkles_eval.adapters.local.vision_features import shared_features
        from sparkles_eval.sparkleschat import SparklesChatProcessor

        super().__init__(setup)
        self._place = place
        self._processor = SparklesChatProcessor.from_pretrained(place.folder)
        self._stops, self._eos = ends(place.folder)
        self._features = shared_features(place.tower)
        self._replicas: dict[int, _Replica] = {}
        self._loading = threading.Lock()

    def length(self, request: Request) -> int:
        conversation = request.conversation
        words = sum(len(message.text) for message in conversation.messages) // _CHARACTERS_PER_TOKEN
        return words + len(conversation.images) * self._processor.settings.num_query_tokens

    def check(self, request: Request) -> str | None:
        room = self._processor.settings.max_context
        if (request.generation.max_tokens or 0) >= room:
            return f"max_tokens is {request.generation.max_tokens}, and question and answer share {room} positions"
        return super().check(request)

    def work(self, feed: RequestQueue, replica: int) -> None:
        """Fill free rows, write a token in each and deliver finished rows until nothing waits."""
        import torch

        device = self._setup.devices[replica]
        with local_machine.catch_out_of_memory(device):
            here = self._replica(replica)
            try:
                with torch.inference_mode(), local_machine.fitting_threads(here.model, device):
                    self._decode(feed, here)
            finally:
                here.decoder.clear()
                local_machine.empty_cache(device)

    def release(self) -> None:
        self._replicas.clear()
        for device in self._setup.devices:
            local_machine.empty_cache(device)

    # --- decoding ------------------------------------------------------------------------------------

    def _decode(self, feed: RequestQueue, here: _Replica) -> None:
        decoder = here.decoder
        watched = feed if isinstance(feed, WatchedRequestQueue) else None
        while not feed.halted:
            room = decoder.room(_EXPECTED_POSITIONS, feed.size)
            # Prompts are read a few together: one at a time they would hold up all other rows as often.
            if not decoder.rows or room >= max(1, feed.size // 8):
                taken = feed.take(room)
                if not taken and not decoder.rows:
                    return
                for row in decoder.admit(self._rows(feed, taken, here)):
                    self._deliver(feed, row)
            if decoder.rows:
                done, evicted = decoder.advance()
                for row in done:
                    self._deliver(feed, row)
                feed.put_back([row.request for row in evicted])
                if watched is not None:
                    for row in decoder.rows:
                        watched.grown(row.request, self._so_far(row))

    def _rows(self, feed: RequestQueue, requests: Sequence[Request], here: _Replica) -> list[DecodingRow]:
        """Requests with their prompts as vectors; those that cannot be encoded are delivered as rejected."""
        images = [image for request in requests for image in request.conversation.images]
        found, faults = self._features.of(images, here.tower)
        rows = []
        for request in requests:
            own = request.conversation.images
            fault = next((faults[image.sha256] for image in own if image.sha256 in faults), None)
            try:
                if fault is not None:
                    raise fault
                rows.append(self._row(request, [found[image.sha256] for image in own], here))
            except AdapterError as error:
                feed.deliver(request, error)
        return rows

    def _row(self, request: Request, features: Sequence[torch.Tensor], here: _Replica) -> DecodingRow:
        import torch

        from sparkles_eval.adapters.local.continuous_batching import DecodingRow
        from sparkles_eval.adapters.local.token_sampling import SamplingSettings, UniformDraws

        generation = request.generation
        limit = generation.max_tokens or _NEW_TOKENS
        prompt = self._processor.prompt(request.conversation)
        if not self._place.published:
            limit = self._room(prompt, limit)
        encoded = self._processor.encode_prompt(prompt, limit)
        if encoded.images != len(features):
            raise Rejected(
                f"{len(features)} images, and the text has {encoded.images} places for them: "
                f"its own words hold {prompts.PLACEHOLDER}, which marks an image to this model"
            )
        device = here.decoder.device
        embeds = here.model.embed(
            torch.tensor([encoded.input_ids], device=device),
            qformer_embeds=torch.stack(list(features)).to(device) if features else None,
            slots=torch.tensor([encoded.slots], device=device),
        )
        ended = partial(self._ended, generation.stop)
        seed = local.seed_of(request, upright=self.model.upright)
        return DecodingRow(request, embeds[0], limit, SamplingSettings.of(generation), UniformDraws(seed), ended)

    def _room(self, prompt: str, limit: int) -> int:
        """New tokens that fit behind the whole prompt, `limit` at the most. Raises errors.TooLong where none does."""
        length, context = len(self._processor.encode(prompt).input_ids), self._processor.settings.max_context
        if length >= context:
            raise TooLong(
                f"the prompt has {length:,} tokens, images included, and the model {context:,} positions; "
                "fewer images or a shorter text are needed"
            )
        return min(limit, context - length)

    def _ended(self, stops: Sequence[str], ids: Sequence[int]) -> bool:
        if ids[-1] in self._eos or any(tuple(ids[-len(stop) :]) == stop for stop in self._stops):
            return True
        # A vocabulary may write the separator in one piece with what stands before it. The answer ends there anyway.
        if prompts.SEPARATOR in self._processor.tokenizer.decode(ids[-_TAIL:]):
            return True
        return bool(stops) and any(stop in self._processor.decode(ids) for stop in stops)

    def _so_far(self, row: DecodingRow) -> str:
        stops = (prompts.SEPARATOR, *row.request.generation.stop)
        return local.so_far(self._processor.tokenizer.decode(row.ids), stops)

    def _deliver(self, feed: RequestQueue, row: DecodingRow) -> None:
        text = self._processor.decode(row.ids)
        for stop in row.request.generation.stop:
            text = text.partition(stop)[0]
        feed.deliver(row.request, local.reply(text.strip(), row.prompt, len(row.ids), ended=row.complete))

    # --- loading -------------------------------------------------------------------------------------

    def _replica(self, number: int) -> _Replica:
        with self._loading:
            if number not in self._replicas:
                self._replicas[number] = self._load(self._setup.devices[number])
            return self._replicas[number]

    def _load(self, device: str) -> _Replica:
        from sparkles_eval.adapters.local.continuous_batching import Decoder
        from sparkles_eval.adapters.local.vision_features import VisionTower
        from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

        local_machine.quiet()
        place, processor = self._place, self._processor
        kwargs: dict[str, Any] = {"dtype": local_machine.torch_dtype(self._setup.dtype)}
        if place.base is not None:
            kwargs["base"] = place.base
        if place.vision_fp32:
            kwargs["vision_in_fp32"] = True
        if self._setup.dtype in local_machine.QUANTISED:
            kwargs |= local_machine.quantisation(self._setup.dtype, device, _NOT_ROUNDED)
        model = SparklesChatForConditionalGeneration.from_pretrained(place.folder, **kwargs)
        if self._setup.dtype not in local_machine.QUANTISED:
            model.to(device)  # type: ignore[arg-type]  # torch's stub knows no text here, torch does

        def encode(pictures: Sequence[PIL.Image.Image]) -> torch.Tensor:
            pixels = processor.pixels(pictures)
            return model.encode_images(pixels.to(device, model.vision_model.post_layernorm.weight.dtype))

        shape = (model.config.num_query_tokens, int(model.config.qformer.hidden_size))
        budget = local_machine.row_memory(device)
        tower = VisionTower(encode, shape, place.features, self.model.upright)
        return _Replica(model, Decoder(model.language_model, budget), tower)


def make(model: Model, options: ModelOptions) -> SparklesChat:
    """The adapter factory of kind `sparkleschat`. Raises errors.UserError with the fix: weights, device, argument."""
    args = ModelArguments(model.name, options, _ARGS)
    folder = find_weights(model.model_id, model.settings, args.text("weights"))
    register()
    defaults = local.checkpoint_generation(read_object(folder / "generation_config.json"))
    setup = local.read_local_config(model, options, args, defaults)
    fp32 = args.flag("vision_fp32") or False
    vision = "fp32" if fp32 else setup.dtype
    known, base = identify(folder), find_parts(folder, args.text("base"))
    tower = local_machine.json_hash([known.tower, "bf16" if vision in local_machine.QUANTISED else vision])
    settings = {
        **{name: value for name, value in setup.model.settings.items() if name not in _NOT_ANSWERS},
        "weights": known.weights[:16],
        "dtype": setup.dtype,
        **({"vision": vision} if vision != setup.dtype else {}),
    }
    cache = args.text("features")
    features = None
    if cache is not None:
        from sparkles_eval.adapters.local.vision_features import cache_folder

        features = cache_folder(cache, tower)
    # Where the folder lies does not matter, what is in it does.
    named = replace(
        setup.model,
        model_id=Path(model.model_id).name or model.model_id,
        settings=settings,
        # The published numbers rest on the published reading: no orientation, transparency or profile is minded.
        upright=options.protocol != "paper",
    )
    if "/" in model.model_id and args.text("name") is None:
        named = replace(named, name=f"{model.kind}/{named.model_id}")
    place = _Place(folder, tower, fp32, features, base, published=options.protocol == "paper")
    return SparklesChat(replace(setup, model=named), place)
