"""Which voxels are face: in front of the brain, below its front pole, and far from it.

The brain's own mask says where the head looks: the plane that it mirrors best in gives left
and right, its longest axis in that plane front and back. All lengths are world millimetres,
so that a tilted gantry, thick or uneven slices, any order of axes and a turned head are cut
alike.

Quickshear (Schimke and Hale, HealthSec 2011) cuts along one plane before the lower front of
the brain's hull, and counts its distance in voxels. Here the cut follows the brain at
one distance: a plane that stays clear of the frontal and of the temporal poles leaves much of
the eyes and the nose between them (``python -m benchmarks.deface`` compares the two).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.midline import find_midline
from corelab.kernels.reduction import bounding_box

if TYPE_CHECKING:
    from collections.abc import Iterator

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

DILATION_MM = 2.0
"""How far inside the skull a brain mask's border may lie; the mask is dilated by as much."""

KEPT_MM = (15.0, 20.0, 25.0, 30.0)
"""What is kept around the dilated mask: skull, scalp, and room for a wrong border. The first is
the rule; the others are for heads whose brain is not found alike without the bones of the face."""

CELL_MM = 1.0
DIAGONAL_MM = 3**0.5 * CELL_MM
"""How much further apart than their cells' middles two voxels may lie, or nearer together: each
lies within half a diagonal of its own cell's middle."""

COARSE_MM = 4.0
PRUNED = 100


class Slices(NamedTuple):
    """Where the voxels of a stack lie, RAS+ mm.

    Attributes
    ----------
    steps_mm : (3, 2) array
        From one voxel to the next along i and along j.
    origins_mm : (K, 3) array
        Voxel (0, 0) of each slice; two slices or more, in their order along the normal.
    """

    steps_mm: NDArray[np.float64]
    origins_mm: NDArray[np.float64]

    def points(self, k: int, places: NDArray[np.intp]) -> Points:
        """World places of the voxels (n, 2) of one slice, (n, 3) mm."""
        return np.asarray(self.origins_mm[k] + places @ self.steps_mm.T)


class FaceCut(NamedTuple):
    """What of the world is face, in the head's own axes.

    Attributes
    ----------
    axes : (3, 3) array
        Unit vectors to the head's right, front and top, as rows, RAS+.
    corner_mm : (3,) array
        Middle of the first cell along those axes.
    back_mm, top_mm : float
        Face lies in front of the first along ``axes[1]`` and below the second along
        ``axes[2]``.
    is_far : (R, F, U) bool array
        Cells beyond what is kept around the brain. What lies outside the cells is as their
        nearest one is.
    """

    axes: NDArray[np.float64]
    corner_mm: NDArray[np.float64]
    back_mm: float
    top_mm: float
    is_far: Mask


def find_face(brain: Mask, slices: Slices, kept_mm: float = KEPT_MM[0]) -> FaceCut:
    """Find where the face is from where the brain is.

    Parameters
    ----------
    brain : (I, J, K) bool array
        Inside of the skull, or brain and liquor.
    slices
        Where its voxels lie.
    kept_mm
        What is kept around the mask dilated by ``DILATION_MM``.

    Returns
    -------
    FaceCut
        In front of the brain's middle, below its front pole, and beyond what is kept.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the mask is empty.
    """
    if not brain.any():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "no face: the brain mask is empty")
    ends = np.concatenate([slices.points(k, places) for k, places in _row_ends(brain)])
    coarse = _coarse_points(brain, slices, ends)
    axes = _axes(coarse)
    ends = ends @ axes.T
    back_mm = float(coarse.mean(axis=0) @ axes[1])
    top_mm = float(ends[ends[:, 1].argmax(), 2])
    reach_mm = DILATION_MM + kept_mm + DIAGONAL_MM
    margin_mm = reach_mm + 2 * CELL_MM
    low, high = ends.min(axis=0) - margin_mm, ends.max(axis=0) + margin_mm
    # Only brain near the face has a say in what is near the brain there.
    low[1], high[2] = max(low[1], back_mm - margin_mm), min(high[2], top_mm + margin_mm)
    near = _cells(brain, slices, axes, (low, high))
    is_far = ndimage.distance_transform_edt(~near, sampling=CELL_MM) > reach_mm
    return FaceCut(axes, low, back_mm, top_mm, is_far)


def face_mask(cut: FaceCut, slices: Slices, shape: tuple[int, int, int]) -> Mask:
    """Voxels of any stack of the same head that are face, (I, J, K) bool array.

    Parameters
    ----------
    cut
        From :func:`find_face`.
    slices
        Where the stack's voxels lie, in the world of the brain mask.
    shape
        Of the stack.
    """
    face = np.zeros(shape, dtype=bool, order="F")
    i, j = np.ogrid[: shape[0], : shape[1]]
    along_i, along_j = (cut.axes @ slices.steps_mm).T
    for k, origin in enumerate(slices.origins_mm @ cut.axes.T):
        parts = zip(origin, along_i, along_j, strict=True)
        place = [start + i * step_i + j * step_j for start, step_i, step_j in parts]
        ahead = (place[1] > cut.back_mm) & (place[2] < cut.top_mm)
        cells = _cells_of(np.column_stack([part[ahead] for part in place]), cut.corner_mm)
        inside = np.clip(cells, 0, np.array(cut.is_far.shape) - 1)
        face[:, :, k][ahead] = cut.is_far[tuple(inside.T)]
    return face


def nearest_mm(first: Mask, slices: Slices, second: Mask, second_slices: Slices) -> float:
    """Least distance between the voxel centres of two masks, mm; infinite if one is empty.

    Parameters
    ----------
    first : (I, J, K) bool array
    slices
        Where its voxels lie.
    second : (L, M, N) bool array
        On any grid of the same world.
    second_slices
        Where its voxels lie.
    """
    if not (first.any() and second.any()):
        return float("inf")
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow, and few runs take faces off

    tree = cKDTree(_border_points(first, slices))
    points = _border_points(second, second_slices)
    some_mm = float(tree.query(points[::PRUNED])[0].min())
    # No place further than the nearest of a few is looked at twice.
    found = tree.query(points, distance_upper_bound=np.nextafter(some_mm, np.inf))[0]
    return min(some_mm, float(found.min()))


def _row_ends(mask: Mask) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """First and last voxel of every row of every slice: no voxel lies beyond all of them."""
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        layer = mask[:, :, k]
        rows = np.flatnonzero(layer.any(axis=1))
        first = layer[rows].argmax(axis=1)
        last = layer.shape[1] - 1 - layer[rows, ::-1].argmax(axis=1)
        yield int(k), np.column_stack([np.tile(rows, 2), np.concatenate([first, last])])


def _coarse_points(brain: Mask, slices: Slices, ends: Points) -> Points:
    """World places of the brain on a coarse even grid along right, front and top, (n, 3) mm."""
    low = ends.min(axis=0) - COARSE_MM
    shape = np.ceil((ends.max(axis=0) - low) / COARSE_MM).astype(int) + 2
    points = low + np.indices(shape).reshape(3, -1).T * COARSE_MM
    inside = points[_holds(brain, slices, points)]
    return inside if inside.size else ends


def _axes(points: Points) -> NDArray[np.float64]:
    """Right, front and top of the head, (3, 3) unit rows, from its coarse places."""
    low = points.min(axis=0)
    cells = np.rint((points - low) / COARSE_MM).astype(int)
    coarse = np.zeros(cells.max(axis=0) + 1, dtype=bool)
    coarse[tuple(cells.T)] = True
    right = np.array(find_midline(coarse, (COARSE_MM,) * 3).normal)
    forward = np.array([0.0, 1.0, 0.0]) - right[1] * right
    forward /= np.linalg.norm(forward)
    upward = np.cross(right, forward)
    spread = np.cov(points @ np.column_stack([forward, upward]), rowvar=False)
    _, directions = np.linalg.eigh(spread)
    along = directions[:, np.abs(directions[0]).argmax()]
    along = along if along[0] > 0 else -along
    front = along[0] * forward + along[1] * upward
    return np.array([right, front, np.cross(right, front)])


def _cells(
    brain: Mask, slices: Slices, axes: NDArray[np.float64], box: tuple[Points, Points]
) -> Mask:
    """Cells in the head's axes that brain lies in: their middle, or a voxel's centre in them."""
    low, high = box
    shape = np.ceil((high - low) / CELL_MM).astype(int) + 1
    held = np.empty(shape, dtype=bool)
    layer = low + np.indices((1, *shape[1:])).reshape(3, -1).T * CELL_MM
    for r in range(shape[0]):
        points = (layer + np.array([r * CELL_MM, 0.0, 0.0])) @ axes
        held[r] = _holds(brain, slices, points).reshape(shape[1:])
    for k in range(brain.shape[2]):
        cells = _cells_of(slices.points(k, np.argwhere(brain[:, :, k])) @ axes.T, low)
        inside = cells[((cells >= 0) & (cells < shape)).all(axis=1)]
        held[tuple(inside.T)] = True
    return held


def _cells_of(places: Points, corner_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.rint((places - corner_mm) / CELL_MM).astype(np.intp)


def _holds(mask: Mask, slices: Slices, points: Points) -> Mask:
    """Whether the voxel around each world place (n, 3) is in the mask, (n,) bool array.

    A slice reaches half the way to its neighbours along its normal, as it is measured.
    """
    normal = np.cross(slices.steps_mm[:, 0], slices.steps_mm[:, 1])
    normal *= np.sign(normal @ (slices.origins_mm[-1] - slices.origins_mm[0]))
    normal /= np.linalg.norm(normal)
    heights = (slices.origins_mm - slices.origins_mm[0]) @ normal
    middles = (heights[:-1] + heights[1:]) / 2
    ends = 2 * heights[0] - middles[0], 2 * heights[-1] - middles[-1]
    borders = np.concatenate([ends[:1], middles, ends[1:]])
    layer = np.searchsorted(borders, (points - slices.origins_mm[0]) @ normal) - 1
    k = np.clip(layer, 0, heights.size - 1)
    in_plane = (points - slices.origins_mm[k]) @ np.linalg.pinv(slices.steps_mm).T
    places = np.column_stack([np.rint(in_plane).astype(np.intp), layer])
    inside = ((places >= 0) & (places < mask.shape)).all(axis=1)
    found = np.zeros(len(points), dtype=bool)
    found[inside] = mask[tuple(places[inside].T)]
    return found


def _border_points(mask: Mask, slices: Slices) -> Points:
    """World places of a mask's voxels that are not all around within it, (n, 3) mm."""
    box = bounding_box(mask, (0, 0, 0))
    held = mask[box]
    border = held & ~ndimage.binary_erosion(held)
    first = np.array([part.start for part in box])
    layers = (np.argwhere(border[:, :, k]) + first[:2] for k in range(border.shape[2]))
    return np.concatenate([slices.points(k, at) for k, at in enumerate(layers, first[2])])
