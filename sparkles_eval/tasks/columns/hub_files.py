"""Finds the files of a Hub data set in the Hub's cache on this machine, pinned to a commit. Uses no network.

The cache is the one that huggingface_hub and `hf download` fill; its links are followed. What was listed at a commit is
kept beside it, so that a download which stopped halfway is never taken for the whole data set.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import yaml

from sparkles_eval.core.errors import ContentError, DataError, Problem
from sparkles_eval.core.files import cache_dir, write_file
from sparkles_eval.tasks.base import Source
from sparkles_eval.tasks.columns.column_spec import COMMIT, RowSource
from sparkles_eval.tasks.columns.row_files import SUFFIXES

CARD = "README.md"
_LIKELY = ("test", "validation", "val", "dev", "train")
_SHARD = re.compile(r"^(.*)-(\d{5})-of-(\d{5})(\.\w+)$")


@dataclass(frozen=True, slots=True)
class HubListing:
    """What a data set holds at a commit, as the Hub listed it when it was fetched."""

    commit: str
    files: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    licence: str = ""
    gated: str = ""
    """"" where anyone may fetch it, else how access is given ("auto", "manual")."""


@dataclass(frozen=True, slots=True)
class HubFolder:
    """The folder of a data set at a commit. `patterns` are (configuration, file) of its rows."""

    folder: Path
    commit: str
    patterns: tuple[tuple[str, str], ...]
    rows: int | None = None
    """Only so many rows of each file are there; None: all."""


def hub_cache() -> Path:
    """The folder of the Hub's cache, by the same environment variables as huggingface_hub's."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    return Path(named or Path(home) / "hub").expanduser()


def repo_folder(name: str) -> Path:
    """The folder of a data set in the Hub's cache."""
    return hub_cache() / f"datasets--{name.replace('/', '--')}"


def partial_folder(name: str, commit: str, rows: int) -> Path:
    """Where the first rows of files are kept that are too large to be fetched whole."""
    return cache_dir("hub", name.replace("/", "--"), f"{commit}.first-{rows}")


def known_commit(name: str, revision: str) -> str | None:
    """The commit of a revision as it was when it was fetched last; None where it never was."""
    if COMMIT.fullmatch(revision):
        return revision
    try:
        found = (repo_folder(name) / "refs" / revision).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return found if COMMIT.fullmatch(found) else None


def hub_folder(rows_of: RowSource, source: Source) -> HubFolder:
    """The folder with every file that the task needs. Raises errors.DataError with the command that fetches them."""
    assert rows_of.hub is not None
    commit = known_commit(rows_of.hub, rows_of.revision)
    if commit is None:
        raise _absent(source, rows_of, "it is not in the Hub's cache on this machine")
    folder = repo_folder(rows_of.hub) / "snapshots" / commit
    listing = read_listing(rows_of.hub, commit) or _listed_there(folder, commit)
    patterns, needed = chosen_files(listing.files, _card(folder), rows_of)
    missing = [name for name in needed if not (folder / name).is_file()]
    if not missing and needed and not _short(needed):
        return HubFolder(folder, commit, tuple(patterns))
    if source.first is not None and (few := _partial(rows_of, commit, source.first, needed)) is not None:
        return HubFolder(few[0], commit, tuple(patterns), few[1])
    if not needed:
        raise _absent(source, rows_of, f"nothing of {wanted(rows_of)} is in the Hub's cache on this machine")
    there = len(needed) - len(missing)
    lacking = missing or _short(needed)
    raise _absent(source, rows_of, f"{there} of its {len(needed)} files are in the cache, {lacking[0]} is not")


def wanted(rows_of: RowSource) -> str:
    """What a task takes of a data set, in words."""
    parts = [f"config {', '.join(rows_of.config)}" if rows_of.config else "", f"split {rows_of.split}"]
    return ", ".join(part for part in parts if part and part != "split ") or "its files"


def _partial(rows_of: RowSource, commit: str, first: int, needed: Sequence[str]) -> tuple[Path, int] | None:
    assert rows_of.hub is not None
    home = cache_dir("hub", rows_of.hub.replace("/", "--"))
    for place in sorted(home.glob(f"{commit}.first-*")) if home.is_dir() else ():
        count = place.name.rpartition("-")[2]
        if count.isdecimal() and int(count) >= first and any((place / name).is_file() for name in needed):
            return place, int(count)
    return None


def _absent(source: Source, rows_of: RowSource, why: str) -> DataError:
    what = f"the data set {rows_of.hub} at revision {rows_of.revision[:12]}: {why}"
    name = source.task if source.named else source.folder
    fix = f"fetch it with:  sparkles-eval data fetch {name}   (or run again with --download)"
    return DataError(f"task {source.task}", [Problem("", what)], fix)


# --- what a commit holds ------------------------------------------------------------------------------------------


def read_listing(name: str, commit: str) -> HubListing | None:
    """The listing that was kept when this commit was fetched, or None."""
    try:
        raw = json.loads(_listing_file(name, commit).read_text(encoding="utf-8"))
        return HubListing(
            commit,
            tuple(str(file) for file in raw["files"]),
            {str(file): int(size) for file, size in raw["sizes"].items()},
            str(raw["licence"]),
            str(raw["gated"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_listing(name: str, listing: HubListing) -> None:
    """Keep a listing for `read_listing`."""
    raw = {
        "files": list(listing.files),
        "sizes": dict(listing.sizes),
        "licence": listing.licence,
        "gated": listing.gated,
    }
    write_file(_listing_file(name, listing.commit), json.dumps(raw))


def _listing_file(name: str, commit: str) -> Path:
    return cache_dir("hub", name.replace("/", "--"), f"{commit}.json")


def _listed_there(folder: Path, commit: str) -> HubListing:
    files = sorted(str(path.relative_to(folder).as_posix()) for path in folder.rglob("*") if path.is_file())
    return HubListing(commit, tuple(files))


def _short(files: Sequence[str]) -> list[str]:
    """A shard that the names of the others promise ("-00001-of-00003") and that is not among these files."""
    sets: dict[tuple[str, str, str], set[int]] = {}
    for name in files:
        if match := _SHARD.match(name):
            sets.setdefault((match[1], match[3], match[4]), set()).add(int(match[2]))
    return [
        f"{start}-{number:05}-of-{total}{ending}"
        for (start, total, ending), have in sets.items()
        for number in range(int(total))
        if number not in have
    ]


def _card(folder: Path) -> str:
    try:
        return (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


# --- which of its files -------------------------------------------------------------------------------------------


def chosen_files(files: Sequence[str], card: str, rows_of: RowSource) -> tuple[list[tuple[str, str]], list[str]]:
    """(configuration, file of rows) in order, and every file that is needed: rows and archives.

    By the patterns of the task, else by the data set's card, else by the names of files. Raises errors.ContentError
    with the splits or configurations that there are.
    """
    patterns = list(rows_of.patterns()) or _from_card(card, rows_of) or _by_names(files, rows_of)
    found: list[tuple[str, str]] = []
    for config, pattern in patterns:
        outer, mark, inner = pattern.partition("!")
        found += [(config, name + mark + inner) for name in sorted(files) if _fits(name, outer)]
    archives = [name for pattern in rows_of.archives for name in sorted(files) if _fits(name, pattern)]
    needed = dict.fromkeys([*(name.partition("!")[0] for _, name in found), *archives])
    return list(dict.fromkeys(found)), list(needed)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch(name, pattern) or ("**/" in pattern and fnmatch(name, pattern.replace("**/", "")))


def card_header(card: str) -> Mapping[str, object]:
    """The YAML between the two lines of dashes with which a card begins; empty where there is none."""
    match = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", card, re.DOTALL)
    try:
        found = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def licence_of(card: str) -> str:
    """The licence that a data set's card states, "" where it states none."""
    found = card_header(card).get("license")
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found or "")


def read_card(name: str, revision: str) -> str:
    """The card of a data set that is in the cache; "" where it is not or has none."""
    commit = known_commit(name, revision)
    return _card(repo_folder(name) / "snapshots" / commit) if commit else ""


def card_configs(card: str) -> dict[str, dict[str, list[str]]]:
    """The configurations of a card: name -> split -> patterns of its files."""
    found: dict[str, dict[str, list[str]]] = {}
    listed = card_header(card).get("configs")
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and (files := entry.get("data_files")) is not None:
            found[str(entry.get("config_name", "default"))] = _splits(files)
    return found


def likely_split(splits: Sequence[str]) -> str:
    """The split that evaluations use: test, else validation, else the first."""
    return next((name for name in _LIKELY if name in splits), splits[0] if splits else "")


def splits_of(card: str, config: Sequence[str]) -> list[str]:
    """The splits that a data set's card lists for a configuration."""
    configs = card_configs(card)
    name = config[0] if config else "default" if "default" in configs else next(iter(configs), "")
    return list(configs.get(name, {}))


def _splits(files: object) -> dict[str, list[str]]:
    if isinstance(files, str):
        return {"train": [files]}
    splits: dict[str, list[str]] = {}
    for one in files if isinstance(files, list) else ():
        if isinstance(one, str):
            splits.setdefault("train", []).append(one)
        elif isinstance(one, dict) and "path" in one:
            paths = one["path"] if isinstance(one["path"], list) else [one["path"]]
            splits.setdefault(str(one.get("split", "train")), []).extend(map(str, paths))
    return splits


def _from_card(card: str, rows_of: RowSource) -> list[tuple[str, str]]:
    configs = card_configs(card)
    if not configs:
        return []
    names = rows_of.config or (("default",) if "default" in configs else tuple(configs) if len(configs) == 1 else ())
    if not names or any(name not in configs for name in names):
        lacks = next((name for name in names if name not in configs), "")
        what = f"no config {lacks!r}" if lacks else "it has several configs, name one (`config` under `source`)"
        raise ContentError(f"data set {rows_of.hub}: {what}; it has {', '.join(sorted(configs)[:30])}")
    found = []
    for name in names:
        splits = configs[name]
        split = rows_of.split or (next(iter(splits)) if len(splits) == 1 else "")
        if split not in splits:
            what = f"no split {split!r}" if split else "it has several splits, name one (`split` under `source`)"
            raise ContentError(f"data set {rows_of.hub}, config {name}: {what}; it has {', '.join(splits)}")
        found += [(name if rows_of.config else "", pattern) for pattern in splits[split]]
    return found


def _by_names(files: Sequence[str], rows_of: RowSource) -> list[tuple[str, str]]:
    """Files of rows whose name or folder carries the configuration and the split."""
    named = [name for name in files if name.lower().endswith(SUFFIXES) and Path(name).name != "dataset_infos.json"]
    found: list[tuple[str, str]] = []
    for config in rows_of.config or ("",):
        anywhere = config in ("", "default")
        found += [(config, n) for n in named if _carries(n, rows_of.split) and (anywhere or _carries(n, config))]
    return found


def _carries(name: str, word: str) -> bool:
    return not word or re.search(rf"(?:^|[/._-]){re.escape(word)}(?:[/._-]|$)", name) is not None
