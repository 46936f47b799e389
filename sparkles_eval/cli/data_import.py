"""`sparkles-eval data import`: data of other shapes into ours."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.errors import DataError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkles_eval.errors import Problem

_SHOWN = 10


class Shape(StrEnum):
    """What can be imported."""

    LLAVA = "llava"
    SVIT = "svit"
    NLVR1 = "nlvr1"


def bring(
    shape: Annotated[Shape, typer.Argument(help="llava or svit: conversations; nlvr1: statements on drawn boxes.")],
    file: Annotated[Path, typer.Argument(help="The annotation file.")],
    images: Annotated[Path, typer.Option("--images", help="The folder of its pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Training records (a JSON file), or a new task folder.")],
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="TASK[=ROOT]", help="Leave out pictures that this task asks about; may be repeated."
        ),
    ] = None,
    coco_map: Annotated[
        Path | None, typer.Option("--coco-map", help="Visual Genome's image_data.json, which names COCO's pictures.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Of nlvr1: how its pictures' names begin.")] = "dev",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad entries out, counted.")] = False,
    content: options.Content = None,
) -> None:
    """Turn conversations into training records, or statements about boxes into a task of your own.

    The published evaluation folders, whole NLVR2 and BISON, DEMON and JSON lines of your own need no import: tasks read
    them as they are (`data check` says what a folder holds). Result files are read by `sparkles-eval import`.

    [bold]Examples[/bold]

      sparkles-eval data import llava detail_23k.json --images coco/train2017 --out records.json --against bison=./bison

      sparkles-eval data import nlvr1 nlvr/dev/dev.json --images nlvr/dev/images --out ./nlvr1
    """
    if shape is Shape.NLVR1:
        from sparkles_eval.sources.boxes import make_task

        made = make_task(file, images, out, split, skip_bad=skip_bad)
        _tell(made.problems)
        typer.echo(f"task    {made.folder}  {made.samples:,} samples")
        typer.echo(f"next    sparkles-eval run --task {made.folder} --data-root {images} --model baseline/chance")
        return
    from sparkles_eval.dialogues.leakage import read_evaluations
    from sparkles_eval.sources.conversations import convert, write_records

    if out.exists():
        raise UserError(f"{out} is there already; name a new file with --out")
    evaluations = read_evaluations(against or (), coco_map, tuple(content or ())) if against else None
    made_of = convert(file, images, evaluations)
    if made_of.problems and not skip_bad:
        raise DataError(str(file), made_of.problems, "mend them, or leave these out with --skip-bad")
    _tell(made_of.problems)
    if not made_of.records:
        raise UserError(f"{file}: no record is left")
    write_records(made_of.records, out)
    typer.echo(f"records {out}  {len(made_of.records):,}")
    if evaluations is None:
        typer.echo("leakage not checked (name evaluation tasks with --against)")
    else:
        typer.echo(f"leakage {len(made_of.leaking):,} left out: pictures that {', '.join(against or ())} has, too")


def _tell(problems: Sequence[Problem]) -> None:
    for problem in problems[:_SHOWN]:
        typer.secho(f"{problem.item}: {problem.what}", fg=typer.colors.YELLOW, err=True)
    if len(problems) > _SHOWN:
        typer.secho(f"and {len(problems) - _SHOWN:,} more", fg=typer.colors.YELLOW, err=True)
