"""`sparkles-eval verify`: checks that every score in a store follows from the stored answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option, PluginFiles
from sparkles_eval.core.printing import say, say_json, say_warning
from sparkles_eval.core.text import quantity

if TYPE_CHECKING:
    from sparkles_eval.publishing.discrepancies import Verification

EXIT_FINDINGS = 1
_MOST_NAMED = 40


@command
def verify(
    store: Annotated[Path, Option("Store to verify; it is only read.", argument=True)],
    json: Annotated[
        Path | None, Option("Write every finding as JSON ('-' prints it).", section="Output", metavar="FILE")
    ] = None,
    plugins: PluginFiles = (),
) -> None:
    """Check a store: pages, references and every hash; every score and metric is recomputed.

    Answers are scored again by their rule, judges' replies by their parser, panels by their votes. Exit code 0: all is
    reproduced; 1: something is not, named by row; 2: no store.

    [bold]Examples[/bold]

      sparkles-eval verify runs/sparkles.db

      sparkles-eval verify runs/all.db --json findings.json
    """
    from sparkles_eval.publishing.verify import verify_file

    found = verify_file(store, plugins=plugins)
    if json is not None:
        _write(found, json)
    if json != Path("-"):
        _print(found)
    if not found.sound:
        raise typer.Exit(EXIT_FINDINGS)


def _print(found: Verification) -> None:
    for finding in found.findings[:_MOST_NAMED]:
        say(f"  {finding}", color="red")
    if len(found.findings) > _MOST_NAMED:
        say(f"  ... and {len(found.findings) - _MOST_NAMED:,} more; --json FILE has them")
    if found.superseded:
        intervals = quantity(len(found.superseded), "interval")
        say(f"{intervals} of an earlier version's rule; reports compute their own", dim=True)
    for why in found.unchecked:
        say_warning(f"not recomputed: {why}")
    if found.checked:
        say(f"checked {', '.join(quantity(count, name.removesuffix('s')) for name, count in found.checked.items())}")
    if found.sound:
        say("everything follows from what was asked and said", color="green")
    else:
        count = f"{len(found.findings):,} or more findings" if found.cut else quantity(len(found.findings), "finding")
        say(count, color="red")


def _write(found: Verification, out: Path) -> None:
    from dataclasses import asdict
    from json import dumps

    from sparkles_eval.core.files import write_output

    said = {
        "sound": found.sound,
        "findings": [asdict(finding) for finding in found.findings],
        "cut": found.cut,
        "unchecked": list(found.unchecked),
        "superseded": list(found.superseded),
        "checked": dict(found.checked),
    }
    text = dumps(said, indent=1, ensure_ascii=False)
    if out == Path("-"):
        say_json(text)
        return
    write_output(out, f"{text}\n", "name another file")
