"""Where the weights of a local preset are, or what to get where they are not. Opens no file, imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sparkles_eval.content import content_dir
from sparkles_eval.errors import UserError
from sparkles_eval.sparkleschat.families import KNOWN

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


def why_not(model_id: str, settings: Mapping[str, str]) -> str:
    """One line with the mend where a preset's weights are not here; "" where they are."""
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
    files = [f"  {part}: {known}" for part, known in KNOWN.items()]
    return "\n".join([head, *files, f"  (looked in {looked})"])
