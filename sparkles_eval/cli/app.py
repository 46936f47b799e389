"""The command line: one module per verb, put together here.

Verbs import what they need when they are called, so that `--help` answers at once.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Annotated

import typer

from sparkles_eval import __version__
from sparkles_eval.cli import (
    ablations,
    chat,
    checkpoints,
    compare,
    data,
    doctor,
    export,
    human,
    import_results,
    items,
    judge,
    judges,
    leaderboard,
    listing,
    merge,
    plan,
    protocol,
    report,
    rescore,
    run,
    submit,
    task,
    train,
    variance,
    verify,
    view,
)
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import say, say_error

app = typer.Typer(
    name="sparkles-eval",
    help="Evaluate multi-image, multi-turn vision-language models, and trust the numbers.",
    epilog="First result, no key needed:  sparkles-eval run --task nlvr2-mini --model baseline/chance",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
app.command("run")(run.run)
app.command("judge")(judge.judge)
app.command("report")(report.report)
app.command("list")(listing.listing)
app.command("view")(view.view)
app.command("compare")(compare.compare)
app.command("ablations")(ablations.ablations)
app.command("variance")(variance.variance)
app.command("items")(items.items)
app.command("plan")(plan.plan)
app.command("train")(train.train)
app.command("chat")(chat.chat)
app.command("merge")(merge.merge)
app.command("verify")(verify.verify)
app.command("rescore")(rescore.rescore)
app.command("export")(export.export)
app.command("import")(import_results.import_results)
app.command("doctor")(doctor.doctor)
app.command("submit")(submit.submit)
app.add_typer(leaderboard.app, name="leaderboard")
app.add_typer(judges.app, name="judges")
app.add_typer(human.app, name="human")
app.add_typer(task.app, name="task")
app.add_typer(data.app, name="data")
app.add_typer(protocol.app, name="protocol")
app.add_typer(checkpoints.app, name="checkpoints")


def _version(given: bool) -> None:
    if given:
        say(f"sparkles-eval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line. The user's errors are one message in red and exit code 2; ours are a traceback."""
    try:
        app()
    except UserError as error:
        say_error(str(error))
        sys.exit(2)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError):
            raise
        say_error(f"a database cannot be used ({error}); `sparkles-eval verify STORE` says what is wrong with a store")
        sys.exit(2)


if __name__ == "__main__":
    main()
