"""Where a scanner puts its slices so that the whole brain is covered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.sampling import (
    AcquisitionGrid,
    axial_grid,
    oblique_grid,
    rotation_matrix,
)

Matrix = NDArray[np.float64]

CT_FIELD_MM = 240.0

# Slices start this far below the brain and end this far above it.
_MARGIN_MM = (2.0, 5.0)
# The brain ends at the foramen magnum, atlas mm; what lies below is the neck's canal.
_BRAIN_FLOOR_MM = -64.0
_MIDDLE_MM = np.array([0.0, -14.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class MrSlices:
    """Matrix and field of view in the plane, thickness and step across it."""

    matrix: int = 192
    field_mm: float = 230.4
    thickness_mm: float = 5.0
    step_mm: float = 6.0


MR_SLICES = MrSlices()


def ct_grid(
    head: Head,
    rng: np.random.Generator,
    *,
    tilt_deg: float = 0.0,
    step_mm: float = 5.0,
    field_mm: float = CT_FIELD_MM,
    pose: Matrix | None = None,
) -> AcquisitionGrid:
    """CT slices that abut, with or without a gantry tilt, the head posed at random or as told."""
    pose = _random_pose(rng) if pose is None else pose
    lean = np.radians(tilt_deg)
    normal = np.array([0.0, -np.sin(lean), np.cos(lean)])
    positions = _even_positions(head, pose, normal=normal, step_mm=step_mm)
    grid = axial_grid(
        matrix=512,
        pixel_mm=field_mm / 512,
        positions_mm=positions,
        thickness_mm=np.full(len(positions), step_mm),
        tilt_deg=tilt_deg,
    )
    return replace(grid, pose=pose)


def two_step_ct_grid(head: Head, rng: np.random.Generator) -> AcquisitionGrid:
    """CT slices that abut, 4 mm thick through the posterior fossa and 7 mm above it."""
    pose = _random_pose(rng)
    low, high = _brain_extent(head, pose, np.array([0.0, 0.0, 1.0]))
    thin = int(rng.integers(11, 14))
    thick = int(np.ceil((high - low - 4.0 * thin) / 7.0))
    thickness = np.concatenate([np.full(thin, 4.0), np.full(thick, 7.0)])
    grid = axial_grid(
        matrix=512,
        pixel_mm=CT_FIELD_MM / 512,
        positions_mm=low + np.cumsum(thickness) - thickness / 2,
        thickness_mm=thickness,
    )
    return replace(grid, pose=pose)


def base_ct_grid(grid: AcquisitionGrid, rng: np.random.Generator) -> AcquisitionGrid:
    """Few coarse slices through the skull base, the head lying as in another grid."""
    lowest = rng.uniform(-42, -36)
    base = axial_grid(
        matrix=256,
        pixel_mm=CT_FIELD_MM / 256,
        positions_mm=np.linspace(lowest, lowest + 30, 3, dtype=np.float64),
        thickness_mm=np.full(3, 4.0),
    )
    return replace(base, pose=grid.pose)


def mr_grid(
    head: Head,
    rng: np.random.Generator,
    *,
    slices: MrSlices = MR_SLICES,
    pose: Matrix | None = None,
) -> AcquisitionGrid:
    """Echo-planar MR slices, turned as a technician aligns them."""
    pose = _random_pose(rng) if pose is None else pose
    rotation = rotation_matrix((rng.uniform(4, 14), rng.normal(0, 2.0), rng.normal(0, 2.0)))
    positions = _even_positions(head, pose, normal=rotation[:, 2], step_mm=slices.step_mm)
    grid = oblique_grid(
        matrix=slices.matrix,
        pixel_mm=slices.field_mm / slices.matrix,
        positions_mm=positions,
        thickness_mm=slices.thickness_mm,
        rotation=rotation,
    )
    return replace(grid, pose=pose)


def regridded(grid: AcquisitionGrid, *, matrix: int) -> AcquisitionGrid:
    """Grid of the same slices and field of view with another number of pixels."""
    ratio = grid.shape[0] / matrix
    affine = grid.affine.copy()
    affine[:3, :2] *= ratio
    # The field's edge stays, so the first pixel's middle moves.
    affine[:3, 3] += grid.affine[:3, :2].sum(axis=1) * (ratio - 1) / 2
    return replace(grid, shape=(matrix, matrix, grid.shape[2]), affine=affine)


def slices_kept(grid: AcquisitionGrid, first: int, last: int) -> AcquisitionGrid:
    """Grid of the slices from ``first`` up to, but without, ``last``: a cropped field of view.

    Raises
    ------
    ValueError
        When fewer than two slices are left.
    """
    kept = range(grid.shape[2])[first:last]
    if len(kept) < 2:  # noqa: PLR2004 - two slices make a step
        raise ValueError(f"a grid of {grid.shape[2]} slices keeps none from {first} to {last}")
    affine = grid.affine.copy()
    affine[:3, 3] = grid.frame.slice_origin_mm(kept.start)
    positions = grid.slice_positions_mm
    return replace(
        grid,
        shape=(*grid.shape[:2], len(kept)),
        affine=affine,
        thickness_mm=grid.thickness_mm[kept.start : kept.stop],
        slice_positions_mm=None if positions is None else positions[kept.start : kept.stop],
    )


def lying(rotation_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Matrix:
    """Pose of a head on the table, (4, 4) float64: scanner mm to the head's own mm."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_matrix(rotation_deg)
    pose[:3, 3] = shift_mm
    return pose


def _random_pose(rng: np.random.Generator) -> Matrix:
    """Pose of a head on the table, (4, 4) float64: scanner mm to the head's own mm."""
    pose = np.eye(4)
    pose[:3, :3] = rotation_matrix((rng.normal(0, 2.0), rng.normal(0, 1.5), rng.normal(0, 2.0)))
    pose[:3, 3] = rng.normal(0, 1.5, size=3)
    return pose


def _even_positions(head: Head, pose: Matrix, *, normal: Matrix, step_mm: float) -> Matrix:
    low, high = _brain_extent(head, pose, normal)
    count = int(np.ceil((high - low) / step_mm))
    return np.asarray(low + step_mm * (np.arange(count) + 0.5))


def _brain_extent(head: Head, pose: Matrix, normal: Matrix) -> tuple[float, float]:
    inside = (head.depth_mm[::2, ::2, ::2] > 0) & (head.atlas_mm[2] > _BRAIN_FLOOR_MM)
    nodes = np.argwhere(inside) * domain.COARSE_STEP_MM + np.array(domain.ORIGIN_MM)
    inverse = np.linalg.inv(pose)
    heights = (nodes @ inverse[:3, :3].T + inverse[:3, 3] - _MIDDLE_MM) @ normal
    return float(heights.min()) - _MARGIN_MM[0], float(heights.max()) + _MARGIN_MM[1]
