"""Low-rank adapters in the language model while they train, by peft: an extension of the published training.

What trained is saved apart in peft's form, which `sparkleschat.lora` reads. Knows nothing of steps.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from sparkles_eval.errors import MissingExtra
from sparkles_eval.sparkleschat import lora
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.training.recipes import LoraSpec


class LoraTraining:
    """Adapters that were put into a model's language model. Their parameters train, its own stay frozen.

    Fresh adapters change nothing: B is zero. Raises MissingExtra where peft is not installed.
    """

    def __init__(self, model: SparklesChatForConditionalGeneration, spec: LoraSpec) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ModuleNotFoundError as missing:
            raise MissingExtra("LoRA (module peft)", "train") from missing
        language: Any = model.language_model
        config = LoraConfig(
            r=spec.rank,
            lora_alpha=spec.alpha,  # type: ignore[arg-type]  # declared whole, used as a factor
            lora_dropout=spec.dropout,
            target_modules=list(spec.targets),
            bias="none",
            task_type="CAUSAL_LM",
        )
        # The wrapper changes the language model in place and is kept for saving alone: names outside stay what they are
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers; no user can mend it
            self._wrapped: Any = get_peft_model(language, config)
        self.dropouts = [one for name, one in language.named_modules() if name.endswith("lora_dropout")]
        self.train()

    def train(self) -> None:
        """Switch the adapters' dropout on: the model keeps everything but its projection in evaluation mode."""
        for dropout in self.dropouts:
            dropout.train()

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """What trains, by name."""
        return {name: own for name, own in self._wrapped.named_parameters() if own.requires_grad}

    def save(self, folder: Path) -> None:
        """Write the adapters into `folder/lora`."""
        from peft import get_peft_model_state_dict

        place = folder / lora.FOLDER
        place.mkdir(parents=True, exist_ok=True)
        tensors = get_peft_model_state_dict(self._wrapped)
        save_file(
            {name: own.detach().cpu().contiguous() for name, own in tensors.items()},
            place / lora.WEIGHTS,
            metadata={"format": "pt"},
        )
        config = self._wrapped.peft_config["default"].to_dict()
        plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
        plain |= {"inference_mode": True, "base_model_name_or_path": ""}
        text = json.dumps(plain, indent=2, sort_keys=True, default=str)
        (place / lora.CONFIG).write_text(text + "\n", encoding="utf-8")
