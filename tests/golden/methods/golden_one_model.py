"""Golden adapters for one model: intervals, clusters, invalid answers, repeats, consistency.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sparkles_eval.stats import bootstrap, clusters, consistency, intervals, invalid, variance
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


def _interval(interval: intervals.Interval) -> Numbers:
    return {"p": interval.value, "lo": interval.low, "hi": interval.high}


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


def _clustered_se(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return _clustered(
        clusters.clustered_mean(*_kept(i, "y", labels="cluster"), alpha=i.get("alpha", 0.05), variance="CR1")
    )


def _cluster_wilson(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    z = clusters.cluster_wilson(*_kept(i, "y", labels="cluster"), use_t=False, variance="CR1")
    t = clusters.cluster_wilson(*_kept(i, "y", labels="cluster"), use_t=True, variance="CR1")
    return {
        "n_eff": z.n_eff,
        "lo": z.interval.low,
        "hi": z.interval.high,
        "lo_t": t.interval.low,
        "hi_t": t.interval.high,
    }


def _icc1(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = clusters.design_effect(*_kept(i, "y", labels="cluster"))
    return {
        "msb": found.ms_between,
        "msw": found.ms_within,
        "m0": found.m0,
        "icc": found.icc,
        "var_between": found.var_between,
        "var_within": found.var_within,
        "kish_deff": found.deff,
    }


def _two_way(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    first, second, values = zip(*i["rows"], strict=True)
    found = clusters.two_way(values, first, second)
    return {
        "var_sentence": found.var_first,
        "var_image": found.var_second,
        "var_intersection": found.var_both,
        "se_two_way": found.se_two_way,
        "se_set_level": found.se_connected,
    }


def _nlvr2(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    right = [
        float(row["pred"] is not None and row["pred"].strip().lower() == row["label"].lower()) for row in i["rows"]
    ]
    found = consistency.group_consistency(right, [consistency.nlvr2_group(row["identifier"]) for row in i["rows"]])
    accuracy = sum(right) / len(right) if right else None
    return {"accuracy": accuracy, "groups": found.groups, "consistency": found.consistency}


def _chance_consistency(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    sizes = {int(size): times for size, times in i["group_size_histogram"].items()}
    return {"groups": sum(sizes.values()), "consistency": consistency.chance_consistency(sizes, i["p"])}


def _invalid(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = invalid.invalid_policies(i["n"], i["correct"], i["invalid"], options=i["n_options"])
    return {
        "strict_invalid_is_wrong": found.strict,
        "chance_credit": found.chance_credit,
        "excluded": found.excluded,
        "bound_low": found.bound_low,
        "bound_high": found.bound_high,
        "invalid_rate": found.rate.value,
        "invalid_rate_wilson": _limits(found.rate),
    }


def _retry(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = invalid.retry_bias(i["p_valid_and_correct"], i["p_valid_and_wrong"], i["p_invalid"])
    return {
        "strict": found.strict,
        "retry_until_valid": found.retry_until_valid,
        "expected_calls": found.expected_calls,
    }


def _variance(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = variance.repeat_variance(i["scores"])
    return {
        "mean": found.mean,
        "ms_between": found.ms_between,
        "ms_within": found.ms_within,
        "var_repeat": found.var_repeat,
        "var_item": found.var_item,
        "share_repeat": found.share_repeat,
        "se_mean": found.se,
        "se_if_repeats_pooled_as_iid": found.se_pooled,
        "se_if_infinite_repeats": found.se_infinite_repeats,
        "icc_single": found.icc_single,
        "icc_mean_of_K": found.icc_mean,
    }


def _dialogue(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = consistency.dialogue_score(i)
    return {**dict(zip(i, found.turns, strict=True)), "score": found.score}


def _bca(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = bootstrap.bca_mean(_kept(i, "x")[0], alpha=i.get("alpha", 0.05))
    return {
        "mean": found.value,
        "ideal_se": found.se,
        "z0": found.z0,
        "acceleration": found.acceleration,
        "alpha1": found.alphas and found.alphas[0],
        "alpha2": found.alphas and found.alphas[1],
        "percentile": found.percentile,
        "bca": found.bca,
    }


def _zero_events(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {
        "exact_one_sided_95": intervals.upper_bound(i["events"], i["n"]),
        "rule_of_three": intervals.rule_of_three(i["n"]),
        "wilson_two_sided": intervals.wilson(i["events"], i["n"]).high,
    }


def _zero_successes(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    bound = intervals.upper_bound(i["successes"], i["trials"])
    return {"upper95_one_sided": bound, "wilson_hi": intervals.wilson(i["successes"], i["trials"]).high}


METHODS: dict[str, Adapter] = {
    "wilson_ci": lambda i, _: _interval(intervals.wilson(i["k"], i["n"], alpha=i.get("alpha", 0.05))),
    "clopper_pearson_ci": lambda i, _: _interval(intervals.clopper_pearson(i["k"], i["n"], alpha=i.get("alpha", 0.05))),
    "jeffreys_ci": lambda i, _: _interval(intervals.jeffreys(i["k"], i["n"], alpha=i.get("alpha", 0.05))),
    "clustered_se_mean": _clustered_se,
    "anova_icc1_and_design_effect": _icc1,
    "nlvr2_accuracy_and_consistency": _nlvr2,
    "expected_consistency_of_iid_guesser": _chance_consistency,
    "invalid_answer_policies": _invalid,
    "retry_until_valid_expected_accuracy": _retry,
    "one_way_random_effects_items_x_repeats": _variance,
    "sparkleseval_dialogue_score": _dialogue,
    "bca_bootstrap_ideal_3125_resamples": _bca,
    "zero_event_upper_bound": _zero_events,
    "wilson_with_effective_n": _cluster_wilson,
    "zero_successes_upper_bound": _zero_successes,
    "cameron_gelbach_miller_two_way": _two_way,
}
