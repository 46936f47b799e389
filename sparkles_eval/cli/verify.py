"""`sparkles-eval verify`: whether everything in a store follows from what was asked and said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say, say_json, say_warning

if TYPE_CHECKING:
    from sparkles_eval.publishing.discrepancies import Verification

EXIT_FINDINGS = 1
_MOST_NAMED = 40


def verify(
    store: Annotated[Path, typer.Argument(help="The store; it is only read.")],
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write every finding as JSON ('-' prints it).")
    ] = None,
    plugin: options.Plugins = None,
) -> None:
    """Check a store: pages, references, every hash, and every score and metric worked out again.

    Answers are read again by their rule, judges' replies by their parser, panels by their votes. Exit code 0: all
    follows; 1: something does not, named by row; 2: no store.

    [bold]Examples[/bold]

      sparkles-eval verify runs/sparkles.db

      sparkles-eval verify runs/all.db --json findings.json
    """
    from sparkles_eval.publishing.verify import verify_file

    found = verify_file(store, plugins=tuple(plugin or ()))
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
    for why in found.unchecked:
        say_warning(f"not worked out again: {why}")
    if found.checked:
        say(f"checked {', '.join(f'{count:,} {name}' for name, count in found.checked.items())}")
    if found.sound:
        say("everything follows from what was asked and said", color="green")
    else:
        count = f"{len(found.findings):,}{' or more' if found.cut else ''}"
        say(f"{count} finding{'s' if len(found.findings) != 1 else ''}", color="red")


def _write(found: Verification, out: Path) -> None:
    from dataclasses import asdict
    from json import dumps

    from sparkles_eval.core.files import write_output

    said = {
        "sound": found.sound,
        "findings": [asdict(finding) for finding in found.findings],
        "cut": found.cut,
        "unchecked": list(found.unchecked),
        "checked": dict(found.checked),
    }
    text = dumps(said, indent=1, ensure_ascii=False)
    if out == Path("-"):
        say_json(text)
        return
    write_output(out, f"{text}\n", "name another file")
