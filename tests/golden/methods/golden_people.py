"""Golden adapters for judges beside human labels.

Each reads a case's inputs, calls the library, and names its numbers as the case does; the second argument is the
expected numbers, whose names sometimes carry a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from sparkles_eval.stats import calibration, dawid_skene, human, intervals
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


def _ppi(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    y, f = _kept(i, "Y", "F_labelled")
    (pool,) = _kept(i, "F_unlabelled")

    def estimate(lam: float | None) -> human.PredictionPowered:
        return human.ppi_mean(y, f, pool, lam=lam, alpha=i.get("alpha", 0.05), small_sample=False)

    plus, plain, alone = estimate(None), estimate(1.0), estimate(0.0)
    return {
        "naive_judge_mean": float(np.mean(pool)),
        "human_only_mean": alone.estimate,
        "human_only_ci_z": [alone.low, alone.high],
        "ppi_lambda1": {"est": plain.estimate, "ci": [plain.low, plain.high]},
        "ppi_plus": {"est": plus.estimate, "lam": plus.lam, "se": plus.se, "ci": [plus.low, plus.high]},
        "ppi_py_default_ci": [plus.low, plus.high],
        "pearson": plus.correlation,
    }


def _strata(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = human.combine_strata(i["weights"], i["estimates"], i["se"])
    return {"est": found.estimate, "se": found.se}


def _labels(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    plans = {str(rho): human.labels_needed(i["sd_human"], i["halfwidth"], rho) for rho in i["rho"]}
    return {
        "classic_n": next(iter(plans.values())).classic,
        "n_ppi_infinite_unlabelled": {rho: plan.with_judge for rho, plan in plans.items()},
    }


def _calibration(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    judge, people = _kept(i, "judge", "human")
    curve, line = calibration.isotonic(judge, people), calibration.linear(judge, people)
    return {"x": curve.x, "fit": curve.fit, "linear_slope": line.slope, "linear_intercept": line.intercept}


def _rogan_gladen(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found, error = calibration.rogan_gladen(
        i["judge_pass_rate"],
        i["sensitivity"],
        i["specificity"],
        n=i["n"],
        n_positive=i["n_cal_pos"],
        n_negative=i["n_cal_neg"],
    )
    return {"theta": found.value, "se_delta": error, "ci": _limits(found)}


def _panel(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    return {str(k): calibration.panel_reliability(i["single_icc"], k) for k in i["k"]}


def _dawid_skene(i: Inputs, _: Mapping[str, Any]) -> Numbers:
    found = dawid_skene.dawid_skene(i["items_x_judges"])
    return {
        "prevalence": found.prevalence,
        "n_positive_posterior": int(np.sum(found.posterior > 0.5)),
        "n_positive_majority": int(np.sum(found.majority > 0.5)),
        "sensitivity": found.sensitivity,
        "specificity": found.specificity,
        "posterior_1": found.posterior,
    }


METHODS: dict[str, Adapter] = {
    "prediction_powered_mean": _ppi,
    "stratified_ppi_combination": _strata,
    "labels_needed_with_judge": _labels,
    "isotonic_and_linear_calibration": _calibration,
    "rogan_gladen_corrected_rate": _rogan_gladen,
    "panel_reliability": _panel,
    "dawid_skene_em_binary": _dawid_skene,
}
