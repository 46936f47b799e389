"""Loads a user's Python file (`--plugin path.py`) once and gives the mappings that it declares.

Knows nothing of what an adapter, judge or loader is: whoever asks for a mapping knows how to call its values.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sparkles_eval.errors import UserError

Factory: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Plugin:
    """What one file offers: factories by the name that `--model`, `--judge` or a task.yaml uses."""

    path: Path
    adapters: Mapping[str, Factory] = field(default_factory=dict)
    judges: Mapping[str, Factory] = field(default_factory=dict)
    loaders: Mapping[str, Factory] = field(default_factory=dict)


_loaded: dict[Path, Plugin] = {}


def load_plugin(path: Path) -> Plugin:
    """The plugin in a Python file; executed once a process, however often it is named.

    The file declares at least one of `ADAPTERS`, `JUDGES`, `LOADERS`, each a mapping of names to callables.
    Raises errors.UserError when the file is missing, fails while it runs, or declares none of them.
    """
    file = path.expanduser().resolve()
    if file not in _loaded:
        _loaded[file] = _run(file)
    return _loaded[file]


def _run(file: Path) -> Plugin:
    if not file.is_file():
        raise UserError(f"--plugin {file}: there is no such file")
    name = f"sparkles_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {file}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"--plugin {file}: {type(error).__name__} while it was loaded: {error}") from error
    adapters, judges, loaders = (
        _mapping(file, kind, getattr(module, kind, None)) for kind in ("ADAPTERS", "JUDGES", "LOADERS")
    )
    if not (adapters or judges or loaders):
        raise UserError(f"--plugin {file}: declares none of ADAPTERS, JUDGES, LOADERS (mappings of names to factories)")
    return Plugin(file, adapters, judges, loaders)


def _mapping(file: Path, kind: str, value: object) -> Mapping[str, Factory]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"--plugin {file}: {kind} must be a mapping of names to factories, not {type(value).__name__}")
    for name, factory in value.items():
        if not isinstance(name, str) or not callable(factory):
            raise UserError(f"--plugin {file}: {kind}[{name!r}] must be a callable under a text name")
    return dict(value)
