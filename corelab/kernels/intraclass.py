"""Intraclass correlation of readers, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

CONFIDENCE = 0.95
_TAIL = (1 + CONFIDENCE) / 2
_TABLE_AXES = 2
_FEWEST = 2
_NOISE = 8 * float(np.finfo(np.float64).eps)
"""Rounding of a mean, as a share of the largest rating: what differs by less is equal."""


class Interval(NamedTuple):
    """An estimate and its 95 % confidence interval; nan where it is not defined."""

    value: float
    low: float
    high: float


UNDEFINED = Interval(float("nan"), float("nan"), float("nan"))


class _MeanSquares(NamedTuple):
    """Two-way analysis of variance without repetition."""

    n_cases: int
    n_readers: int
    cases: float
    readers: float
    error: float


def icc_absolute(ratings: NDArray[np.float64]) -> Interval:
    """ICC(2,1): two-way random effects, single measurement, absolute agreement.

    Parameters
    ----------
    ratings : (N, R) array
        One row a case, one column a reader, none missing.

    Returns
    -------
    Interval
        Shrout and Fleiss, Psychol Bull 1979;86:420, case 2; interval after McGraw and Wong,
        Psychol Methods 1996;1:30, table 7. Undefined where no case and no reader differs;
        without an interval where all readers agree wholly.

    Raises
    ------
    ValueError
        With fewer than two cases or readers, or a rating that is no number.
    """
    squares = _mean_squares(ratings)
    n, r, cases, readers, error = squares
    denominator = cases + (r - 1) * error + r * (readers - error) / n
    if not denominator:
        return UNDEFINED
    value = (cases - error) / denominator
    if value == 1:
        return Interval(value, float("nan"), float("nan"))
    of_readers = r * value / (n * (1 - value)) * readers
    of_error = (1 + r * value * (n - 1) / (n * (1 - value))) * error
    if abs(of_readers + of_error) <= _NOISE * (readers + error):
        return Interval(value, float("nan"), float("nan"))
    freedom = (of_readers + of_error) ** 2 / (
        of_readers**2 / (r - 1) + of_error**2 / ((n - 1) * (r - 1))
    )
    above = float(f_distribution.ppf(_TAIL, n - 1, freedom))
    below = float(f_distribution.ppf(_TAIL, freedom, n - 1))
    spread = r * readers + (r * n - r - n) * error
    low = n * (cases - above * error) / (above * spread + n * cases)
    high = n * (below * cases - error) / (spread + n * below * cases)
    return Interval(value, low, high)


def icc_consistency(ratings: NDArray[np.float64]) -> Interval:
    """ICC(3,1): two-way mixed effects, single measurement, consistency.

    Parameters
    ----------
    ratings : (N, R) array
        One row a case, one column a reader, none missing.

    Returns
    -------
    Interval
        Shrout and Fleiss 1979, case 3, with its interval. A constant difference of readers does
        not lower it: read it beside :func:`icc_absolute`.

    Raises
    ------
    ValueError
        With fewer than two cases or readers, or a rating that is no number.
    """
    n, r, cases, _, error = _mean_squares(ratings)
    denominator = cases + (r - 1) * error
    if not denominator:
        return UNDEFINED
    value = (cases - error) / denominator
    if not error:
        return Interval(value, float("nan"), float("nan"))
    ratio, freedom = cases / error, (n - 1) * (r - 1)
    low = ratio / float(f_distribution.ppf(_TAIL, n - 1, freedom))
    high = ratio * float(f_distribution.ppf(_TAIL, freedom, n - 1))
    return Interval(value, (low - 1) / (low + r - 1), (high - 1) / (high + r - 1))


def _mean_squares(ratings: NDArray[np.float64]) -> _MeanSquares:
    if ratings.ndim != _TABLE_AXES or min(ratings.shape) < _FEWEST:
        raise ValueError(
            "ratings need at least two cases (rows) and two readers (columns), "
            f"found shape {ratings.shape}"
        )
    if not np.isfinite(ratings).all():
        raise ValueError("ratings hold what is no number")
    n, r = ratings.shape
    noise = n * r * (_NOISE * float(np.abs(ratings).max())) ** 2
    grand = ratings.mean()
    rows, columns = ratings.mean(axis=1), ratings.mean(axis=0)
    residue = ratings - rows[:, None] - columns[None, :] + grand
    return _MeanSquares(
        n_cases=n,
        n_readers=r,
        cases=_above(noise, r * ((rows - grand) ** 2).sum() / (n - 1)),
        readers=_above(noise, n * ((columns - grand) ** 2).sum() / (r - 1)),
        error=_above(noise, (residue**2).sum() / ((n - 1) * (r - 1))),
    )


def _above(noise: float, square: float) -> float:
    """Mean square; 0 where rounding alone may have made it: no ratio of roundings follows."""
    return float(square) if square > noise else 0.0
