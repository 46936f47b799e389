"""Merges several stores into one, all or nothing: equal rows are kept once, contradictions are listed.

How rows are matched is in `merge_rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.files import sha256_file
from sparkles_eval.core.text import quantity
from sparkles_eval.publishing.merge_rows import Conflict, MergeResult, merge_rows
from sparkles_eval.publishing.open_store import open_readonly
from sparkles_eval.publishing.stored_panels import PanelRun, recompute_panels
from sparkles_eval.store.served_models import listed_apart
from sparkles_eval.store.store import Store

_MOST_NAMED = 20
"""Conflicts that an error lists."""


def merge(sources: Sequence[Path], into: Path, *, keep_first: bool = False, same_model: bool = False) -> MergeResult:
    """Bring everything of `sources` into the store `into`, which is made where it is not there; all or nothing.

    What stands in `into` counts as first, then the sources in their order. Raises errors.StoreError that names every
    conflict, unless `keep_first`: then the first row stands, and what rests on the other one is left out (the answers,
    scores and ratings of that item), to be asked for again. Also raises it where servers of two stores list different
    models under one name, unless `same_model`. A killed merge leaves `into` as it was.
    """
    if into.resolve() in {source.resolve() for source in sources}:
        raise StoreError(f"{into}: is one of the stores that are merged; name another with --into")
    for source in sources:
        with open_readonly(source):
            pass  # an unreadable store is refused before anything is made
    new = not into.exists()
    try:
        with Store(into) as target:
            return _merge(sources, target, keep_first=keep_first, same_model=same_model)
    except BaseException:
        if new:
            for name in (into.name, f"{into.name}-wal", f"{into.name}-shm"):
                into.with_name(name).unlink(missing_ok=True)
        raise


def _merge(sources: Sequence[Path], target: Store, *, keep_first: bool, same_model: bool) -> MergeResult:
    added: Counter[str] = Counter()
    conflicts: list[Conflict] = []
    filled = 0
    panel_runs: set[PanelRun] = set()
    said_same = {*listed_apart(target)}
    with target.transaction():
        for path in sources:
            with open_readonly(path) as source:
                said_same |= {*listed_apart(source)}
                done = merge_rows(source, target)
            added.update(done.added)
            conflicts += done.conflicts
            filled += done.filled
            panel_runs |= done.panel_runs
        if conflicts and not keep_first:
            raise StoreError(_conflict_text(conflicts, target.path))
        if not same_model:
            _refuse_other_models(target, said_same)
        notes = [*_same_files(sources), *recompute_panels(target, panel_runs)]
    return MergeResult(added, filled, tuple(conflicts), tuple(notes))


def _refuse_other_models(target: Store, said_same: Collection[tuple[str, str]]) -> None:
    """Raise errors.StoreError where servers of two stores list different models under one name.

    Stores in which the user had said that they are the same (`said_same`) stay as they are.
    """
    for (identity, role), servers in listed_apart(target).items():
        if (identity, role) not in said_same:
            row = target.connection.execute("SELECT name FROM models WHERE identity = ?", (identity,)).fetchone()
            name = row["name"] if row else "a judge's model"
            places = ", ".join(one.address for one in servers)
            raise StoreError(
                f"{target.path}: nothing was merged: {name} was asked at {places}, which list different models under "
                f"this name; --same-model if they are the same, else run one of them with --model-arg label=NAME"
            )


def _same_files(sources: Sequence[Path]) -> Iterator[str]:
    """A sentence for every source that is an earlier one again; only files of one size are read for that."""
    sizes = Counter(path.stat().st_size for path in sources)
    known: dict[str, Path] = {}
    for path in sources:
        if sizes[path.stat().st_size] > 1:
            first = known.setdefault(sha256_file(path), path)
            if first is not path:
                yield f"{path} is {first} again, byte for byte; it adds nothing"


def _conflict_text(conflicts: Sequence[Conflict], into: Path) -> str:
    more = [f"  ... and {len(conflicts) - _MOST_NAMED} more"] if len(conflicts) > _MOST_NAMED else []
    return "\n".join(
        [
            f"{into}: {quantity(len(conflicts), 'conflict')}, nothing was merged:",
            *(f"  {conflict}" for conflict in conflicts[:_MOST_NAMED]),
            *more,
            "keep what the first store has with --keep first (what rests on the other is asked for again by `run`)",
        ]
    )


def refresh(store: Store) -> None:
    """Compute the metrics of every run whose scores are others than when they were computed; writes nothing else."""
    rows = store.connection.execute(
        "SELECT DISTINCT b.run_id FROM score_basis b WHERE NOT EXISTS (SELECT 1 FROM estimates e"
        " WHERE e.run_id = b.run_id AND e.judge_id = b.judge_id AND e.basis = b.basis)"
    )
    if stale := [row[0] for row in rows.fetchall()]:
        summarise(store, stale)
