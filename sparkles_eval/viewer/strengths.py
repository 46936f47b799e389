"""One scale from people's preferences: how strong each run is, whoever it met. Knows nothing of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.errors import UserError
from sparkles_eval.stats.bradley_terry import bradley_terry
from sparkles_eval.store.preferences import Preference

LEAST = 10
"""Dialogues below which a resampled interval would promise too much."""
MOST = 30
"""Runs above which nothing is fitted: the resamples would take minutes."""
_RESAMPLES = 500
_PENALTY = 0.1
"""Keeps resamples finite in which somebody never loses; it pulls everybody a little towards 1000."""
_HEADS = (Head("model", "model"), Head("elo", "Elo", "count"), Head("n", "comparisons", "count"))


def strengths(given: Sequence[Preference], names: Mapping[str, str], clusters: Mapping[str, str]) -> Table | None:
    """Bradley-Terry strengths as Elo (1000 is the average of these runs); None where two runs are all, or too many.

    Dialogues are resampled whole for the interval, for a person's choices on one are not independent.
    """
    runs = sorted({run for one in given for run in (one.left_run, one.right_run)}, key=lambda run: names[run])
    if not 3 <= len(runs) <= MOST:
        return None
    place = {run: at for at, run in enumerate(runs)}
    dialogues = sorted({clusters[one.sample_id] for one in given})
    wins = np.zeros((len(dialogues), len(runs), len(runs)))
    for one in given:
        left, right = place[one.left_run], place[one.right_run]
        of = wins[dialogues.index(clusters[one.sample_id])]
        of[left, right] += {"left": 1.0, "tie": 0.5, "right": 0.0}[one.choice]
        of[right, left] += {"left": 0.0, "tie": 0.5, "right": 1.0}[one.choice]
    whole = wins.sum(axis=0)
    try:
        elo = bradley_terry(whole).elo
    except UserError:  # somebody never lost, or two camps never met: there is no finite number
        why = "no strength can be given: some models never lost to the others, or never met them"
        return Table("people-strengths", "On one scale", _HEADS, (), (why,))
    spans = [Span(float(value)) for value in elo]
    if len(dialogues) >= LEAST:
        random = np.random.default_rng(0)
        drawn = random.multinomial(len(dialogues), np.full(len(dialogues), 1 / len(dialogues)), _RESAMPLES)
        again = [bradley_terry(np.tensordot(times, wins, 1), penalty=_PENALTY).elo for times in drawn]
        low, high = np.quantile(np.array(again), [0.025, 0.975], axis=0)
        spans = [Span(span.value, float(a), float(b)) for span, a, b in zip(spans, low, high, strict=True)]
    met = whole.sum(axis=0) + whole.sum(axis=1)
    rows: list[tuple[Cell, ...]] = [
        (names[run], spans[at], int(met[at])) for at, run in sorted(enumerate(runs), key=lambda item: -elo[item[0]])
    ]
    notes = (
        "Bradley and Terry 1952: 1000 is the average of these models, 400 more wins ten times as often; ties are half",
        f"percentile intervals over {len(dialogues)} dialogues, {_RESAMPLES} resamples"
        if len(dialogues) >= LEAST
        else f"intervals are there from {LEAST} dialogues on",
        "it assumes one dimension: look at the pairs below for who beats whom nevertheless",
    )
    return Table("people-strengths", "On one scale", _HEADS, tuple(rows), notes)
