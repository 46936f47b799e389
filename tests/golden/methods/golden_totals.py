"""Golden adapters for published totals, attacks and the bootstrap engine.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from sparkles_eval.stats import bootstrap, intervals, judge_bias, margins, power

Inputs: TypeAlias = Mapping[str, Any]
Numbers: TypeAlias = dict[str, Any]
Adapter: TypeAlias = Callable[[Inputs, Mapping[str, Any]], Numbers]


def _limits(interval: intervals.Interval) -> list[float | None]:
    return [interval.low, interval.high]


def _against_chance(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = intervals.against_chance(i["k"], i["n"], chance=i.get("p0", 0.5))
    return {
        "acc": found.accuracy,
        "p_two_sided": found.p_two_sided,
        "p_one_sided": found.p_above,
        "wilson": _limits(found.interval),
        "bayes_P_gt_half": found.posterior_above,
    }


def _mcnemar_range(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = margins.mcnemar_range(i["correct_A"], i["correct_B"], i["n"])
    return {
        "diff": found.difference,
        "min_p": found.min_p,
        "min_p_bc": found.min_counts,
        "max_p": found.max_p,
        "max_p_bc": found.max_counts,
        "independence_bc": found.independent_counts,
        "independence_exact_p": found.independent_exact,
        "independence_midp": found.independent_mid_p,
        "max_discordant_for_exact_p_lt_05": found.max_discordant_exact,
        "max_discordant_for_midp_lt_05": found.max_discordant_mid_p,
        "unpaired_z_p": found.unpaired.p_z,
        "unpaired_fisher_p": found.unpaired.p_fisher,
        "unpaired_newcombe_ci": _limits(found.unpaired.newcombe),
    }


def _worst_case(i: Inputs, expected: Mapping[str, Any]) -> Numbers:
    """The names of the numbers carry short forms of the models' names ("chat" for SparklesChat)."""
    scale, n, means = (i["scale"][0], i["scale"][1]), i["n"], i["means"]

    def worst(pair: str) -> margins.LeastFavourable:
        names = sorted(means, key=len)  # "gpt4" means GPT4, though MiniGPT4 holds it too
        sides = [means[next(name for name in names if part in name.lower())] for part in pair.split("_vs_")]
        return margins.worst_case_difference(sides[0], sides[1], n, scale)

    numbers: Numbers = {"max_sd": {name: margins.largest_sd(mean, scale) for name, mean in means.items()}}
    for name in expected:
        if name.startswith("worst_t_"):
            numbers[name] = worst(name.removeprefix("worst_t_")).smallest_t
        elif name.startswith("worst_sd_diff_"):
            numbers[name] = worst(name.removeprefix("worst_sd_diff_")).max_sd_difference
        elif name.startswith("breakeven_sd_diff_"):
            numbers[name] = worst(name.removeprefix("breakeven_sd_diff_")).breakeven_sd
        elif name.startswith("ci_halfwidth_if_sd_"):
            sd = float(name.removeprefix("ci_halfwidth_if_sd_").replace("_", "."))
            numbers[name] = power.half_width(n, sd)
    return numbers


def _touching(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {"p": margins.touching_intervals_p(i.get("alpha", 0.05), i.get("se_ratio", 1.0))}


def _attack(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = judge_bias.attack_report(i["honest_bad_answer"], i["attacked"], threshold=i.get("success_if_gain_ge", 2))
    return {
        "mean_inflation": found.inflation and found.inflation.mean,
        "asr": found.success.value,
        "asr_wilson": _limits(found.success),
        "p_signed_rank_exact": found.p_signed_rank,
        "max_score_rate": found.top_rate,
    }


def _weighted(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    counts = np.asarray(i["cluster_counts"], dtype=np.float64)
    totals = bootstrap.ClusterTotals(
        np.asarray(i["cluster_sums_GxM"], dtype=np.float64), counts.reshape(counts.shape[0], -1)
    )
    return {"boot_means": bootstrap.weighted_means(i["weights_BxG"], totals)}


METHODS: dict[str, Adapter] = {
    "binomial_vs_chance": _against_chance,
    "mcnemar_range_from_margins": _mcnemar_range,
    "worst_case_sd_bounds": _worst_case,
    "cluster_bootstrap_by_weight_matrix": _weighted,
    "judge_attack_report": _attack,
    "nonoverlap_of_95_cis_is_p": _touching,
}
