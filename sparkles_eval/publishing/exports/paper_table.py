"""Writes the leaderboard as one small table for a paper: models by tasks, as LaTeX, Markdown or CSV.

The best value of a column is bold where the column is ranked; models that do not differ significantly from it (Holm,
5%) are underlined. Every value has its interval; n of N stands in the head where it is equal for all, else in the cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.leaderboard import Leaderboard, Line, PanelCell, PanelColumn, View
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import slug
from sparkles_eval.core.text import (
    NO_VALUE,
    escape_latex,
    escape_markdown,
    format_ends,
    format_number,
    one_line,
)
from sparkles_eval.publishing.config import PaperFormat, PaperTableConfig
from sparkles_eval.reports.toolkit.table_files import csv_text
from sparkles_eval.tasks.metrics import Metric

COLUMN_PT = 241.0
"""Width of a column of a two-column paper (ACL, CVPR: 237 to 246 points)."""


@dataclass(frozen=True, slots=True)
class _Column:
    head: PanelColumn
    place: int
    """Of the panel in its view."""
    metric: Metric
    title: str

    @property
    def main(self) -> bool:
        """True for the metric that the models are ranked by."""
        return self.metric.name == self.head.column.name

    def estimate(self, row: Line) -> Estimate | None:
        cell = row.cells[self.place]
        if cell is None:
            return None
        measure = cell.measure if self.main else cell.part(self.metric.name)
        return measure.estimate if measure else None

    def mark(self, row: Line, rows: Sequence[Line]) -> str:
        """ "best", "tied" (not significantly below the best), or ""."""
        known = [(estimate.value, other.cells[self.place]) for other in rows if (estimate := self._ranked(other))]
        own = self._ranked(row)
        if own is None or own.value is None or len(known) < 2:
            return ""
        best = max(value for value, _ in known if value is not None)
        if own.value == best:
            return "best"
        letters = {letter for value, cell in known if value == best for letter in _letters(cell)}
        return "tied" if letters & _letters(row.cells[self.place]) else ""

    def _ranked(self, row: Line) -> Estimate | None:
        """The estimate of a model with a rank."""
        cell = row.cells[self.place]
        ranked = cell.ranked_run if cell and self.main else None
        found = self.estimate(row)
        return found if ranked and ranked.rank_low is not None and found and found.value is not None else None


def _letters(cell: PanelCell | None) -> set[str]:
    return set(cell.ranked_run.letters) if cell and cell.ranked_run else set()


@dataclass(frozen=True, slots=True)
class PaperTable:
    """The table before it is written."""

    columns: tuple[_Column, ...]
    models: tuple[Line, ...]
    others: tuple[Line, ...]
    names: Mapping[str, str]
    caption: str
    label: str

    def shown(self, name: str) -> str:
        """The name that the table gives to a stored one."""
        return self.names.get(name) or one_line(name)

    @property
    def notes(self) -> Iterator[str]:
        """What a reader must know: intervals, marks, what is not ranked."""
        yield "Brackets: 95% confidence intervals."
        ranked = [column for column in self.columns if any(column.mark(row, self.models) for row in self.models)]
        if ranked:
            yield "Bold: best; underlined: not significantly different from it (Holm, 5%)."
        bare = [column.title for column in self.columns if column not in ranked]
        if bare and len(self.models) > 1:
            yield f"Not ranked: {', '.join(bare)}."


def paper_table(board: Leaderboard, config: PaperTableConfig) -> PaperTable:
    """The table of the board's only view.

    Raises errors.UserError where there are several views or none, and for a column or name that is not there.
    """
    view = _view(board)
    names = _names(config.names)
    columns = tuple(_columns(view, config.columns, names))
    caption = config.caption or f"Results under the {view.title}."
    others = (*view.references, *view.published) if config.references else ()
    stored = {row.label for row in (*view.lines, *others)} | {c.head.task.name for c in columns}
    stored |= {column.metric.name for column in columns}
    unknown = [name for name in names if name not in stored]
    if unknown:
        raise UserError(
            f"--name {unknown[0]}=...: the table has nothing of that name; it has {', '.join(sorted(stored))}"
        )
    return PaperTable(columns, view.lines, others, names, caption, config.label)


def _view(board: Leaderboard) -> View:
    if not board.views:
        raise UserError("the store has no scores for a table; run a task first")
    if len(board.views) > 1:
        titles = "; ".join(view.title for view in board.views)
        raise UserError(f"these runs make {len(board.views)} tables ({titles}); choose one with --protocol and --judge")
    return board.views[0]


def _names(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        stored, equals, shown = text.partition("=")
        if not equals or not stored or not shown:
            raise UserError(f"--name {text}: write STORED=SHOWN, such as openai/gpt-4o=GPT-4o")
        found[stored] = shown
    return found


def _columns(view: View, asked: Sequence[str], names: Mapping[str, str]) -> Iterator[_Column]:
    heads = {head.task.name: (place, head) for place, head in reversed(list(enumerate(view.heads)))}
    for text in asked or [head.task.name for head in view.heads]:
        task, _, metric_name = text.partition(":")
        if task not in heads:
            raise UserError(f"--column {text}: no scored task is called so; there are {', '.join(sorted(heads))}")
        place, head = heads[task]
        metrics = {metric.name: metric for metric in (head.column, *head.parts)}
        if metric_name and metric_name not in metrics:
            raise UserError(f"--column {text}: the task has no such metric; it has {', '.join(metrics)}")
        metric = metrics[metric_name] if metric_name else head.column
        title = names.get(task) or one_line(head.task.title or task)
        if metric is not head.column or metric.name in names:
            title = f"{title}, {names.get(metric.name) or one_line(metric.title)}"
        yield _Column(head, place, metric, title)


def write_paper_table(table: PaperTable, form: PaperFormat) -> str:
    """The table as text."""
    if form is PaperFormat.CSV:
        return csv_text(_plain(table))
    return _latex(table) if form is PaperFormat.LATEX else _markdown(table)


def _plain(table: PaperTable) -> Table:
    heads = [Head("model", "model"), Head("kind", "kind")]
    for column in table.columns:
        name = f"{slug(column.head.task.name)}_{column.metric.name}"
        heads += [Head(name, column.title, column.metric.unit)]
        heads += [Head(f"{name}_n", "n", "count"), Head(f"{name}_total", "of", "count"), Head(f"{name}_mark", "mark")]
    rows = []
    for row in (*table.models, *table.others):
        cells: list[Cell] = [table.shown(row.label), row.kind]
        for column in table.columns:
            found = column.estimate(row)
            counted = found is not None and row.name != ""
            cells += [Span.of(found) if found else Span(None), found.n if found and counted else None]
            cells += [found.total if found and counted else None, column.mark(row, table.models)]
        rows.append(tuple(cells))
    return Table("leaderboard", table.caption, tuple(heads), tuple(rows))


def _head_words(column: _Column) -> tuple[str, str]:
    """The title of a column, and its unit with n where it is equal for all."""
    unit = "%" if column.metric.unit == "percent" else f"{column.metric.low:g}\N{EN DASH}{column.metric.high:g}"
    count = column.head.same_count
    return column.title, f"{unit}, n = {count[0]:,}" if count and count[0] == count[1] else unit


def _cell(column: _Column, row: Line) -> tuple[str, str, str]:
    """Value, interval, and n of N where it is the row's own."""
    found = column.estimate(row)
    if found is None or found.value is None:
        return NO_VALUE, "", ""
    unit = column.metric.unit
    count = column.head.same_count
    same = count is not None and count[0] == count[1]
    own = "" if same or not row.name else f"{found.n:,}/{found.total:,}"
    return format_number(found.value, unit), format_ends(found.low, found.high, unit), own


_BOLD = {"best": r"\textbf{%s}", "tied": r"\underline{%s}", "": "%s"}
_STRONG = {"best": "**%s**", "tied": "<u>%s</u>", "": "%s"}


def _latex(table: PaperTable) -> str:
    heads = [_head_words(column) for column in table.columns]
    lines: list[str] = []
    for group in filter(None, (table.models, table.others)):
        if lines:
            lines.append(r"\midrule")
        for row in group:
            cells = [
                escape_latex(table.shown(row.label)),
                *(_latex_cell(table, column, row) for column in table.columns),
            ]
            lines.append(" & ".join(cells) + r" \\")
    wide = _width(table) > COLUMN_PT
    environment = "table*" if wide else "table"
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            f"\\begin{{{environment}}}[t]",
            r"\centering\footnotesize\setlength{\tabcolsep}{2.5pt}",
            f"\\caption{{{escape_latex(table.caption)} {' '.join(map(escape_latex, table.notes))}}}",
            f"\\label{{{_label(table.label)}}}",
            f"\\begin{{tabular}}{{@{{}}l{'r' * len(table.columns)}@{{}}}}",
            r"\toprule",
            " & ".join(["", *(escape_latex(title) for title, _ in heads)]) + r" \\",
            " & ".join(["Model", *(f"{{\\scriptsize {escape_latex(words)}}}" for _, words in heads)]) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            f"\\end{{{environment}}}",
            "",
        ]
    )


def _latex_cell(table: PaperTable, column: _Column, row: Line) -> str:
    value, ends, own = _cell(column, row)
    parts = [_BOLD[column.mark(row, table.models)] % escape_latex(value)]
    parts += [f"{{\\tiny {escape_latex(text)}}}" for text in (ends, own) if text]
    return r"\,".join(parts)


def _width(table: PaperTable) -> float:
    """Estimated width in points: \\footnotesize at 4.2 a character, intervals in \\tiny at 3."""
    rows = (*table.models, *table.others)
    first = max((4.2 * len(table.shown(row.label)) for row in rows), default=0.0)
    total = first
    for column in table.columns:
        cells = (_cell(column, row) for row in rows)
        widest = max((4.4 * len(value) + 3.0 * len(ends + own) + 3 for value, ends, own in cells), default=0.0)
        title, words = _head_words(column)
        total += max(widest, 4.2 * len(title), 3.7 * len(words)) + 5
    return total


def _label(label: str) -> str:
    if not label or any(char in label for char in "\\{}%#~^ ,"):
        raise UserError(f"--label {label!r}: LaTeX takes letters, digits, ':', '-' and '_'")
    return label


def _markdown(table: PaperTable) -> str:
    heads = [f"{title} ({words})" for title, words in map(_head_words, table.columns)]
    lines = [
        f"**{escape_markdown(table.caption)}** {' '.join(map(escape_markdown, table.notes))}",
        "",
        f"| {' | '.join(map(escape_markdown, ['Model', *heads]))} |",
        f"| --- |{' ---: |' * len(heads)}",
    ]
    for row in (*table.models, *table.others):
        cells = [escape_markdown(table.shown(row.label))]
        for column in table.columns:
            value, ends, own = _cell(column, row)
            said = _STRONG[column.mark(row, table.models)] % escape_markdown(value)
            cells.append(" ".join(filter(None, (said, escape_markdown(ends), escape_markdown(own)))))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
