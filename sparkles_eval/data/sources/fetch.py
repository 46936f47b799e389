"""Fetches a data source: skips existing files, downloads others, and names those that a person must get.

The user must accept the terms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.files import write_file
from sparkles_eval.data.sources.archives import unpack
from sparkles_eval.data.sources.download import DownloadProgress, FetchError, HttpSession, download
from sparkles_eval.data.sources.image_urls import (
    FetchedImage,
    FetchOutcome,
    FetchProgress,
    count_outcomes,
    fetch_images,
    read_image_urls,
)
from sparkles_eval.data.sources.spec import FileSpec, ImageUrlsSpec, SourceSpec

_RECORD = ".sparkles-eval"


class EntryState(StrEnum):
    """The state of a recipe's entry after a fetch."""

    THERE = "already there"
    FETCHED = "fetched"
    MISSING = "missing"
    FAILED = "failed"
    PARTLY = "partly"
    BY_HAND = "for you to get"


@dataclass(frozen=True, slots=True)
class FetchStep:
    """An entry of a recipe with its state."""

    place: str
    state: EntryState
    detail: str = ""

    @property
    def fine(self) -> bool:
        return self.state in (EntryState.THERE, EntryState.FETCHED, EntryState.PARTLY)


@dataclass(frozen=True, slots=True)
class FetchReport:
    """The result of a fetch."""

    source: SourceSpec
    root: Path
    steps: tuple[FetchStep, ...]

    @property
    def complete(self) -> bool:
        return all(step.fine for step in self.steps)


def chosen_parts(source: SourceSpec, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts to get. Raises errors.ContentError for one that the recipe does not have."""
    if unknown := [part for part in parts if part not in source.parts]:
        raise ContentError(f"source {source.name}: no part {unknown[0]!r}; it has {', '.join(source.parts)}")
    return tuple(parts) or source.default


def inspect_folder(source: SourceSpec, root: Path, parts: Sequence[str]) -> FetchReport:
    """Which entries are present and which are missing, without network access."""
    chosen = chosen_parts(source, parts)
    done = _read_record(source, root)
    files = [
        FetchStep(file.to, EntryState.THERE if _there(file, root, done) else EntryState.MISSING, file.url)
        for file in source.files
        if file.part in chosen
    ]
    pictures = [_photographs_there(spec, root) for spec in source.photographs if spec.part in chosen]
    return FetchReport(source, root, (*files, *pictures, *_by_hand(source, root, chosen)))


def fetch_source(
    source: SourceSpec,
    root: Path,
    line: HttpSession,
    watch: DownloadProgress,
    *,
    parts: Sequence[str] = (),
    again: bool = False,
    fetched: FetchProgress | None = None,
) -> FetchReport:
    """Get the missing files of the chosen parts (default: the recipe's). A file that fails does not stop the others.

    `again` retries photographs that were gone. Raises errors.ContentError for an unknown part.
    """
    chosen = chosen_parts(source, parts)
    done = _read_record(source, root)
    files = [_file(source, file, root, line, watch, done) for file in source.files if file.part in chosen]
    pictures = [
        _photographs(spec, root, line.mirrors, again=again, fetched=fetched)
        for spec in source.photographs
        if spec.part in chosen
    ]
    return FetchReport(source, root, (*files, *pictures, *_by_hand(source, root, chosen)))


def _file(
    source: SourceSpec, file: FileSpec, root: Path, line: HttpSession, watch: DownloadProgress, done: dict[str, int]
) -> FetchStep:
    if _there(file, root, done):
        return FetchStep(file.to, EntryState.THERE)
    place = root / file.to
    try:
        if file.unpack is None:
            size = download(line, file.url, place, watch, size=file.bytes, sha256=file.sha256)
            detail = f"{size:,} bytes"
        else:
            archive = root / _RECORD / file.url.rsplit("/", 1)[-1]
            if not archive.is_file():
                download(line, file.url, archive, watch, size=file.bytes, sha256=file.sha256)
            size = unpack(archive, file.unpack, place, only=file.only)
            archive.unlink()
            detail = f"{size:,} files"
        done[file.url] = size
        _write_record(source, root, done)
    except FetchError as error:
        return FetchStep(file.to, EntryState.FAILED, str(error))
    except OSError as error:
        return FetchStep(
            file.to, EntryState.FAILED, f"{root}: cannot be written ({error.strerror}); make room and try again"
        )
    return FetchStep(file.to, EntryState.FETCHED, detail)


def _there(file: FileSpec, root: Path, done: Mapping[str, int]) -> bool:
    place = root / file.to
    if file.unpack is not None:
        return file.url in done and place.is_dir()
    return place.is_file() and place.stat().st_size > 0


def _photographs(
    spec: ImageUrlsSpec, root: Path, mirrors: Mapping[str, str], *, again: bool, fetched: FetchProgress | None
) -> FetchStep:
    annotations = root / spec.annotations
    if not annotations.is_file():
        return FetchStep(spec.to, EntryState.FAILED, f"{spec.annotations} is not there, which names the photographs")
    hashes = root / spec.hashes if spec.hashes else None
    if hashes is not None and not hashes.is_file():
        return FetchStep(spec.to, EntryState.FAILED, f"{spec.hashes} is not there, by which other pictures are told")
    listed = read_image_urls(annotations, hashes)
    try:
        return _step(spec, fetch_images(listed, root / spec.to, mirrors=mirrors, again=again, tell=fetched))
    except FetchError as error:
        return FetchStep(spec.to, EntryState.FAILED, str(error))


def _step(spec: ImageUrlsSpec, fates: Sequence[FetchedImage]) -> FetchStep:
    found = count_outcomes(fates)
    detail = ", ".join(f"{count:,} {outcome.value}" for outcome, count in found.items())
    kept = found.get(FetchOutcome.KEPT, 0)
    state = EntryState.FETCHED if kept == len(fates) else EntryState.PARTLY if kept else EntryState.FAILED
    return FetchStep(spec.to, state, f"{detail}; each in {spec.to}.photographs.csv")


def _photographs_there(spec: ImageUrlsSpec, root: Path) -> FetchStep:
    annotations = root / spec.annotations
    if not annotations.is_file():
        return FetchStep(spec.to, EntryState.MISSING, f"needs {spec.annotations}")
    photographs = read_image_urls(annotations, None)
    have = sum((root / spec.to / one.name).is_file() for one in photographs)
    state = EntryState.THERE if have == len(photographs) else EntryState.PARTLY if have else EntryState.MISSING
    return FetchStep(spec.to, state, f"{have:,} of {len(photographs):,} photographs")


def _by_hand(source: SourceSpec, root: Path, parts: Sequence[str]) -> list[FetchStep]:
    return [
        FetchStep(entry.put, EntryState.THERE, entry.what)
        if (root / entry.put).exists()
        else FetchStep(entry.put, EntryState.BY_HAND, f"{entry.what}: {entry.where}")
        for entry in source.by_hand
        if entry.part in parts
    ]


def _read_record(source: SourceSpec, root: Path) -> dict[str, int]:
    try:
        raw = json.loads((root / _RECORD / f"{source.name}.json").read_text(encoding="utf-8"))
        return {str(url): int(count) for url, count in raw.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _write_record(source: SourceSpec, root: Path, done: Mapping[str, int]) -> None:
    place = root / _RECORD / f"{source.name}.json"
    write_file(place, json.dumps(done, indent=1))
