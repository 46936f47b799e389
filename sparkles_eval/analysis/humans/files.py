"""Writes rating sheets as CSV and JSON files for raters, and reads them back, checking every row."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import ValidationError

from sparkles_eval.analysis.humans.annotation_sampling import ShownTurn
from sparkles_eval.core import JSON, Image
from sparkles_eval.core.content import find_file
from sparkles_eval.core.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.core.text import escape_cell
from sparkles_eval.store import read_samples
from sparkles_eval.store.ratings import HumanRating, Sheet, add_ratings, ratings, sheet
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.prompts import compile_template, render
from sparkles_eval.tasks.validation import read_text

SheetForm: TypeAlias = Literal["csv", "json"]
_FIXED = ("sheet", "code", "turn", "question", "images", "answer")
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Pictures:
    """What raters see of the images: (file name, bytes) by hash. `small`: how many are only previews."""

    files: Mapping[str, tuple[str, bytes]]
    small: int


def find_pictures(store: Store, pages: Iterable[tuple[ShownTurn, ...]], data_root: Path | None = None) -> Pictures:
    """The images of these pages: from `data_root`, else from bytes in the store, else the store's small previews.

    A file whose bytes are not those that the models saw is not taken. Images that are nowhere are left out.
    """
    images = {image.sha256: image for turns in pages for turn in turns for _, image in turn.images}
    previews = read_samples.thumbnails(store, images)
    found: dict[str, tuple[str, bytes]] = {}
    small = 0
    for sha256, image in images.items():
        whole = on_disk(image, data_root) or read_samples.embedded(store, sha256)
        if whole:
            found[sha256] = (f"images/{sha256[:12]}.{_ENDINGS.get(image.media_type, 'img')}", whole)
        elif preview := previews.get(sha256):
            small += 1
            found[sha256] = (f"images/{sha256[:12]}.jpg", preview)
    return Pictures(found, small)


def on_disk(image: Image, data_root: Path | None) -> bytes | None:
    """An image from a folder of data, if the file there has the very bytes that the models saw."""
    if data_root is None:
        return None
    root = data_root.resolve()
    file = (root / image.relpath).resolve()
    # A store may come from anybody: its paths may not lead out of the folder that the user named.
    if not (file.is_relative_to(root) and file.is_file()):
        return None
    data = file.read_bytes()
    return data if hashlib.sha256(data).hexdigest() == image.sha256 else None


def write_sheet(
    made: Sheet, pages: Mapping[str, tuple[ShownTurn, ...]], pictures: Pictures, folder: Path, form: SheetForm
) -> Path:
    """Write a rater's sheet, its pictures and how to rate into a folder; gives the sheet's path.

    Raises errors.UserError where the folder cannot be written, or where a rated sheet would be overwritten.
    """
    path = folder / f"sheet-{made.rater}-{made.id}.{form}"
    text = _csv(made, pages, pictures.files) if form == "csv" else _json(made, pages, pictures.files)
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for name, data in pictures.files.values():
            (folder / name).write_bytes(data)
        (folder / "how-to-rate.md").write_text(_how(made), encoding="utf-8")
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path} is there already, perhaps rated; import it, or remove it first") from None
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); name another folder with --out") from error
    return path


def _images(turn: ShownTurn, pictures: Mapping[str, tuple[str, bytes]]) -> list[str]:
    return [f"{name}: {pictures[i.sha256][0] if i.sha256 in pictures else i.relpath}" for name, i in turn.images]


def _csv(made: Sheet, pages: Mapping[str, tuple[ShownTurn, ...]], pictures: Mapping[str, tuple[str, bytes]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*_FIXED, *(criterion.id for criterion in made.criteria), "comment"])
    for row in made.rows:
        for number, turn in enumerate(pages[row.code], 1):
            texts = (escape_cell(turn.question), "\n".join(_images(turn, pictures)), escape_cell(turn.answer))
            writer.writerow([made.id, row.code, number, *texts, *("" for _ in made.criteria), ""])
    return out.getvalue()


def _json(made: Sheet, pages: Mapping[str, tuple[ShownTurn, ...]], pictures: Mapping[str, tuple[str, bytes]]) -> str:
    items: list[JSON] = []
    for row in made.rows:
        for number, turn in enumerate(pages[row.code], 1):
            empty: dict[str, JSON] = {criterion.id: None for criterion in made.criteria}
            images: list[JSON] = [*_images(turn, pictures)]
            shown: dict[str, JSON] = {"question": turn.question, "images": images, "answer": turn.answer}
            items.append({"code": row.code, "turn": number, **shown, "ratings": empty, "comment": ""})
    return json.dumps({"sheet": made.id, "rows": items}, indent=1, ensure_ascii=False) + "\n"


def _how(made: Sheet) -> str:
    path = find_file("reports", "how_to_rate.md.j2")
    if path is None:
        raise ContentError("reports/how_to_rate.md.j2 is missing; reinstall sparkles-eval")
    names: dict[str, object] = {
        "low": f"{made.low:g}",
        "high": f"{made.high:g}",
        "criteria": [{"id": c.id, "name": c.name, "description": c.description.strip()} for c in made.criteria],
    }
    return render(compile_template(read_text(path), str(path)), str(path), names)


# --- back -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought. `answers` counts rated answers (one turn), `empty` those still without a rating."""

    sheet: Sheet
    new: int
    known: int
    answers: int
    empty: int


@dataclass(frozen=True, slots=True)
class _Line:
    """One row as it stands in the file; ratings as text."""

    where: str
    sheet: str
    code: str
    turn: str
    ratings: Mapping[str, str]
    comment: str


def import_ratings(store: Store, path: Path, *, replace: bool = False) -> Imported:
    """Read a rated sheet into the store: all of it, or nothing and every mistake with its line.

    An empty rating is one not given yet; a rating that was imported before and is another now is a mistake unless
    `replace`. Raises errors.DataError (mistakes), UserError (no such file or form), StoreError (unknown sheet).
    """
    lines = list(_read(path))
    named = {line.sheet for line in lines}
    if len(named) != 1:
        raise UserError(f"{path}: {'rows of several sheets' if named else 'no rows'}; a file holds one sheet")
    made = sheet(store, named.pop())
    known = {
        (r.run_id, r.sample_id, r.epoch, r.turn, r.criterion): r.value
        for r in ratings(store, sorted({row.run_id for row in made.rows}))
        if r.rater == made.rater
    }
    turns = _turns(store, made)
    problems: list[Problem] = []
    found: list[HumanRating] = []
    seen: dict[tuple[str, str], str] = {}
    for line in lines:
        first = seen.setdefault((line.code, line.turn), line.where)
        if first != line.where:
            problems.append(Problem(line.where, f"code {line.code}, turn {line.turn} stands there again after {first}"))
            continue
        found += _ratings(line, made, turns, problems)
    if not replace:
        problems += [
            Problem(_whereof(r, made, seen), f"{r.criterion} is {r.value:g}, imported before as {before:g}")
            for r in found
            if (before := known.get((r.run_id, r.sample_id, r.epoch, r.turn, r.criterion))) not in (None, r.value)
        ]
    if problems:
        fix = "nothing was imported; fix the lines and import again (--replace lets the new ratings stand)"
        raise DataError(str(path), problems, fix)
    new = add_ratings(store, found, replace=replace)
    rated = {(r.run_id, r.sample_id, r.turn) for r in found}
    return Imported(made, new, len(found) - new, len(rated), len(lines) - len(rated))


def _whereof(rating: HumanRating, made: Sheet, seen: Mapping[tuple[str, str], str]) -> str:
    code = next(row.code for row in made.rows if (row.run_id, row.sample_id) == (rating.run_id, rating.sample_id))
    return seen[code, str(rating.turn)]


def _turns(store: Store, made: Sheet) -> dict[str, int]:
    """How many turns each sample of the sheet has."""
    wanted = {row.sample_id for row in made.rows}
    found: dict[str, int] = {}
    for run_id in dict.fromkeys(row.run_id for row in made.rows):
        if not wanted - set(found):
            break
        total = read_samples.count_samples(store, run_id)
        found |= {s.id: len(s.sample.turns) for s in read_samples.samples(store, run_id, limit=total) if s.id in wanted}
    return found


def _ratings(line: _Line, made: Sheet, turns: Mapping[str, int], problems: list[Problem]) -> Iterator[HumanRating]:
    row = next((row for row in made.rows if row.code == line.code), None)
    if row is None:
        problems.append(Problem(line.where, f"code {line.code[:40]!r} is none of sheet {made.id}"))
        return
    if not (line.turn.isascii() and line.turn.isdigit() and 1 <= int(line.turn[:4]) <= turns[row.sample_id]):
        problems.append(Problem(line.where, f"turn {line.turn[:40]!r}; it has turns 1 to {turns[row.sample_id]}"))
        return
    criteria = {criterion.id for criterion in made.criteria}
    for criterion, text in line.ratings.items():
        if criterion not in criteria:
            known = ", ".join(sorted(criteria))
            problems.append(Problem(line.where, f"{criterion[:40]!r} is no criterion of the sheet; it has {known}"))
            continue
        if not text.strip():
            continue
        value = _number(text)
        if value is None or not made.low <= value <= made.high:
            scale = f"{made.low:g} to {made.high:g}"
            problems.append(Problem(line.where, f"{criterion} is {text[:40]!r}; give a number from {scale}"))
            continue
        yield HumanRating(
            made.rater, row.run_id, row.sample_id, row.epoch, int(line.turn), criterion, value, line.comment, made.id
        )


def _number(text: str) -> float | None:
    """ "7", "7.5" and "7,5"."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read(path: Path) -> Iterator[_Line]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None
    if path.suffix.lower() == ".json":
        return _read_json(path, text)
    if path.suffix.lower() == ".csv":
        return _read_csv(path, text)
    raise UserError(f"{path}: a rated sheet ends in .csv or .json, not {path.suffix!r}")


def _read_csv(path: Path, text: str) -> Iterator[_Line]:
    # People's spreadsheets write semicolons where their decimals have commas.
    heading = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text, newline=""), strict=True, delimiter=";" if heading.count(";") > heading.count(",") else ","
    )
    start = 2
    try:
        missing = [name for name in ("sheet", "code", "turn") if name not in (reader.fieldnames or ())]
        if missing:
            raise UserError(f"{path}: line 1: the column {missing[0]} is missing; keep the heading as it was exported")
        for row in reader:
            where, start = f"line {start}", reader.line_num + 1
            if None in row or None in row.values():
                raise DataError(str(path), [Problem(where, "not as many fields as the heading has")])
            rated = {name: value for name, value in row.items() if name not in (*_FIXED, "comment")}
            yield _Line(where, row["sheet"], row["code"], row["turn"], rated, row.get("comment", ""))
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: not CSV ({error})") from None


class _Row(Strict):
    code: str
    turn: int
    question: str = ""
    images: tuple[str, ...] = ()
    answer: str = ""
    ratings: dict[str, float | str | None]
    comment: str = ""


class _File(Strict):
    sheet: str
    rows: tuple[_Row, ...]


def _read_json(path: Path, text: str) -> Iterator[_Line]:
    try:
        file = _File.model_validate_json(text)
    except ValidationError as error:
        problems = []
        for found in error.errors(include_url=False):
            at = list(found["loc"])
            where = f"row {int(at[1]) + 1}" if len(at) > 1 and at[0] == "rows" else ""
            problems.append(Problem(where, f"{'.'.join(map(str, at[2:] or at))}: {found['msg']}"))
        raise DataError(str(path), problems, "nothing was imported") from None
    for number, row in enumerate(file.rows, 1):
        rated = {name: "" if value is None else str(value) for name, value in row.ratings.items()}
        yield _Line(f"row {number}", file.sheet, row.code, str(row.turn), rated, row.comment)
