"""How kind is each judge, by the answers that several of them marked? The fit behind panels.

Knows nothing of models: every answer has its own level (severity.py fits one level a model, where judges share none).
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import Labels, Values, codes, floats, same_length
from sparkles_eval.stats.clusters import connected_clusters


def leniency(answers: Labels, judges: Labels, scores: Values) -> dict[Hashable, float]:
    """Points above the average judge, by judge; they sum to 0. Missing scores are left out.

    Least squares of score = level of the answer + leniency of the judge, the levels taken out first: with n_a marks on
    answer a, (diag(counts) - sum_a c_a c_a' / n_a) leniency = sum_a (marks - mean_a). Assumes additivity. Source:
    Linacre 1989; Frisch and Waugh 1933. Raises UserError where the judges fall apart into sets that share no answer.
    """
    y = floats(scores, "leniency")
    same_length("leniency", y, answers, judges)
    keep = np.flatnonzero(~np.isnan(y)).tolist()
    y = y[keep]
    rows, n_rows = codes([answers[i] for i in keep])
    names = [judges[i] for i in keep]
    columns, n_columns = codes(names)
    known = list(dict.fromkeys(names))
    part = connected_clusters(rows, columns) if keep else np.zeros(0, dtype=np.int64)
    if keep and int(part.max()) > 0:
        sets = [sorted({str(names[i]) for i in np.flatnonzero(part == code).tolist()}) for code in np.unique(part)]
        raise UserError(
            f"leniency: the judges fall into sets that marked no answer in common "
            f"({'; '.join(', '.join(who) for who in sets)}); kind judges and good answers cannot be told apart; "
            "let all of them mark some of the same answers"
        )
    counts = np.zeros((n_rows, n_columns))
    sums = np.zeros((n_rows, n_columns))
    np.add.at(counts, (rows, columns), 1.0)
    np.add.at(sums, (rows, columns), y)
    marks = counts.sum(axis=1)
    normal = np.diag(counts.sum(axis=0)) - counts.T @ (counts / marks[:, None])
    right = sums.sum(axis=0) - counts.T @ (sums.sum(axis=1) / marks)
    # The least-norm solution is the one whose entries sum to 0: adding a constant to all changes no residual.
    solution = np.linalg.lstsq(normal, right, rcond=1e-10)[0]
    return dict(zip(known, solution.tolist(), strict=True))
