"""Tables of a comparison of judges."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparkles_eval.analysis.judges import agreement as agree
from sparkles_eval.analysis.judges.conclusion import conclusion_table
from sparkles_eval.analysis.judges.judge_biases import Favour, Habits, favours, habits, people_of
from sparkles_eval.analysis.judges.judge_scores import Marks
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.stats.distributions import t_critical
from sparkles_eval.stats.judge_bias import LengthBias
from sparkles_eval.stats.judge_quality import AltTest
from sparkles_eval.store.store import Store

_WHO = (Head("first", "judge"), Head("second", "and"), Head("measure", "measure"), Head("n", "answers", "count"))


def compare(store: Store, marks: Marks, *, largest: int = 10, epsilon: float = 0.2) -> list[Table]:
    """Everything that the store shows of these judges side by side. `largest`: how many disagreements to list."""
    found, own = agree.agreements(marks), habits(store, marks)
    made = [
        conclusion_table(found, own),
        _order(found),
        _marks(found, agree.joint(marks)),
        _scale(own, agree.lenient(marks)),
        _constancy(own),
        _length(own),
        _family(favours(marks)),
        _costs(own),
        _replacing(marks, epsilon),
        _largest(marks, agree.largest_gaps(marks, largest)),
    ]
    return [table for table in made if table is not None]


def _order(found: Sequence[agree.PairAgreement]) -> Table:
    heads = (
        *_WHO,
        Head("within", "\N{GREEK SMALL LETTER RHO} within models", "number"),
        Head("within_tau", "\N{GREEK SMALL LETTER TAU} within models", "number"),
        Head("pooled", "\N{GREEK SMALL LETTER RHO} pooled", "number"),
        Head("system", "\N{GREEK SMALL LETTER TAU} of models", "number"),
        Head("system_p", "p", "p"),
        Head("models", "models", "count"),
    )
    rows = tuple(_order_row(pair) for pair in found)
    notes = ["within models: agreement on the answers of one model; pooled mixes that with gaps between models"]
    least = min((pair.order.system_test.n for pair in found), default=0)
    if 0 < least < 5:
        p = 2 / math.factorial(least) if least > 1 else 1.0
        notes.append(f"with {least} models even the same ranking has p = {min(p, 1.0):.3f}")
    return Table("judges-order", "Same order of answers, same order of models?", heads, rows, tuple(notes))


def _order_row(pair: agree.PairAgreement) -> tuple[Cell, ...]:
    order, test = pair.order, pair.order.system_test
    return (
        *(pair.first, pair.second, pair.measure, pair.n),
        pair.within,
        order.within_model.kendall_tau_b,
        order.pooled.spearman,
        test.tau,
        test.p,
        test.n,
    )


def _marks(found: Sequence[agree.PairAgreement], joint: Sequence[agree.Joint]) -> Table:
    heads = (
        *_WHO,
        Head("alpha", "Krippendorff \N{GREEK SMALL LETTER ALPHA}", "number"),
        Head("gap", "|difference|", "points"),
        Head("kappa", "weighted \N{GREEK SMALL LETTER KAPPA}", "number"),
        Head("icc_2_1", "ICC(2,1)", "number"),
        Head("icc_3_1", "ICC(3,1)", "number"),
        Head("bias", "first - second", "points"),
        Head("limits_low", "limits from", "points"),
        Head("limits_high", "to", "points"),
        Head("slope", "slope", "number"),
    )
    rows: list[tuple[Cell, ...]] = []
    for pair in found:
        bland = pair.marks
        ends: tuple[Cell, ...] = (pair.bias, None, None, None)
        if bland is not None:
            ends = (pair.bias, *bland.limits, bland.slope)
        gap = pair.alpha.mean_gap
        iccs = (pair.icc.icc_2_1, pair.icc.icc_3_1) if pair.icc else (None, None)
        who = (pair.first, pair.second, pair.measure, pair.n)
        rows.append((*who, pair.alpha_span, gap, pair.kappa.quadratic, *iccs, *ends))
    for one in joint:
        iccs = (one.icc.icc_2_1, one.icc.icc_3_1) if one.icc else (None, None)
        alpha = Span(one.alpha.value)
        rows.append(
            ("all judges", "", one.measure, one.alpha.items, alpha, one.alpha.mean_gap, None, *iccs, *[None] * 4)
        )
    notes = (
        "ICC(3,1) forgives a judge that is kinder throughout, ICC(2,1) does not",
        "limits: where 95% of single differences lie (Bland and Altman); slope: how the difference grows with the mark",
        "marks pressed against the end of the scale make \N{GREEK SMALL LETTER ALPHA} low: read it with |difference|",
    )
    return Table("judges-marks", "Same marks?", heads, tuple(rows), notes)


def _scale(own: Sequence[Habits], kind: agree.Lenient) -> Table:
    heads = (
        Head("judge", "judge"),
        Head("n", "answers", "count"),
        Head("mean", "mean", "points"),
        Head("leniency", "leniency", "points"),
        Head("sd", "SD of marks", "points"),
        Head("top", "at the top", "percent"),
        Head("levels", "levels in use", "number"),
        Head("range", "range in use", "percent"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in own:
        s = one.scale
        used: tuple[Cell, ...] = (s.sd, s.share_top, s.effective_levels, s.range_used) if s else (None,) * 4
        rows.append((one.name, one.mean.n, Span.of(one.mean), kind.points.get(one.name), *used))
    notes = [
        "leniency: points above the average judge on the same answers",
        "levels in use: as many equally used marks would distinguish as much; a small SD is not precision",
    ]
    if kind.refused:
        notes.append(f"leniency cannot be estimated: {kind.refused}")
    return Table("judges-scale", "How each uses the scale", heads, tuple(rows), tuple(notes))


def _constancy(own: Sequence[Habits]) -> Table:
    heads = (
        Head("judge", "judge"),
        Head("items", "answers", "count"),
        Head("within_sd", "own SD", "points"),
        Head("repeatability", "two verdicts within", "points"),
        Head("exact", "equal", "percent"),
        Head("icc", "ICC of one", "number"),
        Head("halo", "r of criteria", "number"),
        Head("first_axis", "on one axis", "percent"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in own:
        c, h = one.constancy, one.halo
        again: tuple[Cell, ...] = (0, None, None, None, None)
        if c is not None:
            again = (c.items, c.within_sd, c.coefficient, c.exact_agreement, c.icc)
        name = f"{one.name} (between raters)" if one.person else one.name
        rows.append((name, *again, h.mean_r if h else None, h.first_eigenvalue_share if h else None))
    notes = [
        "two verdicts on one answer lie within that of each other in 95% of cases; constancy is not validity",
        "r of criteria: within models; above .9 several criteria are one finding",
    ]
    judges = [one for one in own if not one.person]
    if judges and not any(one.constancy for one in judges):
        notes.append("no judge was asked twice: `sparkles-eval judge --repeats 3` does")
    title = "Does each agree with itself, and are its criteria several?"
    return Table("judges-constancy", title, heads, tuple(rows), tuple(notes))


def _length(own: Sequence[Habits]) -> Table:
    heads = (
        Head("judge", "judge"),
        Head("n", "answers", "count"),
        Head("raw", "\N{GREEK SMALL LETTER RHO} with length", "number"),
        Head("partial", "at equal quality", "number"),
        Head("doubling", "points a doubling", "points"),
        Head("control", "quality by"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in own:
        found = one.length
        if found is None:
            rows.append((one.name, 0, None, None, None, "nobody else"))
            continue
        rows.append((one.name, found.n, found.raw_spearman, found.partial_spearman, _doubling(found), one.control))
    notes = ("length is partly quality: only padding the same answer proves a taste for words (`judges audit` does)",)
    return Table("judges-length", "Does it pay for words?", heads, tuple(rows), notes)


def _doubling(found: LengthBias) -> Span:
    if found.points_per_doubling is None or not found.slope_se or found.n < 5:
        return Span(found.points_per_doubling)
    half = t_critical(0.05, found.n - 3) * found.slope_se * math.log(2)
    return Span(found.points_per_doubling, found.points_per_doubling - half, found.points_per_doubling + half)


def _family(found: Sequence[Favour]) -> Table | None:
    if not found:
        return None
    heads = (
        Head("judge", "judge"),
        Head("family", "family"),
        Head("own", "its own"),
        Head("others", "others"),
        Head("reference", "against"),
        Head("effect", "favour", "points"),
        Head("p", "p", "p"),
        Head("n", "answers", "count"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        effect = one.effect
        span = Span(effect.effect.mean, effect.effect.low, effect.effect.high) if effect else None
        p = effect.p if effect else None
        names = (one.judge, one.family, ", ".join(one.own), ", ".join(one.others), one.reference)
        rows.append((*names, span, p, one.n))
    notes = [
        "favour: (own - others) by this judge less the same by the other, so that a better model is no bias",
        "families are read from the models' names",
        *dict.fromkeys(one.note for one in found if one.note),
    ]
    return Table("judges-family", "Does it favour its own family?", heads, tuple(rows), tuple(notes))


def _costs(own: Sequence[Habits]) -> Table:
    heads = (
        Head("judge", "judge"),
        Head("judgements", "judgements", "count"),
        Head("unreadable", "unreadable", "percent"),
        Head("cost_usd", "$ a judgement", "number"),
        Head("seconds", "seconds a judgement", "number"),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in own:
        r = one.replies
        if r is None or not r.judgements:
            rows.append((one.name, None, None, None, None))
            continue
        cost = None if r.cost_usd.unknown else r.cost_usd.known / r.judgements
        broken = r.invalid / r.replies if r.replies else None
        rows.append((one.name, r.judgements, broken, cost, r.latency_s / r.judgements))
    notes = ("every reply counts, those too that could not be read; a cost that is not known is not 0",)
    return Table("judges-cost", "What a judgement costs", heads, tuple(rows), notes)


def _replacing(marks: Marks, epsilon: float) -> Table | None:
    people = people_of(marks)
    if people is None or marks.repeats[people].shape[1] < 3:
        return None
    heads = (
        Head("judge", "judge"),
        Head("advantage", "as close as a rater", "percent"),
        Head("winning", "raters beaten", "percent"),
        Head("passes", "may replace one"),
    )
    rows: list[tuple[Cell, ...]] = []
    for number, marker in enumerate(marks.markers):
        if marker.row is not None:
            found = agree.replacing(marks, people, number, epsilon=epsilon)
            rows.append((marker.name, *_replaced(found)))
    notes = (
        f"alternative annotator test (Calderon et al. 2025): a rater costs {epsilon:g}; three raters, 30 answers each",
    )
    return Table("judges-replace", "May it stand in for a person?", heads, tuple(rows), notes)


def _replaced(found: AltTest | str) -> tuple[Cell, ...]:
    if isinstance(found, str):
        return None, None, found
    return found.advantage, found.winning_rate, "yes" if found.passes else "no"


def _largest(marks: Marks, gaps: Sequence[agree.Gap]) -> Table:
    heads = (
        Head("dialogue", "dialogue"),
        Head("model", "model"),
        Head("turn", "turn", "count"),
        *(Head(f"mark_{number}", marker.name, "points") for number, marker in enumerate(marks.markers, 1)),
        Head("gap", "gap", "points"),
        Head("run", "run"),
    )
    rows = tuple((g.answer.id, g.answer.run.model.name, g.answer.turn, *g.marks, g.gap, g.answer.run.id) for g in gaps)
    notes = ("look at them with --report FILE: what one judge saw and the other did not is there to be read",)
    return Table("judges-largest", "Largest disagreements", heads, rows, notes)
