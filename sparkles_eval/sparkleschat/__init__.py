"""SparklesChat and MiniGPT-4 as local models, built from transformers' own modules.

The two published systems (Huang et al. 2023, arXiv 2308.16463; Zhu et al. 2023, arXiv 2304.10592) are one
architecture: EVA ViT-g -> Q-Former (32 queries) -> one linear projection -> LLaMA. They differ in the projection alone.

The names below are loaded on first use, all together, so that the Auto classes of transformers then know them;
importing this package (or its light module `prompts`) loads neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from sparkles_eval.core.errors import MissingExtra

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
    from sparkles_eval.sparkleschat.conversion import Conversion, Sources, convert, convert_projection
    from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
    from sparkles_eval.sparkleschat.processing import SparklesChatProcessor

__all__ = [
    "Conversion",
    "Sources",
    "SparklesChatConfig",
    "SparklesChatForConditionalGeneration",
    "SparklesChatProcessor",
    "convert",
    "convert_projection",
    "register",
]

_HOMES = {
    "SparklesChatConfig": "configuration",
    "SparklesChatForConditionalGeneration": "modeling",
    "SparklesChatProcessor": "processing",
    "Conversion": "conversion",
    "Sources": "conversion",
    "convert": "conversion",
    "convert_projection": "conversion",
}


def register() -> None:
    """Make AutoConfig, AutoModelForImageTextToText and AutoProcessor know `sparkleschat`. Calling it again is free.

    Raises MissingExtra where torch, transformers, tokenizers, sentencepiece or safetensors is not installed.
    """
    try:
        for home in ("configuration", "modeling", "processing"):
            import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("sparkles_eval"):
            raise
        raise MissingExtra(f"SparklesChat (module {missing.name})", "local") from missing


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    register()
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
