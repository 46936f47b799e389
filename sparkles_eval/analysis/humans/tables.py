"""Tables of human labels beside a judge's."""

from __future__ import annotations

from sparkles_eval.analysis.humans.estimate import HumanReport, OneModel, Pair
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.analysis.verdicts import above, level_of
from sparkles_eval.core.names import judge_name
from sparkles_eval.stats.distributions import t_critical
from sparkles_eval.stats.human import FEW_LABELS, PredictionPowered


def tables(report: HumanReport) -> list[Table]:
    """Means, differences, and what to label next."""
    return [_models(report), *([_pairs(report)] if report.pairs else []), _next(report)]


def _span(joined: PredictionPowered | None) -> Span | None:
    return Span(joined.estimate, joined.low, joined.high) if joined else None


def _models(report: HumanReport) -> Table:
    heads = (
        Head("model", "model"),
        Head("joined", "people + judge", "points"),
        Head("humans", "people alone", "points"),
        Head("judge", "judge alone", "points"),
        Head("trust", "trust in judge", "number"),
        Head("correlation", "r", "number"),
        Head("labels", "labels", "count"),
        Head("judged", "judged", "count"),
        Head("worth", "worth labels", "count"),
        Head("needed", f"needed for \N{PLUS-MINUS SIGN}{report.half_width:g}", "count"),
        Head("needed_without", "without judge", "count"),
    )
    whole = report.overall
    rows: list[tuple[Cell, ...]] = [_row(model) for model in report.models]
    if len(report.models) > 1:
        rows.append(("all models", Span.of(whole), *([None] * 4), whole.n, *([None] * 4)))
    name = judge_name(report.judge)
    title = f"{report.task} on the human scale: {', '.join(report.raters)} and {name}"
    return Table("human-means", title, heads, tuple(rows), tuple(_notes(report)))


def _row(model: OneModel) -> tuple[Cell, ...]:
    joined, plan = model.joined, model.plan
    return (
        model.run.model.name,
        _span(joined),
        Span.of(model.humans),
        Span.of(model.judge),
        joined.lam if joined else None,
        joined.correlation if joined else None,
        joined.labels if joined else model.humans.n,
        model.judge.n,
        model.worth,
        plan.with_judge if plan else None,
        plan.classic if plan else None,
    )


def _notes(report: HumanReport) -> list[str]:
    notes = ["people + judge: PPI++ with its own trust in the judge for every model; it holds for labels at random"]
    for model in report.models:
        who, joined = model.run.model.name, model.joined
        if model.humans.n < model.drawn:
            left = model.drawn - model.humans.n
            notes.append(f"{who}: {left} of {model.drawn} drawn answers are not rated whole; that must be by chance")
        if joined is None:
            notes.append(f"{who}: fewer than two labels that the judge has scored too")
        elif joined.labels < FEW_LABELS:
            notes.append(f"{who}: only {joined.labels} labels: the interval is not to be trusted")
        if model.plan is not None and model.plan.with_judge is None:
            notes.append(
                f"{who}: all {model.judge.n} dialogues labelled are not enough for that half-width; add dialogues"
            )
    if any(model.plan and (model.plan.with_judge or FEW_LABELS) < FEW_LABELS for model in report.models):
        notes.append(f"needed: below {FEW_LABELS} labels a model no interval is to be trusted, whatever its width")
    if any(pair.unequal for pair in report.pairs):
        notes.append(
            f"the models were not rated by the same people ({', '.join(report.raters)}): these means hold the raters' "
            "severity too; compare models by the table of differences"
        )
    if report.overall.note and len(report.models) > 1:
        notes.append(f"all models: {report.overall.note}")
    if report.agreement is not None:
        alpha, gap = report.agreement.value, report.agreement.mean_gap
        shown = "undefined" if alpha is None else f"{alpha:.2f}"
        beside = "" if gap is None else f"; they differ by {gap:.2f} points on average"
        notes.append(f"raters agree: Krippendorff's alpha {shown} on {report.agreement.items} answers{beside}")
    return notes


def _pairs(report: HumanReport) -> Table:
    heads = (
        Head("first", "model"),
        Head("second", "minus"),
        Head("difference", "difference", "points"),
        Head("labels", "labelled both", "count"),
        Head("unlabelled", "judged only", "count"),
        Head("unequal", "other raters", "count"),
        Head("verdict", "difference"),
    )
    rows = tuple(_pair(pair, len(report.pairs)) for pair in report.pairs)
    notes = ["on the same dialogues: what the judge adds to both models alike cancels"]
    if any(pair.unequal for pair in report.pairs):
        notes.append(
            "other raters: labelled for both models, but not by the same people, and so left out: a lenient rater of "
            "one model would pass for a better model"
        )
    if len(report.pairs) > 1:
        notes.append(f"verdicts by the interval that holds for all {len(report.pairs)} pairs together")
    return Table("human-differences", "Differences on the human scale", heads, rows, tuple(notes))


def _pair(pair: Pair, pairs: int) -> tuple[Cell, ...]:
    joined = pair.joined
    labels, rest = (joined.labels, joined.unlabelled) if joined else (None, None)
    names = pair.first.model.name, pair.second.model.name
    return (*names, _span(joined), labels, rest, pair.unequal, _verdict(joined, pairs))


def _verdict(joined: PredictionPowered | None, pairs: int) -> str:
    if joined is None or joined.labels < FEW_LABELS or not joined.se:
        return "too few labels" if joined else "not compared"
    half = t_critical(level_of(pairs), joined.labels - 1) * joined.se
    low, high = joined.estimate - half, joined.estimate + half
    return "shown" if "shown" in (above(low, high), above(-high, -low)) else "not shown"


def _next(report: HumanReport) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple((place, name) for place, name in enumerate(report.next, 1))
    notes: tuple[str, ...] = (
        "drawn at random, in the order of the sheets: `human export` with a larger --dialogues hands them out",
        (
            "not by score: labels picked where the judge doubts, or where scores are extreme, are no longer a fair "
            "sample, and every estimate above would be biased"
        ),
    )
    if not report.left:
        notes = ("every dialogue is labelled", notes[1])
    elif report.left > len(rows):
        notes = (f"{report.left} dialogues are not labelled for every model", *notes)
    return Table(
        "human-next", "To be labelled next", (Head("place", "", "count"), Head("dialogue", "dialogue")), rows, notes
    )
