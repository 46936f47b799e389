"""Base class of the records that are read from files."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen record in which a key that is not declared is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
