"""Reads the model presets `adapters/NAME.yaml`, and finds the weights of local ones."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from sparkles_eval.adapters.options import Field as SamplingField
from sparkles_eval.core import Limits, Model, Prices
from sparkles_eval.core.content import content_dir, overlay
from sparkles_eval.core.errors import ContentError, UserError
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


class PresetPrices(Strict):
    """US dollars per million tokens; `date` is the day on which `source` was read."""

    input: float | None = Field(default=None, ge=0)
    output: float | None = Field(default=None, ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    """For input tokens that the provider had in its cache; left out, they cost as all others do."""
    reasoning: float | None = Field(default=None, ge=0)
    """For output tokens that were reasoning; left out, they cost as all others do."""
    date: dt.date | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _dated(self) -> PresetPrices:
        if (self.input is not None or self.output is not None) and not (self.date and self.source):
            raise ValueError("a price needs the date on which it was read and its source")
        return self


class PresetLimits(Strict):
    """What of `records.Limits` differs from its defaults."""

    max_images: int | None = Field(default=None, ge=0)
    """Images in one request at the most; a sample with more is refused, never cut."""
    max_connections: int | None = Field(default=None, ge=1)
    """Requests in flight at the most, unless the user names another number."""
    batch_size: int | None = Field(default=None, ge=1)
    """Conversations that a local model answers together."""
    max_image_edge: int | None = Field(default=None, ge=16)
    """Pixels; an image with a longer edge is resized to it."""
    max_image_bytes: int | None = Field(default=None, ge=1024)
    """Bytes of one image file; a larger one is made smaller."""
    media_types: tuple[str, ...] | None = None
    """Image types that are sent as they are, such as image/jpeg; others are converted."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Seconds to wait for one reply."""


class PresetGeneration(Strict):
    """What the model takes differently from others; see `sampling.Sampling` for what each of them does."""

    not_sent: tuple[SamplingField, ...] = ()
    """Settings that the model does not take: they are left out, and the run says so."""
    token_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """What the provider calls the token limit."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Token limit where neither task nor user names one."""
    reasoning_tokens: int | None = Field(default=None, ge=0)
    """Added to a task's limit, for models whose thinking counts against it."""


class Preset(Strict):
    """One model as its file describes it."""

    kind: str = Field(min_length=1)
    """Adapter kind, such as openai."""
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
    settings: dict[str, str] = Field(default_factory=dict)
    """The adapter's own arguments, as for --model-arg; part of the run's identity."""
    limits: PresetLimits = PresetLimits()
    prices: PresetPrices = PresetPrices()
    generation: PresetGeneration = PresetGeneration()

    @field_validator("settings", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        plain = {k: str(v).lower() if isinstance(v, bool) else v for k, v in value.items()}
        if isinstance(urls := plain.get("base_url"), list):  # several servers of one model
            plain["base_url"] = ",".join(map(str, urls))
        return {k: str(v) if isinstance(v, (int, float, dt.date)) else v for k, v in plain.items()}

    def record(self, name: str) -> Model:
        """The model as it travels: limits over the defaults, the generation quirks as settings."""
        quirks = self.generation
        settings = dict(self.settings)
        if quirks.not_sent:
            settings["not_sent"] = ",".join(sorted(quirks.not_sent))
        for field in ("token_field", "max_tokens", "reasoning_tokens"):
            value = getattr(quirks, field)
            if value is not None:
                settings[field] = str(value)
        limits = Limits(**{**asdict(Limits()), **self.limits.model_dump(exclude_none=True)})
        day = self.prices.date.isoformat() if self.prices.date else None
        known = self.prices
        prices = Prices(known.input, known.output, day, known.source, known.cached_input, known.reasoning)
        return Model(name, self.kind, self.model, settings, limits, prices, self.free)


def preset_files(content: Sequence[Path] = ()) -> dict[str, Path]:
    """Every preset by name, sorted; a user's own file of the same name goes before the shipped one."""
    found: dict[str, Path] = {}
    for folder in overlay("adapters", content):
        for file in folder.glob("*.yaml"):
            found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def read_preset(file: Path) -> Preset:
    """The preset in a file. Raises errors.ContentError naming the file, the field and what is wrong with it."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ContentError(f"{file}: not YAML: {error}") from None
    try:
        return Preset.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ContentError(f"{file}: {where}: {first['msg']}") from None
