"""Makes the adapter that `--model` names, and lists what could be named. Imports a kind only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from sparkles_eval.adapters import presets
from sparkles_eval.adapters.base import Adapter, AdapterFactory, ModelOptions
from sparkles_eval.adapters.function import function_model, names_function
from sparkles_eval.adapters.local.torchvision_check import require_working_torchvision
from sparkles_eval.adapters.presets import Preset, preset_files, read_preset
from sparkles_eval.core import Model, Prices
from sparkles_eval.core.errors import ContentError, MissingExtra, UserError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.core.suggestions import did_you_mean

GROUP = "sparkles_eval.adapters"
"""Entry-point group in which an installed package offers kinds: name = kind, value = an `AdapterFactory`."""


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """An adapter kind of ours: the module with its `make`, and what has to be there to use it."""

    module: str
    title: str = ""
    example: str = ""
    key_env: str = ""
    libraries: tuple[str, ...] = ()
    extra: str = ""
    """The optional part that brings the libraries; "" where the core install does."""
    weights: bool = False
    """True where a preset's weights lie in a folder of their own (`weights.find_weights`)."""


KINDS: Mapping[str, AdapterKind] = {
    "openai": AdapterKind(
        "remote.openai",
        "Any model of a server that speaks OpenAI's chat completions (vLLM, Ollama, llama.cpp): add base_url",
        "openai/MODEL",
        key_env="OPENAI_API_KEY",
        libraries=("openai",),
    ),
    "anthropic": AdapterKind(
        "remote.anthropic",
        "Any model that speaks Anthropic's messages",
        "anthropic/MODEL",
        key_env="ANTHROPIC_API_KEY",
        libraries=("anthropic",),
    ),
    "sparkleschat": AdapterKind(
        "local.sparkleschat",
        "SparklesChat or MiniGPT-4 from a folder of weights, on this machine",
        "sparkleschat/FOLDER",
        libraries=("torch", "transformers", "sentencepiece"),
        extra="local",
        weights=True,
    ),
    "transformers": AdapterKind(
        "local.transformers",
        "Any image-text-to-text model of Hugging Face transformers, on this machine",
        "transformers/FOLDER-OR-ID",
        libraries=("torch", "transformers"),
        extra="local",
    ),
    "lm-eval": AdapterKind(
        "local.lm_eval",
        "Any model that is registered with lm-eval (hf-multimodal, vllm-vlm, ...): add pretrained=...",
        "lm-eval/MODEL",
        libraries=("lm_eval",),
        extra="lmeval",
    ),
    "function": AdapterKind(
        "function", "A function of your own: answer(images, text) or answer(conversation)", "FILE.py:FUNCTION"
    ),
    "replay": AdapterKind("replay", "Answers from a file: JSON lines, CSV or a published result file", "replay/FILE"),
    "baseline": AdapterKind("baselines"),
}
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


def build_adapter(
    spec: str, options: ModelOptions, *, content: Sequence[Path] = (), plugins: Sequence[Path] = ()
) -> Adapter:
    """The adapter for `kind/model id`, the name of a preset, or the path of a preset file.

    `kind/model id` uses the preset of that kind and model where there is one. Raises errors.UserError with the fix:
    unknown name or argument, missing key, optional part not installed.
    """
    model = _find(spec, content, plugins)
    return _factory(model, plugins)(model, options)


def kind_of(spec: str, *, content: Sequence[Path] = (), plugins: Sequence[Path] = ()) -> str:
    """The kind of a model that `--model` names, without building it. Raises errors.UserError for an unknown name."""
    return _find(spec, content, plugins).kind


def known_kinds(plugins: Sequence[Path] = ()) -> list[str]:
    """Every kind of adapter: ours, of installed packages and of plugin files."""
    return sorted({*KINDS, *_outside(), *(kind for path in plugins for kind in load_plugin(path).adapters)})


def import_early(kind: str) -> None:
    """Begin to import a provider's library in a thread: it takes most of a second, while tasks are loaded."""
    known = KINDS.get(kind)
    if known is not None and known.key_env:
        for library in known.libraries:
            if library not in sys.modules and importlib.util.find_spec(library) is not None:
                threading.Thread(target=importlib.import_module, args=(library,), name=library, daemon=True).start()


def list_models(*, content: Sequence[Path] = (), plugins: Sequence[Path] = ()) -> list[ModelInfo]:
    """Every preset, baseline, kind and outside adapter, in that order; asks no network and imports no library."""
    return [*_listed_presets(content, plugins), *_listed_kinds(), *_listed_outside(plugins)]


# --- from a name to a model -------------------------------------------------------------------------


def _find(spec: str, content: Sequence[Path], plugins: Sequence[Path] = ()) -> Model:
    if spec.endswith((".yaml", ".yml")) and Path(spec).is_file():
        return _record(Path(spec).stem, read_preset(Path(spec)))
    if names_function(spec):
        return function_model(spec)
    files = preset_files(content)
    kind, slash, model_id = spec.partition("/")
    if not slash:
        if spec not in files:
            raise UserError(
                f"--model {spec}: no preset of that name, and not of the form kind/model; {_hint(spec, files)}"
            )
        return _record(spec, read_preset(files[spec]))
    if not model_id:
        raise UserError(f"--model {spec}: the model's name is missing after {kind}/")
    if kind not in (kinds := known_kinds(plugins)):
        raise UserError(f"--model {spec}: {_unknown(kind, kinds)}")
    found = _matching(kind, model_id, files)
    return _record(*found) if found else Model(name=spec, kind=kind, model_id=model_id)


def _hint(spec: str, presets: Mapping[str, Path]) -> str:
    """What was probably meant by a name that is no preset."""
    from sparkles_eval.adapters.baselines import TITLES

    if Path(spec).suffix.lower() in (".csv", ".jsonl", ".json"):
        return f"answers in a file are replay/{spec}"
    if spec in known_kinds():
        return f"a model of that kind is {KINDS[spec].example or f'{spec}/MODEL' if spec in KINDS else f'{spec}/MODEL'}"
    names = [*presets, *(f"baseline/{name}" for name in TITLES)]
    close = difflib.get_close_matches(spec, names, n=3)
    close += [name for name in names if name.partition("/")[2] == spec]
    return f"did you mean {' or '.join(close)}?" if close else "see `sparkles-eval list models`"


def _matching(kind: str, model_id: str, files: Mapping[str, Path]) -> tuple[str, Preset] | None:
    if model_id in files:
        named = read_preset(files[model_id])
        if named.kind == kind:
            return model_id, named
    # Another file's mistake is not this model's: it is reported when it is named, or by `list models`.
    for name, preset in _readable(files):
        if (preset.kind, preset.model) == (kind, model_id):
            return name, preset
    return None


def _readable(files: Mapping[str, Path]) -> Iterator[tuple[str, Preset]]:
    for name, file in files.items():
        try:
            yield name, read_preset(file)
        except ContentError:
            continue


def _record(name: str, preset: Preset) -> Model:
    return preset.record(f"{preset.kind}/{name}")


# --- from a kind to a factory -----------------------------------------------------------------------


def _factory(model: Model, plugins: Sequence[Path]) -> AdapterFactory:
    for path in plugins:
        offered = load_plugin(path).adapters
        if model.kind in offered:
            return cast("AdapterFactory", offered[model.kind])
    kind = KINDS.get(model.kind)
    if kind is not None:
        if _lacks(kind):
            raise MissingExtra(model.name, kind.extra or "all")
        if "transformers" in kind.libraries:
            require_working_torchvision(model.name)
        module = importlib.import_module(f"sparkles_eval.adapters.{kind.module}")
        return cast("AdapterFactory", module.make)
    point = _outside().get(model.kind)
    if point is not None:
        return _load(point)
    raise UserError(f"{model.name}: {_unknown(model.kind, known_kinds(plugins))}")


def _outside() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> AdapterFactory:
    try:
        factory = point.load()
    except Exception as error:
        raise UserError(f"adapter kind {point.name!r} of {point.value} cannot be loaded: {error}") from error
    if not callable(factory):
        raise UserError(f"adapter kind {point.name!r}: {point.value} is not callable")
    return cast("AdapterFactory", factory)


def _unknown(kind: str, known: Sequence[str]) -> str:
    return f"adapter kind {kind!r} is not part of this version{did_you_mean(kind, known)}; there are {', '.join(known)}"


# --- listing ----------------------------------------------------------------------------------------


def _listed_presets(content: Sequence[Path], plugins: Sequence[Path]) -> Iterator[ModelInfo]:
    kinds = {kind for path in plugins for kind in load_plugin(path).adapters}
    for name, file in preset_files(content).items():
        try:
            preset = read_preset(file)
        except ContentError as error:
            yield ModelInfo(name, "", "", "", usable=False, why_not=str(error), source=str(file))
            continue
        model = preset.record(name)
        why_not = "" if preset.kind in kinds else _preset_why_not(preset)
        if not why_not and preset.kind in KINDS and KINDS[preset.kind].weights:
            why_not = presets.why_no_weights(preset.model, preset.settings)
        yield ModelInfo(
            name,
            preset.kind,
            preset.model,
            f"{preset.title} (ends {preset.ends})" if preset.ends else preset.title,
            usable=not why_not,
            why_not=why_not,
            prices=model.prices,
            free=preset.free,
            note=preset.note,
            source=str(file),
        )


def _preset_why_not(preset: Preset) -> str:
    own_server = "base_url" in preset.settings
    env = preset.settings.get("api_key_env", "") if own_server else ""
    missing = f"no key; set {env}" if env and not os.environ.get(env, "").strip() else ""
    return _why_not(preset.kind, own_server=own_server) or missing


def _why_not(kind: str, *, own_server: bool = False) -> str:
    known = KINDS.get(kind)
    if known is None:
        return "" if kind in _outside() else _unknown(kind, known_kinds())
    if _lacks(known):
        return str(MissingExtra(f"kind {kind}", known.extra or "all"))
    if known.key_env and not own_server and not os.environ.get(known.key_env, "").strip():
        return f"no key; set {known.key_env}"
    return ""


def _lacks(kind: AdapterKind) -> bool:
    return any(importlib.util.find_spec(library) is None for library in kind.libraries)


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
    for kind, point in _outside().items():
        yield ModelInfo(f"{kind}/MODEL", kind, "", "Brought by a package", usable=True, source=point.value)
