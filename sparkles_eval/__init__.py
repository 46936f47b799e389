"""sparkles-eval: evaluate multi-image, multi-turn vision-language models, and trust the numbers.

In Python and notebooks:

    import sparkles_eval as se
    results = se.run(tasks="bison-mini", models=["baseline/chance", "openai/gpt-4o"])
    results.leaderboard()

What `__all__` names is stable, and imported when it is first named, so that the package itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparkles_eval.analysis.ablations import ablations
    from sparkles_eval.analysis.compare import compare
    from sparkles_eval.analysis.items import items
    from sparkles_eval.analysis.planning import plan
    from sparkles_eval.analysis.variance import variance
    from sparkles_eval.api.evaluate import run, run_async
    from sparkles_eval.api.named import judge, model, task
    from sparkles_eval.api.run_results import Results, judges_compare, load
    from sparkles_eval.api.trainer_callback import EvaluationCallback
    from sparkles_eval.core.errors import SparklesError, UserError
    from sparkles_eval.tasks.metrics import metric
    from sparkles_eval.tasks.scorers import scorer

__version__ = "0.2.0"

__all__ = [
    "EvaluationCallback",
    "Results",
    "SparklesError",
    "UserError",
    "ablations",
    "compare",
    "items",
    "judge",
    "judges_compare",
    "load",
    "metric",
    "model",
    "plan",
    "run",
    "run_async",
    "scorer",
    "task",
    "variance",
]

_LAZY = {
    "EvaluationCallback": "api.trainer_callback",
    "Results": "api.run_results",
    "SparklesError": "core.errors",
    "UserError": "core.errors",
    "ablations": "analysis.ablations",
    "compare": "analysis.compare",
    "items": "analysis.items",
    "judge": "api.named",
    "judges_compare": "api.run_results",
    "load": "api.run_results",
    "metric": "tasks.metrics",
    "model": "api.named",
    "plan": "analysis.planning",
    "run": "api.evaluate",
    "run_async": "api.evaluate",
    "scorer": "tasks.scorers",
    "task": "api.named",
    "variance": "analysis.variance",
}
"""Public names, and the modules that define them."""


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(f"sparkles_eval.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
