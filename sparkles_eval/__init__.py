"""sparkles-eval: evaluate multi-image, multi-turn vision-language models, and trust the numbers.

In a notebook: `import sparkles_eval as se; se.compare("runs/sparkles.db", "a", "b").sentences`. The functions are
imported when they are first named, so that the package itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkles_eval.analysis.ablations import ablations as ablations
    from sparkles_eval.analysis.compare import compare as compare
    from sparkles_eval.analysis.planning import plan as plan
    from sparkles_eval.analysis.variance import variance as variance
    from sparkles_eval.tasks.metrics import metric as metric

__version__ = "0.1.0"

_LAZY = {
    "ablations": "analysis.ablations",
    "compare": "analysis.compare",
    "metric": "tasks.metrics",
    "plan": "analysis.planning",
    "variance": "analysis.variance",
}
"""Public names, and the modules that define them."""


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(f"sparkles_eval.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
