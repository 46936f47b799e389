"""Quantiles and tail probabilities of the normal, t, binomial, beta, F and chi-square distributions.

Thin names over `scipy.special`, which imports in a fraction of the time of `scipy.stats`.
"""

from __future__ import annotations

import math

from scipy import special


def normal_quantile(p: float) -> float:
    """z with P(Z <= z) = p."""
    return float(special.ndtri(p))


def normal_cdf(z: float) -> float:
    """P(Z <= z)."""
    return float(special.ndtr(z))


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|)."""
    return float(2 * special.ndtr(-abs(z)))


def z_critical(alpha: float) -> float:
    """The z that leaves alpha/2 in each tail (1.95996 at .05)."""
    return -normal_quantile(alpha / 2)


def t_critical(alpha: float, df: float) -> float:
    """The t that leaves alpha/2 in each tail, `df` degrees of freedom."""
    return float(special.stdtrit(df, 1 - alpha / 2))


def t_cdf(t: float, df: float) -> float:
    """P(T <= t)."""
    return float(special.stdtr(df, t))


def t_two_sided(t: float, df: float) -> float:
    """P(|T| >= |t|)."""
    return float(2 * special.stdtr(df, -abs(t)))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(K <= k) for n trials; 0 below the range, 1 at and above n."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else float(special.bdtr(k, n, p))


def binomial_pmf(k: int, n: int, p: float) -> float:
    """P(K = k) for n trials, by logarithms so that large n neither over- nor underflows early."""
    if not 0 <= k <= n:
        return 0.0
    log_choose = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return math.exp(float(log_choose + special.xlogy(k, p) + special.xlog1py(n - k, -p)))


def beta_quantile(p: float, a: float, b: float) -> float:
    """x with P(X <= x) = p for X ~ Beta(a, b)."""
    return float(special.betaincinv(a, b, p))


def beta_cdf(x: float, a: float, b: float) -> float:
    """P(X <= x) for X ~ Beta(a, b)."""
    return float(special.betainc(a, b, x))


def chi2_tail(x: float, df: float) -> float:
    """P(X >= x) for a chi-square with `df` degrees of freedom."""
    return float(special.chdtrc(df, x))


def f_tail(x: float, df1: float, df2: float) -> float:
    """P(X >= x) for an F with `df1`, `df2` degrees of freedom."""
    return float(special.fdtrc(df1, df2, x))
