"""Slices that are tilted or unevenly spaced, resampled to even steps along their normal.

The result is for looking: linear interpolation blurs, and no number is taken from it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SHARE_OF_USUAL_STEPS = 0.1
SAME_STEP = 0.05
MOST_PLANES_PER_SLICE = 4
_WHOLE = 1e-6


class Equidistant(NamedTuple):
    """An even stack, and where its first voxel lies.

    ``data`` is (I', J', K') of the input's type; ``origin`` is the place of its voxel
    (0, 0, 0) in voxels of slice 0 along i and j; ``step_mm`` separates its planes.
    """

    data: NDArray[np.generic]
    origin: tuple[int, int]
    step_mm: float


def equidistant(
    data: NDArray[np.generic],
    positions_mm: NDArray[np.float64],
    offsets: NDArray[np.float64],
    *,
    outside: float,
) -> Equidistant:
    """Resample a stack to even planes that stand straight above each other.

    Linear between the two slices around each plane, each of them moved in its own plane to
    where it was acquired, linear as well. Nothing is cut off: the field is as wide as all
    slices together, and the last plane reaches the last slice.

    Parameters
    ----------
    data : (I, J, K) array
        Slices along k; at least two.
    positions_mm : (K,) array
        Ascending positions along the slice normal.
    offsets : (K, 2) array
        Place of each slice's voxel (0, 0) in voxels of slice 0 along i and j.
    outside
        Value where no slice has been.
    """
    step_mm = usual_step_mm(positions_mm)
    low = np.floor(offsets.min(axis=0) + _WHOLE).astype(int)
    high = np.ceil(offsets.max(axis=0) - _WHOLE).astype(int)
    field = data.shape[0] + int(high[0] - low[0]), data.shape[1] + int(high[1] - low[1])
    heights = positions_mm - positions_mm[0]
    n_planes = int(np.ceil(heights[-1] / step_mm - _WHOLE)) + 1
    out = np.empty((*field, n_planes), dtype=data.dtype, order="F")

    @lru_cache(maxsize=2)
    def slice_at(k: int) -> NDArray[np.float32]:
        return _moved(data[:, :, k], offsets[k] - low, field, outside=outside)

    for plane in range(n_planes):
        out[:, :, plane] = _as_type(_between(heights, plane * step_mm, slice_at), data.dtype)
    return Equidistant(data=out, origin=(int(low[0]), int(low[1])), step_mm=step_mm)


def usual_step_mm(positions_mm: NDArray[np.float64]) -> float:
    """Smallest step that is no exception: a tenth of all steps are like it.

    Never so small that there were more than four planes a slice.
    """
    steps = np.diff(positions_mm)
    alike = np.abs(steps[:, None] - steps) <= SAME_STEP * steps[:, None]
    usual = alike.sum(axis=1) >= SHARE_OF_USUAL_STEPS * len(steps)
    smallest = steps[usual].min() if usual.any() else np.median(steps)
    step = float(np.median(steps[np.abs(steps - smallest) <= SAME_STEP * smallest]))
    height = float(positions_mm[-1] - positions_mm[0])
    return max(step, height / (MOST_PLANES_PER_SLICE * len(positions_mm)))


def _between(
    heights: NDArray[np.float64], height: float, slice_at: Callable[[int], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Plane at a height; beyond the last slice, that slice."""
    below = int(np.clip(np.searchsorted(heights, height, side="right") - 1, 0, len(heights) - 2))
    share = (height - heights[below]) / (heights[below + 1] - heights[below])
    share = np.float32(np.clip(share, 0, 1))
    return (1 - share) * slice_at(below) + share * slice_at(below + 1)


def _moved(
    plane: NDArray[np.generic],
    shift: NDArray[np.float64],
    field: tuple[int, int],
    *,
    outside: float,
) -> NDArray[np.float32]:
    """Slice (I, J) in a wider field (I', J'), moved by voxels and their parts."""
    along_i = _moved_along_i(plane.astype(np.float32), float(shift[0]), field[0], outside=outside)
    return _moved_along_i(along_i.T, float(shift[1]), field[1], outside=outside).T


def _moved_along_i(
    plane: NDArray[np.float32], shift: float, length: int, *, outside: float
) -> NDArray[np.float32]:
    whole = int(np.floor(shift + _WHOLE))
    part = np.float32(max(0.0, shift - whole))
    wide = np.full((length + 1, plane.shape[1]), outside, dtype=np.float32)
    wide[whole + 1 : whole + 1 + plane.shape[0]] = plane
    if part < _WHOLE:
        return wide[1:]
    return np.asarray((1 - part) * wide[1:] + part * wide[:-1])


def _as_type(values: NDArray[np.float32], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    return np.rint(values).astype(dtype) if dtype.kind in "iu" else values.astype(dtype)
