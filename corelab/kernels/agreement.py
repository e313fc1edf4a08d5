"""Agreement of two sets of measurements of the same cases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LIMITS_FACTOR = 1.96
_FEWEST_CASES = 3
_PAIR_AXES = 2


class Agreement(NamedTuple):
    """How two measurements of the same cases agree.

    Attributes
    ----------
    n : int
        Cases.
    bias, lower_limit, upper_limit : float
        Mean difference (second minus first) and the 95 % limits of agreement, in the unit of
        the measurements. Bland and Altman, Lancet 1986;1:307.
    icc_2_1 : float
        Two-way random effects, single measurement, absolute agreement.
        Shrout and Fleiss, Psychol Bull 1979;86:420, case 2.
    """

    n: int
    bias: float
    lower_limit: float
    upper_limit: float
    icc_2_1: float


def agreement(first: NDArray[np.float64], second: NDArray[np.float64]) -> Agreement:
    """Bias, limits of agreement and ICC(2,1) of two measurements of the same cases.

    Parameters
    ----------
    first, second : (N,) array
        One value a case, none missing.

    Raises
    ------
    ValueError
        When there are fewer than three cases or the lengths differ.
    """
    if first.shape != second.shape or first.ndim != 1 or first.size < _FEWEST_CASES:
        raise ValueError(
            f"agreement needs two values for each of at least {_FEWEST_CASES} cases, "
            f"found {first.shape} and {second.shape}"
        )
    difference = second - first
    bias, spread = float(difference.mean()), float(difference.std(ddof=1))
    return Agreement(
        n=first.size,
        bias=bias,
        lower_limit=bias - LIMITS_FACTOR * spread,
        upper_limit=bias + LIMITS_FACTOR * spread,
        icc_2_1=icc_2_1(np.stack([first, second], axis=1)),
    )


def icc_2_1(ratings: NDArray[np.float64]) -> float:
    """Intraclass correlation, two-way random effects, single measurement, absolute agreement.

    Parameters
    ----------
    ratings : (N, R) array
        One row a case, one column a reader.

    Notes
    -----
    Undefined (nan) where no case and no reader differs from another.
    """
    if ratings.ndim != _PAIR_AXES:
        raise ValueError(f"ratings need cases x readers, found shape {ratings.shape}")
    n, r = ratings.shape
    grand = ratings.mean()
    rows, columns = ratings.mean(axis=1), ratings.mean(axis=0)
    between = r * ((rows - grand) ** 2).sum() / (n - 1)
    readers = n * ((columns - grand) ** 2).sum() / (r - 1)
    residue = ratings - rows[:, None] - columns[None, :] + grand
    error = (residue**2).sum() / ((n - 1) * (r - 1))
    denominator = between + (r - 1) * error + r * (readers - error) / n
    return float((between - error) / denominator) if denominator else float("nan")


def dice(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Overlap of two masks: twice the voxels of both over the voxels of each, 0 to 1.

    Parameters
    ----------
    first, second : (I, J, K) arrays
        On one grid; what is not 0 counts. Two empty masks overlap wholly.
    """
    one, other = first != 0, second != 0
    total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / total if total else 1.0
