"""`sparkles-eval show`: everything that a store holds on one sample of one run."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, StorePath
from sparkles_eval.core.printing import say


@command
def show(
    run: Annotated[str, Option("Run, by its id or the beginning of it; `list runs` shows them.", argument=True)],
    sample: Annotated[str, Option("Sample, by its id in the data.", argument=True)],
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Show the whole story of one sample: prompts with the pictures' names, every attempt, reasoning and answers, how
    they were read, verdicts and scores with their reasons.

    [bold]Example[/bold]

      sparkles-eval show a95d40e476b1 nlvr2-mini-0-42 --store runs/sparkles.db
    """
    from sparkles_eval.analysis.sample_story import sample_story
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(store) as opened:
        sections = sample_story(opened, run, sample)
    for section in sections:
        say(section.heading, bold=True)
        for line in section.text.split("\n") if section.text else ():
            say(f"  {line}" if line else "")  # set in: no answer can pass for a heading
        say()
