"""Golden adapters for judges: agreement, noise and bias.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from sparkles_eval.stats import agreement, correlation, intervals, judge_bias, judge_quality, severity
from sparkles_eval.stats.arrays import common

Inputs: TypeAlias = Mapping[str, Any]
Numbers: TypeAlias = dict[str, Any]
Adapter: TypeAlias = Callable[[Inputs, Mapping[str, Any]], Numbers]


def _kept(i: Inputs, *names: str, labels: str = "") -> list[list[Any]]:
    """The named columns (and one of labels) without the items that any column misses."""
    keep = common(*[i[name] for name in names]).tolist()
    return [[v for v, k in zip(i[name], keep, strict=True) if k] for name in (*names, *([labels] if labels else []))]


def _limits(interval: intervals.Interval) -> list[float | None]:
    return [interval.low, interval.high]


def _rank_correlation(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = correlation.correlations(i["j1"], i["j2"])
    return {
        "spearman": found.spearman,
        "kendall_tau_b": found.kendall_tau_b,
        "kendall_tau_c": found.kendall_tau_c,
        "pearson": found.pearson,
    }


def _kendall(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = correlation.kendall_test(i["x"], i["y"])
    return {"tau": found.tau, "p": found.p}


def _krippendorff(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    levels: tuple[agreement.MeasurementLevel, ...] = ("nominal", "ordinal", "interval")
    return {level: agreement.krippendorff(i["judges_x_items"], level).value for level in levels}


def _kappa(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = agreement.weighted_kappa(i["j1"], i["j2"])
    return {"qwk": found.quadratic, "unweighted": found.unweighted, "linear": found.linear}


def _icc(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = agreement.icc(i["items_x_judges"])
    return {
        "icc_2_1": found.icc_2_1,
        "icc_3_1": found.icc_3_1,
        "icc_2_k": found.icc_2_k,
        "icc_3_k": found.icc_3_k,
        "msr": found.ms_items,
        "msc": found.ms_judges,
        "mse": found.ms_error,
        "var_item": found.var_item,
        "var_judge": found.var_judge,
        "var_resid": found.var_error,
    }


def _bland_altman(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = agreement.bland_altman(i["j1"], i["j2"])
    return {
        "bias": found.bias,
        "sd": found.sd,
        "loa": found.limits,
        "bias_ci": [found.bias_low, found.bias_high],
        "se_loa": found.se_limits,
        "proportional_slope": found.slope,
        "proportional_p": found.slope_p,
    }


def _severity(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    models, judges, scores = zip(*i["obs"], strict=True)
    found = severity.severity(models, judges, scores)
    return {"quality": found.quality, "leniency_sum0": found.leniency, "naive_means": found.naive}


def _swap(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_bias.position_bias(i["AB_then_first_wins_both"], i["second_wins_both"], i["consistent"])
    return {
        "consistency": found.consistency.value,
        "consistency_wilson": _limits(found.consistency),
        "first_bias": found.first_bias,
        "p_binom": found.p,
    }


def _length(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_bias.length_bias(*_kept(i, "score", "length", "quality"))
    return {
        "raw_spearman": found.raw_spearman,
        "partial_spearman": found.partial_spearman,
        "ols_coef_loglen": found.slope,
        "hc3_se": found.slope_se,
        "points_per_doubling": found.points_per_doubling,
    }


def _self_preference(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    columns = _kept(i, "own_judge_on_own", "own_judge_on_other", "ref_on_own", "ref_on_other")
    found = judge_bias.self_preference(*columns)
    return {"did": found.effect.mean, "t": found.t, "p": found.p}


def _halo(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_bias.halo(i["items_x_criteria"])
    return {
        "mean_inter_criterion_r": found.mean_r,
        "cronbach_alpha": found.cronbach_alpha,
        "first_eigenvalue_share": found.first_eigenvalue_share,
    }


def _compression(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    counts = {float(mark): times for mark, times in i["counts"].items()}
    found = judge_quality.compression(counts, (i["scale"][0], i["scale"][1]))
    return {
        "mean": found.mean,
        "sd": found.sd,
        "share_top": found.share_top,
        "entropy_bits": found.entropy_bits,
        "effective_levels": found.effective_levels,
        "range_used": found.range_used,
    }


def _separability(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    half = np.broadcast_to(np.asarray(i["half_width"], dtype=np.float64), len(i["means"]))
    means = np.asarray(i["means"], dtype=np.float64)
    found = judge_quality.separability((means - half).tolist(), (means + half).tolist())
    return {"pairs": found.pairs, "separable": found.separable, "share": found.share}


def _confident_agreement(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {"agreement": judge_quality.agreement_with_confidence(i["judge_pair_verdicts"], i["human_pair_verdicts"])}


def _alt_test(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_quality.alt_test(
        i["humans_items_x_annotators"], i["llm"], epsilon=i.get("eps", 0.2), q=i.get("q", 0.05)
    )
    return {
        "rho_f": found.judge_wins,
        "rho_h": found.human_wins,
        "p": found.p,
        "reject": found.rejected,
        "winning_rate": found.winning_rate,
        "avg_advantage_prob": found.advantage,
        "passes": found.passes,
    }


def _repeatability(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_quality.repeatability(i["items_x_repeats"])
    return {
        "within_sd": found.within_sd,
        "repeatability_coefficient": found.coefficient,
        "exact_agreement": found.exact_agreement,
        "within1_agreement": found.within_one,
    }


METHODS: dict[str, Adapter] = {
    "spearman_kendall_pearson": _rank_correlation,
    "krippendorff_alpha": _krippendorff,
    "quadratic_weighted_kappa": _kappa,
    "icc_2_1_3_1": _icc,
    "bland_altman": _bland_altman,
    "two_way_additive_quality_plus_judge_leniency": _severity,
    "swap_test": _swap,
    "partial_spearman_and_regression": _length,
    "difference_in_differences": _self_preference,
    "criteria_correlation_and_alpha": _halo,
    "score_compression": _compression,
    "separability_with_confidence": _separability,
    "agreement_with_confidence": _confident_agreement,
    "alternative_annotator_test": _alt_test,
    "system_level_kendall_smallest_exact_p": _kendall,
    "repeatability": _repeatability,
}
