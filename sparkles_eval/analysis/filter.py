"""Keeps of a summary what a report was asked to show: a protocol, some judges. Knows nothing of stores or pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Panel, Summary
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_label
from sparkles_eval.store.rows import JudgeRow


def narrow(summary: Summary, judges: Sequence[str] = (), protocol: str | None = None) -> Summary:
    """The panels of that protocol that one of those judges has rated; all, where nothing is named.

    A judge is NAME, NAME@MODEL or the start of a fingerprint (six digits or more). What a rule reads is no judge's, and
    stays. Raises errors.UserError for a judge or protocol that the summary does not have, with those that it has.
    """
    panels = summary.panels
    known = {panel.judge.id: panel.judge for panel in panels if panel.judge and not extracts(panel.judge)}
    for selector in judges:
        if not any(_means(selector, judge) for judge in known.values()):
            have = ", ".join(sorted({judge_label(judge) for judge in known.values()})) or "none"
            raise UserError(f"--judge {selector}: no judge of these runs is called so; there are {have}")
    protocols = sorted({panel.run.protocol for panel in panels})
    if protocol is not None and protocol not in protocols:
        raise UserError(f"--protocol {protocol}: no run has it; there are {', '.join(protocols) or 'none'}")

    def kept(panel: Panel) -> bool:
        if protocol is not None and panel.run.protocol != protocol:
            return False
        judge = panel.judge
        return not judges or judge is None or extracts(judge) or any(_means(selector, judge) for selector in judges)

    tasks = (replace(task, panels=tuple(filter(kept, task.panels))) for task in summary.tasks)
    return replace(summary, tasks=tuple(task for task in tasks if task.panels))


def _means(selector: str, judge: JudgeRow) -> bool:
    return selector in (judge.name, judge_label(judge)) or (len(selector) >= 6 and judge.id.startswith(selector))
