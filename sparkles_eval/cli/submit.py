"""`sparkles-eval submit`: runs as one file that anybody can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.cli.options import JsonFile, RunIds
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath
from sparkles_eval.core.printing import say, say_warning
from sparkles_eval.core.text import one_line


@command
def submit(
    out: Annotated[Path, Option("Bundle to write, a .zip file.", "--out -o", section="Output")],
    run_ids: RunIds = (),
    contact: Annotated[str, Option("Contact address, shown on the card.", section="Contents")] = "",
    licence: Annotated[str, Option("Licence of the answers, shown on the card.", section="Contents")] = "",
    note: Annotated[str, Option("A few words, shown on the card.", section="Contents")] = "",
    thumbnails: Annotated[
        bool, Option("Include small previews of the images.", "--thumbnails/--no-thumbnails", section="Contents")
    ] = True,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
    json: JsonFile = None,
) -> None:
    """Write a bundle: these runs with everything that their numbers follow from, hashes of it, and a card.

    The store is verified first. Images, people's ratings, other runs and keys are left out. The same runs give the same
    bytes.

    [bold]Example[/bold]

      sparkles-eval submit 3f2a9c11d0e4 58661e94987a --out my-model.zip --contact me@example.org --licence CC-BY-4.0
    """
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.publishing.bundle import LONGEST_LINE, LONGEST_NOTE, BundleNotes
    from sparkles_eval.publishing.make_bundle import submit as write_bundle

    if max(len(contact), len(licence)) > LONGEST_LINE or len(note) > LONGEST_NOTE:
        raise UserError(f"--contact and --licence are a line ({LONGEST_LINE} characters), --note {LONGEST_NOTE}")
    about = BundleNotes(contact=contact, licence=licence, note=note)
    made = write_bundle(store, run_ids or None, out, about, thumbnails=thumbnails)
    result = {
        "bundle": str(made.path),
        "bytes": made.size,
        "runs": [{"run": one.id, "model": one.model, "task": one.task} for one in made.manifest.runs],
        "unchecked": list(made.unchecked),
        "unranked": list(made.unranked),
    }
    if write_json(json, result):
        return
    for one in made.manifest.runs:
        say(one_line(f"{one.id}  {one.model} on {one.task}, {one.samples} samples"))
    for why in made.unchecked:
        say_warning(f"this cannot be recomputed, so leaderboards refuse it: {why}")
    for low in made.unranked:
        say_warning(f"leaderboards show it unranked, below the others: {low}")
    say(f"bundle  {made.path} ({made.size / 1e6:.1f} MB)")
