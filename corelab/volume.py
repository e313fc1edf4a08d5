"""A 3-D image with its place in the world, valid from its first moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.vocab import Acquisition

AFFINE_SHAPE = (4, 4)
POSITION_TOLERANCE_MM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """A 3-D image: array (i, j, k) and the affine to RAS+ millimetres.

    The array is kept on the grid it was acquired on; a sheared grid (gantry tilt) is a
    sheared affine. Slices lie along k.

    Parameters
    ----------
    data : (I, J, K) array
        Voxel values, made read-only.
    affine : (4, 4) float64 array
        Voxel index to RAS+ mm; shear allowed. Where slices are uneven its third column
        holds the mean step.
    slice_positions_mm : (K,) float64 array or None
        Distance of each slice along the slice normal, ascending with k, for series whose
        steps differ. ``None``: every step is the affine's.
    acquisition : Acquisition or None
        How the image was made, as far as the blinded side may know. ``None`` for masks.

    Raises
    ------
    UnfitDataError
        ``image_invalid`` when the parts do not make an image.
    """

    data: NDArray[np.generic]
    affine: NDArray[np.float64]
    slice_positions_mm: NDArray[np.float64] | None = None
    acquisition: Acquisition | None = None

    def __post_init__(self) -> None:
        """Check once, so that no invalid volume exists."""
        affine = np.array(self.affine, dtype=np.float64)
        _check_affine(affine)
        if self.data.ndim != 3 or min(self.data.shape) < 1:  # noqa: PLR2004 - three axes
            _refuse(f"an image needs three axes, found shape {self.data.shape}")
        data = self.data.view()
        data.flags.writeable = False
        affine.flags.writeable = False
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "affine", affine)
        if self.slice_positions_mm is not None:
            positions = np.array(self.slice_positions_mm, dtype=np.float64)
            _check_positions(positions, self.data.shape[2])
            positions.flags.writeable = False
            object.__setattr__(self, "slice_positions_mm", positions)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j and k."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector across the slices, pointing the way k grows, RAS+."""
        cross = np.cross(self.affine[:3, 0], self.affine[:3, 1])
        unit = cross / np.linalg.norm(cross)
        return np.asarray(unit if unit @ self.affine[:3, 2] > 0 else -unit)

    @property
    def slab_heights_mm(self) -> NDArray[np.float64]:
        """Height along the normal that each slice stands for, (K,) float64 mm.

        Half the way to both neighbours; an end slice takes its one gap whole. For even
        slices this is the spacing along the normal, which a gantry tilt makes smaller
        than the length of the affine's third column.
        """
        if self.slice_positions_mm is None:
            step = float(self.normal @ self.affine[:3, 2])
            return np.full(self.shape[2], step)
        gaps = np.diff(self.slice_positions_mm)
        padded = np.concatenate([gaps[:1], gaps, gaps[-1:]])
        return np.asarray((padded[:-1] + padded[1:]) / 2)

    @property
    def voxel_volumes_mm3(self) -> NDArray[np.float64]:
        """Volume of one voxel in each slice, (K,) float64 mm³.

        In-plane area times slab height, which is |det(affine)| where slices are even.
        """
        area = float(np.linalg.norm(np.cross(self.affine[:3, 0], self.affine[:3, 1])))
        return np.asarray(area * self.slab_heights_mm)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """In-plane spacing and the median slice spacing along the normal, mm."""
        i, j = np.linalg.norm(self.affine[:3, :2], axis=0)
        return float(i), float(j), float(np.median(self.slab_heights_mm))

    @property
    def tilt_deg(self) -> float:
        """Angle between the stacking direction and the slice normal: 0 without gantry tilt."""
        column = self.affine[:3, 2]
        cosine = float(self.normal @ column / np.linalg.norm(column))
        return float(np.degrees(np.arccos(min(1.0, cosine))))

    @property
    def is_uneven(self) -> bool:
        """Whether the slices' steps differ, so that a mean spacing would be wrong."""
        return self.slice_positions_mm is not None

    def slice_origin_mm(self, k: float) -> NDArray[np.float64]:
        """World position of voxel (0, 0) of slice k, (3,) RAS+ mm.

        Parameters
        ----------
        k
            Slice index; must be whole where slices are uneven.
        """
        if self.slice_positions_mm is None:
            return np.asarray(self.affine[:3, 3] + k * self.affine[:3, 2])
        column = self.affine[:3, 2]
        travelled = self.slice_positions_mm[int(k)] - self.slice_positions_mm[0]
        return np.asarray(self.affine[:3, 3] + column * travelled / (self.normal @ column))

    def with_data(self, data: NDArray[np.generic]) -> Volume:
        """Other values on this grid, for masks and maps; the acquisition stays behind."""
        if data.shape != self.data.shape:
            _refuse(f"the grid is {self.data.shape}, the new values are {data.shape}")
        return Volume(data=data, affine=self.affine, slice_positions_mm=self.slice_positions_mm)

    def same_grid(self, other: Volume, *, tolerance_mm: float = POSITION_TOLERANCE_MM) -> bool:
        """Whether every voxel centre of both lies within ``tolerance_mm``."""
        if self.shape != other.shape:
            return False
        last = self.shape[2] - 1
        corners = [(0, 0), (self.shape[0] - 1, 0), (0, self.shape[1] - 1)]
        for k in range(last + 1):
            shift = self.slice_origin_mm(k) - other.slice_origin_mm(k)
            for i, j in corners:
                step = (self.affine - other.affine)[:3, :2] @ np.array([i, j], dtype=np.float64)
                if np.abs(shift + step).max() > tolerance_mm:
                    return False
        return True


def _check_affine(affine: NDArray[np.float64]) -> None:
    if affine.shape != AFFINE_SHAPE or not np.isfinite(affine).all():
        _refuse("the affine must be 4 x 4 finite numbers")
    if not np.array_equal(affine[3], [0, 0, 0, 1]):
        _refuse(f"the affine's last row must be 0 0 0 1, found {affine[3].tolist()}")
    if abs(float(np.linalg.det(affine[:3, :3]))) < 1e-9:  # noqa: PLR2004 - mm³, no real voxel
        _refuse("the affine folds the image flat (its determinant is 0)")


def _check_positions(positions: NDArray[np.float64], n_slices: int) -> None:
    if positions.shape != (n_slices,) or not np.isfinite(positions).all():
        _refuse(f"{n_slices} slices need as many finite positions, found shape {positions.shape}")
    if n_slices < 2 or (np.diff(positions) <= 0).any():  # noqa: PLR2004 - a gap needs two
        _refuse("slice positions must ascend")


def _refuse(message: str) -> None:
    raise UnfitDataError(ReasonCode.IMAGE_INVALID, message)
