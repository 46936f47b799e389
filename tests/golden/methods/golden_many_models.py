"""Golden adapters for many models: multiplicity, ranks, letters, Bradley-Terry.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sparkles_eval.stats import bradley_terry, multiplicity, power, ranks

Inputs: TypeAlias = Mapping[str, Any]
Numbers: TypeAlias = dict[str, Any]
Adapter: TypeAlias = Callable[[Inputs, Mapping[str, Any]], Numbers]


def _adjusted(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    functions = {
        "holm": multiplicity.holm,
        "bh": multiplicity.benjamini_hochberg,
        "by": multiplicity.benjamini_yekutieli,
        "bonferroni": multiplicity.bonferroni,
    }
    return {name: function(i["p"]) for name, function in functions.items()}


def _friedman(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = ranks.friedman(i["scores_items_x_models"])
    return {
        "chi2": found.chi2,
        "p": found.p,
        "iman_davenport_F": found.iman_davenport,
        "p_F": found.p_iman_davenport,
        "mean_ranks": found.mean_ranks,
        "q05": found.q,
        "critical_difference": found.critical_difference,
        "kendalls_W": found.kendall_w,
    }


def _rank_sets(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = ranks.rank_sets(i["scores_items_x_models"], i.get("cluster"), alpha=i.get("alpha", 0.05))
    return {
        "means": found.means,
        "pairs": [[pair.first, pair.second] for pair in found.pairs],
        "raw_p": [pair.p for pair in found.pairs],
        "holm_p": [pair.p_holm for pair in found.pairs],
        "rank_lo": found.rank_low,
        "rank_hi": found.rank_high,
        "letters": {str(model): letters for model, letters in enumerate(found.letters)},
    }


def _letters(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    order = i["order"]
    place = {model: index for index, model in enumerate(order)}
    pairs = [(place[a], place[b]) for a, b in i["significant_pairs"]]
    found = ranks.compact_letters(range(len(order)), ranks.significance_matrix(len(order), pairs))
    return {str(model): found[place[model]] for model in order}


def _bradley_terry(i: Inputs, expected: Mapping[str, Any]) -> Numbers:
    found = bradley_terry.bradley_terry(i["wins"])
    numbers: Numbers = {"log_strength_mean0": found.log_strength, "elo_scale": found.elo, "se_sum0": found.se}
    for name in expected:
        if name.startswith("p_") and "_beats_" in name:
            first, second = name.removeprefix("p_").split("_beats_")
            numbers[name] = found.beats(int(first), int(second))
    return numbers


METHODS: dict[str, Adapter] = {
    "holm_and_bh_adjusted_p": _adjusted,
    "friedman_nemenyi": _friedman,
    "rank_confidence_sets_and_compact_letter_display": _rank_sets,
    "compact_letter_display": _letters,
    "bradley_terry_mle": _bradley_terry,
    "expected_max_of_k_equal_models": lambda i, _: {
        "expected_max_accuracy": power.expected_best(i["n"], i["p"], i["k"])
    },
}
