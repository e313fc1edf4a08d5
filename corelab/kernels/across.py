"""The other side of the head, seen on a coarser grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels import reduction
from corelab.kernels.midline import Midline, mirror

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corelab.kernels.reduction import Factors


class Grid(NamedTuple):
    """A coarser grid over an image, with the mid-sagittal plane in its millimetres.

    Attributes
    ----------
    shape : sequence of int
        Shape of the fine image.
    factors : tuple of int
        Voxels joined along i, j, k.
    step_mm : tuple of float
        Size of a block, mm.
    midline : Midline
        The plane in block index times ``step_mm``.
    """

    shape: Sequence[int]
    factors: Factors
    step_mm: tuple[float, float, float]
    midline: Midline

    def mirror(self, coarse: NDArray[np.generic]) -> NDArray[np.float32]:
        """Mirrored coarse image, 0 where the mirrored place lies outside."""
        return mirror(coarse, self.midline, self.step_mm)

    def reduce(
        self, image: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Share of each block that is masked, and the mean over that share (0 without)."""
        share = reduction.reduce_mean(mask, self.factors)
        total = reduction.reduce_mean(np.where(mask, image, np.float32(0)), self.factors)
        return share, np.divide(total, share, out=np.zeros_like(total), where=share > 0)

    def expand(self, coarse: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each block's value at its fine voxels, (I, J, K) float32 array."""
        return reduction.expand(coarse, self.factors, self.shape)


class Across(NamedTuple):
    """A fine image's geometry and its mid-sagittal plane.

    Attributes
    ----------
    shape : sequence of int
    spacing_mm : sequence of float
        Voxel size along i, j and k, mm.
    midline : Midline
        In voxel index times spacing.
    """

    shape: Sequence[int]
    spacing_mm: Sequence[float]
    midline: Midline

    def grid(self, target_mm: Sequence[float]) -> Grid:
        """Grid of whole voxels that comes nearest ``target_mm`` along each axis."""
        factors = reduction.factors_for(self.spacing_mm, target_mm, self.shape)
        i, j, k = (float(mm) * n for mm, n in zip(self.spacing_mm, factors, strict=True))
        # The coarse grid's origin is the centre of its first block.
        origin_mm = (np.asarray(factors) - 1) / 2 * np.asarray(self.spacing_mm)
        return Grid(self.shape, factors, (i, j, k), self.midline.seen_from(origin_mm))
