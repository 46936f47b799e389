"""Writes a report as a static site that any web host can serve and that also opens from a disk.

index.html            the leaderboard               judges.html    judges compared and audited
tasks/TASK-vN.html    every number of a task        figures.html   the figures, in figures/ as SVG, PDF and PNG
models/MODEL.html     everything of a model         methods.html   how each number was made
samples/              lists and pages of samples    downloads/     numbers as files, and the store
assets/               style sheets and scripts      README.md      lets a Hugging Face Space serve the folder
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.core.names import slug
from sparkles_eval.core.text import one_line
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.report_data import ReportData, WrittenReport, collect_report
from sparkles_eval.reports.samples.site import write_samples
from sparkles_eval.reports.toolkit.links import PageName, task_slug
from sparkles_eval.reports.toolkit.site_writer import SiteWriter, claim_folder, settle_folder
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store

__all__ = ["SiteOptions", "WrittenReport", "render_site", "write_site"]

STORE = "sparkles.db"


def render_site(store: Store, summary: Summary, out: Path, options: SiteOptions | None = None) -> WrittenReport:
    """Write the site of a summary into the folder `out`, which is made; an older site there is written over.

    The store is copied only where the summary shows all of its runs: nothing shall be published that nobody looked at.
    Raises errors.UserError where a file cannot be written or `out` holds files that are no site's, and
    errors.ContentError for a template that is missing.
    """
    chosen = options or SiteOptions()
    return write_site(store, collect_report(store, summary, chosen), out, chosen)


def write_site(store: Store, parts: ReportData, out: Path, options: SiteOptions) -> WrittenReport:
    """The same for parts that are worked out already."""
    summary = parts.summary
    before = claim_folder(out)
    shell = SiteWriter(out, summary, options.title, options.content, _pages(parts, options))
    for name in ("style.css", "app.js"):
        shell.asset(name)
    _numbers(shell, parts)
    left_out = list(_store(shell, store, summary, wanted=options.store))
    left_out += write_samples(shell, store, summary, limit=options.samples, only=options.only)
    if parts.figures:
        from sparkles_eval.reports.figures import save

        shell.written.update(f"figures/{path.name}" for path in save(parts.figures, out / "figures"))
    left_out += [parts.figures_note] if parts.figures_note else []
    _write_pages(shell, parts, tuple(left_out))
    shell.file(".nojekyll", b"")
    settle_folder(out, before, shell.written)
    return WrittenReport(out / "index.html", tuple(left_out))


def _pages(parts: ReportData, options: SiteOptions) -> frozenset[PageName]:
    found: set[PageName] = {"samples", "judges", "methods"}
    if parts.figures:
        found.add("figures")
    if options.bundles:
        found.add("bundles")
    return frozenset(found)


def _numbers(shell: SiteWriter, parts: ReportData) -> None:
    sums = []
    for download in parts.downloads:
        for file in download.files:
            data = file.text.encode("utf-8", errors="replace")
            shell.file(f"downloads/{file.name}", data)
            sums.append(f"{hashlib.sha256(data).hexdigest()}  {file.name}\n")
    shell.file("downloads/SHA256SUMS", "".join(sums).encode())


def _store(shell: SiteWriter, store: Store, summary: Summary, *, wanted: bool) -> tuple[str, ...]:
    """Copy the store page by page while others may read and write it."""
    if not wanted:
        return ("The store was left out, as was asked.",)
    shown = {entry.run.id for panel in summary.panels for entry in panel.entries}
    hidden = len({run.id for run in read_runs.runs(store)} - shown)
    if hidden:
        many = "runs" if hidden != 1 else "run"
        return (f"The store was left out: it holds {hidden} {many} that this report does not show.",)
    path = shell.out / "downloads" / STORE
    try:
        with replacing(path) as part, closing(sqlite3.connect(part)) as copy:
            store.connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except (sqlite3.Error, OSError) as error:
        raise UserError(
            f"{path}: the store cannot be copied ({error}); make room, or leave it out: --no-store"
        ) from error
    shell.written.add(f"downloads/{STORE}")
    return ()


def _write_pages(shell: SiteWriter, parts: ReportData, left_out: tuple[str, ...]) -> None:
    store_name = STORE if f"downloads/{STORE}" in shell.written else ""
    shell.shared.update(parts.names(), left_out=left_out, store_name=store_name)
    write = shell.write
    write("index.html", "index.html.j2", title=shell.title, here="index")
    for task in parts.summary.tasks:
        path = f"tasks/{task_slug(task)}.html"
        write(path, "task.html.j2", title=one_line(task.title), here=task_slug(task), task=task)
    for model in parts.models:
        write(
            f"models/{slug(model.name)}.html", "model.html.j2", title=one_line(model.name), here="models", model=model
        )
    write("judges.html", "judges.html.j2", title="Judges", here="judges")
    if parts.figures:
        write("figures.html", "figures.html.j2", title="Figures", here="figures")
    write("methods.html", "methods.html.j2", title="How this was made", here="methods")
    readme = shell.environment.get_template("space.md.j2").render(
        title=shell.title, summary=parts.summary, board=parts.board
    )
    shell.file("README.md", readme.encode())
