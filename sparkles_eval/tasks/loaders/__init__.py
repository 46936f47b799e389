"""Finds loaders by the name that task.yaml uses. A built-in loader is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.tasks.base import Loader

GROUP = "sparkles_eval.loaders"
"""Entry-point group of loaders in other installed packages."""

_BUILT_IN = {
    "sparkleseval": "sparkles_eval.tasks.loaders.sparkleseval",
    "bison": "sparkles_eval.tasks.loaders.bison",
    "nlvr2": "sparkles_eval.tasks.loaders.nlvr2",
    "demon": "sparkles_eval.tasks.loaders.demon",
    "jsonl": "sparkles_eval.tasks.loaders.jsonl",
    "table": "sparkles_eval.tasks.loaders.table",
    "mini": "sparkles_eval.synthetic.loader",
}


def loader_names(plugins: Sequence[Path] = ()) -> list[str]:
    """Every loader name that a task.yaml may use; `plugins` are the `--plugin` files. Imports no other loader."""
    outside = {point.name for point in entry_points(group=GROUP)}
    return sorted({*_BUILT_IN, *outside, *(name for path in plugins for name in load_plugin(path).loaders)})


def find_loader(name: str, plugins: Sequence[Path] = ()) -> Loader:
    """The loader of that name: from a plugin, built in, or from an installed package, in this order.

    Raises errors.ContentError with the names that exist, or with the reason why a package cannot be imported.
    """
    for path in plugins:
        if name in load_plugin(path).loaders:
            return cast("Loader", load_plugin(path).loaders[name])
    if name in _BUILT_IN:
        return cast("Loader", import_module(_BUILT_IN[name]).load)
    for point in entry_points(group=GROUP, name=name):
        try:
            return cast("Loader", point.load())
        except (ImportError, AttributeError) as error:
            raise ContentError(f"loader {name!r} of {point.value}: {error}; reinstall its package") from error
    raise ContentError(f"unknown loader {name!r}; known: {', '.join(loader_names(plugins))}")
