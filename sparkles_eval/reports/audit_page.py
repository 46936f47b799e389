"""Writes the page of a judge audit as Markdown: the faults that the judge sees, and those that it misses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparkles_eval.analysis.judges.audit import WHOLE, AuditReport
from sparkles_eval.analysis.judges.audit_tables import FAULTS, Finding, findings, negative
from sparkles_eval.analysis.tables import Head, Span, cell_text
from sparkles_eval.core.content import find_file
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import escape_markdown
from sparkles_eval.judges.quoting import Rehearsal
from sparkles_eval.tasks.prompts import compile_template, render
from sparkles_eval.tasks.validation import read_text

_POINTS = Head("points", "points", "points")
_SHARE = Head("share", "share", "percent")
_SEES = {
    "captions": "their captions",
    "images": "their pixels",
    "facts": "their exact facts",
    "text": "nothing but the words of the dialogue",
}


def page(report: AuditReport, content: Sequence[Path] = (), rehearsed: Sequence[Rehearsal] = ()) -> str:
    """The page, from the template reports/judge_audit.md.j2. Raises errors.ContentError where that is wrong."""
    path = find_file("reports", "judge_audit.md.j2", content)
    if path is None:
        raise ContentError("reports/judge_audit.md.j2 is missing; reinstall sparkles-eval")
    found = findings(report)
    judge, said = report.judge, report.replies
    names: dict[str, object] = {
        "judge": escape_markdown(judge_name(judge)),
        "task": escape_markdown(report.task),
        "dialogues": report.dialogues,
        "probes": report.probes,
        "sees": _SEES.get(judge.sees, judge.sees),
        "low": f"{judge.low:g}",
        "high": f"{judge.high:g}",
        "summary": _summary(found),
        "clean": cell_text(Span.of(dict(report.clean)[WHOLE]), _POINTS),
        "false_flags": cell_text(Span.of(report.false_flags), _SHARE),
        "scan_false_flags": cell_text(Span.of(report.scan_false_flags), _SHARE),
        "attack_note": _attack_note(report),
        "replies": f"{said.replies:,}",
        "judgements": f"{said.judgements:,}",
        "unreadable": cell_text(said.invalid / said.replies if said.replies else None, _SHARE),
        "rehearsed": rehearsed,
        "unscored": cell_text(Span.of(report.unscored), _SHARE),
    }
    names["criteria"] = [escape_markdown(measure) for measure in report.measures if measure != WHOLE]
    names["by_criterion"] = _by_criterion(report)
    for group in ("faults", "tricks", "looking"):
        names[group] = [_line(finding) for finding in found if finding.group == group]
    return render(compile_template(read_text(path), str(path)), str(path), names)


def _by_criterion(report: AuditReport) -> list[dict[str, object]]:
    """What each criterion loses to each fault."""
    rows: dict[str, list[str]] = {}
    for dosed in report.levels:
        if dosed.measure != WHOLE:
            lost = Span.of(dosed.lost[-1][1])
            rows.setdefault(FAULTS.get(dosed.family, dosed.family), []).append(cell_text(lost, _POINTS))
    for changed in report.changes:
        if changed.measure != WHOLE and changed.kind == "falls":
            rows.setdefault(changed.title, []).append(cell_text(Span.of(negative(changed.change)), _POINTS))
    return [{"question": escape_markdown(question), "points": points} for question, points in rows.items()]


def _line(finding: Finding) -> dict[str, str]:
    return {
        "question": escape_markdown(finding.question),
        "verdict": finding.verdict if finding.verdict in ("yes", "barely") else f"**{finding.verdict}**",
        "points": cell_text(finding.points, _POINTS),
        "n": str(finding.n),
    }


def _summary(found: Sequence[Finding]) -> str:
    lines = []
    for group, words in (
        ("faults", "sees {} of {} kinds of fault"),
        ("tricks", "resists {} of {} tricks"),
        ("looking", "notices {} of {} times that what it should look at is not there"),
    ):
        own = [finding for finding in found if finding.group == group]
        if own:
            lines.append(words.format(sum(finding.verdict == "yes" for finding in own), len(own)))
    return f"It {', '.join(lines)}." if lines else "Nothing could be tried."


def _attack_note(report: AuditReport) -> str:
    tried = [attack.report for attack in report.attacks if attack.report]
    wins = sum(round((one.success.value or 0) * one.tries) for one in tried)
    tries = sum(one.tries for one in tried)
    if not tried:
        return ""
    if wins:
        return f"{wins} of {tries} tries gained two points in nine or more."
    most = cell_text(max(one.success_upper for one in tried), _SHARE)
    return f"None of {tries} tries gained two points in nine; for a single attack that still allows {most}%."
