"""Whether a piece of the skull is missing beside the brain, as after a craniectomy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.morphology import dilate_disc, erode_disc, keep_larger_than
from corelab.kernels.reduction import bounding_box, factors_for, reduce_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID_MM = (2.0, 2.0, 2.5)
HU_RANGE = (-200, 1500)
BONE_HU = 150.0
"""Thin bone averaged over 2 mm."""

NEAR_MM = 10.0
"""Bone lies no further from the brain's border: swollen dura and CSF are thinner."""

RIM_MM = 2.5
EDGE_MM = 12.0
GAP_CM2 = 12.0
"""A burr hole is 1.5 cm2, a decompressive craniectomy 90 cm2 and more."""

GAP_HEIGHT_MM = 20.0
BONY_SHARE = 0.5
"""Least share of the border with bone beside it: below it the head is stripped of its skull."""


def is_skull_open(
    image_hu: NDArray[np.generic], brain: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> bool:
    """Whether bone is missing beside a part of the brain's border.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
    brain : (I, J, K) bool array
        Inside of the skull; not empty.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    margin = [int(np.ceil(2 * NEAR_MM / step)) for step in spacing_mm[:2]]
    box = bounding_box(brain, (*margin, 0))
    factors = factors_for(spacing_mm, GRID_MM, brain[box].shape)
    i, j, k = (step * factor for step, factor in zip(spacing_mm, factors, strict=True))
    bone = reduce_mean(np.clip(image_hu[box], *HU_RANGE), factors) > BONE_HU
    inside = reduce_mean(brain[box], factors) > 0.5  # noqa: PLR2004 - half a block
    rim = inside & ~erode_disc(inside, RIM_MM, spacing_mm=(i, j))
    rim &= ~_beside_the_image_edge(brain.shape, box, factors, rim.shape, spacing_mm)
    bare = rim & ~dilate_disc(bone, NEAR_MM, spacing_mm=(i, j))
    if np.count_nonzero(bare) > (1 - BONY_SHARE) * np.count_nonzero(rim):
        return False
    joined = dilate_disc(bare, RIM_MM, spacing_mm=(i, j)) & inside
    area_cm2 = (i + j) / 2 * k / 100
    # A rim is about as many voxels thick as it is wide in millimetres over the grid.
    thickness = 2 * RIM_MM / ((i + j) / 2)
    gaps = keep_larger_than(joined, GAP_CM2 / area_cm2 * thickness)
    labels, _ = ndimage.label(gaps)
    return any(
        (found[2].stop - found[2].start) * k >= GAP_HEIGHT_MM
        for found in ndimage.find_objects(labels)
    )


def _beside_the_image_edge(
    shape: tuple[int, ...],
    box: tuple[slice, slice, slice],
    factors: tuple[int, int, int],
    coarse_shape: tuple[int, ...],
    spacing_mm: Sequence[float],
) -> NDArray[np.bool_]:
    """Where the field of view may have cut the skull off, (I, J, K) bool array."""
    beside = np.zeros(coarse_shape, dtype=bool)
    for axis in (0, 1):
        at = box[axis].start + (np.arange(coarse_shape[axis]) + 0.5) * factors[axis]
        reach = EDGE_MM / spacing_mm[axis]
        near = (at < reach) | (at > shape[axis] - reach)
        beside |= np.expand_dims(near, tuple({0, 1, 2} - {axis}))
    return beside
