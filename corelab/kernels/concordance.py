"""Concordance of two readers: of their volumes, and of whether there is an infarct at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from corelab.kernels.intraclass import CONFIDENCE, UNDEFINED, Interval

_FEWEST_CASES = 3


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
        variance as corrected in Biometrics 2000;56:324. Undefined where both are constant.

    Raises
    ------
    ValueError
        When there are fewer than three cases or the lengths differ.
    """
    _check(first, second)
    n = first.size
    shift = float(second.mean() - first.mean())
    covariance = float(((first - first.mean()) * (second - second.mean())).mean())
    total = float(first.var() + second.var()) + shift**2
    if not total:
        return UNDEFINED
    value = 2 * covariance / total
    product = float(first.std() * second.std())
    if not product or abs(value) == 1:
        return Interval(value, float("nan"), float("nan"))
    pearson, scaled = covariance / product, shift / np.sqrt(product)
    if abs(pearson) == 1 or not pearson:
        return Interval(value, float("nan"), float("nan"))
    square = value**2
    variance = (
        (1 - pearson**2) * square / ((1 - square) * pearson**2)
        + 2 * value**3 * (1 - value) * scaled**2 / (pearson * (1 - square) ** 2)
        - value**4 * scaled**4 / (2 * pearson**2 * (1 - square) ** 2)
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
        Bull 1969;72:323. Undefined where both readers only ever say the same one thing.

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
    half = float(norm.ppf((1 + CONFIDENCE) / 2)) * float(error)
    return Interval(value, max(value - half, -1.0), min(value + half, 1.0))


def _check(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape or first.ndim != 1 or first.size < _FEWEST_CASES:
        raise ValueError(
            f"concordance needs two values for each of at least {_FEWEST_CASES} cases, "
            f"found {first.shape} and {second.shape}"
        )
