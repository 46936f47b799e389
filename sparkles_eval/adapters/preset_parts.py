"""The parts that preset files and provider files are made of, and how such a file is read."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from sparkles_eval.adapters.options import Field as SamplingField
from sparkles_eval.core import Limits
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.strict_record import Strict

Record = TypeVar("Record", bound=BaseModel)


def _as_text(value: object) -> object:
    """Settings as --model-arg has them: numbers, dates and truth as text, objects as JSON, addresses with commas."""
    if not isinstance(value, dict):
        return value
    plain = {k: str(v).lower() if isinstance(v, bool) else v for k, v in value.items()}
    if isinstance(urls := plain.get("base_url"), list):  # several servers of one model
        plain["base_url"] = ",".join(map(str, urls))
    plain = {k: str(v) if isinstance(v, (int, float, dt.date)) else v for k, v in plain.items()}
    return {k: json.dumps(v, sort_keys=True, default=str) if isinstance(v, dict) else v for k, v in plain.items()}


Settings = Annotated[dict[str, str], BeforeValidator(_as_text)]
"""An adapter's arguments by name."""


class PresetPrices(Strict):
    """US dollars per million tokens; `date` is the day on which `source` was read."""

    input: float | None = Field(default=None, ge=0)
    output: float | None = Field(default=None, ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    """For input tokens that the provider had in its cache; left out, they cost as all others do."""
    reasoning: float | None = Field(default=None, ge=0)
    """For output tokens that were reasoning; left out, they cost as all others do."""
    cache_write: float | None = Field(default=None, ge=0)
    """For input tokens that the provider wrote into its cache; left out, they cost as all others do."""
    date: dt.date | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _dated(self) -> PresetPrices:
        if (self.input is not None or self.output is not None) and not (self.date and self.source):
            raise ValueError("a price needs the date on which it was read and its source")
        return self


class PresetLimits(Strict):
    """What of `core.models.Limits` differs from its defaults."""

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

    def over(self, base: Limits) -> Limits:
        """`base` with what is named here."""
        return replace(base, **self.model_dump(exclude_none=True))


class PresetGeneration(Strict):
    """What the model takes differently from others; see `adapters.options.Sampling` for what each of them does."""

    not_sent: tuple[SamplingField, ...] = ()
    """Settings that the model does not take: they are left out, and the run says so."""
    token_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """What the provider calls the token limit."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Token limit where neither task nor user names one."""
    reasoning_tokens: int | None = Field(default=None, ge=0)
    """Added to a task's limit, for models whose reasoning counts against it."""

    def as_settings(self) -> dict[str, str]:
        """As an adapter finds them among a model's settings."""
        settings = {"not_sent": ",".join(sorted(self.not_sent))} if self.not_sent else {}
        for field in ("token_field", "max_tokens", "reasoning_tokens"):
            value = getattr(self, field)
            if value is not None:
                settings[field] = str(value)
        return settings


def read_yaml(file: Path, kind: type[Record]) -> Record:
    """The record in a file. Raises errors.ContentError naming the file, the field and what is wrong with it."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        raise ContentError(f"{file}: not YAML: {error}") from None
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ContentError(f"{file}: {where}: {first['msg']}") from None
