"""Values of a slice that somebody may have drawn with: strangely frequent ones above its tissue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_PIXELS_ALONE = 10
"""Of one value, for a letter of it to be told."""

SPIKE = 6.0
"""Frequency of a value over that of its neighbours that makes it a drawn one."""

SPIKE_REACH = 20
"""Neighbours to both sides, in steps of the slice's own values."""

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
    beyond = counts - SPIKE * _expected(found, counts)
    is_frequent = (counts >= FEWEST_PIXELS_ALONE) & (found > tissue)
    is_drawn = is_frequent & (beyond > 0) & _are_peaks(counts)
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
    return float(np.median(above)) if above.size else float(usual[-1])


def _expected(found: Plane, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean frequency of the values around each, below it of no more than were taken."""
    step = float(np.median(np.diff(found))) if found.size > 1 else 1.0
    reach = SPIKE_REACH * step
    up_to = np.concatenate([[0.0], np.cumsum(counts)])
    first = np.searchsorted(found, found - reach)
    last = np.searchsorted(found, found + reach, side="right")
    n_around = SPIKE_REACH + np.minimum(SPIKE_REACH, (found - found[0]) / step)
    return np.asarray((up_to[last] - up_to[first] - counts) / n_around)


def _are_peaks(counts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which are at least as many as those of the next value on either side."""
    edged = np.pad(counts, 1)
    return np.asarray((counts >= edged[:-2]) & (counts >= edged[2:]))


def _frequencies(tail: Plane) -> tuple[Plane, NDArray[np.float64]]:
    if np.issubdtype(tail.dtype, np.integer):
        lowest = int(tail.min())
        counts = np.bincount(tail.astype(np.int64) - lowest)
        held = np.flatnonzero(counts)
        return lowest + held, counts[held].astype(np.float64)
    found, counts = np.unique(tail, return_counts=True)
    return found, counts.astype(np.float64)
