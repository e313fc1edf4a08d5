"""Bland-Altman limits of agreement, on the scale of mL and on two that tame large infarcts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as t_distribution

from corelab.kernels.intraclass import CONFIDENCE, Interval

LIMITS_FACTOR = 1.96
LOG_OFFSET_ML = 1.0
"""Added before the logarithm, so that a measured 0 has one."""
_FEWEST_CASES = 3


class Scale(StrEnum):
    """On what scale two volumes are compared."""

    ML = "ml"
    LOG = "log"
    CUBE_ROOT = "cube_root"


class Limits(NamedTuple):
    """Bias and 95 % limits of agreement on one scale, each with its 95 % interval.

    Attributes
    ----------
    n : int
        Cases.
    spread : float
        Standard deviation of the differences.
    bias, lower, upper : Interval
        On the scale itself: mL, natural logarithm of (mL + 1), or cube root of mL.
    """

    n: int
    spread: float
    bias: Interval
    lower: Interval
    upper: Interval


def on_scale(volume_ml: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Volumes on a scale of comparison.

    Raises
    ------
    ValueError
        When a volume is negative and is to have a logarithm.
    """
    if scale is Scale.LOG:
        if volume_ml.size and volume_ml.min() < 0:
            raise ValueError(f"a volume is not negative, found {volume_ml.min()} mL")
        return np.log(volume_ml + LOG_OFFSET_ML)
    return np.cbrt(volume_ml) if scale is Scale.CUBE_ROOT else volume_ml


def limits_of_agreement(
    first_ml: NDArray[np.float64], second_ml: NDArray[np.float64], scale: Scale = Scale.ML
) -> Limits:
    """Bias and limits of agreement of two volumes of the same cases, second minus first.

    Parameters
    ----------
    first_ml, second_ml : (N,) array
        One volume a case, mL, none missing.
    scale
        Where the differences are taken. On the logarithm, exp of a limit is a ratio of volumes
        that are each 1 mL larger.

    Returns
    -------
    Limits
        Bland and Altman, Lancet 1986;1:307; intervals after the same, Stat Methods Med Res
        1999;8:135: standard errors s / sqrt(n) of the bias and
        s sqrt(1 / n + 1.96^2 / (2 (n - 1))) of a limit, with Student's t.

    Raises
    ------
    ValueError
        When there are fewer than three cases, the lengths differ or a volume is no number.
    """
    if first_ml.shape != second_ml.shape or first_ml.ndim != 1 or first_ml.size < _FEWEST_CASES:
        raise ValueError(
            f"agreement needs two values for each of at least {_FEWEST_CASES} cases, "
            f"found {first_ml.shape} and {second_ml.shape}"
        )
    if not (np.isfinite(first_ml).all() and np.isfinite(second_ml).all()):
        raise ValueError("a volume to be compared is no number")
    difference = on_scale(second_ml, scale) - on_scale(first_ml, scale)
    n, bias, spread = difference.size, float(difference.mean()), float(difference.std(ddof=1))
    quantile = float(t_distribution.ppf((1 + CONFIDENCE) / 2, n - 1))
    of_bias = quantile * spread / np.sqrt(n)
    of_limit = quantile * spread * np.sqrt(1 / n + LIMITS_FACTOR**2 / (2 * (n - 1)))
    lower, upper = bias - LIMITS_FACTOR * spread, bias + LIMITS_FACTOR * spread
    return Limits(
        n=n,
        spread=spread,
        bias=_around(bias, of_bias),
        lower=_around(lower, of_limit),
        upper=_around(upper, of_limit),
    )


def _around(value: float, half: float) -> Interval:
    return Interval(value, float(value - half), float(value + half))
