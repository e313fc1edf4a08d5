"""What a picture of a mask is made from: grey levels, outlines, slices and a crop."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHITE = 255
MOST_STEPS = 1 << 12
"""Whole numbers of a window whose greys are worked out one by one."""


class Crop(NamedTuple):
    """Half-open voxel ranges in a slice plane.

    Attributes
    ----------
    i_start, i_stop, j_start, j_stop : int
        ``image[i_start:i_stop, j_start:j_stop]`` is what is kept.
    """

    i_start: int
    i_stop: int
    j_start: int
    j_stop: int


def window_to_uint8(image: NDArray[np.generic], *, low: float, high: float) -> NDArray[np.uint8]:
    """Grey levels 0 to 255 of a display window.

    Parameters
    ----------
    image : array of any shape
        Values in the window's unit. What is not a number becomes black.
    low, high
        Values shown as black and as white; DICOM's level is their mean, its width their
        difference (PS3.3 C.11.2.1.2).

    Raises
    ------
    ValueError
        When the window is empty.
    """
    if not low < high:
        raise ValueError(f"a window needs low below high, found {low} and {high}")
    if np.issubdtype(image.dtype, np.integer) and high - low < MOST_STEPS:
        # Few whole numbers lie in a window: each one's grey is worked out once.
        first, last = math.floor(low), math.ceil(high)
        greys = _greys(np.arange(first, last + 1), low, high)
        return np.asarray(greys[np.clip(image, first, last, dtype=np.int64) - first])
    return _greys(image, low, high)


def _greys(image: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    known = np.nan_to_num(image.astype(np.float64), nan=low, posinf=high, neginf=low)
    share = (np.clip(known, low, high) - low) / (high - low)
    return np.rint(share * WHITE).astype(np.uint8)


def cover_plane(mask: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Every pixel of a new grid over the same area that the mask touches.

    A voxel larger than a pixel keeps its square form; a voxel smaller than a pixel still
    shows, so that no piece of a mask is lost where a picture is coarser than its image.

    Parameters
    ----------
    mask : (I, J) bool array
    shape
        Pixels along both axes of the new grid.

    Returns
    -------
    (shape) bool array
    """
    rows = _any_touched(mask, shape[0])
    return _any_touched(rows.T, shape[1]).T


def outer_outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Line of one pixel just outside a mask, which therefore hides none of it.

    Parameters
    ----------
    mask : (I, J) bool array

    Returns
    -------
    (I, J) bool array
        Pixels outside the mask that share an edge with it; holes are lined within. There
        is no line where the mask ends at the border of the plane.
    """
    grown: NDArray[np.bool_] = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return np.asarray(grown & ~mask)


def slices_with_neighbours(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """Every slice that bears mask and one more on each side, ascending.

    Parameters
    ----------
    mask : (I, J, K) bool array
    """
    bears = np.asarray(mask.any(axis=(0, 1)))
    shown = np.array(bears, dtype=np.bool_)
    shown[1:] |= bears[:-1]
    shown[:-1] |= bears[1:]
    return tuple(int(k) for k in np.flatnonzero(shown))


def slices_spread(mask: NDArray[np.bool_], count: int) -> tuple[int, ...]:
    """At most ``count`` slices evenly over those that bear mask, ascending.

    Parameters
    ----------
    mask : (I, J, K) bool array
        Where nothing is marked, the slices spread over the whole stack.
    count
        At least 1.
    """
    bearing = np.flatnonzero(mask.any(axis=(0, 1)))
    if bearing.size == 0:
        bearing = np.arange(mask.shape[2])
    # Middles of equal shares, so that the outermost slices, which show least, are left out.
    share = (np.arange(count) + 0.5) / count
    return tuple(int(k) for k in np.unique(bearing[(share * bearing.size).astype(np.intp)]))


def crop_around(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], margin_mm: float
) -> Crop:
    """Smallest crop that holds a mask in all slices with a margin, inside the plane.

    Parameters
    ----------
    mask : (I, J, K) bool array
        Where nothing is marked, the whole plane is kept.
    spacing_mm
        Voxel size along i, j and k.
    margin_mm
        Kept around the mask.
    """
    bounds: list[int] = []
    for axis in (0, 1):
        n_voxels = mask.shape[axis]
        marked = np.flatnonzero(mask.any(axis=(1 - axis, 2)))
        margin = int(np.ceil(margin_mm / spacing_mm[axis]))
        first, last = (marked[0], marked[-1]) if marked.size else (0, n_voxels - 1)
        bounds += [max(0, int(first) - margin), min(n_voxels, int(last) + 1 + margin)]
    return Crop(*bounds)


def _any_touched(mask: NDArray[np.bool_], n_pixels: int) -> NDArray[np.bool_]:
    """Mask on a coarser or finer first axis: set where any voxel under a pixel is set."""
    n_voxels = mask.shape[0]
    # Whole-number borders: a voxel counts when it shares more than a border with the pixel.
    first = np.arange(n_pixels) * n_voxels // n_pixels
    after = -(-np.arange(1, n_pixels + 1) * n_voxels // n_pixels)
    touched = np.zeros((n_pixels, mask.shape[1]), dtype=np.bool_)
    filled = np.flatnonzero(mask.any(axis=0))
    if filled.size:
        part = slice(int(filled[0]), int(filled[-1]) + 1)
        local = mask[:, part]
        counts = np.zeros((n_voxels + 1, local.shape[1]), dtype=np.int32)
        np.cumsum(local, axis=0, out=counts[1:])
        touched[:, part] = counts[after] > counts[first]
    return touched
