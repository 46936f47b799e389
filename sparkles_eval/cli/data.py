"""`sparkles-eval data`: get data, bring them into shape, check them, make training dialogues. One module a verb."""

from __future__ import annotations

import typer

from sparkles_eval.cli import data_browse, data_check, data_fetch, data_generate, data_import

app = typer.Typer(
    help="Get data, check them, bring them into shape, and make training dialogues.", no_args_is_help=True
)
app.command("list")(data_fetch.listing)
app.command("fetch")(data_fetch.fetch)
app.command("check")(data_check.check)
app.command("import")(data_import.bring)
app.command("generate")(data_generate.generate)
app.command("browse")(data_browse.browse)


@app.callback()
def _root() -> None: ...
