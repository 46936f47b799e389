"""Writes a command's result as JSON: docs/reference/json.md has the shapes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparkles_eval.cli.options import STDOUT
from sparkles_eval.core.files import write_output
from sparkles_eval.core.printing import say_json


def write_json(target: Path | None, value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> bool:
    """Write the value where `--json` says; True where that is standard output, so that no text is printed there.

    Raises errors.UserError where the file cannot be written.
    """
    if target is None:
        return False
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1, default=str)
    if target == STDOUT:
        say_json(text)
        return True
    write_output(target, text + "\n", "name another file")
    return False
