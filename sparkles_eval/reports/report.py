"""Writes the report as one self-contained HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.core.files import write_output
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.groups import groups
from sparkles_eval.reports.report_data import ReportData, WrittenReport, collect_report
from sparkles_eval.reports.samples.site import SCRIPTS, STYLES
from sparkles_eval.reports.site import write_site
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.reports.toolkit.links import FileLinks
from sparkles_eval.reports.toolkit.page_images import embed_images
from sparkles_eval.store.store import Store

TEMPLATE = "report.html.j2"
SAMPLES = 200
"""Samples of a task that the one file shows unless another number is asked for."""
BUDGET = 15_000_000
"""Bytes of the one file: what a mail takes."""
ELEMENTS = 200_000
"""Elements of the one file: what a browser opens in a second (see `benchmarks.reports`)."""
_FIRST = 10
"""Samples of a task that are tried first where there may be too many."""
_MANY = 2_000
"""Answers up to which all are tried at once."""
_TRIES = 4
"""Pages that are filled at the most to find out how many samples fit."""


def render_report(
    store: Store,
    summary: Summary,
    out: Path,
    *,
    samples: int = SAMPLES,
    only: Collection[str] = (),
    content: Sequence[Path] = (),
    figures: bool = False,
) -> Path:
    """Write the report of a summary to `out`; gives its path.

    `render_file` with the options that most need. Figures take seconds and are left out unless they are asked for.
    """
    options = SiteOptions(samples=samples, only=only, content=tuple(content), figures=figures)
    return render_file(store, summary, out, options).index


def render_file(
    store: Store, summary: Summary, out: Path, options: SiteOptions | None = None, *, budget: int = BUDGET
) -> WrittenReport:
    """Write the report to `out` (its folder is made), replacing it in one step.

    A file above `budget` bytes or ELEMENTS elements shows fewer samples, says so, and has a site with all of them
    beside it, in the folder NAME-site. Raises errors.ContentError for a template that is missing and errors.UserError
    where a file cannot be written or an audit file is none.
    """
    chosen = options or SiteOptions(samples=SAMPLES)
    parts = collect_report(store, summary, chosen)
    notes = (parts.figures_note,) if parts.figures_note else ()
    html, most = _fitting(store, parts, chosen, notes, budget)
    if most < _longest(summary, chosen):
        folder = out.with_name(f"{out.stem}-site")
        write_site(store, parts, folder, replace(chosen, samples=max(chosen.samples, SiteOptions().samples)))
        said = (
            f"To stay below {budget / 1e6:g} MB and open at once, this file shows at most {most} samples of each task. "
            f"The folder {folder.name}/ beside it has them all: open {folder.name}/index.html."
        )
        notes = (said, *notes)
        html = _page(_template(chosen), store, parts, replace(chosen, samples=most), notes)
    return WrittenReport(write_output(out, html), notes)


def _longest(summary: Summary, options: SiteOptions) -> int:
    """Samples that the largest task would show."""
    asked = max((panel.run.total for panel in summary.panels), default=0)
    return min(options.samples, asked)


def _fitting(
    store: Store, parts: ReportData, options: SiteOptions, notes: Sequence[str], budget: int
) -> tuple[str, int]:  # fmt: skip
    """The page with as many samples of each task as fit, and how many these are."""
    wanted = _longest(parts.summary, options)
    answers = wanted * sum(len(panel.entries) for panel in parts.summary.panels)
    most = min(wanted, _FIRST) if answers > _MANY else wanted
    bare, best = 0.0, ("", -1)
    template = _template(options)  # compiled once for every try
    for _ in range(_TRIES):
        html = _page(template, store, parts, replace(options, samples=most), notes)
        weight = _weight(html, budget)
        if weight <= 1 and most > best[1]:
            best = html, most
        if weight <= 1 and most == wanted:
            break
        bare = bare or _weight(_page(template, store, parts, replace(options, samples=0), notes), budget)
        following = min(wanted, max(0, int(0.95 * (1 - bare) * most / max(1e-9, weight - bare))))
        if following <= best[1]:
            break
        most = following
    return best if best[1] >= 0 else (_page(template, store, parts, replace(options, samples=0), notes), 0)


def _weight(html: str, budget: int) -> float:
    """Above 1 where a page is too large."""
    size = len(html.encode("utf-8", errors="replace")) / budget
    return max(size, (html.count("<") - html.count("</")) / ELEMENTS)


def _template(options: SiteOptions) -> Template:
    return pages.environment(options.content).get_template(TEMPLATE)


def _page(template: Template, store: Store, parts: ReportData, options: SiteOptions, notes: Sequence[str]) -> str:
    """The whole page, with `options.samples` samples of each task."""
    content = options.content
    shown = tuple(group for task in parts.summary.tasks for group in groups(store, task, options.samples, options.only))
    pictures = embed_images(store, (picture for group in shown for view in group.samples for picture in view.pictures))
    styles = [pages.asset(name, content) for name in ("style.css", *STYLES)]
    styles = [*styles, str(pictures.style)] if pictures.style else styles
    scripts = [pages.asset(name, content) for name in ("app.js", *SCRIPTS)]
    return template.render(
        **parts.names(),
        title=options.title,
        summary=parts.summary,
        links=FileLinks(),
        site=False,
        root="",
        left_out=tuple(notes),
        groups=shown,
        look=pictures.look,
        styles=[Markup(text) for text in styles],  # noqa: S704 - our own files, and digits and base64
        scripts=[Markup(text) for text in scripts],  # noqa: S704 - our own files
        policy=pages.policy(styles, scripts),
    )
