"""Looks at what an evaluation depends on: packages and extras, keys, folders, and a model's server. Changes nothing.

No request is sent but a server's list of its models, and no key is ever part of a finding.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from sparkles_eval import __version__
from sparkles_eval.adapters.base import Adapter, AddressedAdapter
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir

State = Literal["ok", "note", "problem"]
_PACKAGE = "sparkles-eval"
_FOR_DEVELOPERS = ("all", "dev", "docs")
_LITTLE_SPACE = 2**30
_PROBE_S = 10.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at. `note` costs a part of the program, `problem` will stop what was asked for."""

    area: str
    name: str
    state: State
    text: str
    fix: str = ""


def diagnose(store: Path, keys: Iterable[str], adapters: Sequence[Adapter] = ()) -> list[Diagnosis]:
    """Everything, in this order: program, extras, keys, folders, models.

    `keys` are the names of the environment variables that models may need; their values are only tested for being
    there and well formed.
    """
    findings = [*_program(), *_torch(), *_extras(), *_keys(keys), *_folders(store)]
    for adapter in adapters:
        findings.extend(asyncio.run(_servers(adapter)))
    return findings


# --- the program and its extras ------------------------------------------------------------------------


def _program() -> Iterator[Diagnosis]:
    yield Diagnosis("program", "Python", "ok", f"{platform.python_version()} ({sys.executable}), {platform.platform()}")
    yield Diagnosis("program", _PACKAGE, "ok", f"{__version__} in {Path(__file__).parents[1]}")
    if version(_PACKAGE) != __version__:
        text = f"installed as version {version(_PACKAGE)}: what the extras need may be out of date"
        yield Diagnosis("program", "installation", "note", text, "pip install it again")
    for requirement in _requirements(""):
        if missing := _lacks(requirement):
            yield Diagnosis("program", requirement.name, "problem", missing, f"pip install '{requirement}'")


def _extras() -> Iterator[Diagnosis]:
    for extra in metadata(_PACKAGE).get_all("Provides-Extra") or ():
        if extra in _FOR_DEVELOPERS:
            continue
        missing = [text for requirement in _requirements(extra) if (text := _lacks(requirement))]
        yield (
            Diagnosis("extras", extra, "note", "; ".join(missing), f"pip install '{_PACKAGE}[{extra}]'")
            if missing
            else Diagnosis("extras", extra, "ok", "installed")
        )


def _requirements(extra: str) -> Iterator[Requirement]:
    """What the package needs, without an extra or for one, extras of its own within extras followed."""
    for text in requires(_PACKAGE) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if extra and (marker is None or marker.evaluate({"extra": ""})):
            continue
        if marker is not None and not marker.evaluate({"extra": extra}):
            continue
        if requirement.name == _PACKAGE:
            for inner in requirement.extras:
                yield from _requirements(inner)
        else:
            yield requirement


def _lacks(requirement: Requirement) -> str:
    """What is wrong with an installed package, or empty."""
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(installed, prereleases=True):
        return f"{requirement.name} {installed} is installed, {requirement.specifier} is needed"
    return ""


def _torch() -> Iterator[Diagnosis]:
    if importlib.util.find_spec("torch") is None:
        return
    from sparkles_eval.adapters.local.device import visible_gpus
    from sparkles_eval.adapters.local.torchvision_check import require_working_torchvision

    gpus = visible_gpus()
    yield (
        Diagnosis("program", "GPU", "ok", f"{', '.join(gpus)}; torch {version('torch')}")
        if gpus
        else Diagnosis("program", "GPU", "note", f"torch {version('torch')} sees none: local models run on the CPU")
    )
    try:
        require_working_torchvision("transformers")
    except UserError as error:
        text, _, fix = str(error).rpartition("; ")
        yield Diagnosis("program", "torchvision", "problem", text, fix)


# --- keys and folders ----------------------------------------------------------------------------------


def _keys(names: Iterable[str]) -> Iterator[Diagnosis]:
    unset = []
    for name in sorted(set(names)):
        value = os.environ.get(name)
        if not value:
            unset.append(name)
        elif value != value.strip() or any(mark in value for mark in "\"'\n\r\t "):
            text = "set, with blanks or quotation marks that belong to no key"
            yield Diagnosis("keys", name, "problem", text, f"set {name} to the key alone")
        else:
            yield Diagnosis("keys", name, "ok", "set")
    if unset:
        yield Diagnosis("keys", "not set", "note", ", ".join(unset), f"where one is needed: export {unset[0]}=...")


def _folders(store: Path) -> Iterator[Diagnosis]:
    for name, folder, variable in (
        ("cache", cache_dir(), "SPARKLES_CACHE"),
        ("store", store.absolute().parent, "SPARKLES_EVAL_STORE"),
    ):
        yield _folder(name, folder, variable)


def _folder(name: str, folder: Path, variable: str) -> Diagnosis:
    """Whether files can be made in a folder, or in the nearest one above it that exists."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        text = f"{folder} cannot be written ({error.strerror or error})"
        return Diagnosis("folders", name, "problem", text, f"name another folder in {variable}")
    text = f"{folder}, {free / 2**30:,.1f} GB free"
    return Diagnosis("folders", name, "problem" if free < _LITTLE_SPACE else "ok", text, f"or another in {variable}")


# --- servers -------------------------------------------------------------------------------------------


async def _servers(adapter: Adapter) -> list[Diagnosis]:
    name = adapter.model.name
    try:
        if not isinstance(adapter, AddressedAdapter):
            return [Diagnosis("models", name, "ok", "can be built; no server is asked")]
        return [await _server(name, endpoint) for endpoint in adapter.endpoints]
    finally:
        if isinstance(adapter, AddressedAdapter):
            await adapter.aclose()


async def _server(name: str, endpoint: AddressedAdapter) -> Diagnosis:
    started = time.perf_counter()
    listed = await endpoint.listing()
    took_ms = (time.perf_counter() - started) * 1000
    if listed is not None:
        return Diagnosis("models", name, "ok", f"{endpoint.address} lists it ({took_ms:.0f} ms)")
    status = await _status(endpoint.address)
    if isinstance(status, str):
        return Diagnosis(
            "models", name, "problem", f"{endpoint.address}: {status}", "start the server, or check base_url"
        )
    text = f"{endpoint.address} answers and does not list {endpoint.model.model_id!r} (status {status} without a key)"
    return Diagnosis(
        "models", name, "note", text, "check the model's name, the key, and that base_url ends as its docs say"
    )


async def _status(address: str) -> int | str:
    """The HTTP status of the list of models, asked without a key; or in words why there is none."""
    import httpx

    try:
        async with httpx.AsyncClient(timeout=_PROBE_S, follow_redirects=False) as client:
            return (await client.get(f"{address.rstrip('/')}/models")).status_code
    except httpx.TimeoutException:
        return f"no answer within {_PROBE_S:.0f} s"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no connection ({type(error).__name__})"
