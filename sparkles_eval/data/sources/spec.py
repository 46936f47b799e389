"""Reads source recipes: where data come from, under which terms, and where they are stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from sparkles_eval.core.content import find_file, overlay
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.tasks.spec import PlainName, valid_name
from sparkles_eval.tasks.validation import read_yaml


def _inside(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or not path.parts:
        raise ValueError(f"{value!r} must be a relative path inside the data folder, written with '/'")
    return path.as_posix()


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise ValueError(f"{value!r} is no http(s) address")
    return value


Inside = Annotated[str, AfterValidator(_inside)]
Address = Annotated[str, AfterValidator(_address)]


class _PartSpec(Strict):
    """An entry of a recipe."""

    part: str = "all"
    """The name by which `--part` selects it."""


class FileSpec(_PartSpec):
    """One file to download."""

    url: Address
    to: Inside
    """Its path, or with `unpack` the folder for its content."""
    unpack: Literal["zip", "tar"] | None = None
    only: Inside | None = None
    """The only folder of an archive to unpack; its name is left out."""
    bytes: int | None = Field(default=None, gt=0)
    """Approximate size, for the check of free space where the server does not say."""
    sha256: str | None = None
    """The hash that its authors publish, if any."""

    @field_validator("sha256")
    @classmethod
    def _digest(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{64}", value):
            raise ValueError(f"{value!r} is no SHA-256 in 64 small hex digits")
        return value

    @model_validator(mode="after")
    def _unpacks(self) -> FileSpec:
        if self.only is not None and self.unpack is None:
            raise ValueError("`only` says what to take of an archive; add `unpack: zip` or `unpack: tar`")
        return self


class ImageUrlsSpec(_PartSpec):
    """Photographs by their own addresses, as NLVR2 names them in its annotations."""

    annotations: Inside
    """JSON lines with `identifier`, `left_url` and `right_url`; one of the files above."""
    hashes: Inside | None = None
    """JSON object: file name -> 64-bit average hash in hex, to detect another picture at the same address."""
    to: Inside


class ByHandSpec(_PartSpec):
    """Something that only a person can get, because of a form, a login or a drive."""

    what: str
    where: Address
    put: Inside
    """The file or folder that must then exist."""


class SourceSpec(Strict):
    """A recipe: sources/NAME.yaml."""

    name: PlainName
    title: str
    about: str
    homepage: Address
    licence: str
    terms: str
    """The terms to which a person must agree before anything is fetched; printed unchanged."""
    used_by: str = ""
    """What it is used for, such as `--task bison --task-arg source=full`."""
    default: tuple[str, ...] = ("all",)
    """Parts that are fetched unless `--part` names others."""
    files: tuple[FileSpec, ...] = ()
    photographs: tuple[ImageUrlsSpec, ...] = ()
    by_hand: tuple[ByHandSpec, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part, in the order of the recipe."""
        entries: tuple[_PartSpec, ...] = (*self.files, *self.photographs, *self.by_hand)
        return tuple(dict.fromkeys(entry.part for entry in entries))

    @model_validator(mode="after")
    def _whole(self) -> SourceSpec:
        if not self.parts:
            raise ValueError("nothing to get: name `files`, `photographs` or `by_hand`")
        if unknown := [part for part in self.default if part not in self.parts]:
            raise ValueError(f"default: {unknown[0]!r} is no part; there are {', '.join(self.parts)}")
        places = [file.to for file in self.files if file.unpack is None]
        if twice := [place for place in places if places.count(place) > 1]:
            raise ValueError(f"two files go to {twice[0]}")
        return self


def is_source(name: str, content: Sequence[Path] = ()) -> bool:
    """True where there is a recipe of that name."""
    return valid_name(name) and find_file("sources", f"{name}.yaml", content) is not None


def read_source(name: str, content: Sequence[Path] = ()) -> SourceSpec:
    """The recipe of that name. Raises errors.ContentError with the names that exist."""
    path = find_file("sources", f"{name}.yaml", content) if valid_name(name) else None
    if path is None:
        known = ", ".join(spec.name for spec in list_sources(content))
        raise ContentError(f"unknown source {name!r}; known: {known}, and tasks whose data come from the Hub")
    return _read(path)


def list_sources(content: Sequence[Path] = ()) -> list[SourceSpec]:
    """Every recipe by name; the user's takes precedence over a shipped one of the same name."""
    found: dict[str, SourceSpec] = {}
    for place in overlay("sources", content):
        for path in sorted(place.glob("*.yaml")):
            if path.stem not in found:
                found[path.stem] = _read(path)
    return [found[name] for name in sorted(found)]


def _read(path: Path) -> SourceSpec:
    spec = read_yaml(path, SourceSpec)
    if spec.name != path.stem:
        raise ContentError(f"{path}: name: {spec.name!r} is not the file's name {path.stem!r}; make them equal")
    return spec
