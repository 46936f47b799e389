"""Golden adapters for two models: tests, intervals, effect sizes and power.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sparkles_eval.stats import clusters, intervals, mcnemar, paired, power
from sparkles_eval.stats import paired as noninferiority
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


def _clustered(found: clusters.ClusteredMean) -> Numbers:
    return {
        "mean": found.mean,
        "se_iid": found.se_iid,
        "se_cr0": found.se_cr0,
        "se_cr1": found.se_cr1,
        "G": found.clusters,
        "t_crit": found.critical,
        "lo": found.low,
        "hi": found.high,
        "deff": found.deff,
        "n_eff": found.n_eff,
    }


def _mcnemar(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = mcnemar.mcnemar(i["b"], i["c"])
    return {"exact": found.exact, "midp": found.mid_p, "chi2_p": found.chi2, "chi2_cc_p": found.chi2_corrected}


def _paired_difference(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    counts = mcnemar.PairedCounts(i["a"], i["b"], i["c"], i["d"])
    found = mcnemar.paired_difference(counts, alpha=i.get("alpha", 0.05))
    return {
        "diff": found.difference,
        "wald": _limits(found.wald),
        "bonett_price": _limits(found.bonett_price),
        "newcombe_method10": _limits(found.newcombe),
    }


def _paired_scores(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    a, b = _kept(i, "A", "B")
    t, effect = paired.paired_t(a, b), paired.effect_sizes(a, b)
    flips, ranked = paired.sign_flip(a, b), paired.wilcoxon(a, b)
    return {
        "mean_diff": t.mean.mean,
        "sd_diff": t.mean.sd,
        "t": t.t,
        "p_t": t.p,
        "ci": [t.mean.low, t.mean.high],
        "d_z": effect.d_z,
        "g_z": effect.g_z,
        "d_av": effect.d_av,
        "p_permutation_exact": flips.p_two_sided,
        "n_signflips": flips.patterns,
        "wilcoxon_Wplus": ranked.w_plus,
        "p_wilcoxon_exact_with_ties": ranked.p_exact,
        "p_wilcoxon_asymptotic": ranked.p_asymptotic,
        "p_pratt_asymptotic": ranked.p_pratt,
    }


def _cliff(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = paired.effect_sizes(*_kept(i, "A", "B"))
    return {
        "cliffs_delta": found.cliff_delta,
        "prob_superiority": found.superiority,
        "within_pair_delta": found.within_delta,
        "within_pair_ps": found.within_superiority,
        "hodges_lehmann": found.hodges_lehmann,
    }


def _clustered_paired(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = paired.clustered_difference(*_kept(i, "A", "B", labels="cluster"), variance="CR1")
    return {
        **_clustered(found.mean),
        "t": found.t,
        "p": found.p,
        "se_unpaired": found.se_unpaired,
        "se_paired": found.mean.se_iid,
        "corr": found.correlation,
    }


def _plan(i: Inputs) -> dict[str, float]:
    return {"alpha": i.get("alpha", 0.05), "power": i.get("power", 0.8)}


def _mde_accuracy(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {
        str(n): {str(psi): power.mde_paired_accuracy(n, psi, **_plan(i)).difference for psi in i["discordance"]}
        for n in i["n"]
    }


def _mde_chance(i: Inputs, expected: Mapping[str, Any]) -> Numbers:
    found = power.mde_against_chance(i["n"], **_plan(i))
    numbers: Numbers = {"critical_k": found.critical_k, "critical_accuracy": found.critical_accuracy}
    for name in expected:
        if name.startswith("true_accuracy_for_"):
            numbers[name] = found.true_accuracy
        elif name.startswith("power_at_"):
            accuracy = float(name.removeprefix("power_at_").replace("_", "."))
            numbers[name] = power.power_against_chance(i["n"], accuracy, alpha=i.get("alpha", 0.05))
    return numbers


def _mde_unpaired(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {"mde": power.mde_unpaired_accuracy(i["p1"], i["n_per_model"], **_plan(i))}


def _mde_score(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {
        f"n{n}_rho{rho}": power.mde_mean(n, power.sd_of_difference(i["sd"], rho), **_plan(i))
        for n in i["n"]
        for rho in i["rho"]
    }


def _mde_one(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {
        "mde": power.mde_mean(i["n"], i["sd"], **_plan(i)),
        "ci_halfwidth": power.half_width(i["n"], i["sd"], alpha=i.get("alpha", 0.05)),
    }


def _noninferiority(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    alpha, n = i.get("alpha_one_sided", 0.025), i["n"]
    se = i["sd_diff"] / math.sqrt(n)
    found = noninferiority.non_inferiority(i["mean_diff"], se, n - 1, i["margin"], alpha=alpha)
    return {
        "t": found.t,
        "p": found.p,
        "lower_bound_975": found.lower_bound,
        "noninferior": found.non_inferior,
        "p_tost": found.p_equivalence,
        "n_required_true_diff0": noninferiority.n_non_inferiority(i["sd_diff"], i["margin"], alpha=alpha),
    }


METHODS: dict[str, Adapter] = {
    "mcnemar": _mcnemar,
    "paired_proportion_difference_ci": _paired_difference,
    "paired_t_dz_permutation_wilcoxon": _paired_scores,
    "cliffs_delta_independent_and_paired": _cliff,
    "clustered_paired_difference": _clustered_paired,
    "mde_paired_accuracy_connor1987": _mde_accuracy,
    "one_sample_exact_binomial_vs_half": _mde_chance,
    "two_independent_proportions_p1_055": _mde_unpaired,
    "mde_paired_t_judge_score": _mde_score,
    "mde_one_sample_t": _mde_one,
    "paired_t_noninferiority_and_tost": _noninferiority,
}
