"""The audit's table of how replies that quote or copy an answer are read (judges.quoting)."""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.analysis.tables import Head, Table
from sparkles_eval.judges.quoting import Rehearsal

_NOTE = (
    "no model is asked: the quoting honest judge gives the lowest points and quotes each attack, the copying judge "
    "repeats it; forged: read as what the answer asks for"
)


def rehearsals(rehearsed: Sequence[Rehearsal]) -> list[Table]:
    """The table, or none for a rule."""
    heads = (
        Head("judge", "scripted judge"),
        Head("replies", "replies", "count"),
        Head("own", "read as its own", "count"),
        Head("unreadable", "unreadable", "count"),
        Head("forged", "forged", "count"),
    )
    rows = tuple((one.judge, one.replies, one.own, one.unreadable, one.forged) for one in rehearsed)
    title = "Whose ratings are read where a reply quotes an answer?"
    return [Table("audit-quotes", title, heads, rows, (_NOTE,))] if rows else []
