"""Makes a sample of a row, by the `columns` of a task.yaml: question, pictures, options, answer, dialogue, labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.core import Image, Part, Sample, Text, Turn
from sparkles_eval.tasks.columns.cell_values import (
    LETTERS,
    as_list,
    cell,
    is_empty,
    listed_options,
    place_of_answer,
    text_of,
    without_letters,
)
from sparkles_eval.tasks.columns.column_spec import AnswerColumn, OptionColumns, SampleColumns
from sparkles_eval.tasks.columns.dialogue_rows import RowQuestion, questions_of
from sparkles_eval.tasks.columns.row_files import TableRow
from sparkles_eval.tasks.columns.row_pictures import RowPictures, flat
from sparkles_eval.tasks.placeholders import PLACEHOLDER, count_marks, places

_NEXT = "\x1e"
"""Stands between the turns of a dialogue while its picture marks are counted over all of them."""


class Unusable(ValueError):
    """A row of which no sample can be made; each line of the message is a reason."""


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of a question as they are scored, as they are shown, and their own texts."""

    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    lines: str = ""


class RowSamples:
    """Makes samples of rows. `shared`: a picture cell may be the id of another row whose pictures are meant (TSV)."""

    def __init__(self, columns: SampleColumns, pictures: RowPictures, *, shared: bool = False) -> None:
        self._columns = columns
        self._pictures = pictures
        self._shared = shared
        self._by_id: dict[str, list[Image | str]] = {}

    def wanted(self, row: TableRow) -> bool:
        """True where the row has the values that `where` asks for."""
        return all(text_of(cell(row.values, column)) in values for column, values in self._columns.where.items())

    def id_of(self, row: TableRow, number: int) -> str:
        """The sample's id: that of the row, else its number."""
        return text_of(cell(row.values, self._columns.id)) if self._columns.id else f"{number}"

    def waits(self, row: TableRow) -> bool:
        """True where the row takes its pictures from a row that has not been read yet."""
        name = self._reference(row)
        return name is not None and name not in self._by_id

    def sample(self, row: TableRow, name: str) -> Sample:
        """The sample of a row. Raises Unusable with every reason where it cannot be made."""
        columns, values = self._columns, row.values
        if not name:
            raise Unusable(f"no id in the column {columns.id!r}")
        images = self._images(row, name)
        asked = self._questions(row)
        options = self._options(asked[0].text, values) if len(asked) == 1 else _Options()
        own = [self._turn_options(question) for question in asked]
        inside = [one for question in asked for one in self._read(question.images, row)]
        if images and inside:
            raise Unusable("pictures in the messages and in the columns of `images`; name one of them")
        offered = self._read([v for c in columns.image_options for v in flat(cell(values, c))], row)
        if offered:
            options = _by_letter(["<image>"] * len(offered), "{letter}. {text}")
        texts = [question.text + part.lines for question, part in zip(asked, own, strict=True)]
        texts[-1] += options.lines
        contents = _distribute(texts, [*(images or inside), *offered], front=columns.marks == "front" or bool(offered))
        target, accepted = self._answer(columns.answer, values, options, last=len(asked) == 1)
        turns = tuple(
            Turn(content, question.reference, options=part.names, targets=self._turn_answer(question, part))
            for content, question, part in zip(contents, asked, own, strict=True)
        )
        return Sample(
            name,
            turns,
            dict(self._fields(values, asked, options)),
            options.names,
            target,
            group=self._group(values, name),
            cluster=text_of(cell(values, columns.cluster)) if columns.cluster else "",
            tags=tuple(text_of(v) for c in columns.tags for v in _entries(cell(values, c)) if not is_empty(v)),
            accepted=accepted,
        )

    # --- pictures -------------------------------------------------------------------------------------------------

    def _reference(self, row: TableRow) -> str | None:
        """The id of the row whose pictures this one takes over, or None."""
        if not self._shared or len(self._columns.images) != 1 or self._columns.id is None:
            return None
        said = cell(row.values, self._columns.images[0])
        if not isinstance(said, str) or len(said) > 64 or "." in said or said.strip()[:1] in ("[", "<"):
            return None
        return said.strip() or None

    def _images(self, row: TableRow, name: str) -> list[Image]:
        other = self._reference(row)
        if other is not None:
            if other not in self._by_id:
                raise Unusable(f"its picture is that of row {other}, which has none")
            return _sound(self._by_id[other])
        columns = [c for wanted in self._columns.images for c in spread(wanted, list(row.values))]
        found = self._pictures.read([v for c in columns for v in flat(cell(row.values, c))], beside=_beside(row))
        if self._shared and found:
            self._by_id[name] = found
        images = _sound(found)
        captions = _entries(cell(row.values, self._columns.caption)) if self._columns.caption else []
        if captions and len(captions) == len(images):
            images = [replace(image, caption=text_of(said)) for image, said in zip(images, captions, strict=True)]
        return images

    def _read(self, values: Sequence[object], row: TableRow) -> list[Image]:
        return _sound(self._pictures.read(list(values), beside=_beside(row)))

    # --- words ----------------------------------------------------------------------------------------------------

    def _questions(self, row: TableRow) -> list[RowQuestion]:
        columns = self._columns
        try:
            return questions_of(row.values, columns)
        except ValueError as error:
            raise Unusable(str(error)) from None

    def _options(self, question: str, values: Mapping[str, object]) -> _Options:
        wanted = self._columns.options
        if wanted is None:
            return _Options()
        texts = _option_texts(wanted, question, values)
        return _chosen(texts, wanted.shown)

    def _turn_options(self, question: RowQuestion) -> _Options:
        if question.image_options:
            return _by_letter([PLACEHOLDER] * question.image_options, "{letter}. {text}")
        return _chosen(without_letters([text_of(o) for o in question.options]), "{letter}. {text}")

    def _turn_answer(self, question: RowQuestion, options: _Options) -> tuple[str, ...]:
        turns = self._columns.turns
        if turns is None or turns.answer is None or is_empty(question.answer):
            return ()
        target, accepted = _target(turns.answer, question.answer, options)
        return (target, *accepted)

    # --- answers and labels ---------------------------------------------------------------------------------------

    def _answer(
        self, wanted: AnswerColumn | None, values: Mapping[str, object], options: _Options, *, last: bool
    ) -> tuple[str | None, tuple[str, ...]]:
        if wanted is None:
            return None, ()
        said = cell(values, wanted.column)
        if is_empty(said):
            if last:
                raise Unusable(f"no answer in the column {wanted.column!r}")
            return None, ()
        if text_of(said) in wanted.hidden:
            raise Unusable(f"its label is not published ({text_of(said)!r}), so that nothing can be scored")
        return _target(wanted, said, options)

    def _fields(
        self, values: Mapping[str, object], asked: Sequence[RowQuestion], options: _Options
    ) -> Iterator[tuple[str, str]]:
        for name, column in self._columns.fields.items():
            yield name, _joined(cell(values, column))
        if self._columns.system:
            yield "system", text_of(cell(values, self._columns.system))
        elif system := next((question.system for question in asked if question.system), ""):
            yield "system", system
        for number, question in enumerate(asked, 1):
            for name, value in question.fields.items():
                yield f"{name}_{number}", _joined(value)
        for letter, text in zip(LETTERS, options.texts, strict=False):
            if options.names != options.texts and PLACEHOLDER not in text and not count_marks(text):
                yield f"option_{letter}", text

    def _group(self, values: Mapping[str, object], name: str) -> str:
        if self._columns.group:
            return text_of(cell(values, self._columns.group))
        twin = text_of(cell(values, self._columns.pairs)) if self._columns.pairs else ""
        return " & ".join(sorted((name, twin))) if twin else ""


def spread(column: str, columns: Sequence[str]) -> list[str]:
    """The columns that `image_*` stands for, by their numbers; any other name as it is."""
    if not column.endswith("*"):
        return [column]
    start = column[:-1]
    numbered = [name for name in columns if name.startswith(start) and name[len(start) :].isdecimal()]
    return sorted(numbered, key=lambda name: int(name[len(start) :]))


def _beside(row: TableRow) -> tuple[Path, str] | None:
    return (row.archive, row.folder) if row.archive is not None else None


def _sound(found: Sequence[Image | str]) -> list[Image]:
    """The pictures. Raises Unusable with the reasons of those that cannot be used."""
    reasons = dict.fromkeys(
        f"picture {number}: {one}" if one.startswith(("a picture", "no picture", "the address")) else one
        for number, one in enumerate(found, 1)
        if isinstance(one, str)
    )
    if reasons:
        raise Unusable("\n".join(reasons))
    return [image for image in found if isinstance(image, Image)]


def _distribute(texts: Sequence[str], images: Sequence[Image], *, front: bool) -> list[tuple[Part, ...]]:
    """The contents of the turns: the k-th mark over all of them is the k-th picture. Raises Unusable."""
    joined = _NEXT.join(text.replace(_NEXT, " ") for text in texts)
    marks = count_marks(joined)
    if front and 0 < marks < len(images):
        joined = PLACEHOLDER * (len(images) - marks) + joined
        if PLACEHOLDER in joined and marks != joined.count(PLACEHOLDER) - (len(images) - marks):
            raise Unusable(f"{marks} marks in several spellings for {len(images)} pictures")
    try:
        cut = places(joined, len(images))
    except ValueError as error:
        raise Unusable(str(error)) from None
    contents: list[list[Part]] = [[]]
    for number, words in enumerate(cut.words):
        first, *later = words.split(_NEXT)
        _say(contents[-1], first)
        for text in later:
            contents.append([])
            _say(contents[-1], text)
        if number < len(cut.images):
            contents[-1].append(images[cut.images[number]])
    return [tuple(content) for content in contents]


def _say(content: list[Part], words: str) -> None:
    if words:
        content.append(Text(words))


def _option_texts(wanted: OptionColumns, question: str, values: Mapping[str, object]) -> list[str]:
    if wanted.within:
        found = listed_options(question)
        if not found:
            raise Unusable("no options are listed in the question's text (as 'A. first' or '(A) first')")
        return found
    if len(wanted.columns) > 1:
        cells = [cell(values, column) for column in wanted.columns]
        filled = [text_of(value) for value in cells if not is_empty(value)]
        if any(not is_empty(value) for value in cells[len(filled) :]):
            raise Unusable(f"an empty option before others among the columns {', '.join(wanted.columns)}")
        return without_letters(filled)
    value = cell(values, wanted.columns[0])
    if is_empty(value):
        return []
    listed = as_list(value)
    if listed is not None:
        return without_letters([text_of(option) for option in listed])
    if isinstance(value, Mapping):  # {"A": "first", "B": "second"}
        return [text_of(option) for letter, option in sorted(value.items()) if not is_empty(option) or letter in "AB"]
    texts = listed_options(text_of(value))
    if not texts:
        raise Unusable(f"the options in the column {wanted.columns[0]!r} are no list: {text_of(value)[:60]!r}")
    return texts


def _chosen(texts: Sequence[str], shown: str | None) -> _Options:
    """Options by their words where all of these differ, else by their letters. Raises Unusable."""
    if not texts:
        return _Options()
    if len(texts) > len(LETTERS):
        raise Unusable(f"{len(texts)} options; at most {len(LETTERS)} have letters")
    plain = {" ".join(text.split()).casefold() for text in texts}
    if len(plain) < len(texts) or "" in plain or any(count_marks(text) for text in texts):
        return _by_letter(texts, shown)
    return replace(_by_letter(texts, shown), names=tuple(texts))


def _by_letter(texts: Sequence[str], shown: str | None) -> _Options:
    letters = LETTERS[: len(texts)]
    lines = [
        shown.replace("{letter}", letter).replace("{text}", text)
        for letter, text in zip(letters, texts, strict=True)
        if shown is not None
    ]
    return _Options(tuple(letters), tuple(texts), "".join(f"\n{line}" for line in lines))


def _target(wanted: AnswerColumn, said: object, options: _Options) -> tuple[str, tuple[str, ...]]:
    """The right option, or the accepted texts where there are no options. Raises Unusable."""
    if options.names:
        one = as_list(said)
        if one is not None and len(one) == 1 and wanted.kind not in ("flags", "list"):
            said = one[0]
        try:
            place = place_of_answer(said, options.texts, wanted.kind, wanted.first)
        except ValueError as error:
            raise Unusable(str(error)) from None
        return options.names[place], ()
    listed = as_list(said) if wanted.kind == "list" or not isinstance(said, str) else None
    texts = [text_of(one) for one in listed if not is_empty(one)] if listed is not None else [text_of(said)]
    if not texts:
        raise Unusable(f"no answer in the column {wanted.column!r}")
    return texts[0], tuple(dict.fromkeys(texts[1:]))


def _entries(value: object) -> list[object]:
    found = as_list(value)
    return [value] if found is None and not is_empty(value) else found or []


def _joined(value: object) -> str:
    """A cell as text; the entries of a list stand on lines of their own."""
    found = as_list(value)
    return text_of(value) if found is None else "\n".join(f"- {text_of(one)}" for one in found if not is_empty(one))
