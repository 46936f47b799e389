"""Says whether the installed torchvision works, and which version fits the installed torch.

torchvision is optional: transformers uses it wherever it finds it. One that was built for another torch fails while it
is imported, and with it everything of transformers that prepares images, for models that need no torchvision too.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib.metadata import PackageNotFoundError, version

from sparkles_eval.core.errors import UserError


def require_working_torchvision(who: str) -> None:
    """Raises errors.UserError, with the version that fits, where torchvision is installed and cannot be imported."""
    if importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise UserError(
            f"{who}: torchvision {_version('torchvision')} does not work with torch {_version('torch')} ({reason}); "
            f"pip install {fitting_torchvision()}, or pip uninstall torchvision: most models need none"
        ) from error


def fitting_torchvision() -> str:
    """What to give to `pip install`: torch 2.N goes with torchvision 0.(N+15), patch for patch.

    Source: the table in torchvision's README.
    """
    parts = _version("torch").partition("+")[0].split(".")
    if len(parts) < 2 or parts[0] != "2" or not parts[1].isdigit():
        return "torchvision"
    return f"'torchvision==0.{int(parts[1]) + 15}.*'"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"
