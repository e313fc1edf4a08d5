"""Intervals of any statistic by drawing cases again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.intraclass import CONFIDENCE, Interval

SEED = 20_250_101
DRAWS = 2_000


def bootstrap(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], float],
    draws: int = DRAWS,
) -> Interval:
    """Percentile interval of a statistic over cases drawn with replacement, the same on every run.

    Parameters
    ----------
    values : (N, ...) array
        One row a case: reads of one case stay together.
    statistic
        Of such an array, to a number; draws where it is nan are left out.
    draws
        How many times cases are drawn.

    Returns
    -------
    Interval
        The statistic of all cases, and the 2.5th and 97.5th percentile of the draws. Efron and
        Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    generator = np.random.default_rng(SEED)
    places = generator.integers(0, len(values), size=(draws, len(values)))
    drawn = np.array([statistic(values[place]) for place in places])
    known = drawn[~np.isnan(drawn)]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(known, [tail, 100 - tail]) if known.size else (np.nan, np.nan)
    return Interval(statistic(values), float(low), float(high))
