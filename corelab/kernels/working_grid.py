"""The grid on which densities are weighed: a brain's box, in blocks of about 1 x 1 x 2.5 mm.

An infarct is looked for and its swelling is measured on one and the same grid, so that both
see one mid-sagittal plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.reduction import (
    Factors,
    bounding_box,
    expand,
    factors_for,
    order_of,
    reduce_mean,
    scaled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Mask = NDArray[np.bool_]

WORK_MM = (1.0, 1.0, 2.5)
MARGIN_MM = 4.0
"""Kept around the brain, in the slices."""

HU_RANGE = (-20, 200)
"""Bone and air at the brain's border must not outweigh it."""

HALF = 0.5


class WorkingGrid(NamedTuple):
    """Where a brain lies in its image, and how many voxels make a block.

    Attributes
    ----------
    box : tuple of 3 slice
        The brain and a margin in the slices.
    factors : tuple of 3 int
        Voxels of a block along i, j and k.
    spacing_mm : tuple of 3 float
        Size of a block.
    """

    box: tuple[slice, slice, slice]
    factors: Factors
    spacing_mm: tuple[float, float, float]

    def means(
        self, image: NDArray[np.generic], value_range: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        """Mean of each whole block, values held within the range."""
        return reduce_mean(image[self.box], self.factors, value_range)

    def means_to_the_end(
        self, image: NDArray[np.generic], value_range: tuple[float, float] | None = None
    ) -> NDArray[np.float32]:
        """Mean of each whole block, and of the lower ones that the last slices make."""
        local, (i, j, k) = image[self.box], self.factors
        rest = local.shape[2] % k
        if not rest:
            return reduce_mean(local, self.factors, value_range)
        whole = reduce_mean(local[:, :, :-rest], self.factors, value_range)
        last = reduce_mean(local[:, :, -rest:], (i, j, rest), value_range)
        return np.concatenate([whole, last], axis=2)

    def heights_to_the_end(self, heights_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height of every layer of blocks, from that of each slice of the image, (K,) mm."""
        local = heights_mm[self.box[2]]
        return np.asarray(np.add.reduceat(local, np.arange(0, local.size, self.factors[2])))

    def on_the_image(self, blocks: Mask, within: Mask) -> Mask:
        """Return a mask of blocks on the image's own grid, no larger than ``within``."""
        order = order_of(within)
        full = np.zeros(within.shape, dtype=bool, order=order)
        local = within[self.box]
        full[self.box] = expand(np.asarray(blocks, order=order), self.factors, local.shape) & local
        return full


def working_grid(brain: Mask, spacing_mm: Sequence[float]) -> WorkingGrid:
    """Lay the grid around a brain.

    Parameters
    ----------
    brain : (I, J, K) bool array
    spacing_mm
        Voxel size along i, along j and along the slices' normal, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    if not brain.any():
        raise UnfitDataError(ReasonCode.HEAD_NOT_FOUND, "the brain mask is empty")
    margin = [int(np.ceil(MARGIN_MM / step)) for step in spacing_mm[:2]]
    box = bounding_box(brain, (*margin, 0))
    factors = factors_for(spacing_mm, WORK_MM, brain[box].shape)
    return WorkingGrid(box=box, factors=factors, spacing_mm=scaled(spacing_mm, factors))
