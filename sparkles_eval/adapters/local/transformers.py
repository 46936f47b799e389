"""Any image-text-to-text checkpoint of Hugging Face transformers: `--model transformers/FOLDER-OR-ID`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkles_eval.adapters.base import ModelOptions, Request, RequestQueue
from sparkles_eval.adapters.local import base
from sparkles_eval.adapters.local import device as local_machine
from sparkles_eval.adapters.local.chat_template import ChatTemplate, load_template
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core import Generation, Model
from sparkles_eval.core.errors import AdapterError, Rejected, UserError
from sparkles_eval.core.reply_parts import opens_reasoning

if TYPE_CHECKING:
    import PIL.Image
    from transformers import BatchFeature, PreTrainedModel


_ARGS: Mapping[str, str] = {**base.LOCAL_ARGS, "revision": "commit, tag or branch of a checkpoint on the hub"}
_CHARACTERS_PER_TOKEN, _TOKENS_PER_IMAGE = 4, 256
"""Roughly; only sort requests."""
_ALONE = frozenset({"minicpmv4_6", "minicpmv4_7"})
"""Model types whose own code lets the pictures of a batch see each other: answers would depend on their neighbours."""
_NEW_TOKENS = 1000
"""Of an answer, where nobody says how many."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the checkpoint is."""

    name: str
    revision: str | None
    context: int | None = None
    """Positions of the model, for prompt and answer together; None where its configuration does not say."""


class Transformers(base.LocalAdapter):
    """One checkpoint. The processor is loaded at once, the weights by the first request."""

    def __init__(self, setup: base.LocalConfig, place: _Place, template: ChatTemplate) -> None:
        super().__init__(setup)
        self._place = place
        self._template = template
        self._replicas: dict[int, PreTrainedModel] = {}
        self._loading = threading.Lock()

    def length(self, request: Request) -> int:
        conversation = request.conversation
        words = sum(len(message.text) for message in conversation.messages) // _CHARACTERS_PER_TOKEN
        return words + len(conversation.images) * _TOKENS_PER_IMAGE

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
                        self._batch(feed, requests, model)
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
            pad_token_id=self._template.pad(ends),
            logits_processor=LogitsProcessorList([watch.choose]),
            stopping_criteria=StoppingCriteriaList([watch.look]),
        )

    def _encoded(
        self, feed: RequestQueue, requests: Sequence[Request]
    ) -> tuple[list[Request], list[bool], BatchFeature | None]:
        """Those requests that can be asked, whether each prompt ends inside a thought, and their batch.

        The others are delivered as rejected.
        """
        rows: list[tuple[Request, str, list[PIL.Image.Image]]] = []
        for request in requests:
            try:
                images = [base.open_picture(image) for image in request.conversation.images]
                rows.append((request, self._template.render(request.conversation), images))
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

    def _too_long(self, length: int) -> Rejected:
        return Rejected(
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
        import torch
        from transformers import AutoModelForImageTextToText

        local_machine.quiet()
        dtype = local_machine.torch_dtype(self._setup.dtype)
        kwargs: dict[str, Any] = {"dtype": dtype, "revision": self._place.revision}
        if self._setup.dtype in local_machine.QUANTISED:
            kwargs |= local_machine.quantisation(self._setup.dtype, device, ["lm_head"])
        try:
            model: PreTrainedModel = AutoModelForImageTextToText.from_pretrained(
                self._place.name, trust_remote_code=False, **kwargs
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise UserError(f"{self._place.name}: cannot be loaded: {_first_line(error)}") from error
        if self._setup.dtype not in local_machine.QUANTISED:
            model.to(torch.device(device))  # type: ignore[arg-type]  # the stub of a decorated method
        return model.eval()  # type: ignore[no-any-return, no-untyped-call]


def make(model: Model, options: ModelOptions) -> Transformers:
    """The adapter factory of kind `transformers`. Raises errors.UserError with the fix."""
    args = ModelArguments(model.name, options, _ARGS)
    place = _Place(model.model_id, args.text("revision") or model.settings.get("revision"))
    config, commit, context = _config(place)
    place = replace(place, context=context)
    template = load_template(place.name, place.revision)
    setup = base.read_local_config(model, options, args, _defaults(place))
    settings = {name: value for name, value in setup.model.settings.items() if name != "device"}
    folder = Path(place.name).expanduser()
    settings |= {"dtype": setup.dtype, "model_type": config}
    if folder.is_dir():
        settings["weights"] = local_machine.folder_hash(folder)[:16]
    else:
        settings["revision"] = commit or "unknown"
    if not template.interleaves:
        settings["interleaved"] = "false"
    if config in _ALONE:
        setup = replace(setup, model=replace(setup.model, limits=replace(setup.model.limits, batch_size=1)))
    named = replace(setup.model, model_id=folder.name if folder.is_dir() else model.model_id, settings=settings)
    if folder.is_dir() and args.text("name") is None:
        named = replace(named, name=f"{model.kind}/{folder.name}")
    return Transformers(replace(setup, model=named), place, template)


def _config(place: _Place) -> tuple[str, str | None, int | None]:
    """Type of the model, the commit that the name stands for now, and the model's positions."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    try:
        config = AutoConfig.from_pretrained(place.name, revision=place.revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"transformers/{place.name}: no configuration of a known model there ({_first_line(error)}); "
            "name a folder with a config.json, or a checkpoint on the hub that needs no code of its own"
        ) from error
    if config.model_type not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise UserError(f"transformers/{place.name}: a {config.model_type} model does not answer images with text")
    commit = getattr(config, "_commit_hash", None)
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    return (
        str(config.model_type),
        commit if isinstance(commit, str) else None,
        context if isinstance(context, int) and context > 0 else None,
    )


def _defaults(place: _Place) -> Generation:
    from transformers import GenerationConfig

    try:
        known = GenerationConfig.from_pretrained(place.name, revision=place.revision or "main")
    except (OSError, ValueError):
        return Generation(temperature=0.0)
    # A checkpoint's own limit is often a demonstration's; the protocol's holds.
    return replace(base.checkpoint_generation(known.to_dict()), max_tokens=None)


def _ends(model: PreTrainedModel) -> frozenset[int]:
    settings: Any = model.generation_config
    found = settings.eos_token_id
    numbers = found if isinstance(found, list) else [found]
    return frozenset(number for number in numbers if isinstance(number, int))


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:300]
