"""From a field in space to the voxels of any acquisition, averaged over slice thickness."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.volume import Volume

Field = NDArray[np.float32]
Matrix = NDArray[np.float64]

_SUBSLICE_MM = 1.25


@dataclass(frozen=True, kw_only=True, eq=False)
class AcquisitionGrid:
    """Where a scanner's voxels lie, how thick its slices are, and how the head lies in it.

    Parameters
    ----------
    shape
        Number of voxels along i (columns), j (rows) and k (slices).
    affine : (4, 4) float64 array
        Voxel index to the scanner's RAS+ mm; sheared for a gantry tilt.
    thickness_mm : (K,) float64 array
        Thickness of each slice along the normal.
    slice_positions_mm : (K,) float64 array or None
        Position of each slice along the normal where steps differ.
    pose : (4, 4) float64 array
        Scanner mm to the head's own mm: the head lies otherwise at each visit.
    """

    shape: tuple[int, int, int]
    affine: Matrix
    thickness_mm: Matrix
    slice_positions_mm: Matrix | None = None
    pose: Matrix = field(default_factory=lambda: np.eye(4))

    @cached_property
    def frame(self) -> Volume:
        """Volume of zeros on this grid, taking no memory."""
        return self.volume(np.broadcast_to(np.int8(0), self.shape))

    def volume(self, data: NDArray[np.generic]) -> Volume:
        """Image of values on this grid."""
        return Volume(data=data, affine=self.affine, slice_positions_mm=self.slice_positions_mm)


def axial_grid(
    *,
    matrix: int,
    pixel_mm: float,
    positions_mm: Matrix,
    thickness_mm: Matrix,
    tilt_deg: float = 0.0,
) -> AcquisitionGrid:
    """Square transverse slices as a CT scanner makes them, stacked along its table.

    Columns run to the patient's left and rows to the back, as DICOM images do.

    Parameters
    ----------
    matrix, pixel_mm
        Pixels along one side, and their size.
    positions_mm
        Distances of the slices from the scanner's centre along their normal, ascending.
    thickness_mm
        Thickness of each slice along the normal.
    tilt_deg
        Gantry tilt: slices lean about the left-right axis, their front upward when positive.
    """
    lean = np.radians(tilt_deg)
    columns = np.array([[-1.0, 0, 0], [0, -np.cos(lean), -np.sin(lean)]]) * pixel_mm
    step = float(np.mean(np.diff(positions_mm)))
    affine = np.eye(4)
    affine[:3, :2] = columns.T
    affine[:3, 2] = (0, 0, step / np.cos(lean))
    middle = np.array([0.0, -14.0, positions_mm[0] / np.cos(lean)])
    affine[:3, 3] = middle - columns.sum(axis=0) * (matrix - 1) / 2
    even = np.allclose(np.diff(positions_mm), step)
    return AcquisitionGrid(
        shape=(matrix, matrix, len(positions_mm)),
        affine=affine,
        thickness_mm=thickness_mm,
        slice_positions_mm=None if even else positions_mm - positions_mm[0],
    )


def oblique_grid(
    *,
    matrix: int,
    pixel_mm: float,
    positions_mm: Matrix,
    thickness_mm: float,
    rotation: Matrix,
) -> AcquisitionGrid:
    """Square slices at a right angle to their stacking, turned any way, as MR makes them.

    Parameters
    ----------
    matrix, pixel_mm
        Pixels along one side, and their size.
    positions_mm
        Distances of the slices from the scanner's centre along their normal, even steps.
    thickness_mm
        Thickness of all slices.
    rotation : (3, 3) float64 array
        Turns the transverse plane into the slices' plane.
    """
    step = float(positions_mm[1] - positions_mm[0])
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([-pixel_mm, -pixel_mm, step])
    corner = np.array([pixel_mm * (matrix - 1) / 2, pixel_mm * (matrix - 1) / 2, positions_mm[0]])
    affine[:3, 3] = rotation @ corner + np.array([0.0, -14.0, 0.0])
    return AcquisitionGrid(
        shape=(matrix, matrix, len(positions_mm)),
        affine=affine,
        thickness_mm=np.full(len(positions_mm), thickness_mm),
    )


def rotation_matrix(degrees: tuple[float, float, float]) -> Matrix:
    """Rotation about x, then y, then z, (3, 3) float64."""
    a, b, c = np.radians(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def sample(values: Field, grid: AcquisitionGrid, *, outside: float = 0.0) -> Field:
    """Mean of a field over each voxel's slice thickness, (I, J, K) float32.

    Parameters
    ----------
    values : (X, Y, Z) float32 array
        Field on the domain's nodes, linear between them.
    grid
        The acquisition.
    outside
        Value beyond the domain.
    """
    image = np.empty(grid.shape, dtype=np.float32)
    for k in range(grid.shape[2]):
        image[:, :, k] = _sample_slice(values, grid, k, outside)
    return image


def _sample_slice(values: Field, grid: AcquisitionGrid, k: int, outside: float) -> Field:
    turn, shift = grid.pose[:3, :3], grid.pose[:3, 3] - np.array(domain.ORIGIN_MM)
    i = np.arange(grid.shape[0])[None, :, None]
    j = np.arange(grid.shape[1])[None, None, :]
    columns = (turn @ grid.affine[:3, :2])[:, :, None, None]
    plane = i * columns[:, 0] + j * columns[:, 1]
    start = turn @ grid.frame.slice_origin_mm(k) + shift
    normal = turn @ grid.frame.normal
    thickness = float(grid.thickness_mm[k])
    count = max(1, int(np.ceil(thickness / _SUBSLICE_MM)))
    total = np.zeros(grid.shape[:2], dtype=np.float32)
    for offset in ((np.arange(count) + 0.5) / count - 0.5) * thickness:
        total += ndimage.map_coordinates(
            values,
            plane + (start + offset * normal)[:, None, None],
            order=1,
            mode="constant",
            cval=outside,
            output=np.float32,
        )
    return np.asarray(total / np.float32(count), dtype=np.float32)
