"""`sparkles-eval report`: tables of stored runs, and their report as one HTML file or as a site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import make_console

if TYPE_CHECKING:
    from sparkles_eval.analysis.summary import Summary
    from sparkles_eval.store.store import Store

_PANEL = "What it holds"


_Out: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE|DIR", help="An .html file, or a folder for a site. Default: beside the store."
    ),
]
_Samples: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="Samples shown of each task. Default: 200, in a site 1000.", rich_help_panel=_PANEL
    ),
]
_Judges: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Only scores by this judge: NAME, NAME@MODEL or fingerprint; several times for several.",
        rich_help_panel=_PANEL,
    ),
]
_Audits: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Show an audit: a file of `judges audit --json`.", rich_help_panel=_PANEL),
]
_Figures: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write each figure as SVG, PDF and PNG as well.", rich_help_panel=_PANEL),
]
_NoStore: TypeAlias = Annotated[
    bool, typer.Option("--no-store", help="Leave the store out of a site's downloads.", rich_help_panel=_PANEL)
]


def report(
    run: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids (`list runs`). Default: all.")
    ] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    out: _Out = None,
    site: Annotated[
        bool, typer.Option("--site", help="A folder of pages that any web host or Hugging Face Space shows as it is.")
    ] = False,
    title: Annotated[str, typer.Option(help="The heading.", rich_help_panel=_PANEL)] = "Evaluation report",
    samples: _Samples = None,
    judge: _Judges = None,
    protocol: Annotated[str | None, typer.Option(help="Only runs under this protocol.", rich_help_panel=_PANEL)] = None,
    min_coverage: options.MinCoverage = options.DEFAULT_MIN_COVERAGE,
    audit: _Audits = None,
    figures: _Figures = None,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="Draw none.", rich_help_panel=_PANEL)] = False,
    no_store: _NoStore = False,
    content: options.Content = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Print the tables of stored runs and write their report: one file that can be sent to anybody, or a site.

    A file stays below 15 MB; what does not fit goes to a site beside it, and both say so.

    [bold]Examples[/bold]

      sparkles-eval report --store runs/sparkles.db --out report.html

      sparkles-eval report --site --out public --title "Our leaderboard" --no-store

      sparkles-eval report --judge sparkles@openai/gpt-4o --protocol strict --figures figures
    """

    from sparkles_eval.analysis.summary import narrow, summarise
    from sparkles_eval.reports.report import SAMPLES, render_file
    from sparkles_eval.reports.report_data import SiteOptions
    from sparkles_eval.reports.site import render_site
    from sparkles_eval.reports.terminal_table import print_tables
    from sparkles_eval.store.store import Store

    console = make_console()
    path = out or (store.with_suffix("") if site else store.with_suffix(".html"))
    folder = site or path.is_dir() or path.suffix.lower() not in (".html", ".htm")
    chosen = SiteOptions(
        title=title,
        samples=samples if samples is not None else SiteOptions().samples if folder else SAMPLES,
        figures=not no_figures,
        store=not no_store,
        audits=tuple(audit or ()),
        content=tuple(content or ()),
    )
    with Store(store, create=False) as opened:
        summary = narrow(summarise(opened, run or None, min_coverage=min_coverage / 100), judge or (), protocol)
        print_tables(summary, console)
        written = (render_site if folder else render_file)(opened, summary, path, chosen)
        drawn = _save_figures(opened, summary, figures) if figures else 0
    for text in written.left_out:
        console.print(text, style="yellow", markup=False, highlight=False)
    if figures:
        console.print(f"figures {figures} ({drawn} files)", highlight=False, markup=False)
    console.print(f"{'site' if folder else 'report':7} {written.index}", highlight=False, markup=False)


def _save_figures(store: Store, summary: Summary, folder: Path) -> int:
    """Write every figure's files; how many there are."""
    from sparkles_eval.reports.figures import figures, save

    return len(save(figures(store, summary), folder))
