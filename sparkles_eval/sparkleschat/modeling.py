"""The SparklesChat model: a vision tower, a Q-Former, one projection and a LLaMA, with images anywhere in the text.

Built on transformers' Blip2VisionModel, Blip2QFormerModel and LlamaForCausalLM; parameter names are those of
Blip2ForConditionalGeneration. Agrees with the original modules to fp32 rounding (tests named `golden`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional
from transformers import (
    AutoModelForImageTextToText,
    Blip2QFormerModel,
    Blip2VisionModel,
    GenerationConfig,
    GenerationMixin,
    LlamaForCausalLM,
    PreTrainedModel,
    StoppingCriteriaList,
)
from transformers import initialization as init
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionEmbeddings

from sparkles_eval.core.errors import UserError
from sparkles_eval.sparkleschat import lora, saved_weights
from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
from sparkles_eval.sparkleschat.generation import StopOnSequences, published_generation
from sparkles_eval.sparkleschat.stem import ConvStem

IGNORED = -100
"""Label of a position that has no loss."""


class SparklesChatForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[no-untyped-call]
    """The model. Only `language_projection` is trained unless `set_trainable("all")` is called.

    Images are given in one of two forms: `pixel_values` (n, 3, size, size), or `qformer_embeds` (n, num_query_tokens,
    qformer width), the cached result of `encode_images`, which skips the tower.
    `slots` (batch, length) names the vector at each position: image * num_query_tokens + query, -1 for text.
    Without it, positions with a media id take the vectors of all images in reading order.
    """

    config_class = SparklesChatConfig
    config: SparklesChatConfig
    main_input_name = "input_ids"
    _supports_sdpa = True
    _supports_attention_backend = True
    # Rounding these to 16 bits would save only 0.4 of 28 GB, and lose precision
    _keep_in_fp32_modules_strict = [  # noqa: RUF012 - as transformers declares it
        "query_tokens",
        "qformer",
        "language_projection",
    ]

    def __init__(self, config: SparklesChatConfig) -> None:
        super().__init__(config)
        self._scope: Literal["projection", "all"] = "projection"
        self.vision_model = Blip2VisionModel(config.vision)
        if config.stem_channels:
            stem = ConvStem(config.stem_channels, config.vision.hidden_size)
            self.vision_model.embeddings.patch_embedding = stem  # type: ignore[assignment]
        # The original's last norm keeps torch's default, while the blocks use 1e-6. A configuration cannot say so.
        self.vision_model.post_layernorm.eps = 1e-5
        self.query_tokens = nn.Parameter(torch.zeros(1, config.num_query_tokens, config.qformer.hidden_size))
        self.qformer = Blip2QFormerModel(config.qformer)
        self.language_projection = nn.Linear(config.qformer.hidden_size, config.text.hidden_size)
        self.language_model = LlamaForCausalLM(config.text)
        self.generation_config = published_generation(config.text.eos_token_id, config.text.pad_token_id)
        if config.vision_in_fp32:
            self._keep_in_fp32_modules_strict = [*self._keep_in_fp32_modules_strict, "vision_model"]
        self.post_init()  # type: ignore[no-untyped-call]
        self.set_trainable("projection")
        self.eval()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        std = self.config.initializer_range
        if isinstance(module, Blip2VisionEmbeddings):
            init.trunc_normal_(module.position_embedding, std=std)
            init.trunc_normal_(module.class_embedding, std=std)
        elif isinstance(module, ConvStem):
            module.fresh()
        elif module is self:
            init.normal_(self.query_tokens, std=self.config.query_initializer_range)

    # --- which parts train ---------------------------------------------------------------------------

    def set_trainable(self, scope: Literal["projection", "all"]) -> None:
        """Choose the parts that get gradients and training mode.

        "all" is for models trained from scratch: the record of the frozen parts is then removed, since it no longer
        holds.
        """
        self._scope = scope
        self.requires_grad_(scope == "all")
        self.language_projection.requires_grad_(True)
        if scope == "all":
            self.config.frozen_parts = {}

    def train(self, mode: bool = True) -> SparklesChatForConditionalGeneration:
        """Switch the trained parts to training mode. The frozen Q-Former has dropout and stays in evaluation mode."""
        super().train(mode and self._scope == "all")
        self.training = mode
        self.language_projection.train(mode)
        return self

    # The language model may be wrapped by an adapter (LoRA), so its parts are got from its methods.

    def get_input_embeddings(self) -> nn.Module:
        language: Any = self.language_model
        table: nn.Module = language.get_input_embeddings()
        return table

    def get_output_embeddings(self) -> nn.Module:
        language: Any = self.language_model
        head: nn.Module = language.get_output_embeddings()
        return head

    # --- images into text ----------------------------------------------------------------------------

    def encode_images(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(n, 3, size, size) -> Q-Former output (n, num_query_tokens, qformer width), fp32, which can be cached."""
        seen = self.vision_model(pixel_values=pixel_values).last_hidden_state
        queries = self.query_tokens.expand(len(seen), -1, -1)
        found: torch.Tensor = self.qformer(query_embeds=queries, encoder_hidden_states=seen).last_hidden_state
        return found

    def project(self, qformer_embeds: torch.Tensor) -> torch.Tensor:
        """(n, num_query_tokens, qformer width) -> (n, num_query_tokens, text width)."""
        projected: torch.Tensor = self.language_projection(qformer_embeds.to(self.language_projection.weight.dtype))
        return projected

    def embed(
        self,
        input_ids: torch.Tensor,
        pixel_values: torch.Tensor | None = None,
        qformer_embeds: torch.Tensor | None = None,
        slots: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(batch, length) ids -> (batch, length, text width), with the images' vectors at their places.

        Raises ValueError where places and vectors do not match in number.
        """
        is_image = (input_ids == self.config.image_token_id) | (input_ids == self.config.image_pad_token_id)
        if slots is not None:
            is_image = slots >= 0
        # media ids may be outside of the table: look up an existing row, then replace it by the image
        text: torch.Tensor = self.get_input_embeddings()(input_ids.masked_fill(is_image, 0))
        if qformer_embeds is None:
            if pixel_values is None:
                if bool(is_image.any()):
                    raise ValueError("the text has places for images but neither pixel_values nor qformer_embeds came")
                return text
            qformer_embeds = self.encode_images(pixel_values)
        vectors = self.project(qformer_embeds).flatten(0, 1).to(text.dtype)
        if slots is None:
            if (places := int(is_image.sum())) != len(vectors):
                raise ValueError(
                    f"the text has {places} places for {len(vectors)} image vectors; give slots if it was cut"
                )
            slots = (is_image.flatten().cumsum(0) - 1).view_as(input_ids)
        image = functional.embedding(slots.clamp(min=0), vectors)
        return torch.where(is_image.unsqueeze(-1), image, text)

    # --- computing -----------------------------------------------------------------------------------

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *,
        pixel_values: torch.Tensor | None = None,
        qformer_embeds: torch.Tensor | None = None,
        slots: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits (batch, length, vocabulary), or with `labels` (batch, length) the mean loss over labelled tokens.

        With labels, only the rows that predict a label are multiplied with the vocabulary, and `logits` is None.
        `kwargs` (past_key_values, use_cache, ...) go to the language model. Raises ValueError where no position has a
        label: the mean over none is not a number.
        """
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("give input_ids or inputs_embeds")
            inputs_embeds = self.embed(input_ids, pixel_values, qformer_embeds, slots)
        if attention_mask is not None and "position_ids" not in kwargs and "past_key_values" not in kwargs:
            kwargs["position_ids"] = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
        language: Any = self.language_model
        states = language.get_decoder()(inputs_embeds=inputs_embeds, attention_mask=attention_mask, **kwargs)
        hidden, head = states.last_hidden_state, self.get_output_embeddings()
        if labels is None:
            return CausalLMOutputWithPast(logits=head(hidden), past_key_values=states.past_key_values)
        targets = labels[:, 1:]
        labelled = targets != IGNORED
        predicted = head(hidden[:, :-1][labelled]).float()
        if len(predicted) == 0:
            raise ValueError("no position has a label (answer cut off?); leave such samples out of the batch")
        loss = functional.cross_entropy(predicted, targets[labelled])
        return CausalLMOutputWithPast(loss=loss)

    @torch.no_grad()
    def generate(  # type: ignore[override]
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *,
        pixel_values: torch.Tensor | None = None,
        qformer_embeds: torch.Tensor | None = None,
        slots: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """New ids only, (batch, new length): each row ends at a stop sequence or eos and is padded from there.

        Prompts of different lengths are padded on the left, with an attention mask. `kwargs` are transformers'
        generation settings; the others come from `self.generation_config` (published sampling unless saved otherwise).
        `do_sample=False` is greedy.
        """
        if inputs_embeds is None:
            if input_ids is None:
                raise ValueError("give input_ids or inputs_embeds")
            inputs_embeds = self.embed(input_ids, pixel_values, qformer_embeds, slots)
        if attention_mask is None:
            attention_mask = torch.ones(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        settings: GenerationConfig = kwargs.pop("generation_config", None) or self.generation_config
        if kwargs.get("do_sample") is False:
            kwargs = {"temperature": None, "top_p": None, "top_k": None, **kwargs}
        stops = StoppingCriteriaList(kwargs.pop("stopping_criteria", None) or [])
        if self.config.stop_sequences:
            stops.append(StopOnSequences(self.config.stop_sequences))
        language: Any = self.language_model
        new: torch.Tensor = language.generate(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            generation_config=settings,
            stopping_criteria=stops,
            **kwargs,
        )
        return new

    # --- the two saved forms -------------------------------------------------------------------------

    def save_pretrained(  # type: ignore[override]
        self, save_directory: str | Path, *, projection_only: bool = False, is_main_process: bool = True, **kwargs: Any
    ) -> None:
        """Save the whole model, or the projection with names, revisions and hashes of the frozen parts.

        Of several training processes only the main one writes. The projection alone is refused (UserError) while the
        frozen parts are nowhere on disk: it could not be loaded.
        """
        folder = Path(save_directory)
        if next(lora.adapters(self.language_model), None) is not None:
            raise UserError(f"{folder}: this model has LoRA adapters; copy its folder, or load it with merge_lora=True")
        if projection_only:
            if not is_main_process:
                return
            parts = saved_weights.known_parts(self.config.frozen_parts)
            if not parts:
                raise UserError(f"{folder}: save the whole model first; a projection alone refers to one on disk")
            saved_weights.save_projection(folder, self.state_dict(), Path(self.config.name_or_path or ""), parts)
            self.config.save_pretrained(folder)
            self.generation_config.save_pretrained(folder)
            return
        super().save_pretrained(folder, is_main_process=is_main_process, **kwargs)
        if not is_main_process:
            return
        known = saved_weights.known_parts(self.config.frozen_parts)
        names = {part: (record.name, record.revision) for part, record in known.items()}
        self.config.frozen_parts = saved_weights.record_parts(folder, names)
        self.config.name_or_path = str(folder.resolve())

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name_or_path: str | Path, *model_args: Any, **kwargs: Any
    ) -> SparklesChatForConditionalGeneration:
        """Load either form; `kwargs` as in transformers, and for a projection alone:

        base: folder of the frozen parts (default: where they were when it was saved).
        rehash: False compares the base's recorded hashes without reading its weights again.
        For a folder with LoRA adapters, merge_lora: True adds them to the weights instead of keeping them beside.
        Raises UserError where the frozen parts are missing or are not those that the projection was trained with.
        """
        folder, merge = Path(pretrained_model_name_or_path), kwargs.pop("merge_lora", False)
        model = cls._from_either(pretrained_model_name_or_path, *model_args, **kwargs)
        if (folder / lora.FOLDER).is_dir():
            lora.attach(model.language_model, folder / lora.FOLDER)
            if merge:
                lora.merge(model.language_model)
                model.config.frozen_parts = {}
        return model

    @classmethod
    def _from_either(cls, place: str | Path, *args: Any, **kwargs: Any) -> SparklesChatForConditionalGeneration:
        base, rehash = kwargs.pop("base", None), kwargs.pop("rehash", True)
        folder = Path(place)
        record = saved_weights.load_record(folder)
        if record is None:
            if base is not None:
                raise UserError(f"{folder}: base is for a projection alone, and this folder has no projection.json")
            return cls._from_whole(place, *args, **kwargs)
        projection = saved_weights.load_projection(folder, record)
        home = saved_weights.find_base(folder, record, base)
        recorded = saved_weights.known_parts(SparklesChatConfig.from_pretrained(home).frozen_parts)
        found = saved_weights.part_hashes(home) if rehash else {part: known.sha256 for part, known in recorded.items()}
        saved_weights.check_parts(folder, record, home, found)
        model = cls._from_whole(home, *args, **kwargs)
        with torch.no_grad():
            for name, tensor in projection.items():
                own = model.get_parameter(name)
                if own.shape != tensor.shape:
                    raise UserError(f"{folder}: {name} is {list(tensor.shape)}, {home} takes {list(own.shape)}")
                own.copy_(tensor)
        return model

    @classmethod
    def _from_whole(cls, place: str | Path, *args: Any, **kwargs: Any) -> SparklesChatForConditionalGeneration:
        loaded: Any = super().from_pretrained(place, *args, **{**kwargs, "output_loading_info": True})
        model: SparklesChatForConditionalGeneration = loaded[0]
        info: dict[str, list[str]] = loaded[1]
        if lacking := sorted(info["missing_keys"]):
            # transformers would fill them with random numbers and only log it
            raise UserError(
                f"{place}: {len(lacking)} tensors of this model are not in its files ({', '.join(lacking[:3])}, ...); "
                "give a folder that was converted or saved by this project"
            )
        model.set_trainable("projection")  # loading makes new parameters, all of them trainable
        if Path(place).is_dir():
            model.config.name_or_path = str(Path(place).resolve())
        return model


AutoModelForImageTextToText.register(SparklesChatConfig, SparklesChatForConditionalGeneration, exist_ok=True)
