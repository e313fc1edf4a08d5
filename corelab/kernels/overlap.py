"""How alike two masks of one image are: shared volume and distance of their surfaces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import cKDTree

FAR_SHARE = 95.0


class SurfaceDistance(NamedTuple):
    """Distances between the surfaces of two masks, mm; nan where a mask is empty.

    Attributes
    ----------
    hd95_mm : float
        The larger of the two directions' 95th percentiles.
    assd_mm : float
        Mean over all surface voxels of both masks.
    """

    hd95_mm: float
    assd_mm: float


def dice(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    """Overlap of two masks: twice the voxels of both over the voxels of each, 0 to 1.

    Parameters
    ----------
    first, second : (I, J, K) arrays
        On one grid; what is not 0 counts. Two empty masks overlap wholly.
    """
    _check(first, second)
    one, other = first != 0, second != 0
    total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / total if total else 1.0


def surface_distance(
    first: NDArray[np.bool_], second: NDArray[np.bool_], affine: NDArray[np.float64]
) -> SurfaceDistance:
    """Distance of the surfaces of two masks on one grid, sheared grids included.

    Parameters
    ----------
    first, second : (I, J, K) bool array
        On one grid.
    affine : (4, 4) array
        Voxel to mm.

    Returns
    -------
    SurfaceDistance
        Over the centres of surface voxels: those with a neighbour by a face outside the mask;
        the border of the grid counts as outside.
    """
    _check(first, second)
    if not first.any() or not second.any():
        return SurfaceDistance(hd95_mm=float("nan"), assd_mm=float("nan"))
    one, two = _surface_mm(first, affine), _surface_mm(second, affine)
    there = np.asarray(cKDTree(two).query(one)[0])
    back = np.asarray(cKDTree(one).query(two)[0])
    return SurfaceDistance(
        hd95_mm=float(max(np.percentile(there, FAR_SHARE), np.percentile(back, FAR_SHARE))),
        assd_mm=float(np.concatenate([there, back]).mean()),
    )


def _surface_mm(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.argwhere(mask & ~binary_erosion(mask))
    return places @ affine[:3, :3].T + affine[:3, 3]


def _check(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape:
        raise ValueError(f"masks of one grid expected, found {first.shape} and {second.shape}")
