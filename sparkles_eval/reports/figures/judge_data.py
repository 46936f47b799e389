"""The data of figures that compare judges, people among them, who scored the same answers on one scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sparkles_eval.analysis.judges.agreement import PairAgreement, agreements
from sparkles_eval.analysis.judges.judge_scores import HUMAN, WHOLE, Marker, Marks, read_marks
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import TaskSummary
from sparkles_eval.analysis.tables import Span, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import format_number
from sparkles_eval.reports.figures.charts import FigureText
from sparkles_eval.reports.figures.figure import Figure
from sparkles_eval.reports.figures.style import FileNames, config, short_name, short_names
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import ratings
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    import altair as alt

JUDGES = 12
"""Judges in a figure at the most."""
OTHER_CRITERIA_NOTE = ("audit", "control")
"""Kinds of answerers whose worth is known; they take no part in agreement (evidence.human_sheets)."""


@dataclass(frozen=True, slots=True)
class JudgeData:
    """The judges of a task's answers, people among them, and the marks that each gave."""

    task: TaskSummary
    title: str
    marks: Marks
    labels: tuple[str, ...]
    """What a drawing calls each marker, in their order."""
    pairs: tuple[PairAgreement, ...]
    """By the mean over criteria, as `itertools.combinations` orders the markers."""
    note: str


def judge_data(store: Store, task: TaskSummary) -> Iterator[JudgeData]:
    """The judges of every set of runs that ask the same; none where fewer than two marked on one scale."""
    kinds: dict[tuple[str, ...], dict[str, StoredRun]] = {}
    for panel in task.panels:
        for entry in panel.entries:
            run = entry.run
            if run.answer_rule is None and run.model.kind not in OTHER_CRITERIA_NOTE:
                kinds.setdefault((run.protocol, run.variant, run.data_hash), {})[run.id] = run
    for (protocol, variant, _), runs in kinds.items():
        conditions = [f"{protocol} protocol", variant or "as it is"] if len(kinds) > 1 else []
        title = ", ".join([short_name(task.title, 80), *(short_name(word, 40) for word in conditions)])
        found = _bench(store, task, title, list(runs))
        if found is not None:
            yield found


def _bench(store: Store, task: TaskSummary, title: str, runs: Sequence[str]) -> JudgeData | None:
    judges = {judge.id: judge for run in runs for judge in read_runs.judges(store, run) if not extracts(judge)}
    scales: dict[tuple[float, float, frozenset[str]], list[str]] = {}
    for judge in judges.values():
        criteria = frozenset(criterion.id for criterion in judge.criteria)
        scales.setdefault((judge.low, judge.high, criteria), []).append(judge.id)
    alike = max(scales.values(), key=len, default=[])[:JUDGES]
    marks = _marks(store, alike, runs)
    if marks is None:
        return None
    drawn = sum(marker.row is not None for marker in marks.markers)
    note = f" {drawn} of {len(judges)} judges are drawn, which share scale and criteria." if drawn < len(judges) else ""
    named = tuple(Marker(name, m.row) for name, m in zip(_distinct_names(marks), marks.markers, strict=True))
    marks = replace(marks, markers=named)
    pairs = tuple(pair for pair in agreements(marks) if pair.measure == WHOLE)
    return JudgeData(task, title, marks, tuple(short_names((m.name for m in named), 26).values()), pairs, note)


def _marks(store: Store, judges: Sequence[str], runs: Sequence[str]) -> Marks | None:
    """The marks of the judges, and of people where they rated on the same scale; None for fewer than two."""
    people = [HUMAN] if ratings(store, runs) else []
    for asked in ([*judges, *people], judges):
        try:
            return read_marks(store, asked, run_ids=runs)
        except UserError:  # people rate on another scale, or there are not two: fewer, or nothing
            continue
    return None


def _distinct_names(marks: Marks) -> list[str]:
    """The markers' names, with the start of the fingerprint where two are called the same."""
    counts = Counter(marker.name for marker in marks.markers)
    return [
        f"{marker.name} {marker.row.id[:6]}" if marker.row and counts[marker.name] > 1 else marker.name
        for marker in marks.markers
    ]


def judge_figure(about: JudgeData, stems: FileNames, said: FigureText, chart: alt.TopLevelMixin) -> Figure:
    """The finished figure of a task's judges."""
    name = stems.take(said.kind, about.task.name)
    title = f"{said.title}: {about.title}"
    table = Table(name, title, said.heads, tuple(said.rows))
    caption = said.caption + about.note
    return Figure(name, said.kind, title, caption, said.alt, table, config(chart), about.task.name, about.task.version)


def number(value: float | None) -> str:
    return format_number(value, "points").replace("-", "\N{MINUS SIGN}")


def span_text(span: Span) -> str:
    if span.low is None or span.high is None:
        return number(span.value)
    return f"{number(span.value)} [{number(span.low)}, {number(span.high)}]"
