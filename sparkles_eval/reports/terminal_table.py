"""Prints the summary on the terminal: a table for each panel, what is missing and why, and run health.

Every metric stands with its interval and with graded n of N.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.run_health import HealthLevel, RunHealth
from sparkles_eval.analysis.summary import Coverage, Entry, Panel, Summary, TaskSummary
from sparkles_eval.core.console_table import Column, fits, table
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import NO_VALUE, format_number, format_plain, one_line
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.tasks.metrics import Metric

_NAME, _NOTE = 18, 14
"""Characters of a model's name that there is room for before a metric is left out; of a line of a note."""
REASONS = 5
"""Reasons that are listed one by one; the rest is counted together."""


def print_tables(summary: Summary, console: Console) -> None:
    """Print every panel of the summary; one that was never asked anything says so."""
    if not summary.tasks:
        console.print(f"{summary.store} holds no runs yet.", markup=False)
    for task in summary.tasks:
        for panel in task.panels:
            console.print()
            console.print(_heading(task, panel))
            shown, left_out = _table(panel, console.width)
            console.print(shown)
            if left_out:
                console.print(Text(f" {', '.join(left_out)}: in the report, and here on a wider screen", style="dim"))
            for note in _notes(panel):
                console.print(Padding(note, (0, 0, 0, 1)))


def _heading(task: TaskSummary, panel: Panel) -> Text:
    run = panel.run
    parts = [f"{run.protocol} protocol", f"{run.total:,} samples"]
    if run.variant:
        parts.append(f"altered: {run.variant}")
    if run.epochs > 1:
        parts.append(f"{run.epochs} epochs")
    parts.append(f"scored by {judge_name(panel.judge)}" if panel.judge else "not scored yet")
    parts.extend([panel.label] if panel.label else [])
    return Text.assemble((one_line(task.title), "bold"), ("  " + one_line(" · ".join(parts)), "dim"))


def _table(panel: Panel, width: int) -> tuple[Table, list[str]]:
    """The panel's table, and the titles of metrics for which the console has no room."""
    shown = [column for column in panel.columns if column.level in ("headline", "main")]
    left_out: list[str] = []
    gap = 2 if width >= 100 else 1
    while True:
        columns, rows = _columns(shown), [_row(entry, shown) for entry in panel.entries]
        plain = [[cell if isinstance(cell, str) else cell.plain for cell in row] for row in rows]
        if len(shown) < 2 or fits(columns, plain, width, name=_NAME, gap=gap):
            return table(columns, rows, width, gap=gap), left_out
        left_out.insert(0, shown.pop().title)


def _columns(shown: Sequence[Metric]) -> list[Column]:
    columns = [Column("model", "name")]
    for column in shown:
        unit = "%" if column.unit == "percent" else f"{format_plain(column.low)}-{format_plain(column.high)}"
        columns.append(Column(f"{column.title}\n{unit} [95%]", "number"))
    return [*columns, Column("graded\nn of N", "number"), Column("cost", "number")]


def _row(entry: Entry, shown: Sequence[Metric]) -> list[str | Text]:
    coverage = entry.coverage
    complete = coverage.graded == coverage.asked
    return [
        Text(one_line(entry.label), style="dim italic" if entry.reference else ""),
        *(_cell(entry.measure(column.name), column) for column in shown),
        Text(f"{coverage.graded:,}\nof {coverage.asked:,}", style="" if complete else "yellow"),
        _cost(entry),
    ]


def _cell(measure: Measure | None, column: Metric) -> Text:
    if measure is None:
        return Text(NO_VALUE, style="dim")
    value = format_number(measure.estimate.value, column.unit)
    style = "bold" if column.level == "headline" else ""
    beside = numbers.format_interval(measure.estimate, column.unit) or fill(measure.estimate.note, _NOTE)
    return Text.assemble((value, style), ("\n" + beside, "dim"))


def _cost(entry: Entry) -> str:
    asked = numbers.format_dollars(entry.spending.cost_usd)
    if entry.judging is None or not entry.judging.cost_usd.count or entry.judging.cost_usd.known == 0:
        unknown = entry.judging is not None and entry.judging.cost_usd.unknown > 0
        return f"{asked}\njudge unknown" if unknown else asked
    return f"{asked}\njudge {numbers.format_dollars(entry.judging.cost_usd)}"


def _notes(panel: Panel) -> list[Text]:
    notes = [Text(f"chance: {text}", style="dim") for text in chances(panel)]
    for entry in panel.entries:
        notes.extend(Text(one_line(f"{entry.label}: {text}"), style="yellow") for text in unscored(entry.coverage))
        if entry.coverage.unranked and not entry.reference:
            notes.append(Text(one_line(f"{entry.label}: unranked, {entry.coverage.unranked}"), style="yellow"))
        if bounds := _bounds(entry):
            notes.append(Text(one_line(f"{entry.label}: {bounds}"), style="dim"))
        if entry.skipped:
            notes.append(Text(one_line(f"{entry.label}: {len(entry.skipped)} bad items left out"), style="yellow"))
    notes.extend(Text(text, style="dim") for text in cautions(panel))
    return notes


def _bounds(entry: Entry) -> str:
    """The range of accuracy with all invalid and unscored answers wrong, or all right; "" where there are none."""
    low, high = entry.measure("accuracy_worst"), entry.measure("accuracy_best")
    if low is None or high is None or low.estimate.value == high.estimate.value:
        return ""
    return f"accuracy {numbers.format_range(low, high)}%, were every invalid and unscored answer wrong or right"


def cautions(panel: Panel) -> list[str]:
    """What a reader of the panel must know before ranking its rows."""
    few = any("not for ranking" in m.estimate.note for entry in panel.entries for m in entry.measures)
    return ["few independent samples: intervals are exact or by permutation, and no ranking holds"] if few else []


def chances(panel: Panel) -> list[str]:
    """What guessing gets, for each metric where that is known: "Accuracy 50.0%"."""
    found: dict[str, str] = {}
    for entry in panel.entries:
        for m in entry.measures:
            if m.chance is not None and m.column.level != "bounds":
                found[m.column.name] = f"{m.column.title} {format_number(m.chance, m.column.unit)}%"
    return [", ".join(found.values())] if found else []


def unscored(coverage: Coverage) -> list[str]:
    """Why items are unscored, with counts: "3 unscored: timed out after 4 tries"."""
    lines = [f"{count:,} unscored: {reason}" for reason, count in coverage.reasons[:REASONS]]
    rest = coverage.reasons[REASONS:]
    if rest:
        lines.append(f"{sum(count for _, count in rest):,} unscored for {len(rest)} other reasons")
    return lines


_STYLES: Mapping[HealthLevel, str] = {"alarm": "bold red", "warning": "yellow", "note": "dim"}


def print_health(health: Sequence[RunHealth], console: Console) -> None:
    """Print how each address of a model did, where it has several, and the block; that only where a run has a line."""
    for one in health:
        for part in one.times[1:]:
            console.print(Text(f"{one.who} at {part.address}: {part.replies:,} replies, {part.text}", style="dim"))
    ill = [one for one in health if one.lines]
    if not ill:
        return
    console.print()
    console.print(Text("Run health", style="bold"))
    for one in ill:
        console.print(Text.assemble(" ", one.who, (f"  {one.replies:,} replies", "dim")))
        for line in one.lines:
            console.print(Padding(Text(line.text, style=_STYLES[line.level]), (0, 0, 0, 3)))
