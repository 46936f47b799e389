"""Which rank each contestant of a panel may claim, and who is tied: read from the store, worked out as `compare` does.

Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkles_eval.analysis.compare import Standing, ranking
from sparkles_eval.analysis.score_matrix import Column
from sparkles_eval.analysis.summary import Panel
from sparkles_eval.stats.estimates import FEW
from sparkles_eval.store.store import Store

_FEW = f"fewer than {FEW} independent units in some pair: no ranks are claimed"


@dataclass(frozen=True, slots=True)
class Standings:
    """Of one panel: `by_run` has the contestants that were ranked; `note` says why where there are none."""

    by_run: Mapping[str, Standing] = field(default_factory=dict)
    pairs: int = 0
    note: str = ""


def standings(store: Store, panel: Panel) -> Standings:
    """The ranks of a panel's models on its headline; baselines and controls stand beside and are not ranked.

    All pairs are tested on the items that both have, and adjusted by Holm as one family: what `compare --task` on
    these runs prints.
    """
    judge = panel.judge
    contest = [entry for entry in panel.entries if not entry.reference and entry.headline is not None]
    scored = [entry for entry in contest if entry.headline and entry.headline.estimate.value is not None]
    if judge is None or len(scored) < 2:
        return Standings(note="fewer than two models: nothing is ranked" if judge else "")
    if any((entry.headline.estimate.clusters or 0) < FEW for entry in scored if entry.headline):
        return Standings(note=_FEW)  # a pair has no more units than either of its models: testing would rank nothing
    columns = [Column(entry.run, judge, entry.label) for entry in scored]
    found = ranking(store, columns)
    labels = {entry.label: entry.run.id for entry in scored}
    ranked = any(standing.rank_low is not None for standing in found.standings)
    return Standings({labels[s.label]: s for s in found.standings}, len(found.pairs), "" if ranked else _FEW)
