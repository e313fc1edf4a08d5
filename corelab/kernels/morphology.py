"""Shape operations on masks, slice by slice, with sizes in millimetres.

Discs lie in the slice: slices are often ten times as thick as a pixel is wide, so a ball
would reach no neighbour or the whole of it. Beyond the image's edge a mask goes on as it
is at the edge: the edge neither eats into a mask nor lets it grow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.reduction import bounding_box, order_of, values_in

if TYPE_CHECKING:
    from collections.abc import Sequence

DISC_HALO_VOXELS = 0
"""Slices that discs, and the filling of holes, look at on either side; pieces may reach
through all of them."""

IN_PLANE_FACES = np.zeros((3, 3, 3), dtype=bool)
IN_PLANE_FACES[:, 1, 1] = True
IN_PLANE_FACES[1, :, 1] = True
IN_PLANE_FACES.flags.writeable = False


def dilate_disc(
    mask: NDArray[np.bool_], radius_mm: float, *, spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Every voxel within ``radius_mm`` of the mask in its own slice, (I, J, K) bool array.

    Parameters
    ----------
    mask : (I, J, K) bool array
    radius_mm
        0 or more; a radius below half a voxel changes nothing.
    spacing_mm
        Voxel size along i and j (further entries are ignored), mm.
    """
    step_i, step_j = float(spacing_mm[0]), float(spacing_mm[1])
    reach_i = min(int(radius_mm / step_i + 1e-6), mask.shape[0] - 1)
    grown = mask.copy(order="K")
    run, width = mask.copy(order="K"), 0
    # A disc is a stack of runs along j; walking from its rim to its middle the runs only lengthen.
    for shift in range(reach_i, -1, -1):
        half_mm = np.sqrt(max(radius_mm**2 - (shift * step_i) ** 2, 0.0))
        reach_j = min(int(half_mm / step_j + 1e-6), mask.shape[1] - 1)
        while width < reach_j:
            width += 1
            run[:, width:] |= mask[:, :-width]
            run[:, :-width] |= mask[:, width:]
        if shift == 0:
            grown |= run
        else:
            grown[shift:] |= run[:-shift]
            grown[:-shift] |= run[shift:]
    return grown


def erode_disc(
    mask: NDArray[np.bool_], radius_mm: float, *, spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Every voxel further than ``radius_mm`` from the outside in its slice, (I, J, K) bool array.

    Parameters as for :func:`dilate_disc`.
    """
    return ~dilate_disc(~mask, radius_mm, spacing_mm=spacing_mm)


def open_disc(
    mask: NDArray[np.bool_], radius_mm: float, *, spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Where a disc of this radius fits into the mask, (I, J, K) bool array.

    Parameters as for :func:`dilate_disc`.
    """
    eroded = erode_disc(mask, radius_mm, spacing_mm=spacing_mm)
    return dilate_disc(eroded, radius_mm, spacing_mm=spacing_mm)


def close_disc(
    mask: NDArray[np.bool_], radius_mm: float, *, spacing_mm: Sequence[float]
) -> NDArray[np.bool_]:
    """Return the mask plus every gap that no disc of this radius fits into, (I, J, K) bool array.

    Parameters as for :func:`dilate_disc`.
    """
    grown = dilate_disc(mask, radius_mm, spacing_mm=spacing_mm)
    return erode_disc(grown, radius_mm, spacing_mm=spacing_mm)


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest face-connected piece, (I, J, K) bool array; empty if the mask is.

    Of two equally large pieces the first in index order is kept.
    """
    kept = np.zeros_like(mask)
    if not mask.any():
        return kept
    box = bounding_box(mask, (0, 0, 0))
    labels, count = _pieces(mask[box])
    sizes = _sizes(labels, count)
    sizes[0] = 0
    largest = np.flatnonzero(sizes == sizes.max())
    first = largest[0] if largest.size == 1 else labels.ravel()[np.isin(labels, largest).argmax()]
    kept[box] = labels == first
    return kept


def numbered_pieces(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Give the face-connected pieces numbers from 1 in the order of memory, and say how many.

    They are looked for in the mask's box alone: seeds fill little of an image.
    """
    labels, count = np.zeros_like(mask, dtype=np.int32), 0
    if mask.any():
        box = bounding_box(mask, (0, 0, 0))
        labels[box], count = _pieces(mask[box])
    return labels, count


def keep_larger_than(mask: NDArray[np.bool_], min_voxels: float) -> NDArray[np.bool_]:
    """Return the face-connected pieces of at least ``min_voxels`` voxels, (I, J, K) bool array."""
    kept = np.zeros_like(mask)
    if np.count_nonzero(mask) < max(1.0, min_voxels):
        return kept
    box = bounding_box(mask, (0, 0, 0))
    labels, count = _pieces(mask[box])
    keep = _sizes(labels, count) >= min_voxels
    keep[0] = False
    kept[box] = keep[labels]
    return kept


def keep_touching(mask: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the face-connected pieces of the mask that hold a seed, bool array of its shape."""
    kept, inside = np.zeros_like(mask), seeds & mask
    if not inside.any():
        return kept
    box = bounding_box(mask, (0, 0, 0))
    labels, count = _pieces(mask[box])
    keep = np.zeros(count + 1, dtype=bool)
    keep[values_in(labels, inside[box])] = True
    kept[box] = keep[labels]
    return kept


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask with everything it encloses within a slice, (I, J, K) bool array.

    A hole that reaches the edge of the image is not enclosed and stays open.
    """
    return fill_small_holes(mask, np.inf)


def fill_small_holes(mask: NDArray[np.bool_], max_voxels: float) -> NDArray[np.bool_]:
    """Return the mask plus its enclosed holes of at most ``max_voxels`` pixels, (I, J, K) bool."""
    filled = mask.copy(order="K")
    if not mask.any():
        return filled
    # What lies around the mask's box is open: a hole that reaches its edge is, too.
    box = bounding_box(mask, (0, 0, 0))
    labels, count = _pieces(~mask[box], IN_PLANE_FACES)
    is_open = _labels_at_the_edge(labels, count)
    if np.isfinite(max_voxels):
        is_open |= _sizes(labels, count) > max_voxels
        is_open[0] = False
    filled[box] = ~is_open[labels]
    return filled


def _pieces(
    mask: NDArray[np.bool_], structure: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int32], int]:
    """Label the pieces, in the mask's own order of memory, and count them."""
    if order_of(mask) == "F":
        labels, count = ndimage.label(mask.T, structure=None if structure is None else structure.T)
        return labels.T, count
    labels, count = ndimage.label(mask, structure=structure)
    return labels, count


def _sizes(labels: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Voxels of every label, the background's first, (count + 1,) array."""
    return np.bincount(labels.ravel(order="K"), minlength=count + 1)


def _labels_at_the_edge(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """Which labels reach the in-plane edge of the image, (count + 1,) bool; never label 0."""
    touches = np.zeros(count + 1, dtype=bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touches[edge] = True
    touches[0] = False
    return touches
