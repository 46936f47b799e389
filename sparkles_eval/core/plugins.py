"""Loads a user's Python file (`--plugin path.py`) once, and keeps registries of what plugins and packages offer."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from sparkles_eval.core.errors import UserError

Factory: TypeAlias = Callable[..., object]
T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name: built in, from an installed package, or from a `--plugin` file.

    An installed package names each in the entry point group `sparkles_eval.<group>`; it is imported when its name is
    first asked for, or when all names are.
    """

    def __init__(self, kind: str, group: str) -> None:
        self._kind, self._group = kind, f"sparkles_eval.{group}"
        self._things: dict[str, tuple[T, str]] = {}
        _registries.append(self)

    def add(self, name: str, thing: T, module: str) -> None:
        """Register a thing that `module` defines. Raises errors.UserError if the name is taken."""
        other = self._things.get(name)
        if other is not None:
            raise UserError(f"{self._kind} {name!r} is defined in {module} and in {other[1]}; rename one of them")
        self._things[name] = (thing, module)

    def get(self, name: str) -> T | None:
        """The thing of that name, or None. Raises errors.UserError for a package that cannot be imported."""
        if name not in self._things:
            for entry in entry_points(group=self._group, name=name):
                self._import(entry)
        found = self._things.get(name)
        return found[0] if found else None

    def modules(self) -> dict[str, str]:
        """The module that defines each thing, by name."""
        return {name: self._things[name][1] for name in self}

    def forget(self, module: str) -> int:
        """Remove what a module registered; returns how many things that were."""
        gone = [name for name, (_, owner) in self._things.items() if owner == module]
        for name in gone:
            del self._things[name]
        return len(gone)

    def count(self, module: str) -> int:
        """How many things a module registered."""
        return sum(owner == module for _, owner in self._things.values())

    def __iter__(self) -> Iterator[str]:
        """Every name, built-in ones first."""
        for entry in entry_points(group=self._group):
            if entry.name not in self._things:
                self._import(entry)
        return iter(tuple(self._things))

    def _import(self, entry: EntryPoint) -> None:
        package = entry.dist.name if entry.dist else entry.module
        try:
            entry.load()
        except Exception as error:
            raise UserError(
                f"{self._kind} {entry.name!r} of the package {package}: {type(error).__name__} while it was imported: "
                f"{error}; fix or uninstall the package"
            ) from error
        if entry.name not in self._things:
            raise UserError(
                f"{self._kind} {entry.name!r}: the package {package} names it as an entry point of {self._group}, but "
                f"{entry.module} registers none of that name"
            )


_registries: list[Registry[Any]] = []
"""Every registry, so that a plugin file that registers something counts as offering it."""


class Decorated(Protocol):
    """What a decorator such as `@scorer` returns. A file offers those that it defines, not those that it imports."""

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
    """What one plugin file offers: factories by the name that `--model`, `--judge` or a task.yaml uses."""

    path: Path
    adapters: Mapping[str, Factory] = field(default_factory=dict)
    judges: Mapping[str, Factory] = field(default_factory=dict)
    loaders: Mapping[str, Factory] = field(default_factory=dict)
    decorated: Mapping[str, Mapping[str, Decorated]] = field(default_factory=dict)
    """The file's decorated functions, by kind and name."""


_loaded: dict[Path, Plugin] = {}


def load_plugin(path: Path) -> Plugin:
    """The plugin in a Python file, which is executed once per process.

    The file declares `ADAPTERS`, `JUDGES` or `LOADERS` (mappings of names to callables), or has a function under a
    decorator such as `@metric` or `@scorer`. Raises errors.UserError when the file is missing, fails while it runs, or
    offers nothing.
    """
    file = path.expanduser().resolve()
    if file not in _loaded:
        _loaded[file] = _run(file)
    return _loaded[file]


def register_plugin(
    name: str, *, adapters: Mapping[str, Factory] | None = None, judges: Mapping[str, Factory] | None = None
) -> Path:
    """Offer what was made in this process as a plugin file would offer it; gives the path that stands for the file.

    A second plugin of the same name replaces the first.
    """
    path = Path(f"/in-this-process/{name}.py").resolve()
    _loaded[path] = Plugin(path, adapters or {}, judges or {})
    return path


def run_file(file: Path, option: str) -> ModuleType:
    """The module of a user's Python file, which `option` names on the command line; executed anew by every call.

    Raises errors.UserError with the file and the line where it is missing or fails.
    """
    file = file.expanduser().resolve()
    if not file.is_file():
        raise UserError(f"{option} {file}: there is no such file")
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{option} {file}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        for registry in _registries:
            registry.forget(name)
        if isinstance(error, UserError):
            raise UserError(f"{option} {file}: {error}") from error
        where = f"{file}{error_place(error, file)}"
        raise UserError(f"{option} {where}: {type(error).__name__} while it was loaded: {error}") from error
    return module


def error_place(error: BaseException, file: Path) -> str:
    """ ", line 12" for an error that passed through a user's file: the last line of it; "" where it did not."""
    whole = str(file.expanduser().resolve())
    if isinstance(error, SyntaxError) and error.filename == whole:
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == whole]
    return f", line {lines[-1]}" if lines else ""


def _module_name(file: Path) -> str:
    return f"sparkles_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"


def _run(file: Path) -> Plugin:
    module, name = run_file(file, "--plugin"), _module_name(file)
    adapters, judges, loaders = (
        _mapping(file, kind, getattr(module, kind, None)) for kind in ("ADAPTERS", "JUDGES", "LOADERS")
    )
    decorated = _decorated(file, module)
    if not (adapters or judges or loaders or decorated or any(registry.count(name) for registry in _registries)):
        raise UserError(
            f"--plugin {file}: declares none of ADAPTERS, JUDGES, LOADERS (mappings of names to factories), and has no "
            "function under @metric or @scorer"
        )
    return Plugin(file, adapters, judges, loaders, decorated)


def _decorated(file: Path, module: ModuleType) -> dict[str, dict[str, Decorated]]:
    """The decorated functions that the file itself defines, not those that it imports."""
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
