"""Base of everything that is read from a file of the user's or of this program's."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen record in which a key that is not declared is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)
