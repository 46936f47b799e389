"""Earlier looks at growing data: the same models on fewer of the same samples, and identical answers of two models."""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.analysis.comparability import is_reference
from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.stats.sequential import confidence_sequence
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store

ALIKE = 20
"""Answers from which on two models with the same texts throughout are no coincidence."""


def looks(store: Store, runs: Sequence[StoredRun]) -> tuple[int, ...]:
    """Numbers of samples on which all of these models were seen before, in runs whose samples are among these.

    The same conditions otherwise: task, protocol, variant, epochs and draws.
    """
    totals = [set(_earlier(store, run)) for run in runs]
    return tuple(sorted(set.intersection(*totals))) if totals else ()


def _earlier(store: Store, run: StoredRun) -> list[int]:
    rows = store.connection.execute(
        "SELECT r.total FROM runs r JOIN models m ON m.id = r.model_id JOIN tasks t ON t.id = r.task_id"
        " WHERE m.name = ? AND t.name = ? AND r.protocol = ? AND r.variant = ? AND r.epochs = ? AND r.draws = ?"
        " AND r.total < ? AND EXISTS (SELECT 1 FROM scores s WHERE s.run_id = r.id) AND NOT EXISTS ("
        "SELECT 1 FROM run_samples p WHERE p.run_id = r.id AND p.sample_id NOT IN"
        " (SELECT sample_id FROM run_samples WHERE run_id = ?))",
        (run.model.name, run.task.name, run.protocol, run.variant, run.epochs, run.draws, run.total, run.id),
    )
    return [int(row[0]) for row in rows]


def at_every_look(tested: Tested) -> tuple[float, float] | None:
    """The interval of a difference that holds whenever one stops; None where units are too few for normal theory."""
    if tested.difference is None or not tested.se or not tested.ranked:
        return None
    return confidence_sequence(tested.difference, tested.se, tested.effective)


def identical_answers(store: Store, runs: Sequence[StoredRun]) -> list[str]:
    """One line for every two models that gave the same texts to every sample: one of them may be the other."""
    texts: dict[tuple[object, ...], list[StoredRun]] = {}
    for run in runs:
        if not is_reference(run.model):
            rows = store.connection.execute(
                "SELECT a.sample_id, a.epoch, a.turn, r.text FROM answers a JOIN responses r ON r.id = a.response_id"
                " WHERE a.run_id = ? ORDER BY a.sample_id, a.epoch, a.turn",
                (run.id,),
            ).fetchall()
            if len(rows) >= ALIKE:
                texts.setdefault((run.task.name, *map(tuple, rows)), []).append(run)
    return [
        f"{' and '.join(run.model.name for run in same)} on {same[0].task.name}: every answer is the same text; they "
        "may be one model under several names, or stored answers of one"
        for same in texts.values()
        if len(same) > 1
    ]
