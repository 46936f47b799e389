"""A user's settings of a checkpoint's image processor: `min_pixels`, `max_pixels`, `processor.NAME`.

They change how many tokens a picture has and so every answer: each is part of the run's identity, and one that the
image processor does not know is refused, where transformers would take it and do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core.errors import UserError

PICTURE_PREFIX = "processor."
PICTURE_ARGS: Mapping[str, str] = {
    "max_pixels": "pixels of an image at the most, for image processors that count in pixels",
    "min_pixels": "pixels of an image at the least",
}


def read_picture_settings(args: ModelArguments, named: Iterable[str], preset: Mapping[str, str]) -> dict[str, object]:
    """What the user, else the preset, says, by the argument's name; `named` are those with the prefix."""
    found: dict[str, object] = {}
    for name in PICTURE_ARGS:
        value = args.integer(name) or (int(preset[name]) if preset.get(name) else None)
        if value is not None:
            found[name] = value
    ours = {name: preset[name] for name in preset if name.startswith(PICTURE_PREFIX)}
    for name in dict.fromkeys((*ours, *named)):
        text = args.text(name) if name in set(named) else ours[name]
        found[name] = yaml.safe_load(text or "")
    return found


def with_settings(who: str, image_processor: Any, settings: Mapping[str, object]) -> Any:
    """The image processor made anew with those settings. Raises errors.UserError for one that it does not know."""
    if not settings:
        return image_processor
    kind = type(image_processor)
    known = _known(kind)
    changed: dict[str, object] = {}
    for name, value in settings.items():
        plain = name.removeprefix(PICTURE_PREFIX)
        if plain not in known:
            raise UserError(f"transformers/{who}: {kind.__name__} has no {plain}; it has {', '.join(sorted(known))}")
        changed[plain] = value
    before = {name: value for name, value in image_processor.to_dict().items() if name in known}
    return kind(**{**before, **changed})


def _known(kind: type) -> set[str]:
    """Names of the settings that an image processor of that class takes."""
    valid = getattr(kind, "valid_kwargs", None)
    classes = valid.__mro__ if isinstance(valid, type) else ()
    named = {name for part in (*classes, valid) for name in getattr(part, "__annotations__", {})}
    return named - {"return_tensors", "device", "input_data_format"}
