"""The data of a report besides samples, computed once from the store, and its tables as files.

The single file and the site share it. Files are CSV, JSON, LaTeX and Markdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.analysis.leaderboard import Leaderboard, Line, PanelColumn, View, by_panel, leaderboard
from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.models import ModelView, models
from sparkles_eval.analysis.pair_lines import PairLine, pair_lines
from sparkles_eval.analysis.ranking import RankedRun
from sparkles_eval.analysis.reference_rows import invalid_rate
from sparkles_eval.analysis.run_health import RunHealth, run_health
from sparkles_eval.analysis.summary import Entry, Summary
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core.names import judge_name, slug
from sparkles_eval.core.text import format_count, format_time, one_line, visible
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.figure_groups import figure_groups
from sparkles_eval.reports.groups import asked
from sparkles_eval.reports.judging import Section, judging
from sparkles_eval.reports.toolkit.links import RunPlace, task_slug
from sparkles_eval.reports.toolkit.table_files import csv_text, json_text, latex_text, markdown_text
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric

if TYPE_CHECKING:
    from sparkles_eval.reports.figures import Figure


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """One file: its name in `downloads/`, what it is called, its text."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Download:
    """One table in every format. `id` is its stem and its place on a page; `panel` is "" for a whole view."""

    id: str
    title: str
    panel: str
    files: tuple[DownloadFile, ...]


def downloads(board: Leaderboard, summary: Summary) -> tuple[Download, ...]:
    """Every view, then every panel of the leaderboard, each once."""
    panels: dict[str, PanelColumn] = {head.panel.id: head for view in board.views for head in view.heads}
    plain = {key: _stem(head) for key, head in panels.items()}
    twice = {stem for stem, count in Counter(plain.values()).items() if count > 1}
    stems = {key: f"{stem}-{slug(key)}" if stem in twice else stem for key, stem in plain.items()}
    return (
        *(_view(view, summary) for view in board.views),
        *(_panel(head, stems[key], summary) for key, head in panels.items()),
    )


def _stem(head: PanelColumn) -> str:
    """A panel's task, protocol, alteration and judge: "bison-v1-strict". Data, prompts and arguments may differ too."""
    run, judge = head.panel.run, head.panel.judge
    parts = [run.protocol, run.variant, f"{judge.name}-{judge.id[:8]}" if judge and not head.checked else ""]
    return "-".join([task_slug(head.task), *(slug(part) for part in parts if part)])


def _view(view: View, summary: Summary) -> Download:
    stem = f"leaderboard-{view.id.removeprefix('view-')}"
    title = f"Leaderboard, {one_line(view.conditions.words)}"
    notes = (_download(summary), *(_published_note(head) for head in view.heads if head.published))
    data = Table(stem, title, _view_heads(view, long=True), tuple(_view_rows(view, long=True)), notes)
    shown = Table(stem, title, _view_heads(view, long=False), tuple(_view_rows(view, long=False)), notes)
    return Download(stem, title, "", _files(stem, data, shown))


def _files(stem: str, data: Table, shown: Table) -> tuple[DownloadFile, ...]:
    texts = {
        "CSV": ("csv", csv_text(data)),
        "JSON": ("json", json_text([data])),
        "LaTeX": ("tex", latex_text(shown) + "\n"),
        "Markdown": ("md", markdown_text(shown)),
    }
    return tuple(DownloadFile(f"{stem}.{ending}", kind, visible(text)) for kind, (ending, text) in texts.items())


def _download(summary: Summary) -> str:
    return f"sparkles-eval {summary.version}, {format_time(summary.made_at)}; intervals are 95%"


def _published_note(head: PanelColumn) -> str:
    assert head.published is not None
    return one_line(f"published: {head.published.source}; {head.published.conditions}")


# --- a view: models by tasks --------------------------------------------------------------------------------------


def _view_heads(view: View, *, long: bool) -> tuple[Head, ...]:
    made = [Head("model", "model"), Head("kind", "kind")]
    for number, head in enumerate(view.heads, 1):
        name, title = (
            f"{slug(head.task.name)}_{head.column.name}_{number}",
            one_line(f"{head.task.title} {head.column.title}"),
        )
        made.append(Head(name, f"{title} [95%]", head.column.unit))
        if long:
            made += [Head(f"{name}_{what}", f"{title} {what}", "count") for what in ("n", "total")]
            made += [Head(f"{name}_{what}", f"{title} {what}", "count") for what in ("rank_low", "rank_high")]
            made.append(Head(f"{name}_letters", f"{title} letters"))
        else:
            made += [Head(f"{name}_n", "n of N"), Head(f"{name}_rank", "rank")]
    return tuple(made)


def _view_rows(view: View, *, long: bool) -> Iterator[tuple[Cell, ...]]:
    for row in (*view.lines, *view.references, *view.published):
        cells: list[Cell] = [one_line(row.label), row.kind]
        for cell in row.cells:
            measure, ranked_run = (cell.measure, cell.ranked_run) if cell else (None, None)
            cells.append(Span.of(measure.estimate) if measure else Span(None))
            cells += _counts(row, measure, ranked_run) if long else _printed(row, measure, ranked_run)
        yield tuple(cells)


def _counts(row: Line, measure: Measure | None, ranked_run: RankedRun | None) -> list[Cell]:
    known = measure.estimate if measure and row.kind != "guessing" else None
    ranks = (ranked_run.rank_low, ranked_run.rank_high, ranked_run.letters) if ranked_run else (None, None, "")
    return [known.n if known else None, known.total if known else None, *ranks]


def _printed(row: Line, measure: Measure | None, ranked_run: RankedRun | None) -> list[Cell]:
    known = measure.estimate if measure and row.kind != "guessing" else None
    return [format_count(known.n, known.total) if known else "", rank_words(ranked_run)]


def rank_words(ranked_run: RankedRun | None) -> str:
    """ "1-2 ab", "3 c", "unranked: 12 of 40 graded, below 95%", or "" where nothing is claimed."""
    if ranked_run is not None and ranked_run.unranked:
        return f"unranked: {ranked_run.unranked}"
    if ranked_run is None or ranked_run.rank_low is None or ranked_run.rank_high is None:
        return ""
    low, high = ranked_run.rank_low, ranked_run.rank_high
    return f"{low if low == high else f'{low}-{high}'} {ranked_run.letters}".strip()


# --- a panel: every metric ----------------------------------------------------------------------------------------

_LONG: tuple[Head, ...] = (
    *(Head(name, name) for name in ("task", "model", "kind", "run", "metric", "unit")),
    Head("value", "value [95%]", "number"),
    *(Head(name, name, "count") for name in ("n", "total", "clusters")),
    Head("method", "method"),
    Head("note", "note"),
    *(Head(name, name, "count") for name in ("rank_low", "rank_high")),
    Head("letters", "letters"),
    *(Head(name, name, "count") for name in ("graded", "asked")),
    *(Head(name, name, "number") for name in ("cost_usd", "judging_usd", "seconds")),
)


def _panel(head: PanelColumn, stem: str, summary: Summary) -> Download:
    panel = head.panel
    title = one_line(f"{head.task.title}{f', {panel.label}' if panel.label else ''}")
    notes = (*_conditions(head), _download(summary))
    rows = tuple(row for entry in panel.entries for row in _long(head, entry))
    data = Table(stem, title, _LONG, rows, notes)
    shown = Table(stem, title, _short_heads(head), tuple(_short(head, entry) for entry in panel.entries), notes)
    return Download(stem, title, panel.id, _files(stem, data, shown))


def _conditions(head: PanelColumn) -> Iterator[str]:
    run, judge = head.panel.run, head.panel.judge
    yield one_line(f"{run.protocol} protocol v{run.protocol_version}, prompt {run.prompt_hash}, data {run.data_hash}")
    if judge:
        yield one_line(f"scored by {judge_name(judge)} v{judge.version}, {judge.id}")


def _long(head: PanelColumn, entry: Entry) -> Iterator[tuple[Cell, ...]]:
    ranked_run = head.ranks.by_run.get(entry.run.id)
    kind = entry.run.model.kind if entry.reference else "model"
    invalid = invalid_rate(entry)
    for measure in (*entry.measures, *((invalid,) if invalid else ())):
        known, first = measure.estimate, measure.column.level == "headline"
        ranks = (
            (ranked_run.rank_low, ranked_run.rank_high, ranked_run.letters)
            if ranked_run and first
            else (None, None, "")
        )
        judged = entry.judging.cost_usd if entry.judging else None
        asked = entry.spending.cost_usd
        yield (
            head.task.name,
            one_line(entry.label),
            kind,
            entry.run.id,
            measure.column.name,
            "share" if measure.column.unit == "percent" else "points",
            Span.of(known),
            known.n,
            known.total,
            known.clusters,
            known.method,
            one_line(known.note),
            *ranks,
            entry.coverage.graded,
            entry.coverage.asked,
            None if asked.unknown else asked.known,
            None if judged is None or judged.unknown else judged.known,
            entry.spending.latency_s,
        )


def _short_columns(head: PanelColumn) -> Sequence[Metric]:
    return [column for column in head.panel.columns if column.level in ("headline", "main")]


def _short_heads(head: PanelColumn) -> tuple[Head, ...]:
    shown = (Head(c.name, f"{one_line(c.title)} [95%]", c.unit) for c in _short_columns(head))
    invalid = (Head("invalid", "Invalid [95%]", "percent"),) if head.checked else ()
    return (Head("model", "model"), *shown, *invalid, Head("rank", "rank"), Head("n", "graded n of N"))


def _short(head: PanelColumn, entry: Entry) -> tuple[Cell, ...]:
    measures = [entry.measure(column.name) for column in _short_columns(head)]
    if head.checked:
        measures.append(invalid_rate(entry))
    return (
        one_line(entry.label),
        *(Span.of(measure.estimate) if measure else Span(None) for measure in measures),
        rank_words(head.ranks.by_run.get(entry.run.id)),
        format_count(entry.coverage.graded, entry.coverage.asked),
    )


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """What was written: the page to open first, and what had to be left out, each in a sentence."""

    index: Path
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportData:
    """All numbers of a report in the shape that templates show."""

    summary: Summary
    board: Leaderboard
    models: tuple[ModelView, ...]
    health: tuple[RunHealth, ...]
    judging: tuple[Section, ...]
    downloads: tuple[Download, ...]
    figures: tuple[Figure, ...]
    pairs: Mapping[str, tuple[PairLine, ...]]
    """Every pair of a panel's models, by `Panel.id`; panels without any are left out."""
    places: Mapping[str, RunPlace]
    """Where a run stands in the lists of samples, by run id."""
    figures_note: str
    """Why there are no figures; "" where there are some, or none was asked for."""

    @property
    def heads(self) -> Mapping[str, PanelColumn]:
        """The head of each scored panel, by `Panel.id`."""
        return by_panel(self.board)

    def names(self) -> dict[str, object]:
        """The parts under the names that templates know them by."""
        return {
            "board": self.board,
            "heads": self.heads,
            "models": self.models,
            "health": self.health,
            "judging": self.judging,
            "pairs": self.pairs,
            "places": self.places,
            "downloads": self.downloads,
            "panel_downloads": {one.panel: one for one in self.downloads if one.panel},
            "figures": self.figures,
            "figure_groups": figure_groups(self.summary, self.figures),
            "figures_note": self.figures_note,
        }


def collect_report(store: Store, summary: Summary, options: SiteOptions) -> ReportData:
    """Work out every part. Raises errors.UserError for an audit file that is none."""
    board = leaderboard(summary, options.content)
    shown = {entry.run.id: entry.run for panel in summary.panels for entry in panel.entries}
    drawn, note = _figures(store, summary) if options.figures else ((), "")
    return ReportData(
        summary,
        board,
        models(board, summary),
        run_health(store, shown.values()),
        judging(store, summary, options.audits),
        downloads(board, summary),
        drawn,
        {key: lines for key, head in by_panel(board).items() if (lines := pair_lines(head.ranks))},
        _places(store, summary),
        note,
    )


def _places(store: Store, summary: Summary) -> dict[str, RunPlace]:
    groups = [group for task in summary.tasks for group in asked(store, task)]
    return {
        entry.run.id: RunPlace(group.id, entry.run.id, one_line(entry.label))
        for group in groups
        for entry in group.entries
        if entry.run.epochs == 1
    }


def _figures(store: Store, summary: Summary) -> tuple[tuple[Figure, ...], str]:
    """The figures, or why there are none. Only here is anything imported that draws."""
    from sparkles_eval.reports.figures import figures, missing

    note = missing()
    return ((), note) if note else (tuple(figures(store, summary)), "")
