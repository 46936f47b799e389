"""Finalizes a set of dialogues: filters it, and writes its files, statistics and figures.

It works on whatever the store has, so also after Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.analysis.tables import Table
from sparkles_eval.data.dialogues import hf_export
from sparkles_eval.data.dialogues.filters import FilterReferences, comparison_texts, read_unsafe
from sparkles_eval.data.dialogues.outputs import FIGURES, RecordGroup, write_left_out, write_set, write_tables
from sparkles_eval.data.dialogues.plan_calls import DialogueCall
from sparkles_eval.data.dialogues.prepare import GenerationPlan
from sparkles_eval.data.dialogues.statistics import SetStatistics, outcome_table, overview, root_table, set_statistics
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue, collect_dialogues
from sparkles_eval.data.dialogues.text_analysis import root_finder
from sparkles_eval.reports.figures.figure import missing, save
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class SetResult:
    """The result of a set. `notes` say what was left out and how that can be fixed."""

    items: tuple[StoredDialogue, ...]
    groups: tuple[RecordGroup, ...]
    found: SetStatistics
    tables: tuple[Table, ...]
    notes: tuple[str, ...]


def finalize(
    plan: GenerationPlan,
    store: Store,
    set_id: str,
    calls: Sequence[DialogueCall],
    out: Path,
    name: str,
    content: Sequence[Path] = (),
) -> SetResult:
    """Filter the dialogues, write the folder `out`, and return the numbers. Raises errors.UserError."""
    captions = {offered.id: offered for offered in stored.images(store, set_id)}
    candidates = {c.id: replace(c, caption=captions[c.id].caption) for c in plan.candidates if c.id in captions}
    unsafe = read_unsafe(content) if plan.spec.gates.safety else None
    known = FilterReferences(
        {i: c.caption for i, c in candidates.items()}, comparison_texts(plan.evaluations.texts), unsafe
    )
    items = collect_dialogues(store, set_id, calls, plan.spec.name, plan.spec.gates, known)
    groups = write_set(out, name, items, candidates.values(), content)
    write_left_out(out, {"evaluation": plan.leaked, "unusable": plan.left_out})
    found = set_statistics([item.dialogue for item in items if item.dialogue], root_finder())
    tables = (outcome_table(items), overview(name, found), root_table(found))
    write_tables(out, tables)
    notes = [note for note in (missing(), hf_export.missing_library()) if note]
    if not missing():
        from sparkles_eval.data.dialogues.figures import figures

        save(figures(found), out / FIGURES, ("svg", "csv"))
    if not hf_export.missing_library():
        hf_export.write_hf_folder(out / hf_export.FOLDER, _origin(plan, name), items, candidates, found, content)
    return SetResult(tuple(items), tuple(groups), found, tables, tuple(notes))


def _origin(plan: GenerationPlan, name: str) -> hf_export.SetOrigin:
    return hf_export.SetOrigin(
        name=name,
        spec=plan.spec,
        model=plan.adapter.model.name,
        seen=plan.prompter.seen,
        seed=plan.seed,
        demonstrations=f"{len(plan.demonstrations)} to draw from, {len(plan.spec.demonstrations)} a call",
        against=plan.evaluations.names,
        captions_by=plan.caption_adapter.model.name if plan.caption_adapter else "",
    )
