"""Computes the loss of a training step: weighted next-token cross-entropy of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from sparkles_eval.sparkleschat.modeling import IGNORED, SparklesChatForConditionalGeneration


class LossModule(nn.Module):
    """Wraps a model so that one call is one forward pass to a loss, as data-parallel training needs it."""

    def __init__(self, model: SparklesChatForConditionalGeneration) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The sum over labelled tokens of cross-entropy x weight.

        batch: `input_ids`, `attention_mask`, `slots`, `labels` (batch, length), `weights` (batch, length; what each
        label counts), and `qformer_embeds` (images, queries, width) or `pixel_values`, or neither for text alone.
        Logits are computed where labels are and nowhere else.
        """
        pictures = {name: batch[name] for name in ("pixel_values", "qformer_embeds") if name in batch}
        slots = batch["slots"] if pictures else None
        embeds = self.model.embed(batch["input_ids"], **pictures, slots=slots)
        mask = batch["attention_mask"]
        language: Any = self.model.language_model
        positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
        hidden = language.get_decoder()(
            inputs_embeds=embeds, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        targets = batch["labels"][:, 1:]
        labelled = targets != IGNORED
        logits = self.model.get_output_embeddings()(hidden[:, :-1][labelled]).float()
        losses = functional.cross_entropy(logits, targets[labelled], reduction="none")
        loss = (losses * batch["weights"][:, 1:][labelled]).sum()
        if not pictures:
            # text alone does not train the projection, but other processes wait for its gradient, which is zero
            loss = loss + 0.0 * sum(own.sum() for own in self.model.language_projection.parameters())
        return loss


def token_weights(labels: torch.Tensor, samples: int) -> torch.Tensor:
    """Weights (batch, length) so that each sample counts 1 / samples, and each labelled token in it the same.

    The published step is the mean over processes of one sample's mean; this is the same for any batch.
    """
    labelled = (labels != IGNORED).float()
    return labelled / (labelled.sum(1, keepdim=True).clamp(min=1) * samples)


def decay_groups(
    named: Iterable[tuple[str, nn.Parameter]], decay: float, adapters: float = 1.0
) -> list[dict[str, Any]]:
    """Optimizer groups of the trained parameters: weight decay on matrices, none on biases and other vectors.

    Every group has a factor `times` on the schedule's rate: `adapters` for those of LoRA, 1 for all others.
    """
    trained = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    own = [parameter for name, parameter in trained if "lora_" not in name]
    groups = [
        {"params": [one for one in own if one.ndim >= 2], "weight_decay": decay, "times": 1.0},
        {"params": [one for one in own if one.ndim < 2], "weight_decay": 0.0, "times": 1.0},
    ]
    if len(own) < len(trained):
        low_rank = [parameter for name, parameter in trained if "lora_" in name]
        groups.append({"params": low_rank, "weight_decay": decay, "times": adapters})
    return groups
