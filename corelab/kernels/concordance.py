"""Concordance of two readers: of their volumes, and of whether there is an infarct at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from corelab.kernels.intraclass import CONFIDENCE, UNDEFINED, Interval

_FEWEST_CASES = 3
_NO_ERROR = 1e-7
"""A standard error below this is the root of a rounding."""


def concordance(first: NDArray[np.float64], second: NDArray[np.float64]) -> Interval:
    """Lin's concordance correlation coefficient.

    Parameters
    ----------
    first, second : (N,) array
        One value a case, none missing.

    Returns
    -------
    Interval
        Lin, Biometrics 1989;45:255 (variances over n, as there), interval by Fisher's z with the
        variance as corrected in Biometrics 2000;56:324. Undefined where both are constant and
        the same; without an interval where one is constant, or they agree wholly.

    Raises
    ------
    ValueError
        When there are fewer than three cases, the lengths differ or a value is no number.
    """
    _check(first, second)
    _check_numbers(first, second)
    n = first.size
    # From one of them on, so that what is constant has no variance of roundings.
    one, other = first - first[0], second - first[0]
    shift = float(other.mean() - one.mean())
    covariance = float(((one - one.mean()) * (other - other.mean())).mean())
    total = float(one.var() + other.var()) + shift**2
    if not total:
        return UNDEFINED
    value = min(max(2 * covariance / total, -1.0), 1.0)
    product = float(one.std() * other.std())
    if not product or abs(value) == 1:
        return Interval(value, float("nan"), float("nan"))
    pearson, accuracy, scaled = covariance / product, 2 * product / total, shift**2 / product
    rest = 1 - value**2
    variance = (
        (1 - pearson**2) * accuracy**2 / rest
        + 2 * value**2 * accuracy * (1 - value) * scaled / rest**2
        - value**2 * accuracy**2 * scaled**2 / (2 * rest**2)
    ) / (n - 2)
    half = float(norm.ppf((1 + CONFIDENCE) / 2)) * np.sqrt(max(variance, 0.0))
    middle = np.arctanh(value)
    return Interval(value, float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def kappa(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Interval:
    """Cohen's kappa of two yes-or-no judgements.

    Parameters
    ----------
    first, second : (N,) bool array
        One judgement a case, such as whether there is an infarct.

    Returns
    -------
    Interval
        Cohen, Educ Psychol Meas 1960;20:37; standard error of Fleiss, Cohen and Everitt, Psychol
        Bull 1969;72:323. Undefined where both readers only ever say the same one thing; without
        an interval where that error is 0: they always agree, or one of them never changes.

    Raises
    ------
    ValueError
        When there are fewer than three cases or the lengths differ.
    """
    _check(first, second)
    n = first.size
    table = np.array(
        [[np.sum((first == a) & (second == b)) for b in (False, True)] for a in (False, True)]
    )
    share = table / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float(np.trace(share)), float(rows @ columns)
    if expected == 1:
        return UNDEFINED
    value = (observed - expected) / (1 - expected)
    same = sum(
        share[i, i] * ((1 - expected) - (rows[i] + columns[i]) * (1 - observed)) ** 2
        for i in range(2)
    )
    other = (1 - observed) ** 2 * sum(
        share[i, j] * (columns[i] + rows[j]) ** 2 for i, j in ((0, 1), (1, 0))
    )
    rest = (observed * expected - 2 * expected + observed) ** 2
    error = np.sqrt(max(same + other - rest, 0.0) / n) / (1 - expected) ** 2
    if error < _NO_ERROR:
        return Interval(value, float("nan"), float("nan"))
    half = float(norm.ppf((1 + CONFIDENCE) / 2)) * float(error)
    return Interval(value, max(value - half, -1.0), min(value + half, 1.0))


def _check(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape or first.ndim != 1 or first.size < _FEWEST_CASES:
        raise ValueError(
            f"concordance needs two values for each of at least {_FEWEST_CASES} cases, "
            f"found {first.shape} and {second.shape}"
        )


def _check_numbers(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a value to be compared is no number")
