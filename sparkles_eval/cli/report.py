"""`sparkles-eval report`: tables of stored runs, and their report as one HTML file or as a site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import STDOUT, JsonFile, ReportFilter
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import make_console
from sparkles_eval.core.text import quantity
from sparkles_eval.reports.config import SiteOptions

if TYPE_CHECKING:
    from sparkles_eval.analysis.summary import Summary
    from sparkles_eval.reports.report_data import WrittenReport
    from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class ReportTarget:
    """What `report` writes, and where."""

    samples: Annotated[
        int | None,
        Option(
            "Show N samples of each task. Default: 200 in a file, 1000 in a site.",
            section="Contents",
            metavar="N",
            low=0,
        ),
    ] = None
    site: Annotated[
        bool,
        Option("Write a folder of pages that any web host or Hugging Face Space can serve.", section="Output"),
    ] = False
    out: Annotated[
        Path | None,
        Option(
            "An .html file, or a folder for a site. Default: beside the store.",
            "--out -o",
            section="Output",
            metavar="FILE|DIR",
        ),
    ] = None
    figures: Annotated[
        Path | None,
        Option("Also write each figure as SVG, PDF and PNG into this folder.", section="Output", metavar="DIR"),
    ] = None
    push: Annotated[
        str | None,
        Option("Also upload the site to this Hugging Face Space.", section="Output", metavar="OWNER/SPACE"),
    ] = None

    def path(self, store: Path) -> Path:
        """The file or folder to write."""
        return self.out or (store.with_suffix("") if self.site else store.with_suffix(".html"))

    def is_folder(self, store: Path) -> bool:
        """Whether a site is written, and not one file. Raises errors.UserError where only a site could be uploaded."""
        path = self.path(store)
        folder = self.site or path.is_dir() or path.suffix.lower() not in (".html", ".htm")
        if self.push and not folder:
            raise UserError("--push: a Space shows a site; add --site, or name a folder with --out")
        return folder


@command
def report(
    shown: ReportFilter,
    options: SiteOptions,
    target: ReportTarget,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
    json: JsonFile = None,
) -> None:
    """Print the tables of stored runs and write their report: one file that can be sent to anybody, or a site.

    A file stays below 15 MB; what does not fit goes to a site beside it, and both say so.

    [bold]Examples[/bold]

      sparkles-eval report --store runs/sparkles.db --out report.html

      sparkles-eval report --site --out public --title "Our leaderboard" --no-store

      sparkles-eval report --judge sparkles@openai/gpt-4o --protocol strict --figures figures
    """
    from sparkles_eval.analysis.summary import narrow, summarise
    from sparkles_eval.cli.json_output import write_json
    from sparkles_eval.publishing.hub import check_repository, push_site
    from sparkles_eval.reports.report import SAMPLES, render_file
    from sparkles_eval.reports.site import render_site
    from sparkles_eval.reports.terminal_table import print_tables
    from sparkles_eval.store.reading import open_to_read

    console = make_console(stderr=json == STDOUT)
    path, folder = target.path(store), target.is_folder(store)
    if target.push:
        check_repository(target.push)
    if target.samples is not None or not folder:
        options = replace(options, samples=SAMPLES if target.samples is None else target.samples)
    with open_to_read(store) as opened:
        summary = summarise(opened, shown.runs or None, min_coverage=shown.min_coverage)
        summary = narrow(summary, shown.judges, shown.protocol)
        print_tables(summary, console)
        written = (render_site if folder else render_file)(opened, summary, path, options)
        drawn = _save_figures(opened, summary, target.figures) if target.figures else 0
    write_json(json, _result(written, drawn, summary))
    for text in written.left_out:
        console.print(text, style="yellow", markup=False, highlight=False)
    if target.figures:
        console.print(f"figures {target.figures} ({quantity(drawn, 'file')})", highlight=False, markup=False)
    console.print(f"{'site' if folder else 'report':7} {written.index}", highlight=False, markup=False)
    if target.push:
        console.print(f"pushed  {push_site(path, target.push)}", highlight=False, markup=False)


def _result(written: WrittenReport, figures: int, summary: Summary) -> dict[str, Any]:
    from sparkles_eval.api.frames import leaderboard_rows

    about = {"report": str(written.index), "left_out": list(written.left_out), "figures": figures}
    return {**about, "leaderboard": leaderboard_rows(summary)}


def _save_figures(store: Store, summary: Summary, folder: Path) -> int:
    """Write every figure's files; how many there are."""
    from sparkles_eval.reports.figures import figures, save

    return len(save(figures(store, summary), folder))
