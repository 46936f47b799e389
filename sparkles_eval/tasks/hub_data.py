"""Fetches the data of a task that comes from the Hub; nothing is fetched unless a person asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sparkles_eval.core.errors import DataError
from sparkles_eval.core.files import cache_dir
from sparkles_eval.tasks.base import Source
from sparkles_eval.tasks.columns.hub_files import hub_folder
from sparkles_eval.tasks.folders import TaskFolder, find_task
from sparkles_eval.tasks.load import arguments


def from_hub(folder: TaskFolder) -> bool:
    """True for a task whose data come from the Hub."""
    return folder.spec.source is not None and folder.spec.source.hub is not None


def is_there(name_or_path: str, *, args: Mapping[str, str], content: Sequence[Path], first: int | None) -> bool:
    """True where the data of a task are in the Hub's cache already, or come from elsewhere. Uses no network."""
    folder = find_task(name_or_path, content)
    source = folder.spec.source
    if not from_hub(folder) or source is None:
        return True
    rows_of = source.with_args(arguments(folder, args))
    try:
        hub_folder(rows_of, Source(folder.spec.name, args, folder.path, None, cache_dir(), rows_of, None, first))
    except DataError:
        return False
    return True


def fetch_task_data(
    name_or_path: str,
    *,
    args: Mapping[str, str],
    say: Callable[[str], None],
    content: Sequence[Path] = (),
    first: int | None = None,
    agree: Callable[[str], None] | None = None,
) -> str | None:
    """Fetch what a task needs of its Hub data set; returns the commit, None for a task whose data come from elsewhere.

    `args` are the `--task-arg` pairs; see `fetch_hub` for the others. Raises errors.UserError with the fix.
    """
    folder = find_task(name_or_path, content)
    if not from_hub(folder) or folder.spec.source is None:
        return None
    from sparkles_eval.tasks.columns.hub_fetch import fetch_hub  # loads a client for the network

    return fetch_hub(folder.spec.source.with_args(arguments(folder, args)), say, first=first, agree=agree)
