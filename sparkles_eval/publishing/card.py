"""Writes a bundle's card: what a person reads first, as Markdown. Knows nothing of archives.

Names come from models and data, so everything that is filled in has its Markdown written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import Summary
from sparkles_eval.content import overlay
from sparkles_eval.core.names import judge_name
from sparkles_eval.publishing.manifest import About, RunIdentity
from sparkles_eval.reports import inert, numbers

TEMPLATE = "card.md.j2"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")


@dataclass(frozen=True, slots=True)
class Line:
    """One number of the card."""

    task: str
    protocol: str
    judge: str
    model: str
    metric: str
    value: str
    interval: str
    graded: str


@dataclass(frozen=True, slots=True)
class DataLicence:
    """Under which terms a task's data are, as its card says."""

    task: str
    licence: str


def card(summary: Summary, runs: Sequence[RunIdentity], about: About) -> str:
    """The card of the runs in a summary: the same text for the same runs."""
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(overlay("reports", ())),
        autoescape=False,  # Markdown, not HTML: `_plain` writes out what either would take for mark-up
        finalize=_plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return made.get_template(TEMPLATE).render(
        models=sorted({run.model for run in runs}),
        version=__version__,
        about=about,
        rows=list(_lines(summary)),
        runs=runs,
        data_licences=_licences(summary, runs),
    )


def _plain(value: object) -> object:
    """Text that means nothing but itself, in Markdown and in HTML."""
    return _SPECIAL.sub(r"\\\1", inert.line(value, 5000)) if isinstance(value, str) else value


def _lines(summary: Summary) -> Iterator[Line]:
    for panel in summary.panels:
        for entry in panel.entries:
            for measure in entry.measures:
                if measure.column.level != "detail":
                    unit = measure.column.unit
                    yield Line(
                        entry.run.task.name,
                        entry.run.protocol,
                        judge_name(entry.judge) if entry.judge else numbers.NONE,
                        entry.run.model.name,
                        measure.column.title + (" (%)" if unit == "percent" else ""),
                        numbers.number(measure.estimate.value, unit),
                        numbers.interval(measure.estimate, unit) or measure.estimate.note or numbers.NONE,
                        numbers.counted(measure.estimate.n, measure.estimate.total),
                    )


def _licences(summary: Summary, runs: Sequence[RunIdentity]) -> list[DataLicence]:
    said = {panel.run.task.name: panel.run.task.licence for panel in summary.panels}
    return [DataLicence(name, said[name]) for name in sorted({run.task for run in runs}) if said[name]]
