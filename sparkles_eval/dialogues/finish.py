"""What follows the asking: gates, files, numbers, figures. Works on whatever the store has, so also after a Ctrl-C.

Knows nothing of the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.analysis.tables import Table
from sparkles_eval.dialogues import hub
from sparkles_eval.dialogues.gates import Known, read_unsafe, texts_of
from sparkles_eval.dialogues.outputs import FIGURES, Group, write_left_out, write_set, write_tables
from sparkles_eval.dialogues.plan import Call
from sparkles_eval.dialogues.prepare import Plan
from sparkles_eval.dialogues.reading import Item, collect
from sparkles_eval.dialogues.statistics import Statistics, outcome_table, overview, root_table, statistics
from sparkles_eval.dialogues.words import root_finder
from sparkles_eval.reports.figures.figure import missing, save
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Result:
    """What a set came to. `notes` say what was left out and how that can be mended."""

    items: tuple[Item, ...]
    groups: tuple[Group, ...]
    found: Statistics
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def finish(
    plan: Plan, store: Store, set_id: str, calls: Sequence[Call], out: Path, name: str, content: Sequence[Path] = ()
) -> Result:
    """Go through the gates, write the folder `out`, and give the numbers. Raises errors.UserError."""
    captions = {offered.id: offered for offered in stored.images(store, set_id)}
    candidates = {c.id: replace(c, caption=captions[c.id].caption) for c in plan.candidates if c.id in captions}
    unsafe = read_unsafe(content) if plan.spec.gates.safety else None
    known = Known({i: c.caption for i, c in candidates.items()}, texts_of(plan.evaluations.texts), unsafe)
    items = collect(store, set_id, calls, plan.spec.name, plan.spec.gates, known)
    groups = write_set(out, name, items, candidates.values(), content)
    write_left_out(out, {"evaluation": plan.leaked, "unusable": plan.left_out})
    found = statistics([item.dialogue for item in items if item.dialogue], root_finder())
    tables = (outcome_table(items), overview(name, found), root_table(found))
    write_tables(out, tables)
    notes = [note for note in (missing(), hub.missing()) if note]
    if not missing():
        from sparkles_eval.dialogues.figures import figures

        save(figures(found), out / FIGURES, ("svg", "csv"))
    if not hub.missing():
        hub.write_hub(out / hub.FOLDER, _origin(plan, name), items, candidates, found, content)
    return Result(tuple(items), tuple(groups), found, tables, tuple(notes))


def _origin(plan: Plan, name: str) -> hub.Origin:
    return hub.Origin(
        name=name,
        spec=plan.spec,
        model=plan.adapter.model.name,
        seen=plan.prompter.seen,
        seed=plan.seed,
        demonstrations=f"{len(plan.demonstrations)} to draw from, {len(plan.spec.demonstrations)} a call",
        against=plan.evaluations.names,
        captions_by=plan.caption_adapter.model.name if plan.caption_adapter else "",
    )
