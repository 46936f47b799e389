"""`sparkles-eval data list` and `data fetch`: data sources, their terms, and downloads with progress bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import ContentFolders, Option
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import make_console, say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from sparkles_eval.data.sources.fetch import FetchReport
    from sparkles_eval.data.sources.image_urls import FetchedImage
    from sparkles_eval.data.sources.spec import SourceSpec


class DownloadBars:
    """One progress bar per file (data.sources.download.Watch)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._now: TaskID | None = None

    def begin(self, name: str, done: int, total: int | None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._now = self._bars[name]
        self._progress.update(self._now, completed=done, total=total)

    def advance(self, count: int) -> None:
        if self._now is not None:
            self._progress.advance(self._now, count)


class ImageCounter:
    """One line that counts images, since thousands arrive at uneven speed (data.sources.image_urls.FetchProgress)."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._bar: TaskID | None = None
        self._total = self._done = self._kept = 0

    def begin(self, total: int, done: int) -> None:
        self._total, self._done, self._kept = total, done, 0
        self._bar = self._progress.add_task(self._text(), total=None)

    def one(self, fate: FetchedImage) -> None:
        self._done += 1
        self._kept += fate.outcome == "kept"
        if self._bar is not None:
            self._progress.update(self._bar, description=self._text())

    def _text(self) -> str:
        return f"{self._name} images: {self._done:,} of {self._total:,} requested, {self._kept:,} new ones kept"


EXIT_INCOMPLETE = 3


@command
def listing(
    name: Annotated[str | None, Option("Show this source in full.", metavar="[SOURCE]", argument=True)] = None,
    to: Annotated[Path | None, Option("Data folder; shows which parts of the source it holds.", section="Data")] = None,
    content: ContentFolders = (),
) -> None:
    """List the data sources: what each is, its licence, and what has to be downloaded by hand.

    [bold]Examples[/bold]

      sparkles-eval data list

      sparkles-eval data list nlvr2 --to ./nlvr2
    """
    from rich.table import Table
    from rich.text import Text

    from sparkles_eval.data.sources.fetch import inspect_folder
    from sparkles_eval.data.sources.spec import list_sources, read_source

    console = make_console()
    if name is not None:
        source = read_source(name, content)
        _describe(source, console)
        _steps(inspect_folder(source, to or Path(), source.parts), console, states=to is not None)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, heading in enumerate(("source", "what", "licence", "how")):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)
    for source in list_sources(content):
        how = "fetched" if not source.by_hand else "by hand" if not source.files else "partly by hand"
        table.add_row(*(Text(cell) for cell in (source.name, source.about, source.licence, how)))
    console.print(table)


@command
def fetch(
    name: Annotated[
        str,
        Option(
            "Source, as `sparkles-eval data list` names it, or a task whose data come from the Hub.",
            metavar="SOURCE|TASK",
            argument=True,
        ),
    ],
    to: Annotated[
        Path | None, Option("Data folder to fill; runs name it with --data-root. Not for the Hub.", section="Data")
    ] = None,
    part: Annotated[
        tuple[str, ...],
        Option("Part of the source; repeat for several. Default: the source's default parts.", section="Data"),
    ] = (),
    accept: Annotated[
        bool, Option("Agree to the source's terms without being asked.", "--accept-terms", section="Data")
    ] = False,
    offline: Annotated[
        bool, Option("Only show what is there and what is missing; fetch nothing.", section="Data")
    ] = False,
    again: Annotated[bool, Option("Request images that were gone once more.", section="Data")] = False,
    mirror: Annotated[
        tuple[str, ...],
        Option("Fetch addresses that begin with FROM from TO instead.", section="Data", metavar="FROM=TO"),
    ] = (),
    task_arg: Annotated[
        tuple[str, ...],
        Option("Argument of a task, such as config=Jigsaw or revision=COMMIT.", section="Data", metavar="K=V"),
    ] = (),
    content: ContentFolders = (),
) -> None:
    """Fetch the data of a source into a folder, or of a task into the Hub's cache: resumable, checked, unpacked safely.

    Licence and terms are shown and must be agreed to first. Files that only a person can get are listed with their
    address and place. A second call fetches only what is missing. Exit code 3: something is still missing.

    [bold]Examples[/bold]

      sparkles-eval data fetch bison --to ./bison

      sparkles-eval data fetch nlvr2 --part dev --to ./nlvr2

      sparkles-eval data fetch sparkles --to ./sparkles --offline

      sparkles-eval data fetch muirbench
    """
    from sparkles_eval.data.sources.fetch import chosen_parts, inspect_folder
    from sparkles_eval.data.sources.spec import is_source, read_source

    console = make_console()
    if not is_source(name, content) and _of_task(name, task_arg, content, accept=accept, offline=offline):
        return
    source = read_source(name, content)
    if to is None:
        raise UserError(f"source {source.name}: name the folder to fill with --to")
    chosen_parts(source, part)
    mirrors = _mirrors(mirror)
    _describe(source, console)
    if offline:
        report = inspect_folder(source, to, part)
    else:
        _agree(f"source {source.name}", accept=accept)
        report = _fetch(source, to, mirrors, part, again=again, console=console)
    _steps(report, console)
    if not report.complete:
        raise typer.Exit(EXIT_INCOMPLETE)
    console.print(f"data    {to}", highlight=False)


def _of_task(name: str, pairs: Sequence[str], content: Sequence[Path], *, accept: bool, offline: bool) -> bool:
    """Fetch the Hub data of a task; False where it is no such task. Raises errors.UserError."""
    from sparkles_eval.engine.arguments import scoped
    from sparkles_eval.tasks.folders import find_task
    from sparkles_eval.tasks.hub_data import fetch_task_data, from_hub
    from sparkles_eval.tasks.load import load_task

    try:
        folder = find_task(name, content)
    except UserError:
        return False  # the error for an unknown source names both
    if not from_hub(folder):
        return False
    args = scoped("--task-arg", pairs, name, [name])
    if not offline:
        fetch_task_data(
            name,
            args=args,
            say=say,
            content=content,
            agree=lambda _: _agree(f"task {folder.spec.name}", accept=accept),
        )
    task = load_task(name, args=args, content=content, skip_bad=True)
    say(f"task     {task.name}: {len(task.samples):,} samples, {len(task.skipped):,} problems")
    say(f"next     sparkles-eval task check {name}")
    return True


def _mirrors(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        start, _, other = text.partition("=")
        if not start or not other:
            raise UserError(f"--mirror {text}: write it as FROM=TO, such as https://github.com=https://mirror.example")
        found[start] = other
    return found


def _describe(source: SourceSpec, console: Console) -> None:
    from rich.text import Text

    console.print(Text.assemble((source.title, "bold"), f"  {source.about.strip()}"))
    for label, text in (
        ("homepage", source.homepage),
        ("licence", source.licence),
        ("terms", source.terms),
        ("for", source.used_by),
    ):
        if text:
            console.print(Text.assemble((f"{label:<9}", "dim"), text.strip()))


def _agree(who: str, *, accept: bool) -> None:
    """Raises errors.UserError unless a person agrees, here or with the option."""
    import sys

    if accept:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{who}: agree to its licence and terms above with --accept-terms")
    if not typer.confirm("Do you agree to this licence and these terms?"):
        raise UserError(f"{who}: nothing was fetched, since its terms were not agreed to")


def _fetch(
    source: SourceSpec, to: Path, mirrors: Mapping[str, str], parts: Sequence[str], *, again: bool, console: Console
) -> FetchReport:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from sparkles_eval.data.sources.download import make_session
    from sparkles_eval.data.sources.fetch import fetch_source

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    session = make_session(mirrors)
    with Progress(*columns, console=console, transient=True) as progress, session.client:
        return fetch_source(
            source,
            to,
            session,
            DownloadBars(progress),
            parts=parts,
            again=again,
            fetched=ImageCounter(progress, source.name),
        )


def _steps(report: FetchReport, console: Console, *, states: bool = True) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("place", "state", "") if states else ("place", ""):
        table.add_column(heading, overflow="fold")
    for step in report.steps:
        style = "" if step.fine else "yellow"
        cells = (step.place, step.state.value, step.detail) if states else (step.place, step.detail)
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
