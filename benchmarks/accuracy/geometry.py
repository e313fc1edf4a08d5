"""Ellipsoids of known volume on tilted and uneven slices, measured as masks are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.phantom.sampling import AcquisitionGrid, axial_grid, rotation_matrix
from corelab.stages.measure import volume_ml

TILTS_DEG = (0.0, 10.0, 20.0, 25.0)
VOLUMES_ML = (5.0, 20.0, 70.0)
PLACEMENTS = 12
SEED = 1105

_MATRIX = 256
_PIXEL_MM = 0.45
_SUBPIXELS = 3
_SUBSLICES = 12
_HALF = 0.5
_STACKS = {
    "2.5 mm": np.full(44, 2.5),
    "5 mm": np.full(22, 5.0),
    "4 then 7 mm": np.concatenate([np.full(13, 4.0), np.full(8, 7.0)]),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """One ellipsoid on one grid, and its volume by three ways of reckoning.

    Parameters
    ----------
    stack, tilt_deg
        The slices.
    true_ml
        By its half axes.
    measured_ml
        corelab's, of the mask of voxels that are at least half full.
    shares_ml
        corelab's slab heights times the share of each voxel: free of the mask's steps.
    naive_ml
        Of the same mask, with pixel size times the mean distance between slice origins.
    """

    stack: str
    tilt_deg: float
    true_ml: float
    measured_ml: float
    shares_ml: float
    naive_ml: float


def measure_ellipsoids() -> Iterator[Ellipsoid]:
    """Measure ellipsoids of every size, tilt and stack, placed and turned at random."""
    rng = np.random.default_rng(SEED)
    for stack, thickness_mm in _STACKS.items():
        for tilt_deg in TILTS_DEG:
            grid = _grid(thickness_mm, tilt_deg)
            for true_ml in VOLUMES_ML:
                for _ in range(PLACEMENTS):
                    share = _occupancy(grid, true_ml, rng)
                    yield _measured(grid, share, stack=stack, tilt_deg=tilt_deg, true_ml=true_ml)


def _grid(thickness_mm: NDArray[np.float64], tilt_deg: float) -> AcquisitionGrid:
    middles = np.cumsum(thickness_mm) - thickness_mm / 2
    return axial_grid(
        matrix=_MATRIX,
        pixel_mm=_PIXEL_MM,
        positions_mm=middles - thickness_mm.sum() / 2,
        thickness_mm=thickness_mm,
        tilt_deg=tilt_deg,
    )


def _measured(
    grid: AcquisitionGrid,
    share: NDArray[np.float32],
    *,
    stack: str,
    tilt_deg: float,
    true_ml: float,
) -> Ellipsoid:
    mask = share >= _HALF
    step_mm = np.linalg.norm(grid.frame.affine[:3, 2])
    return Ellipsoid(
        stack=stack,
        tilt_deg=tilt_deg,
        true_ml=true_ml,
        measured_ml=volume_ml(grid.volume(mask)),
        shares_ml=float(share.sum(axis=(0, 1)) @ grid.frame.voxel_volumes_mm3) / 1000,
        naive_ml=float(np.count_nonzero(mask) * _PIXEL_MM**2 * step_mm) / 1000,
    )


def _occupancy(
    grid: AcquisitionGrid, volume_ml: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Share of each voxel that a random ellipsoid fills, (I, J, K) float32."""
    squash = rng.uniform(0.7, 1.4, size=3)
    half_axes_mm = squash * (volume_ml * 1000 * 3 / (4 * np.pi) / squash.prod()) ** (1 / 3)
    turn = rotation_matrix(tuple(rng.uniform(-90, 90, size=3)))
    to_unit = np.diag(1 / half_axes_mm) @ turn.T
    # Half a voxel of jitter: no placement favours the grid.
    centre = np.array([0.0, -14.0, 0.0]) + rng.uniform(-3, 3, size=3)
    share = np.zeros(grid.shape, dtype=np.float32)
    for k, thickness in enumerate(grid.thickness_mm):
        start = grid.frame.slice_origin_mm(k) - centre
        for part in (np.arange(_SUBSLICES) + 0.5) / _SUBSLICES - 0.5:
            origin = to_unit @ (start + grid.frame.normal * (part * thickness))
            _fill(share[:, :, k], origin, to_unit @ grid.affine[:3, :2])
    share /= _SUBSLICES
    return share


def _fill(
    plane: NDArray[np.float32], origin: NDArray[np.float64], columns: NDArray[np.float64]
) -> None:
    """Add to each pixel the share of its lines along i that lies within the unit ball.

    A point of the plane is ``origin + a i + b j``; on a line of one j the ball holds the
    stretch between the two roots in i, so that only j needs sub-pixels.
    """
    a, b = columns[:, 0], columns[:, 1]
    lines = (np.arange(_MATRIX * _SUBPIXELS) + 0.5) / _SUBPIXELS - 0.5
    offset = origin[:, None] + b[:, None] * lines
    middle = -(a @ offset) / (a @ a)
    reach = middle**2 - ((offset**2).sum(axis=0) - 1) / (a @ a)
    cut = np.flatnonzero(reach > 0)
    if not cut.size:
        return
    half = np.sqrt(reach[cut])[None]
    edges = np.arange(_MATRIX)[:, None] - 0.5
    ends = np.minimum(edges + 1, middle[cut] + half) - np.maximum(edges, middle[cut] - half)
    np.add.at(plane.T, cut // _SUBPIXELS, ends.clip(0, 1).T.astype(np.float32) / _SUBPIXELS)
