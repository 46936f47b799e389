"""`sparkles-eval export`: numbers and samples in the forms that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say
from sparkles_eval.publishing.exports import ExportFormat


def export(
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--as",
            help="model-index: YAML for a Hugging Face model card; results-json: as lm-eval; jsonl: samples; "
            "inspect-jsonl: samples as Inspect's logs; parquet: one row a score.",
        ),
    ],
    run: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids (`list runs`). Default: all.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: printed.", show_default=False)] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Write stored runs in a form of another program, numbers with interval and n wherever it has a place for them.

    [bold]Examples[/bold]

      sparkles-eval export 3f2a9c11d0e4 --as model-index >> README.md

      sparkles-eval export --as parquet --out scores.parquet
    """
    from sparkles_eval.publishing.exports.write import export as write
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        for path in write(opened, run or None, form, out):
            say(f"written {path}")
