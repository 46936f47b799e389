"""Carries out a recipe: what is there already, what can be fetched, what only a person can get. Asks for no terms.

Every step that is done is written to `.sparkles-eval/NAME.json` in the data folder, so that a second call fetches only
what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sparkles_eval.errors import ContentError
from sparkles_eval.sources.archives import unpack
from sparkles_eval.sources.download import FetchError, Line, Watch, download
from sparkles_eval.sources.photographs import Fate, Fetched, Outcome, counts, fetch_photographs, wanted
from sparkles_eval.sources.spec import FileSpec, PhotographsSpec, SourceSpec

_RECORD = ".sparkles-eval"


class State(StrEnum):
    """What became of an entry of a recipe."""

    THERE = "already there"
    FETCHED = "fetched"
    MISSING = "missing"
    FAILED = "failed"
    PARTLY = "partly"
    BY_HAND = "for you to get"


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a recipe and what became of it."""

    place: str
    state: State
    detail: str = ""

    @property
    def fine(self) -> bool:
        return self.state in (State.THERE, State.FETCHED, State.PARTLY)


@dataclass(frozen=True, slots=True)
class Report:
    """What a fetch did."""

    source: SourceSpec
    root: Path
    steps: tuple[Step, ...]

    @property
    def complete(self) -> bool:
        return all(step.fine for step in self.steps)


def chosen_parts(source: SourceSpec, parts: Sequence[str]) -> tuple[str, ...]:
    """The parts to get. Raises errors.ContentError for one that the recipe has not."""
    if unknown := [part for part in parts if part not in source.parts]:
        raise ContentError(f"source {source.name}: no part {unknown[0]!r}; it has {', '.join(source.parts)}")
    return tuple(parts) or source.default


def look(source: SourceSpec, root: Path, parts: Sequence[str]) -> Report:
    """What is there and what is missing, without a network."""
    chosen = chosen_parts(source, parts)
    done = _read_record(source, root)
    files = [
        Step(file.to, State.THERE if _there(file, root, done) else State.MISSING, file.url)
        for file in source.files
        if file.part in chosen
    ]
    pictures = [_photographs_there(spec, root) for spec in source.photographs if spec.part in chosen]
    return Report(source, root, (*files, *pictures, *_by_hand(source, root, chosen)))


def fetch(
    source: SourceSpec,
    root: Path,
    line: Line,
    watch: Watch,
    *,
    parts: Sequence[str] = (),
    again: bool = False,
    fetched: Fetched | None = None,
) -> Report:
    """Get what is missing of the chosen parts (default: the recipe's). A file that fails does not stop the others.

    `again` asks once more for photographs that were gone. Raises errors.ContentError for a part that there is not.
    """
    chosen = chosen_parts(source, parts)
    done = _read_record(source, root)
    files = [_file(source, file, root, line, watch, done) for file in source.files if file.part in chosen]
    pictures = [
        _photographs(spec, root, line.mirrors, again=again, fetched=fetched)
        for spec in source.photographs
        if spec.part in chosen
    ]
    return Report(source, root, (*files, *pictures, *_by_hand(source, root, chosen)))


def _file(source: SourceSpec, file: FileSpec, root: Path, line: Line, watch: Watch, done: dict[str, int]) -> Step:
    if _there(file, root, done):
        return Step(file.to, State.THERE)
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
        return Step(file.to, State.FAILED, str(error))
    except OSError as error:
        return Step(file.to, State.FAILED, f"{root}: cannot be written ({error.strerror}); make room and try again")
    return Step(file.to, State.FETCHED, detail)


def _there(file: FileSpec, root: Path, done: Mapping[str, int]) -> bool:
    place = root / file.to
    if file.unpack is not None:
        return file.url in done and place.is_dir()
    return place.is_file() and place.stat().st_size > 0


def _photographs(
    spec: PhotographsSpec, root: Path, mirrors: Mapping[str, str], *, again: bool, fetched: Fetched | None
) -> Step:
    annotations = root / spec.annotations
    if not annotations.is_file():
        return Step(spec.to, State.FAILED, f"{spec.annotations} is not there, which names the photographs")
    hashes = root / spec.hashes if spec.hashes else None
    if hashes is not None and not hashes.is_file():
        return Step(spec.to, State.FAILED, f"{spec.hashes} is not there, by which other pictures are told")
    listed = wanted(annotations, hashes)
    try:
        return _step(spec, fetch_photographs(listed, root / spec.to, mirrors=mirrors, again=again, tell=fetched))
    except FetchError as error:
        return Step(spec.to, State.FAILED, str(error))


def _step(spec: PhotographsSpec, fates: Sequence[Fate]) -> Step:
    found = counts(fates)
    detail = ", ".join(f"{count:,} {outcome.value}" for outcome, count in found.items())
    kept = found.get(Outcome.KEPT, 0)
    state = State.FETCHED if kept == len(fates) else State.PARTLY if kept else State.FAILED
    return Step(spec.to, state, f"{detail}; each in {spec.to}.photographs.csv")


def _photographs_there(spec: PhotographsSpec, root: Path) -> Step:
    annotations = root / spec.annotations
    if not annotations.is_file():
        return Step(spec.to, State.MISSING, f"needs {spec.annotations}")
    photographs = wanted(annotations, None)
    have = sum((root / spec.to / one.name).is_file() for one in photographs)
    state = State.THERE if have == len(photographs) else State.PARTLY if have else State.MISSING
    return Step(spec.to, state, f"{have:,} of {len(photographs):,} photographs")


def _by_hand(source: SourceSpec, root: Path, parts: Sequence[str]) -> list[Step]:
    return [
        Step(entry.put, State.THERE, entry.what)
        if (root / entry.put).exists()
        else Step(entry.put, State.BY_HAND, f"{entry.what}: {entry.where}")
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
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    part.write_text(json.dumps(done, indent=1), encoding="utf-8")
    part.replace(place)
