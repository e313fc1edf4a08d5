"""Values of a slice that somebody may have drawn with: strangely frequent ones above its tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ranks import median

FEWEST_PIXELS_ALONE = 10
"""Of one value, for a letter of it to be told."""

SPIKE = 6.0
"""Frequency of a value over that of its neighbours that makes it a drawn one."""

SPIKE_REACH = 20
"""Neighbours to both sides, in steps of the slice's own values."""

STEEPNESS = 2.0
"""Frequency of a drawn value over that of the next ones: the peak of a tissue is blunt."""

NEXT_STEPS = 3.0
"""A value so many steps away is none of the next ones."""

MOST_VALUES = 3
"""Highest of such values that are looked for, beside the one that most pixels hold."""

HIGHEST_SHARE = 0.05
"""Of a slice's values, left out where its tissue is told: clips and implants fill less."""

Plane = NDArray[np.integer | np.floating]


def drawn_values(values: Plane) -> list[float]:
    """List the largest value where it is frequent, and lower ones that are strangely so.

    Parameters
    ----------
    values : (rows, columns) array
        Finite, not all alike.
    """
    middle = (float(values.min()) + float(values.max())) / 2
    tissue = min(middle, _tissue(values))
    # The tissue's own value tells the slope of its peak from a spike right above it.
    found, counts = _frequencies(values[values >= tissue])
    step = _step(found)
    beyond = counts - SPIKE * _expected(found, counts, step)
    is_frequent = (counts >= FEWEST_PIXELS_ALONE) & (found > tissue)
    is_drawn = is_frequent & (beyond > 0) & _stand_out(found, counts, step)
    is_drawn[-1:] = is_frequent[-1:]
    drawn = np.flatnonzero(is_drawn)
    if not drawn.size:
        return []
    most = drawn[np.argmax(beyond[drawn])]
    return [float(value) for value in found[np.union1d(drawn[-MOST_VALUES:], most)]]


def _tissue(values: Plane) -> float:
    """Value of the middle of what is brighter than the mean; some glaring pixels do not move it."""
    sample = np.sort(values[::4, ::4], axis=None)
    usual = sample[: max(1, int(sample.size * (1 - HIGHEST_SHARE)))].astype(np.float64)
    above = usual[usual > usual.mean()]
    return float(median(above)) if above.size else float(usual[-1])


def _step(found: Plane) -> float:
    """Distance of values that lie close: far ones, such as a clip's, are few."""
    gaps = np.sort(np.diff(found))
    return float(gaps[(gaps.size - 1) // 4]) if gaps.size else 1.0


def _expected(found: Plane, counts: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Mean frequency of the values around each."""
    reach = SPIKE_REACH * step
    up_to = np.concatenate([[0.0], np.cumsum(counts)])
    first = np.searchsorted(found, found - reach)
    last = np.searchsorted(found, found + reach, side="right")
    return np.asarray((up_to[last] - up_to[first] - counts) / (2 * SPIKE_REACH))


def _stand_out(found: Plane, counts: NDArray[np.float64], step: float) -> NDArray[np.bool_]:
    """Which are many times as frequent as the next values on both sides are on average."""
    is_next = np.diff(found) < NEXT_STEPS * step
    beside = np.zeros_like(counts)
    beside[1:] += np.where(is_next, counts[:-1], 0)
    beside[:-1] += np.where(is_next, counts[1:], 0)
    return np.asarray(2 * counts >= STEEPNESS * beside)


def _frequencies(tail: Plane) -> tuple[Plane, NDArray[np.float64]]:
    if np.issubdtype(tail.dtype, np.integer):
        lowest = int(tail.min())
        counts = np.bincount(tail.astype(np.int64) - lowest)
        held = np.flatnonzero(counts)
        return lowest + held, counts[held].astype(np.float64)
    found, counts = np.unique(tail, return_counts=True)
    return found, counts.astype(np.float64)
