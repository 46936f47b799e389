"""Loads a user's Python file (`--plugin path.py`) once and gives what it offers: mappings and decorated functions.

Knows nothing of what an adapter, judge, loader or scorer is: whoever asks for a mapping knows how to call its values.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeAlias

from sparkles_eval.errors import UserError

Factory: TypeAlias = Callable[..., object]


class Decorated(Protocol):
    """What a decorator such as `@scorer` makes of a function. A file offers those that it defines itself."""

    @property
    def kind(self) -> str:
        """Which decorator made it, such as "scorers": the key of `Plugin.decorated`."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def function(self) -> Callable[..., object]:
        """The author's function."""
        ...


@dataclass(frozen=True, slots=True)
class Plugin:
    """What one file offers: factories by the name that `--model`, `--judge` or a task.yaml uses."""

    path: Path
    adapters: Mapping[str, Factory] = field(default_factory=dict)
    judges: Mapping[str, Factory] = field(default_factory=dict)
    loaders: Mapping[str, Factory] = field(default_factory=dict)
    decorated: Mapping[str, Mapping[str, Decorated]] = field(default_factory=dict)
    """What decorators made of the file's functions, by kind and name."""


_loaded: dict[Path, Plugin] = {}


def load_plugin(path: Path) -> Plugin:
    """The plugin in a Python file; executed once a process, however often it is named.

    The file declares at least one of `ADAPTERS`, `JUDGES`, `LOADERS`, each a mapping of names to callables, or a
    function with a decorator such as `@scorer`. Raises errors.UserError when the file is missing, fails while it runs,
    or declares none of them.
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
        if isinstance(error, UserError):
            raise UserError(f"--plugin {file}: {error}") from error
        raise UserError(f"--plugin {file}: {type(error).__name__} while it was loaded: {error}") from error
    adapters, judges, loaders = (
        _mapping(file, kind, getattr(module, kind, None)) for kind in ("ADAPTERS", "JUDGES", "LOADERS")
    )
    decorated = _decorated(file, module)
    if not (adapters or judges or loaders or decorated):
        raise UserError(
            f"--plugin {file}: declares none of ADAPTERS, JUDGES, LOADERS (mappings of names to factories), and has no "
            "@scorer"
        )
    return Plugin(file, adapters, judges, loaders, decorated)


def _decorated(file: Path, module: ModuleType) -> dict[str, dict[str, Decorated]]:
    """What decorators made of functions that the file defines; what it imports is another's."""
    found: dict[str, dict[str, Decorated]] = {}
    for value in vars(module).values():
        kind, name, function = (getattr(value, part, None) for part in ("kind", "name", "function"))
        if not isinstance(kind, str) or getattr(function, "__module__", None) != module.__name__:
            continue
        names = found.setdefault(kind, {})
        if names.setdefault(str(name), value) is not value:
            raise UserError(f"--plugin {file}: two of its {kind} are called {name!r}; give one another name")
    return found


def _mapping(file: Path, kind: str, value: object) -> Mapping[str, Factory]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"--plugin {file}: {kind} must be a mapping of names to factories, not {type(value).__name__}")
    for name, factory in value.items():
        if not isinstance(name, str) or not callable(factory):
            raise UserError(f"--plugin {file}: {kind}[{name!r}] must be a callable under a text name")
    return dict(value)
