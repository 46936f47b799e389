"""Finds the members and rule of a stored judge panel, and computes its scores again from the votes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from typing import TypeAlias, cast

from sparkles_eval.analysis.judges.panel_scores import panel_scores, scored_runs
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import JudgeCard, Sees
from sparkles_eval.judges.panel import PREFIX, JudgePanel, PanelRule, PanelSpec
from sparkles_eval.store.mapping import insert_all, score_row
from sparkles_eval.store.read_runs import all_judges
from sparkles_eval.store.rows import JudgeRow, ScoreRow
from sparkles_eval.store.store import Store

PanelRun: TypeAlias = tuple[str, str]
"""The id of a panel, and of a run that it has scored."""
_MOST = 10_000
"""Ways to put a panel together that are tried."""


def is_panel(judge: JudgeRow) -> bool:
    """True for a judge whose scores are worked out of other judges'."""
    return judge.name.startswith(PREFIX) and judge.model is None


def find_panel(judge: JudgeRow, judges: Sequence[JudgeRow]) -> JudgePanel | None:
    """The panel whose id this is, of members among `judges`; None where they are not all there."""
    members = tuple(judge.name.removeprefix(PREFIX).split(","))
    tried = 0
    for rows in product(*(_called(member, judges) for member in members)):
        if tried > _MOST:
            break
        cards = tuple(_card(row) for row in rows)
        for spec in _panel_specs(members):
            tried += 1
            try:
                panel = JudgePanel(spec, cards)
            except UserError:  # members that rate different things are no panel
                break
            if panel.fingerprint == judge.id:
                return panel
    return None


def _called(spec: str, judges: Sequence[JudgeRow]) -> list[JudgeRow]:
    """Judges that may be meant by NAME, NAME@MODEL or a folder's path."""
    name, _, model = spec.partition("@")
    plain = name.rstrip("/").rpartition("/")[2]
    fits = [row for row in judges if row.name in (name, plain) and not is_panel(row)]
    return [row for row in fits if row.model == model] or fits


def _panel_specs(members: tuple[str, ...]) -> Iterator[PanelSpec]:
    for rule, quorum, out in product(("mean", "median"), range(1, len(members) + 1), (False, True)):
        yield PanelSpec(members, cast("PanelRule", rule), quorum, out)


def _card(row: JudgeRow) -> JudgeCard:
    sees = cast("Sees", row.sees)
    return JudgeCard(row.name, row.version, row.title, row.criteria, row.low, row.high, sees, row.id, row.model)


def recompute_panels(store: Store, panel_runs: Collection[PanelRun] = ()) -> list[str]:
    """Bring every panel's scores up to what its votes amount to now; gives what could not be, each in a sentence.

    Each panel keeps to the runs that it has scored, here or as `panel_runs` says. Written within the caller's
    transaction, and only where something changes. A score is dated by the last vote on its run, so that the same votes
    give the same rows.
    """
    judges, notes = list(all_judges(store).values()), []
    for judge in filter(is_panel, judges):
        panel = find_panel(judge, judges)
        if panel is None:
            notes.append(f"{judge.name}: its members are not all in {store.path}; its scores stay as they were")
            continue
        run_ids = sorted({run for judge_id, run in panel_runs if judge_id == judge.id} | scored_runs(store, judge.id))
        try:
            rows = panel_scores(store, panel, run_ids)
        except UserError as error:
            notes.append(f"{judge.name}: {error}")
            continue
        _replace(store, panel, run_ids, rows)
    return notes


def _replace(store: Store, panel: JudgePanel, run_ids: Sequence[str], rows: Sequence[ScoreRow]) -> None:
    db, members = store.connection, json.dumps([card.fingerprint for card in panel.cards])
    for run_id in run_ids:
        (at,) = db.execute(
            "SELECT max(created_at) FROM scores WHERE run_id = ? AND judge_id IN (SELECT value FROM json_each(?))",
            (run_id, members),
        ).fetchone()
        made = [score_row(row, at) for row in rows if row.run_id == run_id]
        there = db.execute("SELECT * FROM scores WHERE run_id = ? AND judge_id = ?", (run_id, panel.fingerprint))
        if _plain([dict(row) for row in there]) != _plain(made):
            db.execute("DELETE FROM scores WHERE run_id = ? AND judge_id = ?", (run_id, panel.fingerprint))
            insert_all(db, "scores", made)


def _plain(rows: Sequence[object]) -> list[str]:
    """Rows without their time, to be compared."""
    texts = []
    for row in rows:
        assert isinstance(row, dict)
        texts.append(json.dumps({name: value for name, value in row.items() if name != "created_at"}, sort_keys=True))
    return sorted(texts)
