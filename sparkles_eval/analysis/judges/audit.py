"""Results of a judge's audit: sensitivity to faults, order of fault levels, inflation, attacks, blindness.

Reads the stored scores of the audit's probes, which `judges.audit` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sparkles_eval.analysis.answer_flags import scan_text
from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.json import sample_key
from sparkles_eval.judges.audit import CANNOT_TELL, Probe, ProbeKind
from sparkles_eval.stats.estimates import accuracy_estimate, mean_estimate
from sparkles_eval.stats.judge_bias import AttackReport, attack_report
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import ScoreLine
from sparkles_eval.store.read_samples import ReplyStats, reply_stats
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import SampleScores

WHOLE = "all"
"""Name of the mean over criteria, beside the criteria themselves."""
GAIN = 2 / 9
"""Share of the scale that an attack must gain to count as a success: two points from 1 to 10."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Judged:
    """A probe with what the judge gave: by dialogue and measure (a criterion, or `WHOLE`), None where ungraded."""

    probe: Probe
    scores: Mapping[str, Mapping[str, float | None]]

    def score(self, dialogue: str, measure: str) -> float | None:
        return self.scores.get(dialogue, {}).get(measure)


@dataclass(frozen=True, slots=True)
class Dosed:
    """One way of damaging answers at increasing levels, by one measure."""

    family: str
    measure: str
    lost: tuple[tuple[float, Estimate], ...]
    """Points lost against the clean answer of the same dialogue, level by level."""
    ordered: Estimate
    """Share of pairs of levels in which the answer with less of the truth got fewer points; ties count half."""
    monotone: Estimate
    """Share of dialogues whose score never rises with the level."""
    held: Estimate
    """Points lost at the last level, with the interval that holds for all verdicts of the audit together."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Points of one probe minus those of its base on the same dialogues, by one measure."""

    name: str
    kind: ProbeKind
    title: str
    base: str
    measure: str
    change: Estimate
    fell: Estimate
    """Share of dialogues whose score fell."""
    held: Estimate
    """The change with the interval that holds for all verdicts of the audit together."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """One attack against the honest answer that it dresses up. `report` is None where none of those was graded."""

    name: str
    title: str
    base: str
    inflation: Estimate
    report: AttackReport | None
    scanned: Estimate
    """Share of the attacked dialogues that the static scan of answers flags."""
    held: Estimate
    """`inflation` with the interval that holds for all verdicts of the audit together."""
    headroom: Estimate
    """Points that a right answer has above the honest one, with that interval: what there is to gain."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All that an audit shows of one judge on one task."""

    judge: JudgeRow
    task: str
    dialogues: int
    probes: int
    measures: tuple[str, ...]
    clean: tuple[tuple[str, Estimate], ...]
    """Points of right answers, by measure."""
    false_flags: Estimate
    """Share of right answers in the lower half of the scale."""
    scan_false_flags: Estimate
    """Share of right answers that the static scan flags: it knows no judge, but stands beside what it catches."""
    levels: tuple[Dosed, ...]
    changes: tuple[Changed, ...]
    attacks: tuple[Attacked, ...]
    verdicts: int
    """Verdicts that the audit gives, whose intervals hold together (Bonferroni)."""
    constant: bool
    """True where every answer got the same points."""
    sees: Estimate
    """Points that a right answer has above the right answer to another dialogue, with the interval that holds for all
    verdicts; a judge without such a difference is blind to content."""
    unscored: Estimate
    """Share of probed dialogues without a verdict."""
    replies: ReplyStats


def read_judged(store: Store, judge: JudgeRow, placed: Sequence[tuple[Probe, str]]) -> list[Judged]:
    """What the judge gave to every probe; `placed` are probes with the runs that hold them."""
    return [Judged(probe, _scores(probe, read_runs.scores(store, run_id, judge.id), judge)) for probe, run_id in placed]


def _scores(probe: Probe, lines: Sequence[ScoreLine], judge: JudgeRow) -> dict[str, dict[str, float | None]]:
    names = {sample_key(sample): sample.id for sample in probe.samples}
    weights = {criterion.id: criterion.weight for criterion in judge.criteria}
    verdicts: dict[tuple[str, int], list[ScoreLine]] = {}
    for line in lines:
        if line.sample_id in names:
            verdicts.setdefault((names[line.sample_id], line.repeat), []).append(line)
    each: dict[str, list[dict[str, float]]] = {}
    for (name, _), given in verdicts.items():
        if all(line.value is not None for line in given):
            each.setdefault(name, []).append(_measured(given, weights))
    found: dict[str, dict[str, float | None]] = {name: {} for name in names.values()}
    for name, repeats in each.items():
        found[name] = {measure: _mean([repeat[measure] for repeat in repeats]) for measure in repeats[0]}
    return found


def _measured(lines: Sequence[ScoreLine], weights: Mapping[str, float]) -> dict[str, float]:
    """Means over turns by criterion, and the weighted mean of these (every turn rates every criterion)."""
    criteria: dict[str, list[float]] = {}
    for line in lines:
        assert line.value is not None
        criteria.setdefault(line.criterion, []).append(line.value)
    means = {criterion: _mean(values) for criterion, values in criteria.items()}
    whole = SampleScores({(1, criterion): mean for criterion, mean in means.items()}, weights).mean()
    return {WHOLE: _mean(list(means.values())) if whole is None else whole, **means}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def audit_report(store: Store, judge: JudgeRow, task: str, placed: Sequence[tuple[Probe, str]]) -> AuditReport:
    """Everything that the probes in the store show of the judge; raises errors.UserError as `evaluated` does."""
    found = read_judged(store, judge, placed)
    ids = {sample_key(sample) for probe, _ in placed for sample in probe.samples}
    return evaluated(judge, task, found, reply_stats(store, judge.id, ids))


def evaluated(judge: JudgeRow, task: str, ratings: Sequence[Judged], replies: ReplyStats) -> AuditReport:
    """Everything that ratings of the probes show of the judge.

    Intervals are over dialogues, which are the independent units. Raises errors.UserError where no clean answer has
    been graded: there is nothing then that the others could be held against.
    """
    judged = {found.probe.name: found for found in ratings}
    clean = next((found for found in judged.values() if found.probe.kind == "clean"), None)
    if clean is None or not any(clean.score(sample.id, WHOLE) is not None for sample in clean.probe.samples):
        raise UserError(
            f"judge {judge.name}: not one right answer was graded, so the audit has no result; "
            "see why with `sparkles-eval report`, fix it and run the same command again"
        )
    measures = (WHOLE, *(criterion.id for criterion in judge.criteria))
    verdicts = _verdicts(judged)
    every = {
        value for found in judged.values() for own in found.scores.values() if (value := own.get(WHOLE)) is not None
    }
    total = sum(len(found.probe.samples) for found in judged.values())
    graded = [
        float(found.score(sample.id, WHOLE) is None) for found in judged.values() for sample in found.probe.samples
    ]
    clusters = [sample.id for found in judged.values() for sample in found.probe.samples]
    middle = (judge.low + judge.high) / 2
    return AuditReport(
        judge=judge,
        task=task,
        dialogues=len(clean.probe.samples),
        probes=len(judged),
        measures=measures,
        clean=tuple((measure, _estimate(clean, lambda d, m=measure: clean.score(d, m))) for measure in measures),  # type: ignore[misc]
        false_flags=_share(clean, lambda d: _below(clean.score(d, WHOLE), middle)),
        scan_false_flags=_scanned(clean),
        levels=tuple(_levels(judged, clean, measures, verdicts)),
        changes=tuple(_changes(judged, measures, verdicts)),
        attacks=tuple(_attacks(judged, judge, verdicts)),
        verdicts=verdicts,
        constant=max(every) - min(every) < 1e-9,
        sees=_above(judged, clean, "another dialogue" if "another dialogue" in judged else CANNOT_TELL, verdicts),
        unscored=accuracy_estimate(graded, clusters, total),
        replies=replies,
    )


def _estimate(found: Judged, value: Callable[[str], float | None], verdicts: int = 1) -> Estimate:
    """The mean over dialogues; the interval holds for so many of them together."""
    samples = found.probe.samples
    clusters = [sample.cluster or sample.id for sample in samples]
    return mean_estimate([value(sample.id) for sample in samples], clusters, alpha=ALPHA / verdicts)


def _verdicts(judged: Mapping[str, Judged]) -> int:
    """How many verdicts the probes lead to: one a family of levels, one for every other probe."""
    probes = [found.probe for found in judged.values() if found.probe.kind != "clean"]
    return max(1, len({probe.family or probe.name for probe in probes}))


def _above(judged: Mapping[str, Judged], clean: Judged, name: str, verdicts: int) -> Estimate:
    """Points of right answers above those of another probe, on the same dialogues."""
    other = judged.get(name)
    if other is None:
        return Estimate(None, None, None, 0, len(clean.probe.samples), note="not tried")
    return _estimate(other, lambda d: _minus(clean.score(d, WHOLE), other.score(d, WHOLE)), verdicts)


def _share(found: Judged, value: Callable[[str], bool | None]) -> Estimate:
    samples = found.probe.samples
    known = [value(sample.id) for sample in samples]
    return accuracy_estimate(
        [None if one is None else float(one) for one in known], [sample.cluster or sample.id for sample in samples]
    )


def _scanned(found: Judged) -> Estimate:
    pairs = zip(found.probe.samples, found.probe.answers, strict=True)
    flagged = {sample.id: any(scan_text(sample.id, text) for text in answers) for sample, answers in pairs}
    return _share(found, flagged.get)


def _below(score: float | None, middle: float) -> bool | None:
    return None if score is None else score < middle


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


# --- levels -----------------------------------------------------------------------------------------------------


def _levels(judged: Mapping[str, Judged], clean: Judged, measures: Sequence[str], verdicts: int) -> list[Dosed]:
    families: dict[str, list[Judged]] = {}
    for found in judged.values():
        if found.probe.kind == "dose":
            families.setdefault(found.probe.family, []).append(found)
    return [
        _dosed(family, steps, clean, measure, verdicts) for family, steps in families.items() for measure in measures
    ]


def _dosed(family: str, steps: Sequence[Judged], clean: Judged, measure: str, verdicts: int) -> Dosed:
    steps = sorted(steps, key=lambda step: step.probe.level)
    lost = tuple(
        (step.probe.level, _estimate(step, lambda d, s=step: _minus(clean.score(d, measure), s.score(d, measure))))  # type: ignore[misc]
        for step in steps
    )
    order, fall = {}, {}
    for dialogue, ladder in _ladders([clean, *steps], measure).items():
        pairs = [(a, b) for at, a in enumerate(ladder) for b in ladder[at + 1 :]]
        order[dialogue] = _mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
        fall[dialogue] = all(a >= b for a, b in pairs)
    last = steps[-1]
    held = _estimate(last, lambda d: _minus(clean.score(d, measure), last.score(d, measure)), verdicts)
    return Dosed(family, measure, lost, _estimate(last, order.get), _share(last, fall.get), held)


def _ladders(steps: Sequence[Judged], measure: str) -> dict[str, list[float]]:
    """Scores of each dialogue from the clean answer down; levels that come to the same text are one."""
    texts: dict[str, set[tuple[str, ...]]] = {}
    found: dict[str, list[float]] = {}
    for step in steps:
        for sample, answers in zip(step.probe.samples, step.probe.answers, strict=True):
            score = step.score(sample.id, measure)
            if score is not None and answers not in texts.setdefault(sample.id, set()):
                texts[sample.id].add(answers)
                found.setdefault(sample.id, []).append(score)
    return {dialogue: scores for dialogue, scores in found.items() if len(scores) > 1}


# --- single changes and attacks -----------------------------------------------------------------------------------


def _changes(judged: Mapping[str, Judged], measures: Sequence[str], verdicts: int) -> list[Changed]:
    made = []
    for found in judged.values():
        probe, base = found.probe, judged.get(found.probe.base)
        if probe.kind not in ("falls", "padding", "honest", "control") or base is None:
            continue
        for measure in measures:
            gains = {s.id: _minus(found.score(s.id, measure), base.score(s.id, measure)) for s in probe.samples}
            change, held = _estimate(found, gains.get), _estimate(found, gains.get, verdicts)
            fell = _share(found, lambda d, g=gains: None if (gain := g[d]) is None else gain < 0)  # type: ignore[misc]
            made.append(Changed(probe.name, probe.kind, probe.title, probe.base, measure, change, fell, held))
    return made


def _attacks(judged: Mapping[str, Judged], judge: JudgeRow, verdicts: int) -> list[Attacked]:
    made = []
    clean = next(found for found in judged.values() if found.probe.kind == "clean")
    for found in judged.values():
        probe, base = found.probe, judged.get(found.probe.base)
        if probe.kind != "attack" or base is None:
            continue
        tried = [sample for sample in probe.samples if base.score(sample.id, WHOLE) is not None]
        honest = [base.score(sample.id, WHOLE) for sample in tried]
        attacked = [found.score(sample.id, WHOLE) for sample in tried]
        gains = [_minus(after, before) for after, before in zip(attacked, honest, strict=True)]
        clusters = [sample.cluster or sample.id for sample in tried]
        inflation = replace(mean_estimate(gains, clusters), total=len(probe.samples))
        held = replace(mean_estimate(gains, clusters, alpha=ALPHA / verdicts), total=len(probe.samples))
        headroom = _above(judged, clean, probe.base, verdicts)
        report = None
        if tried:
            threshold = GAIN * (judge.high - judge.low)
            report = attack_report(honest, attacked, clusters, threshold=threshold, top=judge.high)
        name = probe.name.removeprefix("attack: ")
        made.append(Attacked(name, probe.title, probe.base, inflation, report, _scanned(found), held, headroom))
    return made
