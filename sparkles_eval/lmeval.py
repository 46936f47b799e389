"""`python -m sparkles_eval.lmeval`: lm-eval with our models in it, and our tasks for it.

`export` and `text` are ours; everything else (`run`, `ls`, `validate`) is lm-eval's own command line, which then knows
`--model sparkles`. lm-eval finds models by import alone, so its own `lm_eval` command cannot.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.core.printing import say, say_error

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
_OURS = ("export", "text")


@app.command("export")
def export(
    task: Annotated[list[str], typer.Option("--task", "-t", help="bison, nlvr2, bison-mini, nlvr2-mini or your own.")],
    out: Annotated[Path, typer.Option(help="The folder to write; give it to lm-eval as --include_path.")],
    data_root: Annotated[Path | None, typer.Option(help="Where the data is, for tasks that need it.")] = None,
    protocol: Annotated[str, typer.Option(help="strict or paper.")] = "strict",
    task_arg: Annotated[list[str] | None, typer.Option(metavar="K=V", help="As for `sparkles-eval run`.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first items.")] = None,
) -> None:
    """Write our tasks as lm-eval tasks, every item in both image orders."""
    from sparkles_eval.bridges.lm_eval_export import export as write

    pairs = dict(pair.partition("=")[::2] for pair in task_arg or ())
    for file in write(task, out, protocol=protocol, data_root=data_root, args=pairs, limit=limit):
        say(f"{file}\nuse it with:  --include_path {out} --tasks {file.stem}")


@app.command("text")
def text(
    model: Annotated[Path, typer.Option(help="Folder of the trained model.")],
    base: Annotated[Path, typer.Option(help="Folder of the model that it was trained from.")],
    task: Annotated[list[str], typer.Option("--task", "-t", help="lm-eval's text tasks: arc_easy, hellaswag, piqa.")],
    include: Annotated[Path | None, typer.Option(help="Folder with tasks of your own, instead of lm-eval's.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Documents of a task.")] = None,
    device: Annotated[str | None, typer.Option(help="Such as cuda:0.")] = None,
) -> None:
    """Compare the language models of two folders on text tasks. Exit code 1 where a document came out otherwise."""
    from sparkles_eval.bridges.lm_eval_text import compare_text

    found = compare_text(model, base, task, include=include, limit=limit, device=device)
    for row in found:
        say(
            f"{row.task} {row.metric}: {row.trained:.4f}, base {row.base:.4f}; "
            f"{row.changed} of {row.documents} documents changed"
        )
    if any(row.changed for row in found):
        raise typer.Exit(1)


def main() -> None:
    """Entry point. The user's errors are one message in red and exit code 2."""
    try:
        if len(sys.argv) < 2 or sys.argv[1] in _OURS:
            app(prog_name="python -m sparkles_eval.lmeval")
            return
        _lm_eval()
    except UserError as error:
        say_error(str(error))
        sys.exit(2)


def _lm_eval() -> None:
    try:
        from lm_eval.__main__ import cli_evaluate

        import sparkles_eval.bridges.lm_eval_model  # noqa: F401 - registers our models
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("sparkles_eval"):
            raise
        raise MissingExtra(f"this command (module {missing.name})", "lmeval") from missing
    cli_evaluate()


if __name__ == "__main__":
    main()
