"""What all records are made of: plain JSON values and their fingerprint. Knows no noun."""

from __future__ import annotations

import hashlib
import json
from typing import Literal, TypeAlias

Role: TypeAlias = Literal["system", "user", "assistant"]
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""Any JSON value; used only where a foreign schema (a JSON schema, a provider's extra field) passes through."""


def fingerprint(value: object, length: int = 64) -> str:
    """Hex SHA-256 (first `length` digits) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
