"""Loads a checkpoint's processor (tokenizer, image processor, chat template) for text and still images.

Processors that also read video are put together without that part: no video is ever sent, and transformers can make a
video processor only with torchvision. Images are prepared with Pillow whether or not torchvision is installed, since
torchvision's resizing gives other pixels and answers would then depend on what else is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoProcessor, AutoTokenizer
from transformers.image_processing_base import ImageProcessingMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING, processor_class_from_name
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.processing_utils import ProcessorMixin

from sparkles_eval.adapters.local.torchvision_check import fitting_torchvision
from sparkles_eval.core.errors import UserError

_VIDEO = "video_processor"


class _NoVideo:
    """The empty place of a video processor. Each of its settings is None."""

    model_input_names: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):  # copying and pickling ask for these and must hear that they are absent
            raise AttributeError(name)


def load_processor(name: str, revision: str | None) -> Any:
    """The processor of a checkpoint, a folder or an id of the hub. Never runs code that a checkpoint brings.

    Raises errors.UserError where there is none, or where a library that it needs is missing.
    """
    try:
        kind = _processor_class(name, revision)
        if kind is not None and _VIDEO in kind.get_attributes():
            return _assemble(kind, name, revision)
        auto: Any = AutoProcessor
        return auto.from_pretrained(name, revision=revision, backend="pil", trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise UserError(f"transformers/{name}: its processor cannot be loaded: {_reason(error)}") from error


def _processor_class(name: str, revision: str | None) -> Any:
    """The class that the checkpoint's files name, else the one of its model type; None where neither says."""
    found = ProcessorMixin.get_processor_dict(name, revision=revision)[0].get("processor_class")
    if found is None:
        try:
            found = ImageProcessingMixin.get_image_processor_dict(name, revision=revision)[0].get("processor_class")
        except OSError:  # it has no image processor's file
            found = None
    found = found or get_tokenizer_config(name, revision=revision).get("processor_class")
    if found is not None:
        return processor_class_from_name(found)
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
    return PROCESSOR_MAPPING.get(type(config), None)


def _assemble(kind: Any, name: str, revision: str | None) -> Any:
    """A processor of that class whose video part is empty."""

    class Still(kind):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: object) -> object:
            if isinstance(argument, _NoVideo):
                return _NoVideo
            return super().check_argument_for_proper_class(argument_name, argument)

        def to_dict(self) -> dict[str, object]:
            return {name: value for name, value in super().to_dict().items() if name != _VIDEO}

    Still.__name__ = kind.__name__
    where: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    words: Any = AutoTokenizer
    pictures: Any = AutoImageProcessor
    sounds: Any = AutoFeatureExtractor
    loaders: dict[str, Any] = {
        "tokenizer": lambda: words.from_pretrained(name, **where),
        "image_processor": lambda: pictures.from_pretrained(name, backend="pil", **where),
        "feature_extractor": lambda: sounds.from_pretrained(name, **where),
        _VIDEO: _NoVideo,
    }
    settings, _ = kind.get_processor_dict(name, revision=revision)
    return Still.from_args_and_dict([loaders[part]() for part in kind.get_attributes()], settings)


def _reason(error: BaseException) -> str:
    """The first line of an error; where torchvision is what is missing, the version that fits the installed torch."""
    words = str(error).strip()
    reason = next((line.strip() for line in words.splitlines() if line.strip()), type(error).__name__)[:300]
    missing = "torchvision" in words.lower() and find_spec("torchvision") is None
    return f"{reason}; it needs torchvision: pip install {fitting_torchvision()}" if missing else reason
