"""Intervals of any statistic by drawing cases again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.intraclass import CONFIDENCE, Interval

SEED = 20_250_101
DRAWS = 2_000


def bootstrap(
    values: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], float],
    cases: NDArray[np.int64] | None = None,
    draws: int = DRAWS,
) -> Interval:
    """Percentile interval of a statistic over cases drawn with replacement, the same on every run.

    Parameters
    ----------
    values : (N, ...) array
        One row a case, or several: rows of one case stay together.
    statistic
        Of such an array, to a number; draws where it is nan are left out.
    cases : (N,) array
        Number of each row's case; without it each row is a case of its own.
    draws
        How many times cases are drawn.

    Returns
    -------
    Interval
        The statistic of all cases, and the 2.5th and 97.5th percentile of the draws. Efron and
        Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    (found,) = bootstrap_all(values, lambda drawn: [statistic(drawn)], cases, draws)
    return found


def bootstrap_all(
    values: NDArray[np.float64],
    statistics: Callable[[NDArray[np.float64]], Sequence[float]],
    cases: NDArray[np.int64] | None = None,
    draws: int = DRAWS,
) -> tuple[Interval, ...]:
    """Intervals of several statistics over the same draws; parameters as for :func:`bootstrap`."""
    numbers = np.arange(len(values)) if cases is None else cases
    rows_of = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    generator = np.random.default_rng(SEED)
    places = generator.integers(0, len(rows_of), size=(draws, len(rows_of)))
    chosen = (np.concatenate([rows_of[each] for each in place]) for place in places)
    drawn = np.array([statistics(values[rows]) for rows in chosen])
    found = zip(statistics(values), drawn.T, strict=True)
    return tuple(_interval(value, column) for value, column in found)


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    known = drawn[~np.isnan(drawn)]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(known, [tail, 100 - tail]) if known.size else (np.nan, np.nan)
    return Interval(value, float(low), float(high))
