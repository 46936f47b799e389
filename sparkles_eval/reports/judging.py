"""The judges' part of a report: who they are, how they compare on the same answers, and their audits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.analysis.judges import comparison as judges_tables
from sparkles_eval.analysis.judges.judge_scores import HUMAN, WHOLE, read_marks
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Entry, Panel, Summary
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import format_plain, format_with_ends
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.reports.toolkit.table_files import read_tables
from sparkles_eval.store.ratings import ratings
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.spending import Spending, Sum
from sparkles_eval.store.store import Store

_LARGEST = 10
"""Disagreements that are listed."""


_CANARY = (
    "with a canary, every rating carries a word that only the judge's instructions name; without one, an answer's own "
    "ratings can leave verdicts unreadable, and paper@1 takes them for the judge's"
)


@dataclass(frozen=True, slots=True)
class Section:
    """Tables under one heading; `note` stands where there are none, or beside them."""

    id: str
    title: str
    note: str
    tables: tuple[Table, ...] = ()
    audit: bool = False
    short: tuple[str, ...] = ()
    """What the tables come to, a sentence a pair of judges."""


def judging(store: Store, summary: Summary, audits: Sequence[Path] = ()) -> tuple[Section, ...]:
    """The sections of the judge page: who judged, comparisons by task, audits.

    Comparisons are made anew from the store's scores. `audits` are files of `judges audit --json`; raises
    errors.UserError for one that is none.
    """
    return (_roster(summary), *_comparisons(store, summary), *_audits(audits))


def _roster(summary: Summary) -> Section:
    rows = tuple(_rows(summary))
    heads = (
        Head("judge", "judge"),
        Head("version", "version", "count"),
        Head("asks", "asks"),
        Head("sees", "sees"),
        Head("scale", "scale"),
        Head("reading", "replies read by"),
        Head("criteria", "criteria"),
        Head("tasks", "tasks"),
        Head("verdicts", "verdicts", "count"),
        Head("failed", "failed tries", "count"),
        Head("cost", "cost"),
        Head("fingerprint", "fingerprint"),
    )
    notes = (
        "a fingerprint covers rubric, criteria, model and settings; scores under different ones are never mixed",
        "a rule reads an option out of an answer; it asks no model and gives no verdicts",
        _CANARY,
    )
    table = (Table("judges", "Judges and rules", heads, rows, notes),) if rows else ()
    return Section("judges-roster", "Who scored what", "" if rows else "Nothing has been scored yet.", table)


def _rows(summary: Summary) -> Iterator[tuple[Cell, ...]]:
    found: dict[str, tuple[JudgeRow, list[Entry]]] = {}
    for panel in summary.panels:
        for entry in panel.entries:
            if entry.judge:
                found.setdefault(entry.judge.id, (entry.judge, []))[1].append(entry)
    for judge, entries in found.values():
        spent = [entry.judging for entry in entries if entry.judging]
        rule = extracts(judge)
        yield (
            judge_name(judge),
            judge.version,
            "a rule" if rule else judge.model or "no model",
            judge.sees,
            f"{format_plain(judge.low)} to {format_plain(judge.high)}",
            _reading(judge),
            ", ".join(criterion.name for criterion in judge.criteria),
            ", ".join(dict.fromkeys(entry.run.task.name for entry in entries)),
            None if rule else sum(one.replies for one in spent),
            None if rule else sum(one.failures for one in spent),
            "" if rule else numbers.format_dollars(_cost(spent)),
            judge.id[:16],
        )


def _reading(judge: JudgeRow) -> str:
    if judge.canary is None:
        return judge.reader or ""
    return f"{judge.reader}, {'with a canary' if judge.canary else 'no canary: weaker'}"


def _cost(spent: Iterable[Spending]) -> Sum:
    costs = [one.cost_usd for one in spent]
    return Sum(sum(c.known for c in costs), sum(c.count for c in costs), sum(c.unknown for c in costs))


def _comparisons(store: Store, summary: Summary) -> Iterator[Section]:
    """A section for each task, or for each protocol and data of it where there are several."""
    for number, task in enumerate(summary.tasks, 1):
        kinds: dict[tuple[str, str], list[Panel]] = {}
        for panel in task.panels:
            if panel.judge and not extracts(panel.judge) and not panel.run.variant:
                kinds.setdefault((panel.run.protocol, panel.run.data_hash), []).append(panel)
        for place, ((protocol, data), panels) in enumerate(kinds.items(), 1):
            said = [f"{protocol} protocol"] if len({p for p, _ in kinds}) > 1 else []
            said += [f"data {data[:8]}"] if len({d for _, d in kinds}) > 1 else []
            title = ", ".join([f"Judges compared on {task.title or task.name}", *said])
            yield _comparison(store, f"judges-{number}" + (f"-{place}" if place > 1 else ""), title, panels)


def _comparison(store: Store, id_: str, title: str, panels: Sequence[Panel]) -> Section:
    """Every judge of runs that ask the same, and people where they rated them."""
    judges = list(dict.fromkeys(panel.judge.id for panel in panels if panel.judge))
    runs = list(dict.fromkeys(entry.run.id for panel in panels for entry in panel.entries))
    names = [*judges, *([HUMAN] if ratings(store, runs) else [])]
    if len(names) < 2:
        return Section(id_, title, "One judge has scored it: there is nothing to compare it with.")
    try:
        marks = read_marks(store, names, run_ids=runs)
        tables = tuple(judges_tables.compare(store, marks, largest=_LARGEST))
        return Section(id_, title, "", tables, short=tuple(_short(tables)))
    except UserError as error:
        return Section(id_, title, f"They cannot be compared: {error}.")


def _short(tables: Sequence[Table]) -> Iterator[str]:
    """A sentence for each pair of judges, of the numbers in the tables of order and of marks."""
    found = {table.name: table.records() for table in tables}
    for order, marks in zip(found.get("judges-order", ()), found.get("judges-marks", ()), strict=False):
        if order["measure"] != WHOLE or (order["first"], order["second"]) != (marks["first"], marks["second"]):
            continue
        first, second = order["first"], order["second"]
        parts = [f"{first} and {second} on {order['n']:,} answers"]
        within, low, high = (_number(order[f"within{end}"]) for end in ("", "_low", "_high"))
        if within is not None:
            ends = format_with_ends(within, low, high, "number")
            parts.append(f"order of one model's answers \N{GREEK SMALL LETTER RHO} = {ends}")
        system = _number(order["system"])
        if system is not None:
            parts.append(f"order of {order['models']} models \N{GREEK SMALL LETTER TAU} = {system:.2f}")
        bias = Span(*(_number(marks[f"bias{end}"]) for end in ("", "_low", "_high")))
        if bias.value is not None:
            kinder, more = (first, bias) if bias.value >= 0 else (second, bias.negated)
            parts.append(f"{kinder} gives {format_with_ends(more.value, more.low, more.high, 'points')} points more")
        yield "; ".join(parts)


def _number(value: JSON) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _audits(files: Sequence[Path]) -> Iterator[Section]:
    for number, path in enumerate(files, 1):
        tables = tuple(read_tables(path))
        yield Section(f"judges-audit-{number}", f"Audit: {path.stem}", "", tables, audit=True)
