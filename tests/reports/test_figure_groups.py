"""Figures of a page: those that differ in the judge alone are shown once."""

from __future__ import annotations

from dataclasses import replace

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.analysis.tables import Table
from sparkles_eval.reports.figure_groups import figure_groups
from sparkles_eval.reports.figures import Figure
from sparkles_eval.store.store import Store

RANKS = Figure("ranks", "ranks", "Ranks", "", "", Table("t", "t", (), ()), {})


def test_what_another_judge_gives_again_is_folded(crowded: Store) -> None:
    summary = summarise(crowded)
    drawn = [
        replace(RANKS, name=f"ranks-{place}", task=task.name, version=task.version, panel=panel.id)
        for task in summary.tasks
        for place, panel in enumerate(task.panels)
    ]
    shared = replace(RANKS, name="agreement", task="sparkleseval-mini", version=1)
    groups = {group.task.name: group for group in figure_groups(summary, [*drawn, shared])}
    dialogues = groups["sparkleseval-mini"]
    assert [figure.name for figure in dialogues.figures] == ["ranks-0", "agreement"]
    assert [(name, len(found)) for name, found in dialogues.folded] == [("stern-reader (maker/large)", 1)]
    bison = groups["bison-mini"]
    assert len(bison.figures) == 3 and not bison.folded, "protocols and alterations are no repeats"
