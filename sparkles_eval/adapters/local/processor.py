"""Loads a checkpoint's processor (tokenizer, image processor, chat template) for text and still images.

Processors that also read video are put together without that part: no video is ever sent, and transformers can make a
video processor only with torchvision. Images are prepared with Pillow whether or not torchvision is installed, since
torchvision's resizing gives other pixels and answers would then depend on what else is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoProcessor, AutoTokenizer
from transformers.image_processing_base import ImageProcessingMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING, processor_class_from_name
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.processing_utils import ProcessorMixin

from sparkles_eval.adapters.local.checkpoint import Checkpoint, first_line
from sparkles_eval.adapters.local.picture_settings import with_settings
from sparkles_eval.adapters.local.torchvision_check import fitting_torchvision
from sparkles_eval.core.errors import UserError

_VIDEO = "video_processor"


class _NoVideo:
    """The empty place of a video processor. Each of its settings is None."""

    model_input_names: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):  # copying and pickling ask for these and must hear that they are absent
            raise AttributeError(name)


def load_processor(place: Checkpoint, pictures: Mapping[str, object]) -> Any:
    """The processor of a checkpoint, a folder or an id of the hub; `pictures` go over its image processor's settings.

    Raises errors.UserError where there is none, where a library that it needs is missing, or where its image processor
    has no such setting.
    """
    name = place.name
    try:
        kind = _processor_class(place)
        if kind is not None and (_VIDEO in kind.get_attributes() or pictures):
            return _assemble(kind, place, pictures)
        auto: Any = AutoProcessor
        processor = auto.from_pretrained(name, backend="pil", **place.where)
    except (OSError, ValueError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise UserError(f"transformers/{name}: its processor cannot be loaded: {_reason(error)}") from error
    if pictures:
        raise UserError(
            f"transformers/{name}: its processor's own code is loaded as it is, without {next(iter(pictures))}=…"
        )
    return processor


def _processor_class(place: Checkpoint) -> Any:
    """The class that the checkpoint's files name, else the one of its model type; None where neither says."""
    name, revision = place.name, place.revision
    settings = ProcessorMixin.get_processor_dict(name, revision=revision)[0]
    found = settings.get("processor_class")
    if place.own_code and "AutoProcessor" in settings.get("auto_map", {}):
        return None
    if found is None:
        try:
            found = ImageProcessingMixin.get_image_processor_dict(name, revision=revision)[0].get("processor_class")
        except OSError:  # it has no image processor's file
            found = None
    found = found or get_tokenizer_config(name, revision=revision).get("processor_class")
    if found is not None:
        return processor_class_from_name(found)
    from transformers import AutoConfig

    return PROCESSOR_MAPPING.get(type(AutoConfig.from_pretrained(name, **place.where)), None)


def _assemble(kind: Any, place: Checkpoint, pictures: Mapping[str, object]) -> Any:
    """A processor of that class whose video part is empty."""

    class Still(kind):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: object) -> object:
            if isinstance(argument, _NoVideo):
                return _NoVideo
            return super().check_argument_for_proper_class(argument_name, argument)

        def to_dict(self) -> dict[str, object]:
            return {name: value for name, value in super().to_dict().items() if name != _VIDEO}

    Still.__name__ = kind.__name__
    name, where = place.name, place.where
    words: Any = AutoTokenizer
    images: Any = AutoImageProcessor
    sounds: Any = AutoFeatureExtractor
    loaders: dict[str, Any] = {
        "tokenizer": lambda: words.from_pretrained(name, **where),
        "image_processor": lambda: with_settings(name, images.from_pretrained(name, backend="pil", **where), pictures),
        "feature_extractor": lambda: sounds.from_pretrained(name, **where),
        _VIDEO: _NoVideo,
    }
    parts = kind.get_attributes()
    if unknown := [part for part in parts if part not in loaders]:
        raise ValueError(f"{kind.__name__} has a part that is neither words nor pictures: {unknown[0]}")
    settings, _ = kind.get_processor_dict(name, revision=place.revision)
    return Still.from_args_and_dict([loaders[part]() for part in parts], settings)


def _reason(error: BaseException) -> str:
    """The first line of an error; where torchvision is what is missing, the version that fits the installed torch."""
    missing = "torchvision" in str(error).lower() and find_spec("torchvision") is None
    return first_line(error) + (f"; it needs torchvision: pip install {fitting_torchvision()}" if missing else "")
