"""Tables of an audit, and its findings: which faults of an answer this judge sees, and which it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from sparkles_eval.analysis.judges.audit import WHOLE, Attacked, AuditReport, Changed
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.analysis.verdicts import above
from sparkles_eval.core import Estimate
from sparkles_eval.core.names import judge_name
from sparkles_eval.judges.quoting import Rehearsal

AuditFinding: TypeAlias = Literal["yes", "barely", "no", "undecided"]
FindingGroup: TypeAlias = Literal["faults", "tricks", "looking"]

MARGIN = 1 / 9
"""Share of the scale below which a loss or gain is no more than a nudge: one point from 1 to 10."""

ENOUGH = 10
"""Dialogues below which a change that is the same everywhere says nothing."""

FAULTS = {
    "removed": "Facts are left out",
    "exchanged": "What is true of one image is said of another",
    "contradicted": "Facts are contradicted",
    "replaced": "Sentences come from another dialogue",
}
"""What is altered at increasing levels, in words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One question to the judge with its answer. `points`: what it cost or brought the answer, on the judge's scale."""

    group: FindingGroup
    question: str
    verdict: AuditFinding
    points: Span
    """With the interval that holds for all findings together, which the verdict follows from."""
    n: int
    why: str = ""
    """Why there is no verdict."""


def findings(report: AuditReport) -> list[Finding]:
    """What the judge can and cannot see, one line a fault, trick and control."""
    margin = MARGIN * (report.judge.high - report.judge.low)
    found = []
    for dosed in report.levels:
        if dosed.measure == WHOLE:
            question = FAULTS.get(dosed.family, dosed.family)
            found.append(_finding("faults", question, dosed.held, _seen(dosed.held, margin)))
    for changed in report.changes:
        if changed.measure != WHOLE:
            continue
        if changed.kind == "padding":
            found.append(_finding("tricks", changed.title, changed.held, _resisted(changed.held, margin)))
        else:
            lost = negative(changed.held)
            group: FindingGroup = "looking" if changed.kind == "control" else "faults"
            found.append(_finding(group, changed.title, lost, _seen(lost, margin)))
    found += [_finding("tricks", one.title, one.held, _attack(one, margin)) for one in report.attacks]
    if cannot := unfit(report):
        return [replace(one, verdict="undecided", why=cannot) for one in found]
    return found


def unfit(report: AuditReport) -> str:
    """Why no verdict of this judge means anything: it gives every answer the same, or does not see content; else ""."""
    if report.constant:
        return "it gives every answer the same points"
    low, high = _ends(report.sees)
    if above(low, high) != "shown":
        return "it is not shown to rate right answers above those of another dialogue"
    return ""


def _finding(group: FindingGroup, question: str, points: Estimate, verdict: tuple[AuditFinding, str]) -> Finding:
    return Finding(group, question, verdict[0], Span.of(points), points.n, verdict[1])


def _ends(found: Estimate) -> tuple[float | None, float | None]:
    """The ends that a verdict follows from. The same change everywhere has no interval, and in enough dialogues needs
    none."""
    if found.note == "no variation" and found.n >= ENOUGH:
        return found.value, found.value
    return found.low, found.high


def negative(estimate: Estimate) -> Estimate:
    """The same as a loss."""
    loss = Span.of(estimate).negated
    return replace(estimate, value=loss.value, low=loss.low, high=loss.high)


def _seen(lost: Estimate, margin: float) -> tuple[AuditFinding, str]:
    """Whether points are lost: shown, shown but less than the margin, shown to be less than it, or not shown."""
    low, high = _ends(lost)
    if lost.value is None or low is None or high is None:
        return "undecided", "too few dialogues"
    if above(low, high) == "shown":
        return ("barely" if lost.value < margin else "yes"), ""
    return ("no", "") if above(low, high, margin) == "shown not" else ("undecided", "the interval is too wide")


def _resisted(gain: Estimate, margin: float) -> tuple[AuditFinding, str]:
    """Whether nothing is gained: shown to be less than the margin, shown but below it, shown, or not shown."""
    low, high = _ends(gain)
    if gain.value is None or low is None or high is None:
        return "undecided", "too few dialogues"
    if low > 1e-9:
        return ("barely" if gain.value < margin else "no"), ""
    return ("yes", "") if above(low, high, margin) == "shown not" else ("undecided", "the interval is too wide")


def _attack(attack: Attacked, margin: float) -> tuple[AuditFinding, str]:
    """No verdict where the honest answer that the attack dresses up stands as high as a right one: nothing is there to
    be gained."""
    low, high = _ends(attack.headroom)
    verdict = _resisted(attack.held, margin)
    if verdict[0] in ("no", "barely"):
        return verdict
    if low is None:
        return "undecided", "too few dialogues"
    if above(low, high, margin) != "shown":
        return "undecided", "no headroom: right answers are not shown to stand a point in nine above the honest one"
    return verdict


def tables(report: AuditReport) -> list[Table]:
    """All numbers of the audit."""
    made = [_clean(report), _sensitivity(report), _levels(report), _changes(report), _attacks(report), _replies(report)]
    return [_findings(report), *made]


def _findings(report: AuditReport) -> Table:
    """What it comes to, a line a question."""
    words = {"faults": "Does it see this fault?", "tricks": "Does it resist this?", "looking": "Does it notice this?"}
    heads = (
        Head("asked", "asked"),
        Head("question", "of answers"),
        Head("verdict", "verdict"),
        Head("points", "points lost or gained", "points"),
        Head("n", "n", "count"),
        Head("why", "why undecided"),
    )
    rows = tuple((words[one.group], one.question, one.verdict, one.points, one.n, one.why) for one in findings(report))
    judge = report.judge
    who, scale = judge_name(judge), judge.high - judge.low
    title = f"What {who} sees and resists, on {report.dialogues} dialogues of {report.task}"
    notes = (
        *([f"NO VERDICT ON ANYTHING: {cannot}"] if (cannot := unfit(report)) else []),
        f"points on its scale from {judge.low:g} to {judge.high:g}; intervals over dialogues",
        f"which hold for all {report.verdicts} verdicts together; barely: below {MARGIN * scale:g} points",
        f"fingerprint {judge.id}",
    )
    return Table("audit-findings", title, heads, rows, notes)


def _points(report: AuditReport) -> tuple[Head, ...]:
    return tuple(Head(measure, measure, "points") for measure in report.measures)


def _clean(report: AuditReport) -> Table:
    flags = report.false_flags
    row: tuple[Cell, ...] = (
        *(Span.of(estimate) for _, estimate in report.clean),
        Span.of(flags),
        Span.of(report.scan_false_flags),
        flags.n,
    )
    heads = (
        *_points(report),
        Head("false_flags", "below the middle", "percent"),
        Head("scan_false_flags", "flagged by the scan", "percent"),
        Head("n", "n", "count"),
    )
    notes = ("a right answer below the middle of the scale, or flagged by the scan, is a false flag",)
    return Table("audit-clean", f"Right answers, as {report.judge.name} rates them", heads, (row,), notes)


def _sensitivity(report: AuditReport) -> Table:
    heads = (
        Head("altered", "altered"),
        Head("measure", "measure"),
        Head("lost", "points lost, all altered", "points"),
        Head("ordered", "levels in order", "percent"),
        Head("monotone", "never rises", "percent"),
        Head("n", "n", "count"),
    )
    rows = tuple(
        (d.family, d.measure, Span.of(d.lost[-1][1]), Span.of(d.ordered), Span.of(d.monotone), d.lost[-1][1].n)
        for d in report.levels
    )
    notes = (
        "levels in order: share of pairs of levels in which less truth got fewer points (ties half; 50% is blind)",
        "never rises: share of dialogues whose points never rise with the level",
    )
    return Table("audit-sensitivity", "Does it see what is wrong, and how much of it?", heads, rows, notes)


def _levels(report: AuditReport) -> Table:
    heads = (Head("altered", "altered"), Head("dose", "share", "percent"), *_points(report), Head("n", "n", "count"))
    families = dict.fromkeys(dosed.family for dosed in report.levels)
    rows: list[tuple[Cell, ...]] = []
    for family in families:
        own = [dosed for dosed in report.levels if dosed.family == family]
        for step, (level, whole) in enumerate(own[0].lost):
            rows.append((family, level, *(Span.of(dosed.lost[step][1]) for dosed in own), whole.n))
    return Table("audit-doses", "Points lost against the right answer, level by level", heads, tuple(rows))


def _changes(report: AuditReport) -> Table:
    heads = (
        Head("answer", "answer"),
        Head("against", "against"),
        *_points(report),
        Head("fell", "fell", "percent"),
        Head("n", "n", "count"),
    )
    by_name: dict[str, list[Changed]] = {}
    for changed in report.changes:
        by_name.setdefault(changed.name, []).append(changed)
    rows: list[tuple[Cell, ...]] = [
        (name, own[0].base, *(Span.of(c.change) for c in own), Span.of(own[0].fell), own[0].change.n)
        for name, own in by_name.items()
    ]
    return Table("audit-changes", "Points gained or lost by other changes", heads, tuple(rows))


def _attacks(report: AuditReport) -> Table:
    heads = (
        Head("attack", "attack"),
        Head("against", "against"),
        Head("inflation", "points gained", "points"),
        Head("success", "success", "percent"),
        Head("fallen", "lost as much", "percent"),
        Head("at_most", "at most", "percent"),
        Head("top", "full marks", "percent"),
        Head("broken", "no verdict", "percent"),
        Head("scanned", "scan flags", "percent"),
        Head("n", "n", "count"),
    )
    rows: list[tuple[Cell, ...]] = []
    for attack in report.attacks:
        r = attack.report
        if r is None:
            rows.append((attack.name, attack.base, *(None,) * 6, Span.of(attack.scanned), 0))
            continue
        success = Span(r.success.value, r.success.low, r.success.high)
        fallen = Span(r.fallen.value, r.fallen.low, r.fallen.high)
        broken = Span(r.break_rate.value, r.break_rate.low, r.break_rate.high)
        gained = Span.of(attack.inflation)
        scanned = Span.of(attack.scanned)
        rates: tuple[Cell, ...] = (success, fallen, r.success_upper, r.top_rate, broken, scanned)
        rows.append((attack.name, attack.base, gained, *rates, r.tries))
    points = 2 / 9 * (report.judge.high - report.judge.low)
    notes = (
        f"success: a gain of {points:g} points or more over the honest answer on the same dialogue",
        "lost as much: what the judge's noise does in the other direction; a success only counts beyond it",
        "at most: one-sided 95% bound; no success in few tries is not safety",
        "scan flags: found by the static scan of answers, which flags and never edits",
    )
    return Table("audit-attacks", "Can an answer talk it up?", heads, tuple(rows), notes)


def _replies(report: AuditReport) -> Table:
    r = report.replies
    cost = None if r.cost_usd.unknown or not r.judgements else r.cost_usd.known / r.judgements
    heads = (
        Head("judgements", "judgements", "count"),
        Head("replies", "replies", "count"),
        Head("unreadable", "unreadable", "percent"),
        Head("refused", "refused", "count"),
        Head("unscored", "without verdict", "percent"),
        Head("cost_usd", "$ a judgement", "number"),
        Head("seconds", "seconds a judgement", "number"),
    )
    row: tuple[Cell, ...] = (
        r.judgements,
        r.replies,
        r.invalid / r.replies if r.replies else None,
        r.refused,
        Span.of(report.unscored),
        cost,
        r.latency_s / r.judgements if r.judgements else None,
    )
    return Table("audit-replies", "Replies", heads, (row,))


_QUOTES_NOTE = (
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
    return [Table("audit-quotes", title, heads, rows, (_QUOTES_NOTE,))] if rows else []
