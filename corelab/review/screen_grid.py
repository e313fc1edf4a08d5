"""The grid that a browser shows: the acquired array, its axes turned to right, front and top.

Nothing is interpolated: oblique and sheared grids are shown as they were acquired, and the way
back is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.orientation import Orientation, Scalar, from_ras, orientation_of, to_ras
from corelab.volume import Volume

_SLICES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenGrid:
    """How an image's own grid lies on the screen.

    Attributes
    ----------
    orientation
        Of the image.
    shape, spacing_mm
        Along right, front and top.
    slice_axis
        Axis of the screen along which the acquired slices lie: 2 for an axial stack.
    slice_volumes_mm3
        Volume of one voxel in each slice, in the order of that axis.
    """

    orientation: Orientation
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    slice_axis: int
    slice_volumes_mm3: tuple[float, ...]

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index on the screen to the screen's own mm."""
        return np.diag([*self.spacing_mm, 1.0])


def screen_grid_of(image: Volume) -> ScreenGrid:
    """Lay an image's grid on the screen."""
    orientation = orientation_of(image.affine)
    i, j, k = orientation.axes
    slice_axis = orientation.axes.index(_SLICES)
    volumes_mm3 = image.voxel_volumes_mm3[:: -1 if orientation.flips[slice_axis] else 1]
    return ScreenGrid(
        orientation=orientation,
        shape=(image.shape[i], image.shape[j], image.shape[k]),
        spacing_mm=(image.spacing_mm[i], image.spacing_mm[j], image.spacing_mm[k]),
        slice_axis=slice_axis,
        slice_volumes_mm3=tuple(float(volume) for volume in volumes_mm3),
    )


def to_screen(values: NDArray[Scalar], grid: ScreenGrid) -> NDArray[Scalar]:
    """View of values on the image's grid, in the order of the screen."""
    return to_ras(values, grid.orientation)


def from_screen(values: NDArray[Scalar], grid: ScreenGrid) -> NDArray[Scalar]:
    """View of values in the order of the screen, back on the image's grid."""
    return from_ras(values, grid.orientation)


def screen_volume(values: NDArray[Scalar], grid: ScreenGrid) -> Volume:
    """Values on the image's grid as the image that the browser gets."""
    return Volume(data=to_screen(values, grid), affine=grid.affine)
