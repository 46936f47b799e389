"""Loads any table of questions by the keys `source` and `columns` of its task.yaml, without code.

Rows come from the Hub's cache, from `--data-root` or from the task's folder. A column that is not there, and
a mapping that fits no row, are refused with the columns that are there and the first rows.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

from sparkles_eval.core import Sample
from sparkles_eval.core.errors import ContentError, Problem
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.columns.cell_values import has_column
from sparkles_eval.tasks.columns.column_spec import RowSource, SampleColumns
from sparkles_eval.tasks.columns.hub_files import hub_folder
from sparkles_eval.tasks.columns.row_files import TableRow, open_member_rows, open_rows
from sparkles_eval.tasks.columns.row_pictures import RowPictures
from sparkles_eval.tasks.columns.row_samples import RowSamples, Unusable, spread
from sparkles_eval.tasks.columns.row_shapes import shown_rows
from sparkles_eval.tasks.loaders.common import find_path, nothing_loadable

_SHARING = (".tsv",)
"""Files whose picture cells may name another row, as VLMEvalKit's do."""


def load(source: Source) -> Loaded:
    """Load every row that `where` takes. Arguments: `config`, `split`, `revision`, `files`, in place of `source`'s."""
    rows_of, columns = source.rows, source.columns
    if rows_of is None or columns is None:
        raise ContentError(f"task {source.task}: the loader `table` needs the keys `source` and `columns` in task.yaml")
    rows_of = rows_of.with_args(source.args)
    root, files, revision = _files(source, rows_of)
    archives = [path for pattern in rows_of.archives for path in _matching(root, pattern)]
    if rows_of.archives and not archives:
        raise nothing_loadable(source.task, f"no archive {', '.join(rows_of.archives)} in {root}")
    base = find_path(source, "images", None, [root / rows_of.images], folder=True)
    shared = any(path.suffix.lower() in _SHARING for _, path, _ in files)
    with RowPictures(base, root, archives, source.cache / "row-pictures") as pictures:
        maker = RowSamples(columns, pictures, shared=shared)
        samples, problems = _samples(maker, _checked(source, columns, _rows(files, rows_of.split)))
        kept = pictures.kept and not any(i.path and i.path.is_relative_to(root) for s in samples for i in s.images)
    if not samples and problems:
        problems.append(Problem("", shown_rows(islice(_rows(files, rows_of.split), 2))))
    place = source.cache / "row-pictures" if kept else root
    return Loaded(tuple(samples), tuple(problems), place, revision)


def _files(source: Source, rows_of: RowSource) -> tuple[Path, list[tuple[str, Path, str]], str]:
    """The data's folder, the row files as (configuration, path, pattern inside an archive), and the commit."""
    revision = ""
    patterns = list(rows_of.patterns())
    if source.data_root is not None or rows_of.hub is None:
        root = (source.data_root or source.folder / Path(rows_of.folder).expanduser()).expanduser()
        if not patterns:
            patterns = [("", f"**/{rows_of.split or '*'}*.parquet")]
    else:
        found = hub_folder(rows_of, source)
        root, revision = found.folder, found.commit
        patterns = [one for one in found.patterns if found.rows is None or (root / one[1]).is_file()]
    files: list[tuple[str, Path, str]] = []
    for config, pattern in patterns:
        outer, _, inner = pattern.partition("!")
        here = [(config, path, inner) for path in _matching(root, outer)]
        if not here:
            raise nothing_loadable(source.task, f"no file {outer} in {root}")
        files += here
    return root, list(dict.fromkeys(files)), revision


def _matching(root: Path, pattern: str) -> list[Path]:
    if not any(sign in pattern for sign in "*?["):
        return [root / pattern] if (root / pattern).exists() else []
    return sorted(path for path in root.glob(pattern) if not path.name.startswith("."))


def _rows(files: Sequence[tuple[str, Path, str]], split: str) -> Iterator[TableRow]:
    for config, path, inner in files:
        if not inner:
            yield from (replace(row, config=config) for row in open_rows(path, split))
            continue
        try:
            with zipfile.ZipFile(path) as opened:
                names = sorted(name for name in opened.namelist() if fnmatch(name, inner) and not name.endswith("/"))
        except zipfile.BadZipFile as error:
            raise ContentError(f"{path}: is no whole zip archive ({error}); fetch it again") from None
        for name in names:
            yield from (replace(row, config=config) for row in open_member_rows(path, name))


def _checked(source: Source, columns: SampleColumns, rows: Iterator[TableRow]) -> Iterator[TableRow]:
    """The rows; before the first, every column that the task names and the data lack is refused."""
    for number, row in enumerate(rows):
        if number == 0:
            there = [*row.values, "config"]
            lacking = [
                f"{key}: no column {column!r}"
                for key, named in columns.named().items()
                for column in named
                if not (spread(column, there) if column.endswith("*") else has_column(there, column))
            ]
            if lacking:
                raise nothing_loadable(
                    source.task,
                    f"{'; '.join(lacking)} (under `columns` in {source.folder / 'task.yaml'}); {shown_rows([row])}",
                )
        yield replace(row, values={**row.values, "config": row.config}) if row.config else row


def _samples(maker: RowSamples, rows: Iterator[TableRow]) -> tuple[list[Sample], list[Problem]]:
    """The samples in the data's order, and a problem for each row of which none can be made."""
    made: list[Sample | None] = []
    problems: list[Problem] = []
    waiting: list[tuple[int, TableRow, str]] = []

    def make(place: int, row: TableRow, name: str) -> None:
        try:
            made[place] = maker.sample(row, name)
        except Unusable as error:
            problems.extend(Problem(f"{name} ({row.place})", what) for what in str(error).split("\n"))

    for number, row in enumerate(row for row in rows if maker.wanted(row)):
        name = maker.id_of(row, number)
        made.append(None)
        if maker.waits(row):
            waiting.append((len(made) - 1, row, name))
        else:
            make(len(made) - 1, row, name)
    for place, row, name in waiting:
        make(place, row, name)
    return [sample for sample in made if sample is not None], problems
