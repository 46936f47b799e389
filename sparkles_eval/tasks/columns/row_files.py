"""Opens files of rows in every usual form; a row is a mapping from column to value, read one after the other.

Parquet, Arrow, `save_to_disk` folders, webdataset tars, JSON, JSON lines, CSV and TSV, also inside zip archives.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import IO, TypeAlias, cast

from sparkles_eval.core.errors import ContentError, MissingExtra
from sparkles_eval.tasks.images import MAX_BYTES
from sparkles_eval.tasks.validation import parse_json

RowValues: TypeAlias = Mapping[str, object]

_BATCH = 64
"""Rows of a columnar file that are in memory at a time: pictures can lie in them."""
SUFFIXES = (".parquet", ".arrow", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tar")
"""Files that hold rows, by their ending."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row with its place ("test.tsv line 3") and, where it lies in an archive, the folder of its file there."""

    place: str
    values: RowValues
    config: str = ""
    archive: Path | None = None
    folder: str = ""


def open_rows(path: Path, split: str = "") -> Iterator[TableRow]:
    """The rows of a file or `save_to_disk` folder. Raises errors.ContentError for what is no such file."""
    if path.is_dir():
        yield from _saved(path, split)
        return
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ContentError(
            f"{path}: rows are read from {', '.join(SUFFIXES)}, not from {path.suffix or 'such'!r} files"
        )
    yield from _named(path.name, reader, path)


def open_member_rows(archive: Path, member: str) -> Iterator[TableRow]:
    """The rows of a JSON, CSV or TSV file inside a zip archive."""
    suffix = PurePosixPath(member).suffix.lower()
    if suffix not in _TEXT:
        raise ContentError(f"{archive}: {member}: rows inside an archive are read from {', '.join(_TEXT)}")
    folder = str(PurePosixPath(member).parent)
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as raw:
            rows = _TEXT[suffix](_decoded(raw, f"{archive.name}!{member}"), member)
            for place, values in rows:
                yield TableRow(f"{member} {place}", values, archive=archive, folder="" if folder == "." else folder)
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError) as error:
        raise ContentError(f"{archive}: {member}: cannot be read ({error}); fetch it again") from None


def _named(name: str, reader: Callable[[Path], Iterator[tuple[str, RowValues]]], path: Path) -> Iterator[TableRow]:
    try:
        for place, values in reader(path):
            yield TableRow(f"{name} {place}", values)
    except OSError as error:
        raise ContentError(f"{path}: cannot be read ({error.strerror or error})") from None


# --- text ---------------------------------------------------------------------------------------------------------


def _decoded(raw: IO[bytes], name: str) -> Iterator[str]:
    """The lines of a file in UTF-8; a byte that is none is an error with the file's name."""
    try:
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            yield from text
    except UnicodeDecodeError as error:
        raise ContentError(f"{name}: not UTF-8 text ({error.reason}); save it as UTF-8") from None


def _text_file(
    inner: Callable[[Iterator[str], str], Iterator[tuple[str, RowValues]]],
) -> Callable[[Path], Iterator[tuple[str, RowValues]]]:
    def read(path: Path) -> Iterator[tuple[str, RowValues]]:
        with path.open("rb") as raw:
            yield from inner(_decoded(raw, str(path)), str(path))

    return read


def _json_lines(text: Iterator[str], name: str) -> Iterator[tuple[str, RowValues]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            raise ContentError(f"{name}: line {number}: {error}") from None
        yield f"line {number}", _mapping(value, f"{name}: line {number}")


def _json(text: Iterator[str], name: str) -> Iterator[tuple[str, RowValues]]:
    """A list of rows, an object of rows, a list under `data`, or one row."""
    try:
        value = parse_json("".join(text))
    except ValueError as error:
        raise ContentError(f"{name}: {error}") from None
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        value = value["data"]
    if isinstance(value, dict):
        value = list(value.values()) if value and all(isinstance(v, dict) for v in value.values()) else [value]
    if not isinstance(value, list):
        raise ContentError(f"{name}: holds no list of rows")
    for number, row in enumerate(value, 1):
        yield f"entry {number}", _mapping(row, f"{name}: entry {number}")


def _mapping(value: object, where: str) -> RowValues:
    if not isinstance(value, dict):
        raise ContentError(f"{where}: a row is an object with named values, this is {type(value).__name__}")
    return value


def _separated(delimiter: str) -> Callable[[Iterator[str], str], Iterator[tuple[str, RowValues]]]:
    def read(text: Iterator[str], name: str) -> Iterator[tuple[str, RowValues]]:
        before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # a cell may hold several pictures
        try:
            rows = csv.DictReader(text, delimiter=delimiter, strict=True)
            headings = [heading.strip() for heading in rows.fieldnames or ()]
            if twice := next((heading for heading in headings if headings.count(heading) > 1), None):
                raise ContentError(f"{name}: two columns are called {twice!r}")
            rows.fieldnames = headings
            for row in rows:
                if None in row or None in row.values():
                    raise ContentError(f"{name}: line {rows.line_num}: not as many cells as the heading has")
                # An empty cell is a missing value, as in the tables of pandas.
                yield f"line {rows.line_num}", {key: value or None for key, value in row.items()}
        except csv.Error as error:
            raise ContentError(f"{name}: not a table ({error})") from None
        finally:
            csv.field_size_limit(before)

    return read


_TEXT = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
}


# --- columnar -----------------------------------------------------------------------------------------------------


def _parquet(path: Path) -> Iterator[tuple[str, RowValues]]:
    pyarrow = _pyarrow()
    from pyarrow import parquet

    try:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    yield f"row {number}", values
                    number += 1
    except pyarrow.ArrowException as error:
        raise ContentError(f"{path}: is no whole parquet file ({error}); fetch it again") from None


def _arrow(path: Path) -> Iterator[tuple[str, RowValues]]:
    pyarrow = _pyarrow()
    ipc = import_module("pyarrow.ipc")
    try:
        number = 0
        with pyarrow.OSFile(str(path)) as raw:
            try:
                batches = iter(ipc.open_stream(raw))
            except pyarrow.ArrowInvalid:
                raw.seek(0)
                file = ipc.open_file(raw)
                batches = (file.get_batch(index) for index in range(file.num_record_batches))
            for whole in batches:
                for start in range(0, whole.num_rows, _BATCH):
                    for values in whole.slice(start, _BATCH).to_pylist():
                        yield f"row {number}", values
                        number += 1
    except pyarrow.ArrowException as error:
        raise ContentError(f"{path}: is no whole Arrow file ({error})") from None


def _pyarrow() -> ModuleType:
    try:
        return import_module("pyarrow")
    except ImportError:
        raise MissingExtra("reading parquet and Arrow files", "hub") from None


def _saved(folder: Path, split: str) -> Iterator[TableRow]:
    """A folder that `save_to_disk` wrote: of one split, or of several under their names."""
    state, several = folder / "state.json", folder / "dataset_dict.json"
    if several.is_file():
        splits = [str(name) for name in json.loads(several.read_text(encoding="utf-8")).get("splits", ())]
        if split not in splits:
            raise ContentError(f"{folder}: no split {split!r}; it has {', '.join(splits)} (`split` under `source`)")
        yield from _saved(folder / split, "")
        return
    if not state.is_file():
        raise ContentError(
            f"{folder}: is no folder that `save_to_disk` wrote; name its files, such as {folder}/*.parquet"
        )
    for entry in json.loads(state.read_text(encoding="utf-8")).get("_data_files", ()):
        yield from open_rows(folder / PurePosixPath(str(entry["filename"])).name)


# --- webdataset ---------------------------------------------------------------------------------------------------


def _tar(path: Path) -> Iterator[tuple[str, RowValues]]:
    """Members that share the name before the first dot form a row; their endings are its columns."""
    key, values = "", dict[str, object]()
    try:
        with tarfile.open(path) as opened:
            for member in opened:
                if member.isdir():
                    continue
                name = PurePosixPath(member.name)
                stem, _, ending = name.name.partition(".")
                here = str(name.parent / stem)
                if not member.isreg() or ".." in name.parts or name.is_absolute():
                    raise ContentError(f"{path}: {member.name} is a link or leads out; the archive is not trusted")
                if here != key and values:
                    yield f"sample {key}", {"__key__": key, **values}
                    values = {}
                key = here
                values[ending.lower()] = _member(opened, member, path)
    except (tarfile.TarError, EOFError, IndexError) as error:
        raise ContentError(f"{path}: is no whole tar archive ({error})") from None
    if values:
        yield f"sample {key}", {"__key__": key, **values}


def _member(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> object:
    if member.size > MAX_BYTES:
        raise ContentError(
            f"{path}: {member.name} has {member.size:,} bytes, more than any picture or text of a sample"
        )
    file = cast("IO[bytes]", opened.extractfile(member))  # plain files only
    data = file.read()
    ending = PurePosixPath(member.name).suffix.lower()
    if ending not in (".json", ".txt", ".cls", ".text", ".caption"):
        return data
    try:
        text = data.decode("utf-8")
        return parse_json(text) if ending == ".json" else text
    except (UnicodeDecodeError, ValueError) as error:
        raise ContentError(f"{path}: {member.name}: {error}") from None


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, RowValues]]]] = {
    **{suffix: _text_file(inner) for suffix, inner in _TEXT.items()},
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".tar": _tar,
}
