"""Reads the model presets `adapters/NAME.yaml`, and finds the weights of local ones."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, model_validator

from sparkles_eval.adapters.preset_parts import PresetGeneration, PresetLimits, PresetPrices, Settings, read_yaml
from sparkles_eval.adapters.providers import KIND, ProviderFile
from sparkles_eval.core import Limits, Model, Prices
from sparkles_eval.core.content import content_dir, yaml_files
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.sparkleschat.published_files import PUBLISHED_FILES

FOLDER_ENV = "SPARKLES_WEIGHTS"
"""Environment variable: a folder with one folder of weights for each preset, under the preset's name."""

PUBLISHED = ("sparkleschat-7b", "minigpt4-7b")
"""Presets whose weights are made from published files that each has to get for themselves."""


def find_weights(model_id: str, settings: Mapping[str, str], given: str | None = None) -> Path:
    """The folder of a model: `given`, the preset's own `weights`, $SPARKLES_WEIGHTS/NAME, or the one that ships.

    `model_id` may itself be a folder. Raises errors.UserError saying where was looked and what to get.
    """
    named = given or settings.get("weights")
    if named is not None:
        folder = Path(named).expanduser()
        if not (folder / "config.json").is_file():
            raise UserError(f"{model_id}: weights={named}: no config.json there; name a folder that was converted")
        return folder
    places = [Path(model_id).expanduser()]
    if os.environ.get(FOLDER_ENV):
        places.append(Path(os.environ[FOLDER_ENV]).expanduser() / model_id)
    places.append(content_dir("adapters") / "weights" / model_id)
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise UserError(_lacking(model_id, places))


def why_no_weights(model_id: str, settings: Mapping[str, str]) -> str:
    """One line with the fix where a preset's weights are not here; "" where they are."""
    try:
        find_weights(model_id, settings)
    except UserError as error:
        return str(error).partition("\n")[0]
    return ""


def _lacking(model_id: str, places: list[Path]) -> str:
    looked = ", ".join(str(place) for place in places)
    if model_id not in PUBLISHED:
        return (
            f"{model_id}: no folder with a config.json (looked in {looked}); "
            f"give --model sparkleschat/FOLDER, --model-arg weights=FOLDER, or set {FOLDER_ENV}"
        )
    head = (
        f"{model_id}: weights needed; they may not be passed on with this program: get the published files, run "
        f"`sparkles-eval checkpoints convert --out DIR/{model_id}` with them, and set {FOLDER_ENV}=DIR"
    )
    files = [f"  {part}: {known}" for part, known in PUBLISHED_FILES.items()]
    return "\n".join([head, *files, f"  (looked in {looked})"])


class Preset(Strict):
    """One model as its file describes it."""

    kind: str = ""
    """Adapter kind, such as openai; not needed beside `provider`."""
    provider: str = ""
    """Name of a provider file, such as openrouter, that says address, key and what its server takes."""
    model: str = Field(min_length=1)
    """The provider's own name of the model."""
    title: str = Field(min_length=1)
    """As people call it."""
    note: str = ""
    """What is worth knowing before it is used."""
    ends: dt.date | None = None
    """The day on which its provider stops to serve it, where one is published; `list models` says it."""
    free: bool = False
    """True for what runs without a bill, such as local weights."""
    settings: Settings = Field(default_factory=dict)
    """The adapter's own arguments, as for --model-arg; part of the run's identity."""
    limits: PresetLimits = PresetLimits()
    prices: PresetPrices = PresetPrices()
    generation: PresetGeneration = PresetGeneration()

    @model_validator(mode="after")
    def _of_one_kind(self) -> Preset:
        if not self.kind and not self.provider:
            raise ValueError("kind (such as openai) or provider (such as openrouter) is needed")
        if self.provider and self.kind not in ("", KIND):
            raise ValueError(f"a provider's models are of kind {KIND}; leave kind out")
        return self

    @property
    def adapter_kind(self) -> str:
        """The kind of adapter that asks it."""
        return self.kind or KIND

    def record(self, name: str, provider: ProviderFile | None = None) -> Model:
        """The model as it travels: limits over the defaults, what it takes differently as settings.

        `provider` is the file that `provider` names, whose facts hold where the preset says nothing else.
        """
        settings = {**self.settings, **self.generation.as_settings()}
        limits = Limits()
        if provider is not None:
            shared = provider.all_settings(self.provider)
            both = {*provider.generation.not_sent, *self.generation.not_sent}
            settings = {**shared, **settings, **({"not_sent": ",".join(sorted(both))} if both else {})}
            limits = provider.limits.over(limits)
        known = self.prices
        day = known.date.isoformat() if known.date else None
        more = (known.cached_input, known.reasoning, known.cache_write)
        prices = Prices(known.input, known.output, day, known.source, *more)
        return Model(name, self.adapter_kind, self.model, settings, self.limits.over(limits), prices, self.free)


def preset_files(content: Sequence[Path] = ()) -> dict[str, Path]:
    """Every preset by name, sorted; a user's own file of the same name goes before the shipped one."""
    return yaml_files("adapters", content)


def read_preset(file: Path) -> Preset:
    """The preset in a file. Raises errors.ContentError naming the file, the field and what is wrong with it."""
    return read_yaml(file, Preset)
