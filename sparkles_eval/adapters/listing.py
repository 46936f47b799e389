"""Lists the models that `--model` could name, and why some cannot be used here. Asks no network, imports no library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.adapters import presets
from sparkles_eval.adapters.build import KINDS, known_kinds, lacks, outside_kinds, preset_record, unknown_kind
from sparkles_eval.adapters.presets import preset_files, read_preset
from sparkles_eval.adapters.providers import KIND, provider_files, read_provider
from sparkles_eval.core import Model, Prices
from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.plugins import load_plugin

_FREE = ("function", "replay", "sparkleschat", "transformers")
"""Kinds that run without a bill. What lm-eval asks may have one, and it does not say."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be named, and whether it can be used here and now."""

    name: str
    """What to write after `--model`."""
    kind: str
    model_id: str
    title: str
    usable: bool
    why_not: str = ""
    """One line with the fix where it is not usable; names environment variables, never their values."""
    prices: Prices = Prices()
    free: bool = False
    note: str = ""
    source: str = ""
    """The file that describes it, or the package or plugin that brings it."""
    provider: str = ""
    """Who serves it, as `list models --provider` takes it."""


def list_models(
    *, content: Sequence[Path] = (), plugins: Sequence[Path] = (), provider: str | None = None
) -> list[ModelInfo]:
    """Every preset, provider, baseline, kind and outside adapter, in that order; or those of one provider.

    Raises errors.UserError for a provider that is none, with those that there are.
    """
    listed = [
        *_listed_presets(content, plugins),
        *_listed_providers(content),
        *_listed_kinds(),
        *_listed_outside(plugins),
    ]
    if provider is None:
        return listed
    names = sorted({model.provider for model in listed if model.provider})
    if provider not in names:
        raise UserError(f"--provider {provider}: there is none of that name; there are {', '.join(names)}")
    return [model for model in listed if model.provider == provider]


def _listed_presets(content: Sequence[Path], plugins: Sequence[Path]) -> Iterator[ModelInfo]:
    kinds = {kind for path in plugins for kind in load_plugin(path).adapters}
    for name, file in preset_files(content).items():
        try:
            preset = read_preset(file)
            model = preset_record(name, preset, content)
        except UserError as error:
            yield ModelInfo(name, "", "", "", usable=False, why_not=str(error), source=str(file))
            continue
        why_not = "" if model.kind in kinds else _model_why_not(model)
        if not why_not and model.kind in KINDS and KINDS[model.kind].weights:
            why_not = presets.why_no_weights(preset.model, preset.settings)
        hosted = KINDS[model.kind].key_env and "base_url" not in preset.settings if model.kind in KINDS else False
        yield ModelInfo(
            name,
            model.kind,
            preset.model,
            f"{preset.title} (ends {preset.ends})" if preset.ends else preset.title,
            usable=not why_not,
            why_not=why_not,
            prices=model.prices,
            free=preset.free,
            note=preset.note,
            source=str(file),
            provider=preset.provider or (model.kind if hosted else ""),
        )


def _listed_providers(content: Sequence[Path]) -> Iterator[ModelInfo]:
    for name, file in provider_files(content).items():
        try:
            found = read_provider(file)
        except UserError as error:
            yield ModelInfo(f"{name}/MODEL", "", "", "", usable=False, why_not=str(error), source=str(file))
            continue
        why_not = _model_why_not(Model(name, KIND, "", found.all_settings(name)))
        note = f"{found.note} ({found.source}, {found.date})".strip()
        yield ModelInfo(
            f"{name}/MODEL",
            KIND,
            "",
            f"Any model of {found.title}",
            usable=not why_not,
            why_not=why_not,
            note=note,
            source=str(file),
            provider=name,
        )


def _model_why_not(model: Model) -> str:
    own_server = "base_url" in model.settings
    env = model.settings.get("api_key_env", "") if own_server else ""
    missing = f"no key; set {env}" if env and not os.environ.get(env, "").strip() else ""
    return _why_not(model.kind, own_server=own_server) or missing


def _why_not(kind: str, *, own_server: bool = False) -> str:
    known = KINDS.get(kind)
    if known is None:
        return "" if kind in outside_kinds() else unknown_kind(kind, known_kinds())
    if lacks(known):
        return str(MissingExtra(f"kind {kind}", known.extra or "all"))
    if known.key_env and not own_server and not os.environ.get(known.key_env, "").strip():
        return f"no key; set {known.key_env}"
    return ""


def _listed_kinds() -> Iterator[ModelInfo]:
    from sparkles_eval.adapters.baselines import TITLES

    for name, title in TITLES.items():
        yield ModelInfo(f"baseline/{name}", "baseline", name, title, usable=True, free=True)
    for name, kind in KINDS.items():
        if kind.example:
            # A server of one's own needs no key, so the kind can be used without one.
            why_not = _why_not(name, own_server=True)
            yield ModelInfo(kind.example, name, "", kind.title, usable=not why_not, why_not=why_not, free=name in _FREE)


def _listed_outside(plugins: Sequence[Path]) -> Iterator[ModelInfo]:
    for path in plugins:
        for kind in load_plugin(path).adapters:
            yield ModelInfo(f"{kind}/MODEL", kind, "", "Brought by a plugin", usable=True, source=str(path))
    for kind, point in outside_kinds().items():
        yield ModelInfo(f"{kind}/MODEL", kind, "", "Brought by a package", usable=True, source=point.value)
